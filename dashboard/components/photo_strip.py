"""The photos to choose from, as thumbnails."""

from collections.abc import Callable

from dashboard.components.register import register

_PHOTO_STRIP = register(
    "photo_strip",
    """
<div class="strip" role="radiogroup" aria-label="Photo"></div>
""",
)


def photo_strip(frame: bytes, *, key: str, on_pick: Callable[[], None]) -> None:
    """Mount the frame of `figures.thumbnail_frame`; `on_pick` finds the name in `.picked`."""
    _PHOTO_STRIP(key=key, data=frame, on_picked_change=on_pick)
