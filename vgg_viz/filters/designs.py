"""Kernels made by formula: 5x5 examples to factorise, and one design in several sizes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vgg_viz.errors import UnknownNameError

Floats = NDArray[np.float64]

STRIPE_PERIOD = 5.0  # px: 0.2 cycles per px, between the Nyquist frequencies of stride 4 and 2


def _window(side: int) -> tuple[Floats, Floats, Floats]:
    """Coordinates y and x from the middle, and a Gaussian that fits: std of side / 6 px."""
    at = np.arange(side) - (side - 1) / 2
    y, x = np.meshgrid(at, at, indexing="ij")
    return y, x, np.exp(-(y**2 + x**2) / (2 * (side / 6) ** 2))


def _gaussian(side: int) -> Floats:
    return _window(side)[2]


def _edge(side: int) -> Floats:
    _, x, window = _window(side)
    return x * window


def _stripes(side: int) -> Floats:
    _, x, window = _window(side)
    wave = np.cos(2 * np.pi * x / STRIPE_PERIOD) * window
    # Blind for flat areas, as edge filters are.
    return np.asarray(wave - window * wave.sum() / window.sum())


def _one_px(side: int) -> Floats:
    kernel = np.zeros((side, side))
    kernel[side // 2, side // 2] = 1
    return kernel


DESIGNS: dict[str, Callable[[int], Floats]] = {
    "gaussian": _gaussian,
    "edge": _edge,
    "stripes": _stripes,
    "one_px": _one_px,
}


def designed(name: str, side: int) -> Floats:
    """The design `name` of DESIGNS in side x side px, norm 1; UnknownNameError with the choices."""
    if name not in DESIGNS:
        raise UnknownNameError.among("kernel", name, DESIGNS)
    kernel = DESIGNS[name](side)
    return np.asarray(kernel / np.linalg.norm(kernel))
