"""Photos whose every pixel has a class, and how good the nets are that say so."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance


@dataclass(frozen=True)
class Share:
    """A share in [0, 1] with its 95 % interval over drawn photos."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class StrideScores:
    """FCN-`stride`s on the validation photos, the four scores of the paper."""

    stride: int  # px between neighbouring scores: 32, 16 or 8
    pixel_accuracy: Share
    mean_accuracy: Share
    mean_iu: Share
    weighted_iu: Share  # frequency-weighted
    iu: tuple[float, ...]  # of every class, in the order of the classes
    gain: Share | None  # of mean IU over the net it was trained from, on the same draws of photos


@dataclass(frozen=True)
class SegmentationHead:
    """The three nets on one bundled network, as their model card describes them."""

    model: str  # "vgg16:bundled": the classifier they begin with
    title: str  # "VGG-16 (D)"
    classes: tuple[str, ...]  # background first
    skips: tuple[str, str]  # layers whose scores 16s and 8s add
    scores: tuple[StrideScores, ...]  # 32s, 16s, 8s
    fixed: StrideScores | None  # 32s with the classifier's own features: FCN-32s-fixed
    photos: int  # validation photos
    data: str  # in words
    recipe: str  # in words
    longest: int  # px of a photo's longest side, as trained and measured
    file: str  # name of the weights
    bytes: int


@dataclass(frozen=True)
class ScoreDifference:
    """Mean IU of `model` minus that of `other`, with the same net and the same drawn photos."""

    model: str
    other: str
    stride: int
    mean_iu: Share


@dataclass(frozen=True)
class SegmentationHeads:
    """Every head that ships, and how they compare; empty where none is installed."""

    heads: tuple[SegmentationHead, ...]
    differences: tuple[ScoreDifference, ...] = ()

    def head(self, model: str) -> SegmentationHead | None:
        """The nets on a model, None when it has none."""
        return next((head for head in self.heads if head.model == model), None)


@dataclass(frozen=True, eq=False)
class StrideLabels:
    """What FCN-`stride`s says of every pixel."""

    stride: int
    probabilities: Float32  # (classes, H, W), sum 1 over classes
    grid: tuple[int, int]  # (h, w) of the scores before they are enlarged
    layer: str  # whose scores came in with this net: fc7, pool4, pool3

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(H, W): the most probable class."""
        found: NDArray[np.uint8] = self.probabilities.argmax(0).astype(np.uint8)
        return found


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A photo and its labels by the three nets, which share one pass."""

    photo: NDArray[np.uint8]  # (H, W, 3) RGB, as the nets read it
    classes: tuple[str, ...]
    nets: tuple[StrideLabels, ...]  # 32s, 16s, 8s
    seconds: float  # of the pass
    provenance: Provenance
    notes: tuple[str, ...] = ()

    def net(self, stride: int) -> StrideLabels:
        """One of the three."""
        return next(net for net in self.nets if net.stride == stride)

    @property
    def empty(self) -> bool:
        """Whether the finest net sees nothing but background."""
        return not self.nets[-1].labels.any()
