"""From results to what is drawn: bytes for the dashboard's canvases, charts, files to keep.

numpy, Pillow, and plotly where a chart is drawn. Nothing here computes a new number: values are
packed, scaled by a limit that is printed beside the picture, and coloured.
"""

from vgg_viz.figures.challenge_charts import challenge_figure, error_against_cost_figure
from vgg_viz.figures.chart_style import LIGHT, MARKERS, Look, digits, style
from vgg_viz.figures.cost_charts import (
    METRICS,
    CostBar,
    cost_bars,
    layer_cost_figure,
    memory_figure,
    share_figure,
)
from vgg_viz.figures.dense_map import ClassShare, class_shares, probability_figure, top_figure
from vgg_viz.figures.depth_charts import (
    TESTED_NETWORKS,
    ablations_figure,
    depth_figure,
    errors_by_views,
    testing_figure,
    vgg_table_3,
)
from vgg_viz.figures.feature_grid import feature_grid_frame, shared_activation_limit
from vgg_viz.figures.field_charts import FieldGrowth, drawn_rows, growth_figure
from vgg_viz.figures.field_frames import FieldLabels, field_frame, margin_share
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
from vgg_viz.figures.ledger_charts import waterfall_bars, waterfall_figure
from vgg_viz.figures.network_columns import layer_label, network_columns_frame
from vgg_viz.figures.overlay import overlay_frame, overlay_png, shared_limit
from vgg_viz.figures.quantities import COSTS, amount, signed
from vgg_viz.figures.recording_frames import last_step, recording_frame
from vgg_viz.figures.roofline import highest, roofline_figure, time_figure
from vgg_viz.figures.thumbnails import thumbnail_frame

__all__ = [
    "COSTS",
    "HISTOGRAM_TITLES",
    "LIGHT",
    "MARKERS",
    "METRICS",
    "PER_VALUE",
    "PREDICTIONS",
    "QUANTITY_TITLES",
    "SHARES",
    "TESTED_NETWORKS",
    "ClassShare",
    "CostBar",
    "Curve",
    "Depth",
    "FieldGrowth",
    "FieldLabels",
    "Look",
    "ablations_figure",
    "amount",
    "challenge_figure",
    "class_shares",
    "cost_bars",
    "decades",
    "depth_figure",
    "digits",
    "drawn_rows",
    "error_against_cost_figure",
    "errors_by_views",
    "feature_grid_frame",
    "field_frame",
    "flow_figure",
    "flow_page",
    "growth_figure",
    "highest",
    "histogram_figure",
    "last_step",
    "layer_cost_figure",
    "layer_label",
    "margin_share",
    "memory_figure",
    "network_columns_frame",
    "non_finite",
    "overlay_frame",
    "overlay_png",
    "pack",
    "probability_figure",
    "recording_frame",
    "roofline_figure",
    "share_figure",
    "shared_activation_limit",
    "shared_limit",
    "signed",
    "style",
    "testing_figure",
    "thumbnail_frame",
    "time_figure",
    "top_figure",
    "unpack",
    "vgg_table_3",
    "waterfall_bars",
    "waterfall_figure",
    "zero_share",
]
