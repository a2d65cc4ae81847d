"""What every layer and channel of a network answers to a photo."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often a value occurs: bin i counts (start + i) width <= value < (start + i + 1) width.

    `width` is a power of two, so that the bins of two layers fit into each other.
    """

    start: int
    width: float
    counts: NDArray[np.int64]  # (bins,); values that are not finite are in none

    @property
    def edges(self) -> NDArray[np.float64]:
        """(bins + 1,) ends of the bins."""
        at = np.arange(self.start, self.start + len(self.counts) + 1)
        return at.astype(np.float64) * self.width


@dataclass(frozen=True, eq=False)
class ValueSummary:
    """The values of a layer, all channels together."""

    mean: float
    std: float
    least: float
    largest: float
    zeros: float  # in [0, 1]: share of values that are exactly 0
    histogram: Histogram
    mini: Float32  # (h, w), mean over the channels, reduced by area; a vector's values in rows


@dataclass(frozen=True, eq=False)
class LayerSummary:
    """One layer before and after the ReLU that follows it (the same where none does)."""

    layer: str  # "conv5_3"
    kind: str  # "conv", "batch_norm", "lrn", "max_pool", "avg_pool", "linear"
    relu: str | None  # "relu5_3", the ReLU that follows
    channels: int
    side: int  # units on a side of a map; 1 for vectors
    before: ValueSummary
    after: ValueSummary
    dead: int  # channels that are 0 at every unit after ReLU
    # Channels above 0 at every unit after ReLU, which then passes them unchanged; None for vectors.
    saturated: int | None

    def values(self, *, relu: bool) -> ValueSummary:
        """After ReLU, or before it."""
        return self.after if relu else self.before


@dataclass(frozen=True, eq=False)
class LayerStrip:
    """Every layer of a network on one photo."""

    layers: tuple[LayerSummary, ...]
    provenance: Provenance

    def layer(self, name: str) -> LayerSummary | None:
        """The layer called `name`, or None."""
        return next((each for each in self.layers if each.layer == name), None)


@dataclass(frozen=True, eq=False)
class ChannelNumbers:
    """One number a channel, over all its units; in the order of the channels."""

    means: Float32  # (C,)
    stds: Float32  # (C,), divided by the number of units
    minima: Float32  # (C,)
    maxima: Float32  # (C,)
    zeros: Float32  # (C,), in [0, 1]: share of units that are exactly 0


@dataclass(frozen=True, eq=False)
class LayerChannels:
    """All channels of a layer, small enough to send, with numbers from their full maps.

    The value of byte b of channel c is lows[c] + b / 255 (highs[c] - lows[c]).
    """

    layer: str
    kind: str
    output: str  # whose values these are: "conv5_3", or "relu5_3" after ReLU
    relu: bool
    side: int  # units on a side of the full map
    pooled: int  # a px of `maps` is the largest of pooled x pooled units
    maps: NDArray[np.uint8] = field(repr=False)  # (C, h, w)
    lows: Float32  # (C,), at most 0
    highs: Float32  # (C,), at least 0
    numbers: ChannelNumbers
    scores: Float32  # (C,), sum over units of d logit / d value x value
    target: int
    target_name: str
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class ChannelMap:
    """One channel in full, and how like it the others are."""

    layer: str
    output: str
    channel: int
    relu: bool
    map: Float32  # (h, w)
    similarities: Float32  # (C,), cosine of the maps, in [-1, 1]; 0 where a map is 0 everywhere
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """Every channel of a layer in full."""

    layer: str
    output: str
    relu: bool
    maps: Float32  # (C, h, w); (K, 1, 1) for vectors
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class PhotoDifferences:
    """What changes in each channel of a layer from one photo to another."""

    layer: str
    output: str
    relu: bool
    means: Float32  # (2, C)
    maxima: Float32  # (2, C)
    distances: Float32  # (C,), root of the mean squared difference, unit by unit
    similarities: Float32  # (C,), cosine of the two maps; 0 where one is 0 everywhere
    provenance: Provenance
