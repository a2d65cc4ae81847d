"""How alike two maps are: rank correlation and structural similarity."""

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.floating]
_WINDOW = 7  # px, as scikit-image's default
_K1, _K2 = 0.01, 0.03  # Wang et al. 2004


def rank_correlation(one: Map, other: Map) -> float | None:
    """Spearman's: Pearson's correlation of the ranks, equal values sharing their mean rank.

    None when one of the maps is constant: it has no order.
    """
    a, b = _ranks(one), _ranks(other)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return None if scale == 0 else float((a * b).sum() / scale)


def structural_similarity(one: Map, other: Map) -> float | None:
    """SSIM (Wang et al. 2004) of two maps (h, w), each divided by its largest magnitude.

    Uniform windows of 7 x 7 (fewer on smaller maps), values from -1 to 1. None when a map is 0
    everywhere or has no room for a window.
    """
    largest = [float(np.abs(each).max(initial=0)) for each in (one, other)]
    size = min(_WINDOW, (min(one.shape) - 1) // 2 * 2 + 1)
    if min(largest) == 0 or size < 3:
        return None
    x, y = (
        each.astype(np.float64) / most for each, most in zip((one, other), largest, strict=True)
    )
    mean_x, mean_y = _window_means(x, size), _window_means(y, size)
    unbiased = size**2 / (size**2 - 1)
    var_x = unbiased * (_window_means(x * x, size) - mean_x**2)
    var_y = unbiased * (_window_means(y * y, size) - mean_y**2)
    both = unbiased * (_window_means(x * y, size) - mean_x * mean_y)
    c1, c2 = (_K1 * 2) ** 2, (_K2 * 2) ** 2
    above = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return float((above / below).mean())


def _ranks(values: Map) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return ranks


def _window_means(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Means of all windows that lie within the map, by running sums."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    total = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    means: NDArray[np.float64] = total / size**2
    return means
