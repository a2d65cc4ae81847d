"""A row of photos with a class for every pixel, under one pointer."""

from collections.abc import Callable

from dashboard.components.register import nothing, register

_LABEL_MAPS = register(
    "label_maps",
    """
<div class="row"></div>
<label class="opacity">Opacity
  <input type="range" min="0" max="100" step="1">
</label>
""",
)


def label_maps(frame: bytes, *, key: str, on_place: Callable[[], None] = nothing) -> None:
    """Mount the frame of `figures.label_frame`; all of the page share pointer and opacity.

    Where the frame says that places can be chosen, `on_place` finds the one a person clicked,
    {"x", "y"} in shares of the picture, in `st.session_state[key].placed`.
    """
    _LABEL_MAPS(key=key, data=frame, on_placed_change=on_place)
