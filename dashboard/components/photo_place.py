"""A picture in which a person points at a place: a click, or arrow keys."""

from collections.abc import Callable

from dashboard.components.register import register

_PHOTO_PLACE = register(
    "photo_place",
    """
<div class="host"><img tabindex="0" role="application"></div>
""",
)


def photo_place(frame: bytes, *, key: str, on_place: Callable[[], None]) -> None:
    """Mount the frame of `figures.photo_place_frame`.

    `on_place` finds {"x", "y"}, shares of the picture, in `st.session_state[key].placed`.
    """
    _PHOTO_PLACE(key=key, data=frame, on_placed_change=on_place)
