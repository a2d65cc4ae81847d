"""The most probable classes as bars; a click picks a class."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from dashboard.components.register import register

_CLASS_BARS = register(
    "class_bars",
    """
<ol aria-label="Most probable classes"></ol>
""",
)


@dataclass(frozen=True)
class ClassBar:
    """One bar."""

    index: int
    name: str
    probability: float
    logit: float


def class_bars(
    rows: Sequence[ClassBar], picked: int, *, key: str, on_pick: Callable[[], None]
) -> None:
    """Mount; `on_pick` finds the class index in `st.session_state[key].picked`."""
    data = {"rows": [asdict(row) for row in rows], "picked": picked}
    _CLASS_BARS(key=key, data=data, on_picked_change=on_pick)
