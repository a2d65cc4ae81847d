"""The tables themselves, written as the papers print them: val top-1 / val top-5 / test top-5.

Simonyan & Zisserman (arXiv 1409.1556v6) tables 3 to 7; Zeiler & Fergus (arXiv 1311.2901) tables 2
and 3; He et al. (arXiv 1512.03385); the accuracies in torchvision's weights. The views behind the
rows that these papers only quote are those of the networks' own papers: ten crops for AlexNet,
144 for GoogLeNet, several sides and dense for ResNet.
"""

from collections.abc import Mapping

from vgg_viz.published.record import TRAIN_VAL, Protocol, PublishedError, cell

VGG_PAPER = "Simonyan & Zisserman 2015"
ZFNET_PAPER = "Zeiler & Fergus 2014"
RESNET_PAPER = "He et al. 2016 (ResNet)"
TORCHVISION_WEIGHTS = "torchvision 0.29.1, weights IMAGENET1K_V1"

JITTER = "256 to 512"  # px, drawn anew for every photo: scale jitter
TEN_CROPS = "10 crops"  # four corners and the centre, each mirrored
MANY_CROPS = "144 crops"
BOTH = "multi-crop and dense"
IMAGENET_2011 = "ImageNet 2011"

CONFIGURATIONS = ("vgg11", "vgg11_lrn", "vgg13", "vgg16_c", "vgg16", "vgg19")  # as table 1 has them
TRAINING_SCALES = ("256", "384", JITTER)  # S in px, the columns of tables 3 and 4


def _scales(table: str, sides: tuple[str, ...], text: str) -> tuple[PublishedError, ...]:
    """A table whose columns are TRAINING_SCALES, tested at `sides`."""
    records: list[PublishedError] = []
    for line in text.strip().splitlines():
        network, *cells = line.split()
        for written, trained, tested in zip(cells, TRAINING_SCALES, sides, strict=True):
            how = Protocol("dense", train_side=trained, test_side=tested)
            records += cell(written, network, how, f"{VGG_PAPER}, table {table}")
    return tuple(records)


def _rows(source: str, rows: list[tuple[str, str, Protocol]]) -> tuple[PublishedError, ...]:
    """Rows (network, cell, protocol) of one table."""
    return tuple(
        record for network, text, how in rows for record in cell(text, network, how, source)
    )


VGG_TABLE_3 = _scales(
    "3",
    ("256", "384", "384"),
    """
    vgg11      29.6/10.4  -          -
    vgg11_lrn  29.7/10.5  -          -
    vgg13      28.7/9.9   -          -
    vgg16_c    28.1/9.4   28.1/9.3   27.3/8.8
    vgg16      27.0/8.8   26.8/8.7   25.6/8.1
    vgg19      27.3/9.0   26.9/8.7   25.5/8.0
    """,
)
VGG_TABLE_4 = _scales(
    "4",
    ("224, 256, 288", "352, 384, 416", "256, 384, 512"),
    """
    vgg13      28.2/9.6   -          -
    vgg16_c    27.7/9.2   27.8/9.2   26.3/8.2
    vgg16      26.6/8.6   26.5/8.6   24.8/7.5
    vgg19      26.9/8.7   26.7/8.6   24.8/7.5/7.3
    """,
)


def _jittered(views: str, networks: int = 1) -> Protocol:
    """Trained with scale jitter, tested on three scales: tables 5 and 6."""
    return Protocol(views, networks, train_side=JITTER, test_side="256, 384, 512")


