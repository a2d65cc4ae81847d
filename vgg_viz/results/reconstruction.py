"""What reaches back from a unit to the photo, and the kernels of any layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance

Rule = Literal["gradient", "deconvnet", "guided"]
Units = Literal["strongest", "top9", "place"]
Normalisation = Literal["passed", "derivative"]
Span = tuple[int, int]  # px, first and past the last


@dataclass(frozen=True)
class ReluRule:
    """What a backward pass does with the signal R at a ReLU whose input was f."""

    name: Rule
    title: str
    paper: str
    forward_mask: bool  # R is 0 where f <= 0
    signal_relu: bool  # R is 0 where R < 0
    formula: str


RULES: Mapping[str, ReluRule] = {
    rule.name: rule
    for rule in (
        ReluRule("gradient", "Gradient", "arXiv 1312.6034", True, False, "R · 1[f > 0]"),
        ReluRule("deconvnet", "Deconvnet", "arXiv 1311.2901", False, True, "R · 1[R > 0]"),
        ReluRule(
            "guided", "Guided backprop", "arXiv 1412.6806", True, True, "R · 1[f > 0] · 1[R > 0]"
        ),
    )
}


@dataclass(frozen=True)
class FiringUnit:
    """A unit that the backward pass starts from."""

    row: int
    column: int
    value: float  # of the map, before its ReLU


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """One channel's units sent back to the photo, once per ReLU rule.

    All other activations of the layer are 0; the pass starts with the units' own values. A channel
    or unit that does not fire has no `units`, signals of zeros, and says why in `silence`.
    """

    layer: str
    channel: int
    rules: tuple[Rule, ...]
    signals: tuple[Float32, ...]  # one per rule: (3, H, W), signed, of the normalised input
    units: tuple[FiringUnit, ...]  # strongest first
    wanted: int  # units that were asked for: 1 or 9
    span_y: Span  # smallest box around the units' receptive fields, not clipped at the border
    span_x: Span
    fields: tuple[tuple[Span, Span], ...]  # (y, x) of each unit
    maxima: Float32  # (C,): every channel's largest value on this photo, before its ReLU
    normalisation: Normalisation | None  # of the deconvnet at LRN; None: no LRN on the way
    silence: str
    provenance: Provenance

    def signal(self, rule: str) -> Float32:
        """The signal of `rule`, (3, H, W)."""
        return self.signals[self.rules.index(rule)]

    @property
    def ranked(self) -> NDArray[np.intp]:
        """All channels, the one with the largest value first; ties by number. (C,)"""
        return np.argsort(-np.nan_to_num(self.maxima, nan=-np.inf), kind="stable")


@dataclass(frozen=True, eq=False)
class LayerKernels:
    """What can be said of the N kernels of a convolution, each (in, k, k), from their weights."""

    layer: str
    shape: tuple[int, int, int]  # (out, in, k)
    norms: Float32  # (N,)
    dead: NDArray[np.bool_]  # (N,): norm below `dead_share` of the median norm
    dead_share: float
    closest: tuple[tuple[int, int, float], ...]  # (i, j, cosine) of the most alike, |cosine| falls
    alike: tuple[tuple[int, int, float], ...]  # those of at least `same_cosine`, at most a thousand
    same_cosine: float
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class ChannelKernel:
    """The kernel of one channel: a slice for each input channel, and what it passes."""

    layer: str
    channel: int
    kernel: Float32  # (in, k, k)
    bias: float
    stride: int
    slice_norms: Float32  # (in,)
    cosines: Float32  # (N,), to every kernel of the layer; 0 for kernels of zeros
    response: Float32  # (S, S): root of the summed |DFT|^2 over the slices, frequency 0 centred
    frequencies: Float32  # (S,), cycles per px of the layer's input
    provenance: Provenance

    @property
    def nyquist(self) -> float:
        """The highest frequency that a map of this stride can hold, cycles per px."""
        return 0.5 / self.stride

    @property
    def strongest_slices(self) -> NDArray[np.intp]:
        """Input channels by the norm of their slice, largest first. (in,)"""
        return np.argsort(-self.slice_norms, kind="stable")
