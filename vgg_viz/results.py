"""Answers of the model service: frozen, numpy only, each saying where it came from.

Arrays are read-only. Results compare by identity (`eq=False`): arrays have no single truth value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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


# Edges of every histogram of magnitudes, log10|x|: one axis for all layers, settings and steps.
MAGNITUDES = np.linspace(-18, 6, 61)
MAGNITUDES.flags.writeable = False

QUANTITIES = (
    "z_std",  # of a layer's output before batch norm and ReLU
    "activation_std",  # of the output of the ReLU behind it; NaN where none follows
    "gradient_std",  # of dL/dz
    "weight_norm",  # Euclidean, of W
    "weight_gradient_norm",  # of dL/dW
    "bias_gradient_norm",  # of dL/db; NaN without a bias
    "update_ratio",  # norm of an update over norm of W; expected (lr |dL/dW| / |W|) or measured
    "zero_share",  # of values the ReLU set to 0, in [0, 1]
    "dead_share",  # of channels that are 0 everywhere, for every input of the batch, in [0, 1]
)
HISTOGRAMS = ("z", "activation", "gradient", "weight_gradient")  # of log10 of these


@dataclass(frozen=True, eq=False)
class LayerFlow:
    """One convolution or linear layer in one forward and backward pass.

    `values` holds QUANTITIES. `histograms` holds HISTOGRAMS: counts (60,) of log10|x| between
    MAGNITUDES, values beyond the ends counted at the ends, exact zeros not at all: their number
    is the total minus the sum. Of large layers every k-th value is taken. `euler` is <W, dL/dW>;
    `predicted_*` are the curves of He et al. from the measured first z and last dL/dz (NaN where
    batch norm or LRN forbid them).
    """

    layer: str  # "conv5_3"
    kind: Literal["conv", "linear"]
    values: Mapping[str, float]
    histograms: Mapping[str, NDArray[np.int64]]
    totals: Mapping[str, int]  # values each histogram was taken from, with zeros
    euler: float
    predicted_z_std: float
    predicted_gradient_std: float


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """Signal and gradient, layer by layer, before any training; first layer first."""

    network: str
    title: str  # "VGG-16 (D)"
    initialization: str
    initialization_title: str  # "normal, std 0.01"
    layers: tuple[LayerFlow, ...]
    loss: float  # cross-entropy, nats
    logit_std: float
    batch: int
    input_title: str  # "seeded noise N(0, 1), batch 2"
    learning_rate: float
    copied: tuple[tuple[str, str], ...]  # staged: (layer of A, layer here)
    euler_spread: float | None  # (max - min) / max |euler|; None where the identity does not hold
    verdict: tuple[str, ...]  # sentences
    seconds: float
    provenance: Provenance

    def curve(self, quantity: str) -> Float32:
        """One of QUANTITIES over the layers, (layers,)."""
        return np.array([layer.values[quantity] for layer in self.layers], np.float32)


@dataclass(frozen=True)
class Finding:
    """Something a reader of a recording must hear of: "NaN", "dead layer", "exploding update"."""

    step: int
    layer: str  # "" for the whole network
    kind: Literal["diverged", "non-finite gradient", "dead layer", "exploding update", "note"]
    message: str  # "diverged at step 37: loss is NaN, first in conv4_2"


RunState = Literal["running", "complete", "stopped", "diverged", "interrupted"]


@dataclass(frozen=True)
class RunInfo:
    """What is known about a recording without reading its numbers."""

    run: str  # its folder's name, unique
    title: str
    bundled: bool  # shipped with the program; cannot be renamed or deleted
    state: RunState  # "interrupted": it ended without saying so
    created: str  # ISO 8601, UTC
    steps: int  # the last step recorded
    planned_steps: int  # 0 when unknown
    seconds: float  # of training
    settings: Mapping[str, Any]  # network, width, initialization, data, optimizer, ... as recorded
    layers: tuple[str, ...]  # first layer first
    findings: tuple[Finding, ...]
    versions: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Series:
    """A number over the steps of a training."""

    steps: NDArray[np.int32]  # (n,)
    values: Float32  # (n,)


@dataclass(frozen=True, eq=False)
class Recording:
    """A recorded training, or what came after a step of it.

    `scalars`: "loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate",
    "seconds", "sample_probability" and any other a person recorded. `flow` holds QUANTITIES,
    (flow steps, layers); `histograms` maps "z" and "gradient" to uint16 shares
    (flow steps, layers, 60), 65535 for all values. `pictures` maps "kernels" to
    (n, out, in, k, k) and "cam" to (n, h, w), raw and signed.
    """

    info: RunInfo
    scalars: Mapping[str, Series]
    flow_steps: NDArray[np.int32]
    flow: Mapping[str, Float32]
    histograms: Mapping[str, NDArray[np.uint16]]
    picture_steps: Mapping[str, NDArray[np.int32]]
    pictures: Mapping[str, Float32]


Result = Classification | Attribution | Activations | Picture | GradientFlow | Recording


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
class NetworkInfo:
    """A network of the lecture, without weights."""

    name: str  # "vgg16"
    title: str  # "VGG-16 (D)"


@dataclass(frozen=True)
class InitializationInfo:
    """A way to draw the first weights."""

    name: str  # "he_fan_in"
    title: str  # "He, fan-in"
    formula: str  # "Var[w] = 2 / fan_in"
    explanation: str  # one or two sentences with the paper


@dataclass(frozen=True)
class DatasetInfo:
    """What a network can be trained on here."""

    name: str  # "shapes", "digits", "folder:flowers"
    title: str
    explanation: str


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
    networks: tuple[NetworkInfo, ...] = ()
    initializations: tuple[InitializationInfo, ...] = ()
    datasets: tuple[DatasetInfo, ...] = ()

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
