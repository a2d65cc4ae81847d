"""Questions about maps, channels and units of a layer on a photo."""

from dataclasses import dataclass

from vgg_viz.requests.base import Precision, Request
from vgg_viz.results import (
    ChannelMap,
    FrameMaps,
    LayerChannels,
    LayerMaps,
    LayerStrip,
    Normalisation,
    PhotoDifferences,
    Reconstruction,
    Rule,
    UnitArithmetic,
    Units,
)


@dataclass(frozen=True)
class LayerStripRequest(Request[LayerStrip]):
    """What does every layer answer: a small map each, statistics and histograms?"""

    model: str
    image: str
    precision: Precision = "fp32"


@dataclass(frozen=True)
class ChannelsRequest(Request[LayerChannels]):
    """What do all channels of a layer answer, and how do they speak for a class?

    True values before the ReLU that follows `layer`, or with `relu` that ReLU's output. `target`
    None: the network's most probable class.
    """

    model: str
    image: str
    layer: str
    relu: bool = True
    target: int | None = None
    precision: Precision = "fp32"


@dataclass(frozen=True)
class MapRequest(Request[ChannelMap]):
    """One channel in full, and how like it the others of its layer are."""

    model: str
    image: str
    layer: str
    channel: int
    relu: bool = True
    precision: Precision = "fp32"


@dataclass(frozen=True)
class LayerMapsRequest(Request[LayerMaps]):
    """Every channel of a layer in full: up to 13 MB for one layer of VGG."""

    model: str
    image: str
    layer: str
    relu: bool = True
    precision: Precision = "fp32"


@dataclass(frozen=True)
class FrameMapsRequest(Request[FrameMaps]):
    """What does a layer answer to one frame of a clip? A forward pass that is not kept."""

    model: str
    image: str
    layer: str
    relu: bool = True
    precision: Precision = "fp32"


@dataclass(frozen=True)
class PhotoDifferencesRequest(Request[PhotoDifferences]):
    """What changes in each channel of a layer from the first photo to the second?"""

    model: str
    images: tuple[str, str]
    layer: str
    relu: bool = True
    precision: Precision = "fp32"


@dataclass(frozen=True)
class UnitRequest(Request[UnitArithmetic]):
    """What is this unit computed from? Rows and columns from 0; a vector's unit is at 0, 0.

    `channel` None: the one of largest value at this place. `count` channels, or input features of
    a linear layer, are named as the strongest.
    """

    model: str
    image: str
    layer: str
    channel: int | None
    row: int
    column: int
    count: int = 8
    precision: Precision = "fp32"


@dataclass(frozen=True)
class ReconstructionRequest(Request[Reconstruction]):
    """What in the photo makes a channel of a convolution fire?

    `channel` None: the one with the largest value on this photo. `units`: its strongest unit, its
    nine strongest together, or the one at (`row`, `column`). `lrn` says what the deconvnet does at
    local response normalisation: "passed" through as in the paper's three steps, or its
    "derivative".
    """

    model: str
    image: str
    layer: str
    channel: int | None = None
    rules: tuple[Rule, ...] = ("gradient", "deconvnet", "guided")
    units: Units = "strongest"
    row: int | None = None
    column: int | None = None
    lrn: Normalisation = "passed"
