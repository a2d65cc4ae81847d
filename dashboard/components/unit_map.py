"""One channel in full beside the photo: the unit's value, and the part of the photo it sees."""

from collections.abc import Callable

from dashboard.components.register import register

_UNIT_MAP = register(
    "unit_map",
    """
<div class="host"><figure>
  <div class="pictures">
    <div class="map"><canvas class="values" tabindex="0" role="application"></canvas></div>
    <div class="scene"><canvas class="photo" role="img"></canvas></div>
  </div>
  <figcaption>
    <p class="name"></p>
    <p class="value"></p>
    <p class="more"></p>
    <p class="label"></p>
  </figcaption>
  <div class="live" aria-live="polite"></div>
</figure></div>
""",
    scripts=("receptive_field_scene",),
)


def unit_map(frame: bytes, *, key: str, on_unit: Callable[[], None]) -> None:
    """Mount the frame of `figures.unit_map_frame`.

    `on_unit` finds the unit a person keeps in `st.session_state[key].unit`, {"row", "column"}.
    """
    _UNIT_MAP(key=key, data=frame, on_unit_change=on_unit)
