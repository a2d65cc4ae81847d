"""Photos with a square on each, to be put on the same part."""

from collections.abc import Callable

from dashboard.components.register import register

_PART_STRIP = register(
    "part_strip",
    """
<ul aria-label="Photos with the part that is covered"></ul>
""",
)


def part_strip(
    frame: bytes, *, key: str, on_move: Callable[[], None], on_remove: Callable[[], None]
) -> None:
    """Mount the frame of `figures.part_strip_frame`.

    `on_move` finds {image, x, y, side} in `.moved`, shares of the photo; `on_remove` the photo's
    name in `.removed`.
    """
    _PART_STRIP(key=key, data=frame, on_moved_change=on_move, on_removed_change=on_remove)
