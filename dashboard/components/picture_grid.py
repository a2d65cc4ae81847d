"""A picture for every channel of a layer; a click chooses its channel."""

from collections.abc import Callable

from dashboard.components.register import register

_PICTURE_GRID = register(
    "picture_grid",
    """
<div class="host">
  <div class="head">
    <span class="title"></span>
    <label>Sort by <select class="sort"><option value="number">number</option
      ><option value="value">value</option></select></label>
  </div>
  <div class="box"><div class="stage">
    <canvas class="grid" tabindex="0" role="application"></canvas>
    <div class="ring" hidden></div><div class="hover" hidden></div>
  </div></div>
  <p class="readout"></p>
  <div class="live" aria-live="polite"></div>
</div>
""",
)


def picture_grid(frame: bytes, *, key: str, on_pick: Callable[[], None]) -> None:
    """Mount the frame of `figures.picture_grid_frame`.

    `on_pick` finds the number of the picture's channel or class in `st.session_state[key].picked`.
    """
    _PICTURE_GRID(key=key, data=frame, on_picked_change=on_pick)
