"""Confidence intervals by drawing the photos again. Nothing here imports torch."""

from collections.abc import Sequence

import numpy as np

from vgg_viz.errors import InputError
from vgg_viz.results import Interval

RESAMPLES = 4000
LEVEL = 0.95


def mean_interval(
    values: Sequence[float], seed: int, *, resamples: int = RESAMPLES, level: float = LEVEL
) -> Interval:
    """The mean and its percentile bootstrap interval (Efron 1979).

    Photos are drawn with replacement `resamples` times; the interval holds the middle `level` of
    their means. The same `seed` draws the same photos, so that differences between methods are of
    the methods. InputError without values.
    """
    if not values:
        raise InputError("There is nothing to take a mean of.")
    numbers = np.asarray(values, np.float64)
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    for start in range(0, resamples, 500):  # bounded memory for thousands of photos
        size = (min(500, resamples - start), len(numbers))
        means[start : start + size[0]] = numbers[random.integers(0, len(numbers), size)].mean(1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(numbers.mean()), float(low), float(high), len(numbers))
