"""How good detections are: average precision at an overlap, and how sure that number is.

The definition is that of COCO's own program at one overlap (pycocotools, `iouThrs=[0.5]`), so that
the numbers can be computed again independently: detections of a class are matched from the best
score down, each to the free object it overlaps most, at least by half; precision is made to fall
with recall and read at 101 recalls, 0, 0.01, ... 1. Objects marked difficult are neither missed nor
wrong. PASCAL VOC's own definitions (11 recalls in 2007, the whole area later; a second detection
of an object is matched to that object and wrong) give other numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.transfer.boxes import Boxes, overlaps

OVERLAP = 0.5
RECALLS = np.linspace(0, 1, 101)
MOST = 100  # detections of a class in a photo, best first, as in COCO
_EPSILON = float(np.spacing(1.0))


@dataclass(frozen=True, eq=False)
class Judged:
    """Detections of one class in one photo, best first."""

    scores: NDArray[np.float64]  # (n,)
    right: NDArray[np.bool_]  # (n,)
    ignored: NDArray[np.bool_]  # (n,): on a difficult object
    objects: int  # that were to be found


def judged(
    boxes: Boxes,
    scores: NDArray[np.floating],
    objects: Boxes,
    difficult: NDArray[np.bool_],
    overlap: float = OVERLAP,
) -> Judged:
    """Match the detections of a class to the objects of that class in the photo."""
    order = np.argsort(-np.asarray(scores, np.float64), kind="mergesort")[:MOST]
    # Difficult ones last: an ordinary object goes first, and a match to one is never given up.
    ranked = np.argsort(difficult, kind="mergesort")
    hard = difficult[ranked]
    shared = overlaps(boxes[order], objects[ranked])
    free = np.ones(len(objects), np.bool_)
    right, ignored = np.zeros(len(order), np.bool_), np.zeros(len(order), np.bool_)
    for i, row in enumerate(shared):
        match = _match(row, free, hard, overlap)
        if match is not None:
            free[match] = False
            ignored[i] = hard[match]
            right[i] = not hard[match]
    picked = np.asarray(scores, np.float64)[order]
    return Judged(picked, right, ignored, int((~difficult).sum()))


def _match(
    row: NDArray[np.float64], free: NDArray[np.bool_], hard: NDArray[np.bool_], overlap: float
) -> int | None:
    """The free object with the largest overlap; the last one of equals, as COCO's program does."""
    best, match = min(overlap, 1 - 1e-10), None
    for j, value in enumerate(row):
        if not free[j]:
            continue
        if match is not None and hard[j] and not hard[match]:
            break
        if value >= best:
            best, match = float(value), j
    return match


def average_precision(photos: Sequence[Judged], counts: NDArray[np.integer] | None = None) -> float:
    """Average precision of one class over photos, in [0, 1]; NaN when no photo has an object.

    `counts` says how often each photo is in the sample, for resampling; None: once.
    """
    return float(_average_precisions(photos, None if counts is None else counts[None])[0])


def _average_precisions(
    photos: Sequence[Judged], counts: NDArray[np.integer] | None
) -> NDArray[np.float64]:
    """For each row of `counts` (R, photos): (R,)."""
    if counts is None:
        counts = np.ones((1, len(photos)), np.intp)
    objects = counts @ np.array([photo.objects for photo in photos])
    scores = np.concatenate([photo.scores for photo in photos])
    owner = np.repeat(np.arange(len(photos)), [len(photo.scores) for photo in photos])
    order = np.argsort(-scores, kind="mergesort")
    right = np.concatenate([photo.right for photo in photos])[order]
    ignored = np.concatenate([photo.ignored for photo in photos])[order]
    weights = counts[:, owner[order]].astype(np.float64)
    hits = np.cumsum(weights * right, 1)
    misses = np.cumsum(weights * (~right & ~ignored), 1)
    return np.array(
        [_area(h, m, n) if n else np.nan for h, m, n in zip(hits, misses, objects, strict=True)]
    )


def _area(hits: NDArray[np.float64], misses: NDArray[np.float64], objects: int) -> float:
    recall = hits / objects
    precision = hits / (hits + misses + _EPSILON)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    values = np.concatenate([falling, [0.0]])[np.minimum(at, len(falling))]
    return float(values.mean())


@dataclass(frozen=True)
class Measured:
    """Average precision of each class and their mean, each with a 95 % interval."""

    classes: tuple[float, ...]
    class_intervals: tuple[tuple[float, float], ...]
    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Resampled:
    """The numbers, and the mean average precision of every bootstrap sample."""

    measured: Measured
    means: NDArray[np.float64]  # (R,)


def measure(
    photos_by_class: Sequence[Sequence[Judged]], *, resamples: int = 1000, seed: int = 0
) -> Resampled:
    """Average precisions with percentile bootstrap intervals over photos (Efron 1979).

    Every class lists the same photos in the same order. The same `seed` draws the same photos, so
    that two detectors can be compared sample by sample.
    """
    count = len(photos_by_class[0])
    random = np.random.default_rng(seed)
    draws = random.multinomial(count, np.full(count, 1 / count), resamples)
    values, plain = [], []
    for photos in photos_by_class:
        plain.append(average_precision(photos))
        parts = [_average_precisions(photos, part) for part in np.array_split(draws, 20)]
        values.append(np.concatenate(parts))
    table = np.array(values)  # (classes, R)
    means = np.nanmean(table, 0)
    return Resampled(
        Measured(
            tuple(plain),
            tuple(_interval(row) for row in table),
            float(np.nanmean(plain)),
            _interval(means),
        ),
        means,
    )


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)
