"""Which 5x5 kernels two 3x3 convolutions can make: without the ReLU between them.

A 3x3 convolution b after a 3x3 convolution a is one 5x5 convolution with the full convolution of
the two kernels,

    (a * b)[y, x] = sum_ij a[i, j] b[y - i, x - j],

and with M channels between them the sum of M such products. One product has 9 + 9 - 1 = 17 free
numbers (a factor can move from a to b), a 5x5 kernel has 25: most kernels are no product. M = 4
makes every kernel: b_m is a single 1 in one of the four corners, a_m the part of K that lies there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.errors import InputError

Floats = NDArray[np.float64]

SMALL, LARGE = 3, 5  # px
ENOUGH_CHANNELS = 4  # every 5x5 kernel is a sum of four products
MAX_CHANNELS = 9
# Random beginnings, and two stages of Levenberg-Marquardt: (steps, beginnings that go on). Of the
# kernels of a trained conv2, 4.5 % still end more than 0.001 above the best of 128 beginnings.
# Alternating least squares, the textbook method, needed 4 times as long and left 21 % there.
STARTS = 32
STAGES = ((6, 8), (15, 1))
CAREFUL_STARTS = 128  # for a single kernel


@dataclass(frozen=True, eq=False)
class Fit:
    """The best sum of M products found for each of N kernels."""

    first: Floats  # (N, M, 3, 3)
    second: Floats  # (N, M, 3, 3)
    residuals: Floats  # (N,), ||K - sum a * b|| / ||K||, in [0, 1]; 0 for a kernel of zeros

    @property
    def products(self) -> Floats:
        """What the stacks make, (N, 5, 5)."""
        return np.asarray(full_convolution(self.first, self.second).sum(axis=1))


def full_convolution(a: Floats, b: Floats) -> Floats:
    """Convolve kernels (..., 3, 3) pairwise: (..., 5, 5)."""
    out = np.zeros((*np.broadcast_shapes(a.shape, b.shape)[:-2], LARGE, LARGE))
    for i in range(SMALL):
        for j in range(SMALL):
            out[..., i : i + SMALL, j : j + SMALL] += a[..., i, j, None, None] * b
    return out


def fit_stack(kernels: Floats, channels: int = 1, *, seed: int = 0, starts: int = STARTS) -> Fit:
    """Fit every kernel of (N, 5, 5) by `channels` products of two 3x3 kernels, least squares.

    Levenberg-Marquardt on the 18 `channels` numbers. There are local minima, so `starts` seeded
    beginnings are tried a few steps each and the best go on. One of them is the fit with one
    product fewer: more channels are never worse. InputError for other shapes or for values that
    are not finite.
    """
    wanted = np.asarray(kernels, float)
    if wanted.ndim != 3 or wanted.shape[1:] != (LARGE, LARGE) or not np.isfinite(wanted).all():
        raise InputError("Give kernels of 5 x 5 finite numbers.")
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError(f"{channels} channels in between; choose 1 to {MAX_CHANNELS}.")
    norms = np.linalg.norm(wanted, axis=(1, 2))
    scale = np.where(norms > 0, norms, 1)[:, None, None]
    target = wanted / scale
    first, second = _starts(target, channels, seed, starts)
    for steps, keep in STAGES:
        first, second, cost = _descended(target[:, None], first, second, steps)
        best = np.argsort(cost, axis=1, kind="stable")[:, :keep]
        chosen = np.arange(len(target))[:, None], best
        first, second, cost = first[chosen], second[chosen], cost[chosen]
    residuals = np.where(norms > 0, np.sqrt(cost[:, 0]), 0)
    first, second = _balanced(first[:, 0], second[:, 0])
    amplitude = np.where(norms > 0, np.sqrt(norms), 0)[:, None, None, None]
    return Fit(first * amplitude, second * amplitude, residuals)


def _starts(target: Floats, channels: int, seed: int, starts: int) -> tuple[Floats, Floats]:
    """Beginnings (N, S, M, 3, 3): random ones, and the best with one product fewer."""
    random = np.random.default_rng(seed)
    one = (starts, channels, SMALL, SMALL)
    whole = (len(target), *one)
    # Norms near 1, as a kernel of norm 1 has when its factors share it.
    first, second = (np.broadcast_to(random.normal(0, 0.4, one), whole).copy() for _ in range(2))
    if channels > 1:
        fewer = fit_stack(target, channels - 1, seed=seed, starts=starts)
        first[:, -1, :-1], second[:, -1, :-1] = fewer.first, fewer.second
        second[:, -1, -1] = 0  # adds nothing yet: the first step can only improve
    return first, second


def _descended(
    target: Floats, first: Floats, second: Floats, steps: int
) -> tuple[Floats, Floats, Floats]:
    """Levenberg-Marquardt from many beginnings at once; factors, and squared residuals (N, S).

    A step that makes a residual larger is not taken there: its damping grows instead.
    """
    half = first[0, 0].size
    unit = np.eye(2 * half)
    rest = target - full_convolution(first, second).sum(axis=-3)
    cost = (rest**2).sum(axis=(-2, -1))
    damping = np.full_like(cost, 1e-2)
    for _ in range(steps):
        jacobian = np.concatenate([convolving(second), convolving(first)], axis=-1)
        transposed = np.swapaxes(jacobian, -1, -2)
        curvature = transposed @ jacobian + damping[..., None, None] * unit
        step = np.linalg.solve(curvature, transposed @ rest.reshape(*cost.shape, -1, 1))[..., 0]
        new_first = first + step[..., :half].reshape(first.shape)
        new_second = second + step[..., half:].reshape(second.shape)
        new_rest = target - full_convolution(new_first, new_second).sum(axis=-3)
        new_cost = (new_rest**2).sum(axis=(-2, -1))
        better = new_cost < cost
        first = np.where(better[..., None, None, None], new_first, first)
        second = np.where(better[..., None, None, None], new_second, second)
        rest = np.where(better[..., None, None], new_rest, rest)
        cost = np.where(better, new_cost, cost)
        damping = np.clip(np.where(better, damping / 4, damping * 6), 1e-12, 1e6)
    return first, second, cost


def convolving(kernels: Floats) -> Floats:
    """Return the matrices that convolve with M kernels: (..., M, 3, 3) -> (..., 25, 9 M)."""
    count = kernels.shape[-3]
    moved = np.moveaxis(kernels, -3, -1)  # (..., 3, 3, M)
    out = np.zeros((*kernels.shape[:-3], LARGE, LARGE, count, SMALL, SMALL))
    for i in range(SMALL):
        for j in range(SMALL):
            out[..., i : i + SMALL, j : j + SMALL, :, i, j] = moved
    return out.reshape(*kernels.shape[:-3], LARGE * LARGE, count * SMALL * SMALL)


def _balanced(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Both factors of a product get the same norm, and `first` a positive largest value."""
    a = np.linalg.norm(first, axis=(-2, -1), keepdims=True)
    b = np.linalg.norm(second, axis=(-2, -1), keepdims=True)
    there = (a > 0) & (b > 0)
    ratio = np.sqrt(np.where(there, b, 1) / np.where(there, a, 1))
    flat = first.reshape(*first.shape[:-2], SMALL * SMALL)
    peak = np.take_along_axis(flat, np.abs(flat).argmax(-1)[..., None], -1)[..., None]
    ratio = ratio * np.where(peak < 0, -1, 1)
    return first * ratio, second / ratio
