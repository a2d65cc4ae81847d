"""From results to what is drawn: bytes for the dashboard's canvases, charts, files to keep.

numpy, Pillow, and plotly where a chart is drawn. Nothing here computes a new number: values are
packed, scaled by a limit that is printed beside the picture, and coloured.
"""

from vgg_viz.figures.chart_style import LIGHT, MARKERS, Look, digits, style
from vgg_viz.figures.feature_grid import feature_grid_frame, shared_activation_limit
from vgg_viz.figures.flow_charts import (
    PER_VALUE,
    PREDICTIONS,
    QUANTITY_TITLES,
    SHARES,
    Curve,
    decades,
    flow_figure,
    non_finite,
)
from vgg_viz.figures.flow_depth import Depth
from vgg_viz.figures.flow_histograms import HISTOGRAM_TITLES, histogram_figure, zero_share
from vgg_viz.figures.flow_page import flow_page
from vgg_viz.figures.frames import pack, unpack
from vgg_viz.figures.overlay import overlay_frame, overlay_png, shared_limit
from vgg_viz.figures.recording_frames import last_step, recording_frame
from vgg_viz.figures.thumbnails import thumbnail_frame

__all__ = [
    "HISTOGRAM_TITLES",
    "LIGHT",
    "MARKERS",
    "PER_VALUE",
    "PREDICTIONS",
    "QUANTITY_TITLES",
    "SHARES",
    "Curve",
    "Depth",
    "Look",
    "decades",
    "digits",
    "feature_grid_frame",
    "flow_figure",
    "flow_page",
    "histogram_figure",
    "last_step",
    "non_finite",
    "overlay_frame",
    "overlay_png",
    "pack",
    "recording_frame",
    "shared_activation_limit",
    "shared_limit",
    "style",
    "thumbnail_frame",
    "unpack",
    "zero_share",
]
