"""The line of numbers under a map: verdict, numbers, and a sentence for each."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from dashboard.components.register import register
from vgg_viz.figures import TrustItem

_TRUST_STRIP = register(
    "trust_strip",
    """
<div class="strip">
  <button class="verdict" type="button"></button>
  <ul></ul>
  <p class="help" role="status" hidden></p>
</div>
""",
)


def trust_strip(
    level: str, verdict: str, items: Sequence[TrustItem], *, key: str, on_open: Callable[[], None]
) -> None:
    """Mount a strip; `on_open` is called when somebody clicks the verdict. "" shows none.

    A click on a number, or the keyboard, shows its sentence; a pointer over it does too.
    """
    data = {"level": level, "verdict": verdict, "items": [asdict(item) for item in items]}
    _TRUST_STRIP(key=key, data=data, on_opened_change=on_open)
