"""The photo with the field of one unit, and the map of all units; both move in the browser."""

from collections.abc import Callable

from dashboard.components.register import register

_RECEPTIVE_FIELD = register(
    "receptive_field",
    """
<div class="host"><figure class="field">
  <div class="seeing">
    <div class="scene"><canvas class="photo" role="img"></canvas></div>
    <figcaption>
      <span class="key solid">what the unit sees</span>
      <span class="key hatched">its field outside the photo: zeros</span>
      <span class="key dots">centres of other units</span>
      <button class="save" type="button" title="The picture as it is shown, as a PNG file"
        >Save PNG</button>
      <span class="measured"></span>
    </figcaption>
  </div>
  <div class="side">
    <div class="map">
      <p class="title"></p>
      <canvas class="grid" tabindex="0" role="application"></canvas>
      <p class="hint">Point at a unit or at the photo; click to keep. Arrow keys move.</p>
    </div>
    <dl></dl>
  </div>
  <div class="live" aria-live="polite"></div>
</figure></div>
""",
    scripts=("receptive_field_scene",),
)


def receptive_field(frame: bytes, *, key: str, on_unit: Callable[[], None]) -> None:
    """Mount the frame of `figures.field_frame`.

    `on_unit` finds the unit a person keeps in `st.session_state[key].unit`, {"row", "column"}.
    """
    _RECEPTIVE_FIELD(key=key, data=frame, on_unit_change=on_unit)
