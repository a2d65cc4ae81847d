"""Errors on ImageNet as papers print them, each with its protocol, split and source.

Numbers measured in different ways are different quantities: an ensemble that looks at 144 crops is
no competitor of one network that looks at one. So no number here goes without its protocol, and a
`Comparison` holds numbers of one protocol only. Nothing is computed but parameters and MACs.
"""

from vgg_viz.published.challenge import (
    CHALLENGE,
    EVERY_ERROR,
    HUMAN,
    VGG_LOCALISATION,
    Benchmark,
    ChallengeEntry,
    Standing,
)
from vgg_viz.published.comparison import COMPARISONS, Comparison, Missing, Point
from vgg_viz.published.detection import (
    DETECTION,
    FAST_OVER_RCNN,
    FAST_PAPER,
    RCNN_PAPER,
    VOC_2007,
    PublishedDetection,
)
from vgg_viz.published.networks import NETWORKS, Cost, Family, PublishedNetwork, cost
from vgg_viz.published.record import METRICS, Metric, Protocol, PublishedError, Split, find
from vgg_viz.published.segmentation import (
    FCN_PAPER,
    FCN_TABLE_1,
    FCN_TABLE_2,
    TABLE_1_PROTOCOL,
    TABLE_2_PROTOCOL,
)
from vgg_viz.published.tables import (
    ABLATIONS,
    CONFIGURATIONS,
    RESNET,
    TORCHVISION,
    TRAINING_SCALES,
    VGG_TABLE_3,
    VGG_TABLE_4,
    VGG_TABLE_5,
    VGG_TABLE_6,
    VGG_TABLE_7,
    ZFNET_TABLE_2,
)

__all__ = [
    "ABLATIONS",
    "CHALLENGE",
    "COMPARISONS",
    "CONFIGURATIONS",
    "DETECTION",
    "EVERY_ERROR",
    "FAST_OVER_RCNN",
    "FAST_PAPER",
    "FCN_PAPER",
    "FCN_TABLE_1",
    "FCN_TABLE_2",
    "HUMAN",
    "METRICS",
    "NETWORKS",
    "RCNN_PAPER",
    "RESNET",
    "TABLE_1_PROTOCOL",
    "TABLE_2_PROTOCOL",
    "TORCHVISION",
    "TRAINING_SCALES",
    "VGG_LOCALISATION",
    "VGG_TABLE_3",
    "VGG_TABLE_4",
    "VGG_TABLE_5",
    "VGG_TABLE_6",
    "VGG_TABLE_7",
    "VOC_2007",
    "ZFNET_TABLE_2",
    "Benchmark",
    "ChallengeEntry",
    "Comparison",
    "Cost",
    "Family",
    "Metric",
    "Missing",
    "Point",
    "Protocol",
    "PublishedDetection",
    "PublishedError",
    "PublishedNetwork",
    "Split",
    "Standing",
    "cost",
    "find",
]
