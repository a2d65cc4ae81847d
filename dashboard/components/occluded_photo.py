"""A photo with a square to drag over it, and what the network says with the square there."""

from dashboard.components.register import register

_OCCLUDED_PHOTO = register(
    "occluded_photo",
    """
<figure class="occluded">
  <div aria-live="polite">
    <div class="bar">
      <span class="fill"></span><span class="name"></span><span class="value"></span>
    </div>
    <p class="says"></p>
  </div>
  <div class="stage" role="application" tabindex="0">
    <canvas class="photo"></canvas><canvas class="map"></canvas><div class="square"></div>
  </div>
  <div class="modes" role="radiogroup" aria-label="What lies over the photo"></div>
  <p class="legend"></p>
</figure>
""",
)


def occluded_photo(frame: bytes, *, key: str) -> None:
    """Mount the frame of `figures.occlusion_frame`; all of the page share the square's place."""
    _OCCLUDED_PHOTO(key=key, data=frame)
