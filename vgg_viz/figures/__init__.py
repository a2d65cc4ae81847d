"""From results to what is drawn: bytes for the dashboard's canvases, charts, files to keep.

numpy, Pillow, and plotly where a chart is drawn. Nothing here computes a new number: values are
packed, scaled by a limit that is printed beside the picture, and coloured.
"""

from vgg_viz.figures.challenge_charts import challenge_figure, error_against_cost_figure
from vgg_viz.figures.channel_tiles import (
    changed_maps_sheet,
    channel_tiles_frame,
    masked_picture,
)
from vgg_viz.figures.chart_style import LIGHT, MARKERS, Look, digits, style
from vgg_viz.figures.clip_frames import ClipSide, clip_frame
from vgg_viz.figures.clip_sheet import clip_sheet_png
from vgg_viz.figures.correspondence_charts import correspondence_figure, covered_photos_png
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
from vgg_viz.figures.detection_charts import WAYS as DETECTION_WAYS
from vgg_viz.figures.detection_charts import (
    detection_seconds_figure,
    feature_shares_figure,
    precision_figure,
)
from vgg_viz.figures.detection_frames import STEPS as DETECTION_STEPS
from vgg_viz.figures.detection_frames import detection_frame, nearest_proposal, ssd_frame
from vgg_viz.figures.detection_pictures import detection_coco, detection_npz, detection_png
from vgg_viz.figures.drawn_box import drawn_box_frame
from vgg_viz.figures.edit_charts import (
    class_change_figure,
    invariance_figure,
    removal_figure,
    shown_values,
    travel_figure,
)
from vgg_viz.figures.evidence import evidence_zip, map_caption
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
from vgg_viz.figures.inversion_charts import descent_figure, kept_figure
from vgg_viz.figures.inversion_pictures import (
    contrasted,
    inversion_sheet_png,
    plain_png,
    rebuilt_png,
    rebuilt_words,
)
from vgg_viz.figures.ledger_charts import waterfall_bars, waterfall_figure
from vgg_viz.figures.map_charts import (
    NamedDifferences,
    NamedLayer,
    NamedStrip,
    depth_rows,
    most_changed,
    photo_differences_figure,
    sparsity_figure,
    value_histogram_figure,
    value_shares,
)
from vgg_viz.figures.map_frames import (
    channel_grid_frame,
    layer_strip_frame,
    map_limit,
    shared_map_limit,
    unit_map_frame,
)
from vgg_viz.figures.map_look import USUAL_LOOK, is_look, look_frame
from vgg_viz.figures.map_sheet import map_sheet_png
from vgg_viz.figures.network_columns import layer_label, network_columns_frame
from vgg_viz.figures.occlusion_frames import occlusion_frame
from vgg_viz.figures.optimised_pictures import (
    objective_figure,
    optimised_sheet_png,
    picture_grid_frame,
    picture_png,
    pictures_png,
    preview_url,
)
from vgg_viz.figures.overlay import overlay_frame, overlay_png, shared_limit, upsample
from vgg_viz.figures.part_frames import PartOfPhoto, part_strip_frame
from vgg_viz.figures.quantities import COSTS, amount, signed
from vgg_viz.figures.recording_frames import last_step, recording_frame
from vgg_viz.figures.roofline import highest, roofline_figure, time_figure
from vgg_viz.figures.segmentation_charts import class_iu_figure, mean_iu_figure
from vgg_viz.figures.segmentation_files import palette_png, segmentation_npz
from vgg_viz.figures.segmentation_pictures import (
    LabelPicture,
    changed_picture,
    coarse_picture,
    evidence_picture,
    label_frame,
    labels_sheet_png,
    marked,
    photo_picture,
    stride_picture,
)
from vgg_viz.figures.style_charts import style_losses_figure
from vgg_viz.figures.style_pictures import (
    gram_limit,
    gram_order,
    gram_png,
    style_sheet_png,
    style_words,
    styled_png,
    styled_url,
)
from vgg_viz.figures.thumbnails import thumbnail_frame
from vgg_viz.figures.trust_charts import cascade_figure, curves_figure, measured
from vgg_viz.figures.trust_strip import TrustItem, strip_items, strip_words
from vgg_viz.figures.unit_frames import UnitLabels, unit_frame

