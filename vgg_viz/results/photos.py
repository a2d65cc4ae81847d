"""Answers about one photo."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance


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
