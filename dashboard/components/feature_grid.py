"""The maps of a layer; a click on one enlarges it and chooses its channel."""

from collections.abc import Callable

from dashboard.components.register import register

_FEATURE_GRID = register(
    "feature_grid",
    """
<div class="features">
  <div class="head">
    <span class="title"></span><button class="more" type="button"></button>
    <label class="each" title="Brightest colour = this map's own maximum, not the whole layer's">
      <input type="checkbox"> each map on its own scale</label>
  </div>
  <div class="body">
    <div class="box"><div class="stage">
      <canvas class="grid" tabindex="0" role="application"
        aria-label="Feature maps; arrow keys move, Enter chooses a channel"></canvas>
      <div class="ring" hidden></div><div class="hover" hidden></div>
    </div></div>
    <div class="detail">
      <canvas class="large" role="img"></canvas>
      <div class="facts">
        <p class="name"></p>
        <dl>
          <dt title="Mean over all units of the channel, after ReLU">mean</dt>
          <dd data-number="mean"></dd>
          <dt title="Largest unit of the channel, after ReLU">max</dt>
          <dd data-number="max"></dd>
          <dt title="Share of units that are 0 after ReLU: they pass neither signal nor gradient"
            >dead</dt>
          <dd data-number="dead"></dd>
          <dt title="Units of one map">units</dt>
          <dd data-number="size"></dd>
        </dl>
        <p class="range" title="Values from dark to bright"></p>
      </div>
    </div>
  </div>
  <div class="live" aria-live="polite"></div>
</div>
""",
)


def feature_grid(
    frame: bytes, *, key: str, on_channel: Callable[[], None], on_count: Callable[[], None]
) -> None:
    """Mount the frame of `figures.feature_grid_frame`.

    The callbacks find the chosen channel and the wanted number of maps in
    `st.session_state[key].channel` and `.count`.
    """
    _FEATURE_GRID(key=key, data=frame, on_channel_change=on_channel, on_count_change=on_count)
