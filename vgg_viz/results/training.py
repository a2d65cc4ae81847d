"""Signal and gradient before a training, and what was recorded of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance

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
    weights: tuple[int, ...] = ()  # steps after which the weights were kept as a checkpoint


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
