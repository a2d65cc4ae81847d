"""A photo with proposals that are scored, suppressed and refined in the browser, and their bar."""

from collections.abc import Callable

from dashboard.components.register import register

_DETECTION_BAR = register(
    "detection_bar",
    """
<div class="bar" role="group" aria-label="Steps and thresholds">
  <div class="steps" role="radiogroup" aria-label="Step"></div>
  <button class="play" type="button"></button>
  <label class="slider least"><span></span>
    <input type="range" min="-1.5" max="2.5" step="0.05"></label>
  <label class="slider overlap"><span></span>
    <input type="range" min="0" max="1" step="0.05"></label>
</div>
""",
)
_DETECTION_PHOTO = register(
    "detection_photo",
    """
<figure class="detection">
  <div class="stage" role="application" tabindex="0">
    <canvas class="photo"></canvas><canvas class="boxes"></canvas>
    <p class="empty" hidden></p>
  </div>
  <p class="says" aria-live="polite"></p>
  <div class="found"></div>
</figure>
""",
)


def detection_bar(
    step: str, least: float, overlap: float, *, key: str, on_look: Callable[[], None]
) -> None:
    """Mount the bar; all photos of the page follow it without asking the server.

    `on_look` finds {"step", "least", "overlap"} in `st.session_state[key].looked`.
    """
    data = {"step": step, "least": least, "overlap": overlap}
    _DETECTION_BAR(key=key, data=data, on_looked_change=on_look)


def detection_photo(frame: bytes, *, key: str, on_choose: Callable[[], None]) -> None:
    """Mount the frame of `figures.detection_frame`.

    `on_choose` finds {"box": [left, top, right, bottom], "name": class} in
    `st.session_state[key].chosen`.
    """
    _DETECTION_PHOTO(key=key, data=frame, on_chosen_change=on_choose)
