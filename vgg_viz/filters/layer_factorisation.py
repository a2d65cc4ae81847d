"""A whole 5x5 layer by two 3x3 layers with M channels between them, again without the ReLU:

    K[o, i] = sum_m a[o, m] * b[m, i]          9 M (C_in + C_out) weights for 25 C_in C_out

The M channels are shared by all kernels of the layer, so this is much harder than to make one
kernel. M = C_out is what VGG does; M = 4 min(C_in, C_out) makes every layer.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vgg_viz.errors import InputError
from vgg_viz.filters.factorisation import LARGE, SMALL, convolving

Floats = NDArray[np.float64]

SWEEPS = 15
RIDGE = 1e-9  # of the mean squared column: keeps the normal equations solvable, moves no digit


def layer_residuals(weights: Floats, channels: Sequence[int], *, seed: int = 0) -> Floats:
    """||K - a * b|| / ||K|| over a whole layer (C_out, C_in, 5, 5), for each number of channels.

    Alternating least squares, a few sweeps from two beginnings: fresh seeded ones, and the better
    fit with fewer channels, so that the residuals never grow. What is returned is an upper bound:
    more sweeps still win some percent. InputError when `channels` does not rise.
    """
    if weights.ndim != 4 or weights.shape[2:] != (LARGE, LARGE):
        raise InputError("Give the weights of a 5x5 layer, (C_out, C_in, 5, 5).")
    if not channels or any(b <= a for a, b in zip((0, *channels), channels, strict=False)):
        raise InputError("Give numbers of channels that rise from 1.")
    target = weights / (float(np.linalg.norm(weights)) or 1.0)
    inputs = target.shape[1]
    random = np.random.default_rng(seed)
    after = np.zeros((inputs, 0, SMALL, SMALL))  # b, its input channels first
    residuals = []
    for count in channels:
        fresh = random.normal(size=(inputs, count, SMALL, SMALL)) / np.sqrt(SMALL**2 * inputs)
        grown = np.concatenate([after, fresh[:, after.shape[1] :]], axis=1)
        best, after = min((_swept(target, start) for start in (grown, fresh)), key=lambda r: r[0])
        residuals.append(best)
    return np.minimum.accumulate(np.array(residuals))


def _swept(target: Floats, after: Floats) -> tuple[float, Floats]:
    """The residual that sweeps from b = `after` reach, and its b."""
    before = np.zeros((len(target), *after.shape[1:]))
    for _ in range(SWEEPS):
        before = _fitted(target, after, before)
        after = _fitted(target.swapaxes(0, 1), before, after)
    return _residual(target, before, after), after


def _fitted(target: Floats, known: Floats, old: Floats) -> Floats:
    """The a of (A, M, 3, 3) that fits target (A, B, 5, 5) best beside `known` (B, M, 3, 3)."""
    matrix = convolving(known).reshape(-1, known[0].size)  # (25 B, 9 M)
    normal = matrix.T @ matrix
    ridge = RIDGE * np.trace(normal) / len(normal) + 1e-30
    wanted = target.reshape(len(target), -1) - old.reshape(len(old), -1) @ matrix.T
    step = np.linalg.solve(normal + ridge * np.eye(len(normal)), matrix.T @ wanted.T)
    return np.asarray(old + step.T.reshape(old.shape))


def _residual(target: Floats, before: Floats, after: Floats) -> float:
    matrix = convolving(after).reshape(-1, after[0].size)
    return float(
        np.linalg.norm(target.reshape(len(target), -1) - before.reshape(len(before), -1) @ matrix.T)
    )
