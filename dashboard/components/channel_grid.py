"""All channels of a layer; sorting, scales, zoom and reading values stay in the browser."""

from collections.abc import Callable

from dashboard.components.register import register

_CHANNEL_GRID = register(
    "channel_grid",
    """
<div class="host">
  <div class="head">
    <span class="title"></span>
    <label>Sort by <select class="sort"></select></label>
    <label class="each" title="Brightest colour = this map's own largest value, not the layer's">
      <input type="checkbox"> own scales</label>
    <span class="zoom" role="group" aria-label="Size of the maps">
      <button type="button" class="less" aria-label="Smaller maps">−</button>
      <button type="button" class="more" aria-label="Larger maps">+</button>
    </span>
  </div>
  <div class="box"><div class="stage">
    <canvas class="grid" tabindex="0" role="application"></canvas>
    <div class="ring" hidden></div><div class="hover" hidden></div>
  </div></div>
  <div class="foot">
    <span class="scale"><span class="low"></span><canvas class="bar" width="256" height="1"></canvas
      ><span class="high"></span> <span class="kind"></span></span>
    <span class="readout"></span>
  </div>
  <div class="live" aria-live="polite"></div>
</div>
""",
)


def channel_grid(frame: bytes, *, key: str, on_unit: Callable[[], None]) -> None:
    """Mount the frame of `figures.channel_grid_frame`.

    `on_unit` finds the unit a person clicked in `st.session_state[key].unit`: {"channel", "row",
    "column", "order"}. Which channel is chosen, how like it the others are and how a link sorts
    them, component `unit_map` of the same `side` tells it through an event of the document.
    """
    _CHANNEL_GRID(key=key, data=frame, on_unit_change=on_unit)
