"""How well pixels are labelled: the four scores of the FCN paper, with bootstrap intervals.

n_ij counts pixels of class i that are predicted as j, t_i = sum_j n_ij (arXiv 1411.4038, 5):

    pixel accuracy   sum_i n_ii / sum_i t_i
    mean accuracy    mean_i n_ii / t_i
    mean IU          mean_i n_ii / (t_i + sum_j n_ji - n_ii)
    f.w. IU          sum_i t_i n_ii / (t_i + sum_j n_ji - n_ii) / sum_i t_i

Counts are summed over photos first, as in the paper: a score is of the split, not of a photo.
Nothing here imports torch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.errors import InputError

Counts = NDArray[np.int64]

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class SegmentationScores:
    """Shares in [0, 1]; `iu` has NaN for classes that are neither there nor predicted."""

    pixel_accuracy: float
    mean_accuracy: float
    mean_iu: float
    weighted_iu: float
    iu: tuple[float, ...]


def confusion(labels: NDArray[np.uint8], predicted: NDArray[np.integer], classes: int) -> Counts:
    """Counts (classes, classes): row is the true class, column the predicted one.

    Pixels whose label is not a class are left out.
    """
    counted = labels < classes
    pairs = labels[counted].astype(np.int64) * classes + predicted[counted]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def scores(counts: Counts) -> SegmentationScores:
    """The four scores of summed counts; means run over classes that are there or predicted.

    Classes without a true pixel have no accuracy. InputError when nothing was counted.
    """
    if not counts.sum():
        raise InputError("No pixel was counted: all of them are ignored.")
    right, true = np.diagonal(counts).astype(np.float64), counts.sum(1)
    union = true + counts.sum(0) - right
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy, iu = right / true, right / union
    there = true > 0
    return SegmentationScores(
        pixel_accuracy=float(right.sum() / true.sum()),
        mean_accuracy=float(accuracy[there].mean()),
        mean_iu=float(np.nanmean(iu)),
        weighted_iu=float((true[there] * iu[there]).sum() / true.sum()),
        iu=tuple(iu.tolist()),
    )


def resampled(photos: int, *, seed: int = 0, resamples: int = RESAMPLES) -> NDArray[np.int64]:
    """How often each photo is drawn, (resamples, photos): the bootstrap (Efron 1979).

    The same seed draws the same photos, so that nets are compared on equal draws.
    """
    random = np.random.default_rng(seed)
    return random.multinomial(photos, np.full(photos, 1 / photos), size=resamples)


def score_draws(counts: Counts, draws: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """The four scores of every draw, {name: (resamples,)}, from counts a photo (photos, K, K)."""
    photos, classes, _ = counts.shape
    sums = (draws @ counts.reshape(photos, -1)).reshape(-1, classes, classes).astype(np.float64)
    right, true = np.diagonal(sums, axis1=1, axis2=2), sums.sum(2)
    union = true + sums.sum(1) - right
    pixels = true.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy, iu = right / true, right / union
    return {
        "pixel_accuracy": right.sum(1) / pixels,
        "mean_accuracy": np.nanmean(accuracy, axis=1),
        "mean_iu": np.nanmean(iu, axis=1),
        "weighted_iu": np.nansum(true * iu, axis=1) / pixels,
    }


def interval(values: NDArray[np.float64], level: float = LEVEL) -> tuple[float, float]:
    """The middle `level` of the draws."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
