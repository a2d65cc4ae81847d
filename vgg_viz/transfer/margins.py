"""Linear SVMs on features, with hard negatives (Girshick et al., arXiv 1311.2524, appendix B)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Features are scaled to this mean length, as R-CNN does before its SVMs; here around their mean,
# since what all regions share would be most of the length.
NORM = 20.0
BIAS_SCALE = 10.0  # the bias is regularised as a feature of this value: hardly
HARD_ABOVE = -1.0  # a negative that scores more lies inside the margin
EASY_BELOW = -1.2  # one that scores less is left out again

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Margin:
    """score(x) = weights x + bias; 1 and -1 are the two edges of the margin."""

    weights: Float32  # (features,)
    bias: float
    negatives: int  # in the last round


def separate(
    features: Float32,
    positive: NDArray[np.bool_],
    negative: NDArray[np.bool_],
    *,
    c: float,
    positive_weight: float,
    first: int,
    rounds: int,
    seed: int,
) -> Margin:
    """Tell positives from negatives, looking only at the negatives that are hard to tell.

    Begins with `first` negatives drawn by `seed`, then adds, `rounds` times, those within the
    margin and leaves out those far from it. A class without an example scores -1 everywhere.
    """
    pool = np.flatnonzero(negative)
    if not positive.any() or not len(pool):
        return Margin(np.zeros(features.shape[1], np.float32), -1.0, 0)
    middle = features.mean(0)
    scaled = features - middle
    scale = np.float32(NORM / np.linalg.norm(scaled, axis=1).mean())
    scaled *= scale
    mine = np.flatnonzero(positive)
    chosen = np.sort(np.random.default_rng(seed).permutation(pool)[:first])
    weights, bias = _fitted(scaled, mine, chosen, c, positive_weight, seed)
    for _ in range(rounds):
        scores = scaled[pool] @ weights + bias
        kept = np.isin(pool, chosen) & (scores >= EASY_BELOW)
        renewed = pool[kept | (scores > HARD_ABOVE)]
        if not len(renewed) or np.array_equal(renewed, chosen):
            break
        chosen = renewed
        weights, bias = _fitted(scaled, mine, chosen, c, positive_weight, seed)
    return Margin(weights * scale, bias - float(weights @ (middle * scale)), len(chosen))


def _fitted(
    features: Float32,
    positive: NDArray[np.intp],
    negative: NDArray[np.intp],
    c: float,
    positive_weight: float,
    seed: int,
) -> tuple[Float32, float]:
    from sklearn.svm import LinearSVC

    both = np.concatenate([positive, negative])
    labels = np.repeat([1, -1], [len(positive), len(negative)])
    svm = LinearSVC(
        C=c,
        loss="hinge",
        class_weight={1: positive_weight, -1: 1.0},
        intercept_scaling=BIAS_SCALE,
        random_state=seed,
        max_iter=20_000,
    )
    svm.fit(features[both], labels)
    return svm.coef_[0].astype(np.float32), float(svm.intercept_[0])
