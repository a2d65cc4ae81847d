"""What the FCN paper prints (Long, Shelhamer & Darrell, CVPR 2015, arXiv 1411.4038): tables 1, 2.

Shares in %. FCN-VGG16 of table 1 (56.0) and FCN-32s of table 2 (59.4) are the same net; the second
is trained with 8,498 more photos, the annotations of Hariharan et al.
"""

from dataclasses import dataclass

FCN_PAPER = "Long, Shelhamer & Darrell 2015"
TABLE_1_PROTOCOL = "VOC 2011, validation photos, 20 classes and background"
TABLE_2_PROTOCOL = (
    "VOC 2011, 736 of the validation photos, 20 classes and background; trained with 8,498 more "
    "photos (Hariharan et al.)"
)


@dataclass(frozen=True)
class PublishedBackbone:
    """A row of table 1: FCN-32s on a network."""

    network: str
    mean_iu: float  # %
    seconds: float  # of a forward pass, 500 x 500 px, on a K40c
    field: int  # px
    stride: int  # px
    conv_layers: int
    parameters: str  # as printed


@dataclass(frozen=True)
class PublishedNet:
    """A row of table 2: FCN on VGG-16. All in %."""

    net: str
    pixel_accuracy: float
    mean_accuracy: float
    mean_iu: float
    weighted_iu: float


FCN_TABLE_1 = (
    PublishedBackbone("FCN-AlexNet", 39.8, 0.050, 355, 32, 8, "57M"),
    PublishedBackbone("FCN-VGG16", 56.0, 0.210, 404, 32, 16, "134M"),
    PublishedBackbone("FCN-GoogLeNet", 42.5, 0.059, 907, 32, 22, "6M"),
)
FCN_TABLE_2 = (
    PublishedNet("FCN-32s-fixed", 83.0, 59.7, 45.4, 72.0),
    PublishedNet("FCN-32s", 89.1, 73.3, 59.4, 81.4),
    PublishedNet("FCN-16s", 90.0, 75.7, 62.4, 83.0),
    PublishedNet("FCN-8s", 90.3, 75.9, 62.7, 83.2),
)
