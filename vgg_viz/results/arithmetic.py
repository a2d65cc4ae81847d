"""What one unit of a network is computed from, number by number."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Product:
    """One product of a weighted sum."""

    channel: int
    row: int  # in the kernel, from 0; always 0 in a linear layer
    column: int
    given: float  # what the layer got there
    weight: float

    @property
    def value(self) -> float:
        """The product; exact, as two float32 numbers fit into one float64."""
        return self.given * self.weight


@dataclass(frozen=True, eq=False)
class WeightedSum:
    """A convolution or a linear layer at one unit: products of inputs and weights, plus a bias.

    The channels of a linear layer are its input features; its kernel is 1 x 1.
    """

    given: Float32  # (C, kh, kw), the patch; 0 where the kernel reaches beyond the map
    weights: Float32  # (C, kh, kw)
    inside: NDArray[np.bool_]  # (kh, kw); False: padding
    sums: Float64  # (C,), of each channel's products, in double precision
    strongest: tuple[int, ...]  # channels of largest |sum|, largest first
    bias: float
    first: tuple[int, int]  # row and column of the map under the kernel's corner; may be outside
    step: tuple[int, int]  # px of the map between the kernel's taps, down and across
    grid: tuple[int, int, int] | None = None  # (C, h, w) of the map that was flattened before

    @property
    def products(self) -> Float64:
        """(C, kh, kw), exact."""
        exact: Float64 = self.given.astype(np.float64) * self.weights
        return exact

    @property
    def others(self) -> Float64:
        """Sums of the channels that are not among the strongest."""
        rest: Float64 = np.delete(self.sums, self.strongest)
        return rest

    @property
    def total(self) -> float:
        """All products and the bias, added in double precision."""
        return float(self.sums.sum() + self.bias)

    def strongest_products(self, count: int) -> tuple[Product, ...]:
        """The `count` products of largest size, largest first."""
        flat = self.products.ravel()
        order = np.argsort(-np.abs(flat), kind="stable")[:count]
        return tuple(self._product(int(index)) for index in order)

    def feature(self, channel: int) -> tuple[int, int, int] | None:
        """(channel, row, column) that an input feature had before the map was flattened."""
        if self.grid is None:
            return None
        c, row, column = np.unravel_index(channel, self.grid)
        return int(c), int(row), int(column)

    def _product(self, index: int) -> Product:
        channel, row, column = (int(i) for i in np.unravel_index(index, self.given.shape))
        at = channel, row, column
        return Product(*at, float(self.given[at]), float(self.weights[at]))


@dataclass(frozen=True, eq=False)
class Window:
    """What a pool looks at."""

    given: Float32  # (kh, kw); 0 where the window reaches beyond the map
    inside: NDArray[np.bool_]  # (kh, kw)
    first: tuple[int, int]  # row and column of the map under the window's corner; may be outside
    step: tuple[int, int]  # px between the window's taps, down and across
    winner: tuple[int, int] | None  # place of the largest value in the window; None: their mean


@dataclass(frozen=True, eq=False)
class ChannelNeighbours:
    """What local response normalisation looks at: the same place in neighbouring channels."""

    given: float
    channels: tuple[int, ...]  # fewer than `size` at the first and last channels
    neighbours: Float32  # their values, the unit's own among them
    size: int  # n
    alpha: float
    beta: float
    k: float

    @property
    def sum_of_squares(self) -> float:
        """Of the neighbours, in double precision."""
        return float((self.neighbours.astype(np.float64) ** 2).sum())

    @property
    def denominator(self) -> float:
        """(k + alpha / n x sum of squares) ^ beta."""
        return float((self.k + self.alpha / self.size * self.sum_of_squares) ** self.beta)


@dataclass(frozen=True)
class Standardisation:
    """Batch normalisation as it works on photos: with the running statistics of its channel."""

    given: float
    mean: float
    variance: float
    epsilon: float
    weight: float
    bias: float


@dataclass(frozen=True)
class PassedOn:
    """One value in: what a ReLU, dropout (in eval mode) or flatten gets."""

    given: float
    source: tuple[int, int, int]  # (channel, row, column) of the layer before


Parts = WeightedSum | Window | ChannelNeighbours | Standardisation | PassedOn


@dataclass(frozen=True, eq=False)
class LayerArithmetic:
    """One layer at one unit. Rows, columns and channels count from 0."""

    layer: str
    kind: str  # "conv", "batch_norm", "relu", "lrn", "max_pool", "avg_pool", "linear", ...
    before: str  # the layer whose output it reads; "input": the normalised photo
    channel: int
    row: int
    column: int
    shape: tuple[int, int, int]  # (C, h, w) of the layer's output
    formula: str  # with the layer's own numbers
    inserted: str  # the same with the unit's numbers
    parts: Parts
    value: float  # from the parts, in double precision
    network: float  # what the network computed, in its own precision
    tolerance: float  # by how much rounding lets the two differ

    @property
    def difference(self) -> float:
        """|value - network|."""
        return abs(self.value - self.network)

    @property
    def agrees(self) -> bool:
        """Whether both are the same up to rounding; False where one is not finite."""
        return self.difference <= self.tolerance


@dataclass(frozen=True, eq=False)
class UnitArithmetic:
    """The layer asked for, and the ReLU, batch norm or LRN that change the same unit behind it."""

    steps: tuple[LayerArithmetic, ...]
    provenance: Provenance

    @property
    def first(self) -> LayerArithmetic:
        """The layer asked for."""
        return self.steps[0]

    @property
    def last(self) -> LayerArithmetic:
        """The last layer that changes this unit before another one reads it."""
        return self.steps[-1]
