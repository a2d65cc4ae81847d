"""One or two recorded trainings: a slider moves curves, gradient flow, kernels and Grad-CAM.

Everything is drawn in the browser, from what it was sent; while a training runs, frames bring only
what is new.
"""

from collections.abc import Callable

from dashboard.components.register import register

_SCRIPTS = (
    "training_replay_store",
    "training_replay_charts",
    "training_replay_pictures",
    "training_replay_panels",
    "training_replay_pointer",
)
_TRAINING_REPLAY = register(
    "training_replay",
    """
<div class="replay" role="group" aria-label="Training replay">
  <div class="bar">
    <button class="play" type="button" title="Space plays and pauses">▶ Play</button>
    <label class="pace">Speed
      <select class="speed">
        <option value="1">1x</option><option value="2">2x</option>
        <option value="4">4x</option><option value="8">8x</option>
      </select></label>
    <input class="steps" type="range" min="0" step="1" aria-label="Step of the training">
    <output class="now"></output>
    <button class="follow" type="button" hidden>Follow the newest step</button>
  </div>
  <ul class="legend"></ul>
  <div class="grid">
    <figure class="wide flow">
      <figcaption><label><select class="quantity" aria-label="Quantity over depth"></select></label>
        <span class="note"></span></figcaption>
      <div class="plot"><canvas tabindex="0" role="application"></canvas></div>
    </figure>
    <figure class="loss">
      <figcaption><b>Loss</b> <span class="note"></span></figcaption>
      <div class="plot"><canvas role="img" aria-label="Loss over the steps"></canvas></div>
    </figure>
    <figure class="accuracy">
      <figcaption><b>Accuracy</b> <span class="note"></span></figcaption>
      <div class="plot"><canvas role="img" aria-label="Accuracy over the steps"></canvas></div>
    </figure>
    <figure class="wide histogram">
      <figcaption><label><select class="counted" aria-label="Histogram of">
        </select></label> <span class="note"></span></figcaption>
      <div class="plot"><canvas role="img"></canvas></div>
    </figure>
    <figure class="kernels">
      <figcaption><b>First-layer kernels</b> <span class="note"></span></figcaption>
      <div class="pair"></div>
      <label class="own"><input type="checkbox"> pictures of each run on their own scale</label>
    </figure>
    <figure class="cam">
      <figcaption><b>Grad-CAM</b> <span class="note"></span></figcaption>
      <div class="pair"></div>
      <div class="scale"><span>0</span><canvas class="colours"></canvas><span class="high"></span>
      </div>
    </figure>
  </div>
  <ul class="findings" aria-label="Findings"></ul>
  <div class="tip" hidden></div>
  <div class="live" aria-live="polite"></div>
</div>
""",
    scripts=_SCRIPTS,
)


def training_replay(frame: bytes, *, key: str, on_resend: Callable[[], None]) -> None:
    """Mount the frame of `figures.recording_frame`.

    `on_resend` is called when the browser lacks steps between what it has and what came: send the
    whole runs once. `st.session_state[key].resend` then holds the names of those runs.
    """
    _TRAINING_REPLAY(key=key, data=frame, on_resend_change=on_resend)
