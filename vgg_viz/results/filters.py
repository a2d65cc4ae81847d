"""Answers about convolution kernels: their numbers, what they pass, and what makes them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance


@dataclass(frozen=True, eq=False)
class Kernels:
    """The weights of a convolution."""

    layer: str
    weights: Float32  # (out, in, k, k)
    bias: Float32  # (out,)
    stride: int
    padding: int
    provenance: Provenance

    @property
    def side(self) -> int:
        """k, in px of the layer's input."""
        return int(self.weights.shape[-1])


@dataclass(frozen=True, eq=False)
class KernelStudy:
    """What can be said of each of a layer's N output channels from its weights alone."""

    kernels: Kernels
    norms: Float32  # (N,)
    dead: NDArray[np.bool_]  # (N,): norm below `dead_share` of the median norm
    dead_share: float
    duplicates: tuple[tuple[int, int, float], ...]  # (i, j, cosine), most alike first
    same_cosine: float  # |cosine| from which two kernels count as one
    rank_1_energy: Float32  # (N,), in [0, 1]: of the N x in kernels, mean over `in`
    effective_rank: Float32  # (N,), 1 to k, mean over `in`
    response: Float32  # (S, S): root mean square over all kernels of |DFT|, zero frequency centred
    frequencies: Float32  # (S,), cycles per px: the axes of `response`
    peaks: Float32  # (N,), cycles per px: where each kernel's response is largest
    grey_shares: Float32  # (N,), share of ||grey response||^2 in 3 ||response||^2; 0: colour only
    beyond_nyquist: Float32  # (N,), share of the squared response beyond 1/(2 stride)
    beyond_nyquist_mean: float  # of all kernels together
    provenance: Provenance

    @property
    def nyquist(self) -> float:
        """The highest frequency that a map of this stride can hold, cycles per px."""
        return 0.5 / self.kernels.stride


@dataclass(frozen=True, eq=False)
class Factorisation:
    """The best fit found of a 5x5 kernel by products of two 3x3 kernels, and by a separable one."""

    kernel: Float32  # (5, 5)
    first: Float32  # (M, 3, 3)
    second: Float32  # (M, 3, 3)
    product: Float32  # (5, 5), sum of first * second
    residuals: tuple[float, ...]  # ||K - sum|| / ||K|| for 1, 2, 3, 4 channels in between
    separable: Float32  # (5, 5), the best kernel of rank 1
    singular_values: Float32  # (5,), largest first
    rank_1_energy: float  # in [0, 1]
    effective_rank: float  # 1 to 5

    @property
    def channels(self) -> int:
        """M, the channels between the two 3x3 layers."""
        return len(self.first)


@dataclass(frozen=True, eq=False)
class LayerFactorisation:
    """How well two 3x3 kernels make each 5x5 kernel of a layer, one kernel at a time."""

    layer: str
    shape: tuple[int, int]  # (out, in) of the layer
    units: NDArray[np.int64]  # (N, 2): output and input channel of the kernels that were fitted
    residuals: Float32  # (N,), in [0, 1], one product each
    rank_1_energy: Float32  # (N,), in [0, 1]
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class SharedFactorisation:
    """How well a pair of 3x3 layers makes a 5x5 layer, all kernels at once and without the ReLU."""

    layer: str
    shape: tuple[int, int]  # (out, in) of the layer
    fitted: tuple[int, int]  # of the part that was fitted: evenly spaced channels
    channels: tuple[int, ...]  # between the two 3x3 layers
    residuals: tuple[float, ...]  # ||K - a * b|| / ||K||
    weights: tuple[int, ...]  # of the two 3x3 layers
    layer_weights: int  # of the 5x5 layer
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class Aliasing:
    """A picture, what a first layer makes of it at its stride, and what the stride cannot hold."""

    title: str  # "conv1 of ZFNet (b)" or "edge filter, 7x7, stride 2"
    picture: NDArray[np.uint8]  # (H, W, 3), what was convolved
    kernel: Float32  # (C, k, k) of the channel shown
    stride: int
    channel: int
    strided: Float32  # (h, w), the map at the layer's stride, without bias
    held: Float32  # (h, w), the same from the map that was low-passed first
    shares: Float32  # (N,), alias share of every channel, in [0, 1]
    provenance: Provenance

    @property
    def alias(self) -> Float32:
        """What the stride adds: waves that come out as slower ones."""
        return self.strided - self.held

    @property
    def share(self) -> float:
        """Alias share of the channel shown."""
        return float(self.shares[self.channel])
