"""A photo on which a person draws a box, with a mouse, a finger or the keyboard."""

from collections.abc import Callable

from dashboard.components.register import register

_DRAWN_BOX = register(
    "drawn_box",
    """
<div class="host">
  <div class="stage" role="application" tabindex="0">
    <canvas></canvas>
    <div class="box" hidden><i></i><i></i><i></i><i></i></div>
  </div>
  <div class="below">
    <span class="says" aria-live="polite"></span>
    <button type="button">Clear</button>
  </div>
</div>
""",
)


def drawn_box(frame: bytes, *, key: str, on_draw: Callable[[], None]) -> None:
    """Mount the frame of `figures.drawn_box_frame`.

    `on_draw` finds {"box": [left, top, right, bottom]}, or None for the box when it was cleared,
    in `st.session_state[key].drawn`.
    """
    _DRAWN_BOX(key=key, data=frame, on_drawn_change=on_draw)
