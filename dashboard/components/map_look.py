"""Opacity, threshold and colours of all overlays of a page, without asking the server."""

from dashboard.components.register import register

_MAP_LOOK = register(
    "map_look",
    """
<div class="look" role="group" aria-label="How the maps are drawn">
  <label title="How much of the map covers the photo">Opacity
    <input class="opacity" type="range" min="0" max="100" step="1"><output></output></label>
  <label title="Values below this share of the scale's end are not drawn">Threshold
    <input class="threshold" type="range" min="0" step="1"><output></output></label>
  <label title="Maps with a sign: blue to red, with viridis purple to orange; 0 is white">Colours
    <select></select></label>
</div>
""",
)


def map_look(frame: bytes, *, key: str) -> None:
    """Mount the frame of `figures.look_frame`; what is chosen goes into the address, as "look"."""
    _MAP_LOOK(key=key, data=frame)
