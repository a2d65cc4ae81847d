"""The photo with an attribution over it; opacity and raw values without asking the server."""

from dashboard.components.register import register

_OVERLAY = register(
    "overlay",
    """
<div class="host"><figure class="overlay">
  <div class="stage" role="img" tabindex="0">
    <canvas class="photo"></canvas><canvas class="heat"></canvas>
    <div class="box" hidden></div><div class="cell" hidden></div>
    <p class="empty" hidden></p><p class="readout" hidden></p>
  </div>
  <div class="legend">
    <span class="low"></span><canvas class="bar"></canvas><span class="high"></span>
  </div>
  <div class="below">
    <span class="scale"></span>
    <label class="opacity">Opacity
      <input type="range" min="0" max="100" step="1">
    </label>
  </div>
</figure>
<dialog>
  <header><p class="name"></p><button class="close" type="button">Close</button></header>
</dialog></div>
""",
)


def overlay(frame: bytes, *, key: str) -> None:
    """Mount the frame of `figures.overlay_frame`."""
    _OVERLAY(key=key, data=frame)
