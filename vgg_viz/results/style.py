"""A picture painted in the style of another, and how near it came to both."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance


@dataclass(frozen=True, eq=False)
class StyleLayer:
    """One layer's part in the style.

    Gram matrices are divided by the number of places: entry (i, j) is the mean over places of the
    product of maps i and j, the maps in units of the layer's mean activation.
    """

    layer: str  # the convolution; its ReLU is what is read
    losses: Float32  # (steps so far + 1,): E_l of the start and behind every step
    reference: float  # E_l of the content photo
    content_gram: Float32  # (N, N)
    style_gram: Float32  # (N, N)
    gram: Float32  # (N, N): of the picture as it is

    @property
    def relative(self) -> Float32:
        """E_l over that of the content photo: 1 is as far from the style as the photo is."""
        return self.losses / np.float32(self.reference)


@dataclass(frozen=True, eq=False)
class Styled:
    """The picture behind `step` of `steps`. Losses are of the start and behind every step."""

    pixels: NDArray[np.uint8]  # (S, S, 3)
    content: NDArray[np.uint8]  # (S, S, 3): what was taken of the photo
    style: NDArray[np.uint8]  # (S, S, 3)
    losses: Float32  # (step + 1,): L
    layers: tuple[StyleLayer, ...]
    content_layer: str
    content_losses: Float32  # (step + 1,): L_content
    content_reference: float  # L_content of the style picture
    variation: Float32  # (step + 1,): V, squared differences of neighbouring px
    variation_reference: float  # V of the style picture
    alpha: float  # of L = alpha L_content + beta sum of w_l E_l + gamma V
    beta: float
    gamma: float
    step: int
    steps: int
    evaluations: int  # of L and its gradient
    ended: bool  # no smaller L is found any more
    seconds: float  # of computation
    notes: tuple[str, ...]  # what a reader must know of it, fit to be shown
    provenance: Provenance

    @property
    def relative_content(self) -> Float32:
        """L_content over that of the style picture: 1 is as far as the style picture is."""
        return self.content_losses / np.float32(self.content_reference)

    @property
    def relative_style(self) -> Float32:
        """sum of w_l E_l over that of the content photo."""
        found = np.sum([layer.losses for layer in self.layers], axis=0, dtype=np.float64)
        whole = sum(layer.reference for layer in self.layers)
        return np.asarray(found / whole, np.float32)

    @property
    def relative_variation(self) -> Float32:
        """V over that of the style picture."""
        return self.variation / np.float32(self.variation_reference)
