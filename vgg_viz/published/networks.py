"""The networks that published errors belong to, and what they cost where that is known."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

from vgg_viz.architecture import describe_network
from vgg_viz.errors import UnknownNameError

Family = Literal["AlexNet", "ZFNet", "VGG", "GoogLeNet", "ResNet", "other"]

COUNTED = "counted from the layer table, one 224-px crop"
TORCHVISION_META = "torchvision 0.29.1, one 224-px crop"


@dataclass(frozen=True)
class Cost:
    """What one pass over one crop takes; tests with many views cost a multiple of it."""

    parameters: int
    macs: int  # multiply-accumulates; FLOPs = 2 x MACs
    source: str


@dataclass(frozen=True)
class PublishedNetwork:
    """A network, or a group of networks whose answers are averaged.

    `registry` is its name in `vgg_viz.architecture`, which counts its cost; `published_cost` is
    for networks that have no table here. Neither: the cost is not known.
    """

    title: str
    label: str  # for a chart, after the prefix
    family: Family
    team: str
    year: int
    registry: str = ""
    published_cost: Cost | None = None
    prefix: str = ""  # that the networks of its family share


_VISUAL_GEOMETRY = "Visual Geometry Group, Oxford"
_ZEILER, _KRIZHEVSKY = "Zeiler & Fergus", "SuperVision (Krizhevsky et al.)"


def _vgg(registry: str, title: str, label: str) -> PublishedNetwork:
    return PublishedNetwork(title, label, "VGG", _VISUAL_GEOMETRY, 2014, registry, prefix="VGG-")


def _zfnet(registry: str, variant: str) -> PublishedNetwork:
    title = f"ZFNet ({variant})"
    return PublishedNetwork(
        title, f"({variant})", "ZFNet", _ZEILER, 2013, registry, prefix="ZFNet "
    )


def _group(title: str, family: Family, team: str, year: int) -> PublishedNetwork:
    return PublishedNetwork(title, title, family, team, year)


NETWORKS: dict[str, PublishedNetwork] = {
    "alexnet_2012": PublishedNetwork(
        "AlexNet (2012, two groups)",
        "AlexNet",
        "AlexNet",
        _KRIZHEVSKY,
        2012,
        # conv2, conv4 and conv5 see half of the channels each: 96-256-384-384-256, on 227 px.
        published_cost=Cost(
            60_965_224, 724_406_816, "counted from the layer shapes, one 227-px crop"
        ),
    ),
    "alexnet": PublishedNetwork(
        "AlexNet (torchvision)", "AlexNet", "AlexNet", "Krizhevsky", 2014, "alexnet"
    ),
    "zfnet_a": _zfnet("zfnet_a", "a"),
    "zfnet_b": _zfnet("zfnet_b", "b"),
    "vgg11": _vgg("vgg11", "VGG-11 (A)", "11"),
    "vgg11_lrn": _vgg("vgg11_lrn", "VGG-11 (A-LRN)", "11 LRN"),
    "vgg13": _vgg("vgg13", "VGG-13 (B)", "13"),
    "vgg16_c": _vgg("vgg16_c", "VGG-16 (C)", "16 C"),
    "vgg16": _vgg("vgg16", "VGG-16 (D)", "16"),
    "vgg19": _vgg("vgg19", "VGG-19 (E)", "19"),
    "vgg11_bn": _vgg("vgg11_bn", "VGG-11 (A) + BN", "+BN"),
    "vgg13_bn": _vgg("vgg13_bn", "VGG-13 (B) + BN", "+BN"),
    "vgg16_bn": _vgg("vgg16_bn", "VGG-16 (D) + BN", "+BN"),
    "vgg19_bn": _vgg("vgg19_bn", "VGG-19 (E) + BN", "+BN"),
    "googlenet": PublishedNetwork(
        "GoogLeNet",
        "GoogLeNet",
        "GoogLeNet",
        "GoogLeNet (Szegedy et al.)",
        2014,
        published_cost=Cost(
            6_624_904, 1_498_000_000, f"{TORCHVISION_META}; without the auxiliary classifiers"
        ),
    ),
    "resnet50": PublishedNetwork(
        "ResNet-50",
        "ResNet-50",
        "ResNet",
        "MSRA (He et al.)",
        2015,
        published_cost=Cost(25_557_032, 4_089_000_000, TORCHVISION_META),
    ),
    "resnet152": PublishedNetwork(
        "ResNet-152",
        "ResNet-152",
        "ResNet",
        "MSRA (He et al.)",
        2015,
        published_cost=Cost(60_192_808, 11_510_000_000, TORCHVISION_META),
    ),
    # Errors only: no table here, and no cost in the sources read.
    "overfeat": _group("OverFeat", "other", "OverFeat (Sermanet et al.)", 2013),
    "msra_spp": _group("MSRA (SPP)", "other", "MSRA (He et al.)", 2014),
    "clarifai": _group("Clarifai", "other", "Clarifai", 2013),
    "alexnet_replica": _group("AlexNet, replicated by Zeiler & Fergus", "AlexNet", _ZEILER, 2013),
    "zfnet_a_b": _group("ZFNet (a) and (b)", "ZFNet", _ZEILER, 2013),
    "vgg_entry": _group("VGG, the challenge's entry", "VGG", _VISUAL_GEOMETRY, 2014),
    "vgg_d_e": _group("VGG-16 (D) and VGG-19 (E)", "VGG", _VISUAL_GEOMETRY, 2014),
    "resnets": _group("ResNets of several depths", "ResNet", "MSRA (He et al.)", 2015),
    "nec_uiuc": _group("NEC-UIUC's system", "other", "NEC-UIUC", 2010),
    "xrce": _group("XRCE's system", "other", "XRCE", 2011),
    "gunji": _group("best without a ConvNet in 2012", "other", "Gunji et al.", 2012),
    "winner_2016": _group("winner of 2016", "other", "not named here", 2016),
    "senet": _group("SENets", "other", "SENet (Hu et al.)", 2017),
}


@cache
def cost(network: str) -> Cost | None:
    """Parameters and MACs of an entry of NETWORKS; None where they are not known.

    Raises UnknownNameError for a name that is not in NETWORKS.
    """
    if network not in NETWORKS:
        raise UnknownNameError.among("published network", network, NETWORKS)
    entry = NETWORKS[network]
    if not entry.registry:
        return entry.published_cost
    counted = describe_network(entry.registry)
    return Cost(counted.parameters, counted.macs, COUNTED)
