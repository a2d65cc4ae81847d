"""Answers of the model service: frozen, numpy only, each saying where it came from.

Arrays are read-only. Results compare by identity (`eq=False`): arrays have no single truth value.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Provenance:
    """What made a result: printed under every picture and written into every download."""

    model: str  # "vgg16:bundled"
    weights: str  # in words: "bundled weights, 19 classes", "random weights, seed 0"
    digest: str  # sha256 of the weights file, or of the seed's parameters
    device: str  # "cpu", "cuda:0", "mps"
    precision: str  # "fp32" or "bf16"
    input_size: int  # px
    versions: tuple[tuple[str, str], ...]  # (("torch", "2.14.1"), ...)


@dataclass(frozen=True, eq=False)
class Classification:
    """Scores of one photo."""

    logits: Float32  # (classes,), pre-softmax
    probabilities: Float32  # (classes,), in [0, 1], sum 1
    classes: tuple[str, ...]
    forward_seconds: float  # wall clock of the one forward pass, on `provenance.device`
    provenance: Provenance
    difference_to_fp32: float | None = None  # largest |probability - fp32's|; None for fp32

    def top(self, count: int = 5) -> tuple[tuple[int, str, float], ...]:
        """(index, name, probability) of the most probable classes, best first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return tuple((int(i), self.classes[i], float(self.probabilities[i])) for i in order)


@dataclass(frozen=True, eq=False)
class Attribution:
    """A map of where a class score comes from, at the resolution of its layer."""

    grid: Float32  # (h, w), raw and signed, in units of logit x activation; never normalised
    method: str  # "grad_cam"
    layer: str
    target: int
    target_name: str
    score: float  # the target's logit
    provenance: Provenance
    relu: bool = True  # the method's definition keeps positive evidence only when drawn
    upsampling: str = "bilinear, align_corners=False"
    difference_to_fp32: float | None = None  # largest |grid - fp32's| over fp32's largest |value|

    @property
    def positive(self) -> Float32:
        """The map the paper draws: the grid with its negative values set to 0."""
        return np.maximum(self.grid, 0)


@dataclass(frozen=True, eq=False)
class Activations:
    """Maps of a layer after its ReLU, with statistics over *all* channels of the layer."""

    layer: str
    channels: tuple[int, ...]  # which maps follow, strongest mean first (or as asked)
    maps: Float32  # (len(channels), h, w), >= 0
    means: Float32  # (all channels,)
    maxima: Float32  # (all channels,)
    dead_shares: Float32  # (all channels,), in [0, 1]: units whose value after ReLU is 0
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class Picture:
    """A photo, or the region of it that a model sees."""

    pixels: NDArray[np.uint8]  # (h, w, 3) RGB
    jpeg: bytes
    notes: tuple[str, ...]  # what decoding changed: "First of 12 frames of an animation."


Result = Classification | Attribution | Activations | Picture


@dataclass(frozen=True)
class LayerInfo:
    """A row of a network's table, as pickers and cost strips need it."""

    name: str  # the paper's: "conv5_3"
    kind: str  # "conv", "max_pool", "linear", ...
    channels: int  # of the output
    side: int  # px of the output; 1 for fully-connected layers
    receptive_field: int  # px of the input
    jump: int  # px of the input between neighbouring units
    parameters: int
    macs: int  # multiply-accumulates for one image


@dataclass(frozen=True)
class ModelInfo:
    """A model that can be asked for: a network with weights."""

    name: str  # "vgg16:bundled"
    network: str  # "vgg16"
    title: str  # "VGG-16 (D)"
    weights: Literal["bundled", "imagenet", "random", "file"]
    weights_title: str  # "bundled weights, 19 classes, 0.25 x width"
    available: bool  # False: fetch it first
    download_bytes: int  # 0 when available or unknown
    input_size: int  # px
    parameters: int
    macs: int  # of one image
    classes: tuple[str, ...] = field(repr=False)
    layers: tuple[LayerInfo, ...] = field(repr=False)
    top1: float | None = None  # validation top-1 in [0, 1], where a model card states one
    licence: str = ""

    @property
    def convs(self) -> tuple[LayerInfo, ...]:
        """The convolutions, first to last."""
        return tuple(layer for layer in self.layers if layer.kind == "conv")


@dataclass(frozen=True)
class SampleInfo:
    """A bundled photo."""

    name: str
    title: str
    author: str
    licence: str
    classes: tuple[str, ...]  # bundled classes it shows


@dataclass(frozen=True)
class ImageInfo:
    """An uploaded photo that the service keeps for a while."""

    id: str  # sha256 hex of the uploaded bytes
    width: int  # px
    height: int  # px
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ServiceDescription:
    """Everything a page offers comes from here; no list of models is written twice."""

    models: tuple[ModelInfo, ...]
    samples: tuple[SampleInfo, ...]
    methods: tuple[str, ...]
    precisions: tuple[str, ...]
    device: str
    fingerprint: str  # changes when the same request may get another answer
    version: str

    def model(self, name: str) -> ModelInfo | None:
        """The model called `name`, or None."""
        return next((model for model in self.models if model.name == name), None)


JobState = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class JobEvent:
    """One step of a job, numbered from 1."""

    number: int
    state: JobState
    progress: float | None  # in [0, 1]; None while the total is unknown
    message: str  # fit to be shown

    @property
    def final(self) -> bool:
        """True when no further event follows."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Health:
    """Is the service well, and how full is it?"""

    ready: bool  # the worker has torch loaded and takes work
    device: str
    waiting: int  # requests in the queue
    models: tuple[str, ...]  # loaded now
    inspection_bytes: int
    forward_passes: int  # since the start; tests count with it
    message: str = ""