__all__ = [
    "COSTS",
    "DETECTION_STEPS",
    "DETECTION_WAYS",
    "HISTOGRAM_TITLES",
    "LIGHT",
    "MARKERS",
    "METRICS",
    "PER_VALUE",
    "PREDICTIONS",
    "QUANTITY_TITLES",
    "SHARES",
    "TESTED_NETWORKS",
    "USUAL_LOOK",
    "ClassShare",
    "ClipSide",
    "CostBar",
    "Curve",
    "Depth",
    "FieldGrowth",
    "FieldLabels",
    "LabelPicture",
    "Look",
    "NamedDifferences",
    "NamedLayer",
    "NamedStrip",
    "PartOfPhoto",
    "TrustItem",
    "UnitLabels",
    "ablations_figure",
    "amount",
    "cascade_figure",
    "challenge_figure",
    "changed_maps_sheet",
    "changed_picture",
    "channel_grid_frame",
    "channel_tiles_frame",
    "class_change_figure",
    "class_iu_figure",
    "class_shares",
    "clip_frame",
    "clip_sheet_png",
    "coarse_picture",
    "contrasted",
    "correspondence_figure",
    "cost_bars",
    "covered_photos_png",
    "curves_figure",
    "decades",
    "depth_figure",
    "depth_rows",
    "descent_figure",
    "detection_coco",
    "detection_frame",
    "detection_npz",
    "detection_png",
    "detection_seconds_figure",
    "digits",
    "drawn_box_frame",
    "drawn_rows",
    "error_against_cost_figure",
    "errors_by_views",
    "evidence_picture",
    "evidence_zip",
    "feature_grid_frame",
    "feature_shares_figure",
    "field_frame",
    "flow_figure",
    "flow_page",
    "gram_limit",
    "gram_order",
    "gram_png",
    "growth_figure",
    "highest",
    "histogram_figure",
    "invariance_figure",
    "inversion_sheet_png",
    "is_look",
    "kept_figure",
    "label_frame",
    "labels_sheet_png",
    "last_step",
    "layer_cost_figure",
    "layer_label",
    "layer_strip_frame",
    "look_frame",
    "map_caption",
    "map_limit",
    "map_sheet_png",
    "margin_share",
    "marked",
    "masked_picture",
    "mean_iu_figure",
    "measured",
    "memory_figure",
    "most_changed",
    "nearest_proposal",
    "network_columns_frame",
    "non_finite",
    "objective_figure",
    "occlusion_frame",
    "optimised_sheet_png",
    "overlay_frame",
    "overlay_png",
    "pack",
    "palette_png",
    "part_strip_frame",
    "photo_differences_figure",
    "photo_picture",
    "picture_grid_frame",
    "picture_png",
    "pictures_png",
    "plain_png",
    "precision_figure",
    "preview_url",
    "probability_figure",
    "rebuilt_png",
    "rebuilt_words",
    "recording_frame",
    "removal_figure",
    "roofline_figure",
    "segmentation_npz",
    "share_figure",
    "shared_activation_limit",
    "shared_limit",
    "shared_map_limit",
    "shown_values",
    "signed",
    "sparsity_figure",
    "ssd_frame",
    "stride_picture",
    "strip_items",
    "strip_words",
    "style",
    "style_losses_figure",
    "style_sheet_png",
    "style_words",
    "styled_png",
    "styled_url",
    "testing_figure",
    "thumbnail_frame",
    "time_figure",
    "top_figure",
    "travel_figure",
    "unit_frame",
    "unit_map_frame",
    "unpack",
    "upsample",
    "value_histogram_figure",
    "value_shares",
    "vgg_table_3",
    "waterfall_bars",
    "waterfall_figure",
    "zero_share",
]
