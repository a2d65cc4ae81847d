"""Measured times of layers beside what the device can do, and class maps of whole photos."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance

Bound = Literal["compute", "memory"]


@dataclass(frozen=True)
class LayerTiming:
    """One layer of one pass, for the whole batch."""

    layer: str
    kind: str
    seconds: float  # median of the repeats
    fastest: float  # s
    macs: int  # multiply-accumulates; FLOPs = 2 x MACs
    moved_bytes: int  # parameters, input and output, each once

    @property
    def intensity(self) -> float:
        """FLOPs for each byte moved; 0 where nothing moves."""
        return 2 * self.macs / self.moved_bytes if self.moved_bytes else 0.0

    @property
    def flops_per_second(self) -> float:
        """Achieved; 0 for layers without MACs."""
        return 2 * self.macs / self.seconds

    @property
    def bytes_per_second(self) -> float:
        """Achieved, with every byte counted once."""
        return self.moved_bytes / self.seconds


@dataclass(frozen=True)
class LayerTimings:
    """Every layer of a network in order, and the roofline of the device it ran on.

    The roofline (Williams, Waterman & Patterson 2009): nothing runs faster than
    min(peak, intensity x bandwidth). Both are measured here, in the same minute.
    """

    title: str  # "VGG-16 (D)"
    layers: tuple[LayerTiming, ...]
    batch: int
    whole_seconds: float  # the network in one go, median
    repeats: int
    peak_flops: float  # FLOP/s: the best of large matrix products
    bandwidth: float  # bytes/s: the best of large copies and triads
    device_title: str  # "cpu, AVX512, 2 threads"
    provenance: Provenance

    @property
    def ridge(self) -> float:
        """FLOPs per byte from which on a layer can keep the arithmetic busy."""
        return self.peak_flops / self.bandwidth

    @property
    def sum_seconds(self) -> float:
        """All layers, each on its own."""
        return sum(layer.seconds for layer in self.layers)

    def bound(self, layer: LayerTiming) -> Bound:
        """Which roof is above `layer`: it cannot be faster than arithmetic, or than memory."""
        return "compute" if layer.intensity >= self.ridge else "memory"

    def roof(self, layer: LayerTiming) -> float:
        """The least seconds the two roofs leave `layer`."""
        return max(2 * layer.macs / self.peak_flops, layer.moved_bytes / self.bandwidth)

    def roof_share(self, layer: LayerTiming) -> float:
        """How near `layer` comes to its roof: 1 touches it.

        More than 1 is possible: data that stays in a cache moves faster than memory does, and
        some convolutions (Winograd's) do fewer operations than are counted.
        """
        return self.roof(layer) / layer.seconds


@dataclass(frozen=True)
class CropComparison:
    """One evaluation of a whole photo against the network slid over it, crop by crop."""

    crops: int
    largest_difference: float  # of a probability, over all crops and classes
    mean_difference: float  # of the top class's probability
    same_top_share: float  # of crops with the same most probable class, in [0, 1]
    seconds: float  # of all crops


@dataclass(frozen=True, eq=False)
class DenseMap:
    """Class probabilities at every position of a photo, from one pass.

    Position (r, c) is where the network's window of `window` px has its corner at
    (r x stride, c x stride); its field, of `field` px, has its centre at offset + index x stride.
    """

    probabilities: Float32  # (classes, h, w), in [0, 1], sum 1 over classes
    classes: tuple[str, ...]
    photo: NDArray[np.uint8]  # (H, W, 3) RGB, as it was evaluated
    window: int  # px: the side of the input that the network is declared for
    field: int  # px: the side of what one position can see
    stride: int  # px between positions
    offset: float  # px: centre of the first position, where px 0 has its centre at 0
    whole: NDArray[np.bool_]  # (h, w): the whole field lies in the photo, so no padding is seen
    macs: int  # of this pass
    crop_macs: int  # of the network on one crop of `window` px
    seconds: float  # of this pass
    provenance: Provenance
    crops: CropComparison | None = None  # where it was asked for

    @property
    def top(self) -> NDArray[np.intp]:
        """(h, w): the most probable class of every position."""
        found: NDArray[np.intp] = self.probabilities.argmax(0)
        return found

    def commonest(self) -> int:
        """The class that is on top most often; of several the most probable on average."""
        counts = np.bincount(self.top.ravel(), minlength=len(self.classes))
        return int(np.lexsort((self.probabilities.mean((1, 2)), counts))[-1])
