"""What a network says of a photo with a square over part of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance

UNKNOWN = -1  # the most probable class of a place where the square has not been yet


@dataclass(frozen=True, eq=False)
class Occlusion:
    """Maps of ZFNet's occlusion experiment (arXiv 1311.2901, section 4.2), one cell a place.

    The cell (i, j) is the photo with a square whose first row is `starts[i]` and first column
    `starts[j]`, px of what the network sees; at the border it is cut off. NaN, and UNKNOWN in
    `top`, where the square has not been yet.
    """

    scores: Float32  # (places, places): the target's logit, or the difference to `versus`
    probabilities: Float32  # (places, places): of the target
    top: NDArray[np.int32]  # (places, places): the most probable class
    activations: Float32  # (places, places): sum over the strongest feature map
    score: float  # of the photo without a square, as the three that follow
    probability: float
    top_class: int
    activation: float
    layer: str  # behind the last convolution's ReLU
    channel: int  # whose map sums to most on the photo without a square
    starts: tuple[int, ...]  # px
    square: int  # px
    stride: int  # px
    fill: str
    input_size: int  # px
    classes: tuple[str, ...]
    target: int
    versus: int | None
    provenance: Provenance
    done: int  # places
    total: int
    seconds: float  # of computation

    @property
    def target_name(self) -> str:
        """Name of the class that the maps are about."""
        return self.classes[self.target]

    @property
    def drops(self) -> Float32:
        """What the square takes from the score: (places, places)."""
        return (self.score - self.scores).astype(np.float32)

    @property
    def complete(self) -> bool:
        """Whether the square has been everywhere."""
        return self.done >= self.total

    @property
    def grid(self) -> Float32:
        """The drops averaged at every pixel over the squares that cover it: (H, W).

        The same as the attribution method "occlusion"; 0 where no square has been.
        """
        total = np.zeros((self.input_size, self.input_size), np.float32)
        covered = np.zeros_like(total)
        drops = self.drops
        for i, top in enumerate(self.starts):
            for j, left in enumerate(self.starts):
                if np.isfinite(drops[i, j]):
                    total[top : top + self.square, left : left + self.square] += drops[i, j]
                    covered[top : top + self.square, left : left + self.square] += 1
        mean: Float32 = (total / np.maximum(covered, 1)).astype(np.float32)
        return mean


@dataclass(frozen=True, eq=False)
class Occluded:
    """Scores of a photo with a square at one place."""

    logits: Float32  # (classes,)
    probabilities: Float32  # (classes,)
    probabilities_before: Float32  # (classes,): without the square
    box: tuple[int, int, int, int]  # left, top, right, bottom, px of what the network sees
    input_size: int  # px
    classes: tuple[str, ...]
    seconds: float  # of computation
    provenance: Provenance

    def top(self, count: int = 5) -> tuple[int, ...]:
        """The most probable classes with the square, best first."""
        return tuple(np.argsort(-self.probabilities, kind="stable")[:count].tolist())
