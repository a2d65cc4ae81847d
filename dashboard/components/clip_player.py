"""A clip, and the maps of a channel of each network on every frame; scrubbed in the browser."""

from collections.abc import Callable

from dashboard.components.register import register

_CLIP_PLAYER = register(
    "clip_player",
    """
<div class="host"><figure class="clip" tabindex="0" role="group"
    aria-label="A clip and the maps of its frames. Arrow keys go on and back, Space plays.">
  <div class="bar">
    <button type="button" data-go="back" aria-label="Frame back" title="Arrow left">◀</button>
    <button type="button" data-go="play" title="Space">▶ Play</button>
    <button type="button" data-go="next" aria-label="Next frame" title="Arrow right">▶</button>
    <input type="range" min="0" step="1" value="0" aria-label="Frame">
    <output></output>
    <label>Speed <select class="speed"><option value="0.25">¼</option><option value="0.5">½</option
      ><option value="1" selected>1</option><option value="2">2</option></select></label>
  </div>
  <div class="pictures"></div>
  <div class="curves"></div>
  <div class="live" aria-live="polite"></div>
</figure></div>
""",
    scripts=("clip_player_curves",),
)


def clip_player(frame: bytes, *, key: str, on_channel: Callable[[], None]) -> None:
    """Mount the frame of `figures.clip_frame`.

    `on_channel` finds what a person chose in `st.session_state[key].channel`: {"side", "channel"},
    `side` counted from 0.
    """
    _CLIP_PLAYER(key=key, data=frame, on_channel_change=on_channel)