VGG_TABLE_5 = _rows(
    f"{VGG_PAPER}, table 5",
    [
        ("vgg16", "24.8/7.5", _jittered("dense")),
        ("vgg16", "24.6/7.5", _jittered("multi-crop")),
        ("vgg16", "24.4/7.2", _jittered(BOTH)),
        ("vgg19", "24.8/7.5", _jittered("dense")),
        ("vgg19", "24.6/7.4", _jittered("multi-crop")),
        ("vgg19", "24.4/7.1", _jittered(BOTH)),
    ],
)
VGG_TABLE_6 = _rows(
    f"{VGG_PAPER}, table 6",
    [
        ("vgg_entry", "24.7/7.5/7.3", Protocol("dense", 7)),
        ("vgg_d_e", "24.0/7.1/7.0", _jittered("dense", 2)),
        ("vgg_d_e", "23.9/7.2/-", _jittered("multi-crop", 2)),
        ("vgg_d_e", "23.7/6.8/6.8", _jittered(BOTH, 2)),
    ],
)
VGG_TABLE_7 = _rows(
    f"{VGG_PAPER}, table 7",
    [
        ("vgg_d_e", "23.7/6.8/6.8", Protocol(BOTH, 2)),
        ("vgg19", "24.4/7.1/7.0", Protocol(BOTH)),
        ("vgg_entry", "24.7/7.5/7.3", Protocol("dense", 7)),
        ("googlenet", "-/7.9/-", Protocol(MANY_CROPS)),
        ("googlenet", "-/6.7/6.7", Protocol(MANY_CROPS, 7)),
        ("msra_spp", "-/-/8.1", Protocol(networks=11)),
        ("msra_spp", "27.9/9.1/9.1", Protocol()),
        ("clarifai", "-/-/11.7", Protocol(networks=None)),
        ("clarifai", "-/-/12.5", Protocol()),
        ("zfnet_a_b", "36.0/14.7/14.8", Protocol(networks=6)),
        ("zfnet_b", "37.5/16.0/16.1", Protocol()),
        ("overfeat", "34.0/13.2/13.6", Protocol(networks=7)),
        ("overfeat", "35.7/14.2/-", Protocol()),
        ("alexnet_2012", "38.1/16.4/16.4", Protocol(TEN_CROPS, 5)),
        ("alexnet_2012", "40.7/18.2/-", Protocol(TEN_CROPS)),
    ],
)
ZFNET_TABLE_2 = _rows(
    f"{ZFNET_PAPER}, table 2",
    [
        ("gunji", "-/-/26.2", Protocol("no ConvNet", 0)),
        ("alexnet_2012", "40.7/18.2/-", Protocol(TEN_CROPS)),
        ("alexnet_2012", "38.1/16.4/16.4", Protocol(TEN_CROPS, 5)),
        ("alexnet_2012", "39.0/16.6/-", Protocol(TEN_CROPS, outside_data=IMAGENET_2011)),
        ("alexnet_2012", "36.7/15.4/15.3", Protocol(TEN_CROPS, 7, outside_data=IMAGENET_2011)),
        ("alexnet_replica", "40.5/18.1/-", Protocol()),
        ("zfnet_a", "38.4/16.5/-", Protocol()),
        ("zfnet_a", "36.7/15.3/15.3", Protocol(networks=5)),
        ("zfnet_b", "37.5/16.0/16.1", Protocol()),
        ("zfnet_a_b", "36.0/14.7/14.8", Protocol(networks=6)),
    ],
)
RESNET = _rows(
    RESNET_PAPER,
    [("resnet152", "-/4.49/-", Protocol("dense, several scales"))],
)


# --- ZFNet's ablations ---------------------------------------------------------------------------

# (network, what is changed, train top-1 / val top-1 / val top-5); the layers' numbers are the
# paper's: 3 and 4 are convolutions, 6 and 7 fully connected.
_ABLATED = (
    ("alexnet_replica", "", "35.1/40.5/18.1"),
    ("alexnet_replica", "without 3, 4", "41.8/45.4/22.1"),
    ("alexnet_replica", "without 7", "27.4/40.0/18.4"),
    ("alexnet_replica", "without 6, 7", "27.4/44.8/22.4"),
    ("alexnet_replica", "without 3, 4, 6, 7", "71.1/71.3/50.1"),
    ("alexnet_replica", "FC 2048", "40.3/41.7/18.8"),
    ("alexnet_replica", "FC 8192", "26.8/40.0/18.1"),
    ("zfnet_a", "", "33.1/38.4/16.5"),
    ("zfnet_a", "FC 2048", "38.2/40.2/17.6"),
    ("zfnet_a", "FC 8192", "22.0/38.8/17.0"),
    ("zfnet_b", "", "18.8/37.5/16.0"),
    ("zfnet_b", "FC 8192", "10.0/38.3/16.9"),
)
ABLATIONS = tuple(
    record
    for network, variant, text in _ABLATED
    for record in cell(
        text,
        network,
        Protocol(),
        f"{ZFNET_PAPER}, table 3",
        columns=TRAIN_VAL,
        variant=variant,
    )
)


# --- torchvision ---------------------------------------------------------------------------------

# Accuracy in %, top-1 and top-5, of the weights that the project can fetch and of two later nets.
_ACCURACIES: Mapping[str, tuple[float, float]] = {
    "alexnet": (56.522, 79.066),
    "vgg11": (69.020, 88.628),
    "vgg11_bn": (70.370, 89.810),
    "vgg13": (69.928, 89.246),
    "vgg13_bn": (71.586, 90.374),
    "vgg16": (71.592, 90.382),
    "vgg16_bn": (73.360, 91.516),
    "vgg19": (72.376, 90.876),
    "vgg19_bn": (74.218, 91.842),
    "googlenet": (69.778, 89.530),
    "resnet50": (76.130, 92.862),
}
SINGLE_CROP = Protocol("single 224-px crop of the centre", test_side="256")
TORCHVISION = tuple(
    record
    for network, (top1, top5) in _ACCURACIES.items()
    for record in cell(
        f"{100 - top1:.3f}/{100 - top5:.3f}",
        network,
        SINGLE_CROP,
        TORCHVISION_WEIGHTS,
        team="torchvision",
    )
)
