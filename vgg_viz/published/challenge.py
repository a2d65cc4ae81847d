"""Who won the ImageNet challenge (ILSVRC, classification), and where the lecture's networks stood.

ZFNet's paper and the winning entry of 2013 are two things: Clarifai, the company of the paper's
first author, won with 11.7 %; the best in the paper is 14.8 %.
"""

from dataclasses import dataclass
from typing import Literal

from vgg_viz.published.networks import NETWORKS
from vgg_viz.published.record import Metric, Protocol, PublishedError
from vgg_viz.published.tables import (
    ABLATIONS,
    RESNET,
    RESNET_PAPER,
    TEN_CROPS,
    TORCHVISION,
    VGG_TABLE_3,
    VGG_TABLE_4,
    VGG_TABLE_5,
    VGG_TABLE_6,
    VGG_TABLE_7,
    ZFNET_TABLE_2,
)

Standing = Literal["winner", "winner with outside data", "second place", "paper"]

SECONDARY = "secondary sources that agree; not read in Russakovsky et al. 2015"
SENET_PAPER = "Hu et al. 2018 (SENet)"


@dataclass(frozen=True)
class ChallengeEntry:
    """A test error of one year; only a "winner" won, a "paper" was no winning entry."""

    label: str  # for a chart; "" where the name could not be verified
    standing: Standing
    error: PublishedError
    of_the_lecture: bool = False


@dataclass(frozen=True)
class Benchmark:
    """An error in % that is not a network's at classification."""

    value: float
    words: str
    source: str


VGG_LOCALISATION = Benchmark(
    25.3, "error of VGG in localisation, first place in 2014", "Simonyan & Zisserman 2015"
)
HUMAN = Benchmark(  # top-5
    5.1,
    "one expert annotator",
    "Russakovsky et al. 2015, as quoted by He et al. 2015 (arXiv 1502.01852)",
)


def _only(
    network: str,
    value: float,
    protocol: Protocol,
    source: str,
    *,
    metric: Metric = "top-5",
) -> PublishedError:
    """A test error that stands in none of the tables."""
    known = NETWORKS[network]
    return PublishedError(
        network, metric, "test", value, protocol, source, year=known.year, team=known.team
    )


def _tests(table: tuple[PublishedError, ...], network: str, networks: int | None) -> PublishedError:
    """The one test error in `table` of that many averaged networks."""
    (found,) = (
        error
        for error in table
        if (error.network, error.split) == (network, "test")
        and error.protocol.networks == networks
        and error.metric == "top-5"
    )
    return found


_OUTSIDE = _only(
    "clarifai",
    11.2,
    Protocol(networks=None, outside_data="more photos"),
    "Simonyan & Zisserman 2015, text to table 7",
)
_NEC = _only("nec_uiuc", 28.2, Protocol(networks=0, photos="photos of ILSVRC-2010"), SECONDARY)
_XRCE = _only("xrce", 25.8, Protocol(networks=0, photos="photos of ILSVRC-2011"), SECONDARY)
_RESNETS = _only("resnets", 3.57, Protocol("dense, several scales", 6), RESNET_PAPER)
_OF_2016 = _only("winner_2016", 2.991, Protocol(networks=0), f"{SENET_PAPER}, section 1")
_SENET = _only(
    "senet", 2.251, Protocol("multi-crop, several scales", None), f"{SENET_PAPER}, section 1"
)
_2010 = Protocol(TEN_CROPS, photos="photos of ILSVRC-2010")
_ABSTRACT = "Krizhevsky et al. 2012, abstract"
_ALEXNET_2010 = (
    _only("alexnet_2012", 37.5, _2010, _ABSTRACT, metric="top-1"),
    _only("alexnet_2012", 17.0, _2010, _ABSTRACT),
)

CHALLENGE = (
    ChallengeEntry("NEC-UIUC", "winner", _NEC),
    ChallengeEntry("XRCE", "winner", _XRCE),
    ChallengeEntry("AlexNet", "winner", _tests(ZFNET_TABLE_2, "alexnet_2012", 5), True),
    ChallengeEntry(
        "AlexNet",
        "winner with outside data",
        _tests(ZFNET_TABLE_2, "alexnet_2012", 7),
        True,
    ),
    ChallengeEntry("ZFNet's paper", "paper", _tests(ZFNET_TABLE_2, "zfnet_a_b", 6), True),
    ChallengeEntry("Clarifai", "winner", _tests(VGG_TABLE_7, "clarifai", None)),
    ChallengeEntry("Clarifai", "winner with outside data", _OUTSIDE),
    ChallengeEntry("VGG", "second place", _tests(VGG_TABLE_7, "vgg_entry", 7), True),
    ChallengeEntry("VGG's paper", "paper", _tests(VGG_TABLE_7, "vgg_d_e", 2), True),
    ChallengeEntry("GoogLeNet", "winner", _tests(VGG_TABLE_7, "googlenet", 7)),
    ChallengeEntry("ResNet", "winner", _RESNETS),
    ChallengeEntry("", "winner", _OF_2016),
    ChallengeEntry("SENet", "winner", _SENET),
)

EVERY_ERROR: tuple[PublishedError, ...] = (
    *(_NEC, _XRCE, _OUTSIDE, _RESNETS, _OF_2016, _SENET),
    *_ALEXNET_2010,
    *ZFNET_TABLE_2,
    *ABLATIONS,
    *VGG_TABLE_3,
    *VGG_TABLE_4,
    *VGG_TABLE_5,
    *VGG_TABLE_6,
    *VGG_TABLE_7,
    *RESNET,
    *TORCHVISION,
)
