"""From results to what is drawn: bytes for the dashboard's canvases, PNG files to keep.

numpy and Pillow only. Nothing here computes a new number: values are packed, scaled by a limit
that is printed beside the picture, and coloured.
"""

from vgg_viz.figures.feature_grid import feature_grid_frame, shared_activation_limit
from vgg_viz.figures.frames import pack, unpack
from vgg_viz.figures.overlay import overlay_frame, overlay_png, shared_limit
from vgg_viz.figures.thumbnails import thumbnail_frame

__all__ = [
    "feature_grid_frame",
    "overlay_frame",
    "overlay_png",
    "pack",
    "shared_activation_limit",
    "shared_limit",
    "thumbnail_frame",
    "unpack",
]
