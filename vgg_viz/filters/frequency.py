"""What a first-layer kernel does to waves: its frequency response, and what its stride can hold.

A kernel passes a wave exp(2 pi i (f_y y + f_x x)) multiplied by its Fourier transform at f, in
cycles per px of the layer's input. A map taken every s px holds waves up to the Nyquist frequency
1 / (2 s) (pi / s in radians) along each axis; faster ones come out as slower ones: aliasing.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIZE = 64  # px that kernels are padded to: steps of 1/64 cycles per px


def frequencies(size: int = SIZE) -> Floats:
    """The axis of `response`: cycles per px from -1/2 up, 0 in the middle. (size,)"""
    return np.asarray(np.fft.fftshift(np.fft.fftfreq(size)))


def response(kernels: Floats, size: int = SIZE) -> Floats:
    """|DFT| of kernels (..., k, k) padded with zeros to `size` px: (..., size, size).

    The phase, and so the kernel's place, does not matter.
    """
    spectrum = np.fft.fft2(kernels, s=(size, size), axes=(-2, -1))
    return np.asarray(np.abs(np.fft.fftshift(spectrum, axes=(-2, -1))))


def grey_response(kernels: Floats, size: int = SIZE) -> Floats:
    """Response of kernels (N, C, k, k) to a wave that is equal in all inputs: (N, size, size)."""
    return response(kernels.sum(axis=1), size)


def colour_response(kernels: Floats, size: int = SIZE) -> Floats:
    """Root of the summed squares of the responses per input of (N, C, k, k): (N, size, size).

    What unrelated waves in the inputs give on average; a kernel for colour has it and no
    `grey_response`.
    """
    return np.asarray(np.sqrt((response(kernels, size) ** 2).sum(axis=1)))


def beyond_nyquist(responses: Floats, stride: int) -> Floats:
    """Share of the squared response where |f_y| or |f_x| exceeds 1 / (2 stride): (...,).

    This is the share of aliases in the map when the input is white noise; photos have less power
    at high frequencies and alias less. 0 for a stride of 1; 1 - 1/s^2 for a kernel of one px.
    """
    fast = ~held(responses.shape[-1], stride)
    power = responses**2
    total = power.sum(axis=(-2, -1))
    share = (power * fast).sum(axis=(-2, -1)) / np.where(total > 0, total, 1)
    return np.asarray(share)


def held(size: int, stride: int) -> NDArray[np.bool_]:
    """Which frequencies of `response` a map of `stride` can hold, (size, size)."""
    slow = np.abs(frequencies(size)) <= 0.5 / stride
    return slow[:, None] & slow[None, :]


def peak_frequencies(responses: Floats) -> Floats:
    """Where responses (N, size, size) are largest: sqrt(f_y^2 + f_x^2) in cycles per px, (N,)."""
    size = responses.shape[-1]
    axis = frequencies(size)
    at = responses.reshape(len(responses), -1).argmax(axis=1)
    return np.asarray(np.hypot(axis[at // size], axis[at % size]))
