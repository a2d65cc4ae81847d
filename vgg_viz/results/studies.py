"""What long work on the device has so far, and what it ends with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.attribution import Attribution
from vgg_viz.results.attribution_bench import BenchedPhoto
from vgg_viz.results.attribution_trust import Trust
from vgg_viz.results.detection import Detection
from vgg_viz.results.occlusion import Occlusion
from vgg_viz.results.provenance import Float32, Provenance
from vgg_viz.results.reconstruction import Span
from vgg_viz.results.style import Styled


@dataclass(frozen=True, eq=False)
class FeatureVis:
    """Pictures made by optimisation, after `step` of `steps`."""

    pixels: NDArray[np.uint8]  # (N, H, W, 3)
    history: Float32  # (step,): the objective at every step, of the transformed pictures
    values: Float32  # (N,): the objective of each picture as it is, not transformed
    step: int
    steps: int
    seconds: float  # of computation
    notes: tuple[str, ...]  # what a reader must know of it, fit to be shown
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class GalleryPictures:
    """Pictures by optimisation that ship with the program; nothing was computed for this answer."""

    model: str  # "vgg16:bundled"
    weights: str  # in words
    layer: str
    channels: tuple[int, ...]  # or classes; of each picture
    objective: str  # "channel": mean of the map before the ReLU; "class": logit before the softmax
    pixels: NDArray[np.uint8]  # (N, side, side, 3); N is 0 where there is no gallery
    values: Float32  # (N,): the objective of each picture as it is
    photo_values: Float32 | None  # (N,): of the best of `photos` patches of photos; None: not made
    photos: int
    size: int  # px at which they were optimised; the pictures may be smaller
    settings: tuple[tuple[str, str], ...]  # how they were made, in words
    missing: str  # why there is none, with what to do; "" where there are pictures

    def place(self, channel: int) -> int | None:
        """Which of the pictures is that of `channel`; None when there is none."""
        return self.channels.index(channel) if channel in self.channels else None


@dataclass(frozen=True, eq=False)
class LayerInversion:
    """A photo rebuilt from its code at one layer, after as many steps as `losses` has."""

    layer: str
    pixels: NDArray[np.uint8]  # (H, W, 3)
    code_shape: tuple[int, ...]  # (C, h, w) or (K,)
    losses: Float32  # (steps so far,): the whole objective before each step
    distances: Float32  # (steps so far,): |code - code of the photo|^2 / |code of the photo|^2
    distance: float  # the same, of the picture as it is
    correlation: float  # of picture and photo, each colour about its mean; NaN when flat
    total_variation: float  # weight of that prior
    alpha_norm: float


@dataclass(frozen=True, eq=False)
class Inversion:
    """A photo rebuilt from its codes: layers that have begun, in order."""

    photo: NDArray[np.uint8]  # (H, W, 3): what the network saw
    layers: tuple[LayerInversion, ...]
    wanted: tuple[str, ...]  # all layers of the job
    steps: int  # for each layer
    seconds: float  # of computation
    notes: tuple[str, ...]  # of each layer that has no code to rebuild from; its name comes first
    provenance: Provenance

    def layer(self, name: str) -> LayerInversion | None:
        """What there is of a layer."""
        return next((each for each in self.layers if each.layer == name), None)


@dataclass(frozen=True)
class PatchIndexing:
    """How far an index of patches is."""

    source: str
    images: int  # in the index
    total: int  # that the source has, up to the job's limit
    rate: float  # images/s of this run, 0 before the first
    skipped: tuple[str, ...]  # names of files that could not be read
    seconds: float
    notes: tuple[str, ...] = ()  # what a reader must know of it, fit to be shown


@dataclass(frozen=True, eq=False)
class Patch:
    """One patch that excites a channel."""

    name: str  # of the image; for samples with the crop
    value: float  # of the unit, before its ReLU
    row: int
    column: int
    span_y: Span  # receptive field in the network's input, px, not clipped at the border
    span_x: Span
    pixels: NDArray[np.uint8]  # (h, w, 3): the receptive field; grey beyond the border
    reconstruction: Float32  # (3, h, w): the deconvnet's signal for this unit, signed
    sample: str = ""  # the bundled photo it is from
    place: tuple[float, float] | None = None  # in that photo, shares of the square a network sees


@dataclass(frozen=True, eq=False)
class TopPatches:
    """The patches that excite a channel most, largest first, each from another image."""

    layer: str
    channel: int
    patches: tuple[Patch, ...]
    maxima: Float32  # (C,): the largest value of every channel in the index
    images: int  # in the index
    source: str
    silence: str  # why there is no patch, when there is none
    provenance: Provenance
    notes: tuple[str, ...] = ()  # what a reader must know of it, fit to be shown

    @property
    def ranked(self) -> NDArray[np.intp]:
        """All channels, the one with the largest value first; ties by number. (C,)"""
        return np.argsort(-np.nan_to_num(self.maxima, nan=-np.inf), kind="stable")


StudyResult = (
    Attribution
    | BenchedPhoto
    | Detection
    | FeatureVis
    | Inversion
    | Occlusion
    | PatchIndexing
    | Styled
    | Trust
)
