"""What the stride of a first layer does to a picture: the waves that its map cannot hold.

The layer's map at stride 1 holds everything the kernel passes. The layer keeps every s-th value:

    strided = map[::s, ::s]                    what the network goes on with
    held    = low_pass(map, s)[::s, ::s]       what a map of this stride can say of the picture
    alias   = strided - held                   waves beyond 1/(2s), come out as slower ones

and the alias share is |alias|^2 / (|alias|^2 + |held - its mean|^2), in [0, 1]: 0 for stride 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AliasedMaps:
    """What N kernels make of a picture at a stride."""

    strided: Floats  # (N, h, w)
    held: Floats  # (N, h, w)

    @property
    def alias(self) -> Floats:
        """What is there and should not be, (N, h, w)."""
        return self.strided - self.held

    @property
    def shares(self) -> Floats:
        """Alias share of each map, in [0, 1]; 0 for a flat map. (N,)"""
        wrong = (self.alias**2).sum(axis=(-2, -1))
        right = ((self.held - self.held.mean(axis=(-2, -1), keepdims=True)) ** 2).sum(axis=(-2, -1))
        total = wrong + right
        return np.asarray(wrong / np.where(total > 0, total, 1))


def aliased_maps(picture: Floats, kernels: Floats, stride: int) -> AliasedMaps:
    """Convolve a picture (C, H, W) with kernels (N, C, k, k), and separate what `stride` aliases.

    Without padding: a border of zeros would add waves of its own.
    """
    whole = correlate(picture, kernels)
    return AliasedMaps(
        strided=whole[:, ::stride, ::stride], held=low_pass(whole, stride)[:, ::stride, ::stride]
    )


def correlate(picture: Floats, kernels: Floats) -> Floats:
    """What a convolution layer computes, stride 1, no padding: (C, H, W), (N, C, k, k) -> (N, .)"""
    side = kernels.shape[-1]
    height, width = (length - side + 1 for length in picture.shape[-2:])
    out = np.zeros((len(kernels), height, width))
    for y in range(side):
        for x in range(side):
            seen = picture[:, y : y + height, x : x + width]
            out += np.tensordot(kernels[:, :, y, x], seen, axes=1)
    return out


def low_pass(maps: Floats, stride: int) -> Floats:
    """Maps (..., H, W) without waves beyond 1 / (2 stride) cycles per px along either axis.

    Ideal, on the mirrored map (a cosine transform): the ends meet, so that the border between
    left and right edge is no wave.
    """
    if stride == 1:
        return maps
    height, width = maps.shape[-2:]
    tall = np.concatenate([maps, maps[..., ::-1, :]], axis=-2)
    mirrored = np.concatenate([tall, tall[..., ::-1]], axis=-1)  # (..., 2 H, 2 W)
    spectrum = np.fft.rfft2(mirrored)
    down = np.abs(np.fft.fftfreq(2 * height)) < 0.5 / stride
    across = np.fft.rfftfreq(2 * width) < 0.5 / stride
    kept = spectrum * (down[:, None] & across[None, :])
    return np.asarray(np.fft.irfft2(kept, s=mirrored.shape[-2:])[..., :height, :width])


def zone_plate(side: int) -> Floats:
    """A picture (side, side) in [0, 1] with every frequency once: 1/2 + cos(pi r^2 / side) / 2.

    The frequency along x is x / side cycles per px, x px from the middle: 0 in the middle, 1/2 at
    the edges, so that the picture itself does not alias.
    """
    at = np.arange(side) - (side - 1) / 2
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * (at[:, None] ** 2 + at[None, :] ** 2) / side))
