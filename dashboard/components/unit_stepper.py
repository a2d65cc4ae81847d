"""The arithmetic of one unit, gone through step by step in the browser."""

from dashboard.components.register import register

_UNIT_STEPPER = register(
    "unit_stepper",
    """
<div class="host"><figure class="stepper" role="group" aria-label="Arithmetic of one unit">
  <div class="head">
    <canvas class="photo" role="img" hidden></canvas>
    <div class="what"><p class="title"></p><p class="value"></p><p class="formula"></p></div>
  </div>
  <div class="bar">
    <button data-go="first" type="button" title="First step (Home)" aria-label="First step"
      >|◀</button>
    <button data-go="back" type="button" title="One step back (arrow left)"
      aria-label="Step back">◀</button>
    <button data-go="play" type="button" title="Space plays and pauses">▶ Play</button>
    <button data-go="next" type="button" title="Next step (arrow right)" aria-label="Next step"
      >Next ▶</button>
    <button data-go="last" type="button" title="Last step (End)" aria-label="Last step"
      >▶|</button>
    <label class="pace" title="Shift + arrow keys always go number by number">Step
      <select><option value="line">line by line</option>
      <option value="number">number by number</option></select></label>
    <output></output>
  </div>
  <div class="body">
    <div class="stage" tabindex="0" role="application"
      aria-label="One step; arrow keys go on and back, Space plays">
      <p class="caption"></p><div class="grids"></div><p class="now"></p><p class="check"></p>
    </div>
    <ol class="ledger" aria-label="All lines, and the total after each"></ol>
  </div>
  <figcaption></figcaption>
  <div class="live" aria-live="polite"></div>
</figure></div>
""",
    scripts=("unit_stepper_grids",),
)


def unit_stepper(frame: bytes, *, key: str) -> None:
    """Mount the frame of `figures.unit_frame`. Nothing comes back: all numbers are in it."""
    _UNIT_STEPPER(key=key, data=frame)
