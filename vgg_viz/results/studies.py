"""What long work on the device has so far, and what it ends with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance
from vgg_viz.results.reconstruction import Span


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
class Inversion:
    """A photo rebuilt from its code at a layer, after `step` of `steps`."""

    pixels: NDArray[np.uint8]  # (H, W, 3)
    photo: NDArray[np.uint8]  # (H, W, 3): what the network saw
    layer: str
    losses: Float32  # (step,): the whole objective
    distances: Float32  # (step,): |code - code of the photo|^2 / |code of the photo|^2
    step: int
    steps: int
    seconds: float
    notes: tuple[str, ...]
    provenance: Provenance


@dataclass(frozen=True)
class PatchIndexing:
    """How far an index of patches is."""

    source: str
    images: int  # in the index
    total: int  # that the source has, up to the job's limit
    rate: float  # images/s of this run, 0 before the first
    skipped: tuple[str, ...]  # names of files that could not be read
    seconds: float


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


StudyResult = FeatureVis | Inversion | PatchIndexing
