"""The four scores by hand, by loops over pixels, and by torchmetrics; and the paper's numbers."""

import math

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from vgg_viz.errors import InputError
from vgg_viz.published import FCN_TABLE_1, FCN_TABLE_2
from vgg_viz.transfer.segmentation_scores import (
    confusion,
    interval,
    resampled,
    score_draws,
    scores,
)

PHOTOS, CLASSES = 40, 5


@pytest.fixture(scope="module")
def pairs():
    """Labels with ignored pixels, and predictions that are right more often than not."""
    random = np.random.default_rng(0)
    made = []
    for _ in range(PHOTOS):
        size = random.integers(5, 25, 2)
        labels = random.choice([0, 0, 0, 1, 2, 3, 4, 255], size).astype(np.uint8)
        wrong = random.random(size) < 0.4
        guesses = random.integers(0, CLASSES, size)
        made.append((labels, np.where(wrong | (labels == 255), guesses, labels).astype(np.uint8)))
    return made


def test_a_hand_worked_example():
    labels = np.array([[0, 0, 0], [1, 1, 255]], np.uint8)
    predicted = np.array([[0, 0, 1], [1, 0, 0]], np.uint8)
    counts = confusion(labels, predicted, 2)
    assert counts.tolist() == [[2, 1], [1, 1]]
    found = scores(counts)
    assert found.pixel_accuracy == pytest.approx(3 / 5)
    assert found.mean_accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found.iu == pytest.approx((2 / 4, 1 / 3))
    assert found.mean_iu == pytest.approx(5 / 12)
    assert found.weighted_iu == pytest.approx((3 * 1 / 2 + 2 * 1 / 3) / 5)


def test_counts_are_those_of_a_loop_over_pixels(pairs):
    for labels, predicted in pairs[:5]:
        wanted = np.zeros((CLASSES, CLASSES), int)
        for true, said in zip(labels.flat, predicted.flat, strict=True):
            if true != 255:
                wanted[true, said] += 1
        assert (confusion(labels, predicted, CLASSES) == wanted).all()


def test_scores_are_those_of_torchmetrics_over_a_whole_split(pairs):
    index = MulticlassJaccardIndex(CLASSES, average=None, ignore_index=255)
    mean = MulticlassAccuracy(CLASSES, average="macro", ignore_index=255)
    pixel = MulticlassAccuracy(CLASSES, average="micro", ignore_index=255)
    frequency = MulticlassJaccardIndex(CLASSES, average="weighted", ignore_index=255)
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    for labels, predicted in pairs:
        counts += confusion(labels, predicted, CLASSES)
        said, true = (torch.from_numpy(each.astype(np.int64))[None] for each in (predicted, labels))
        for metric in (index, mean, pixel, frequency):
            metric.update(said, true)
    found = scores(counts)
    assert found.iu == pytest.approx(tuple(index.compute().tolist()), abs=1e-6)
    assert found.mean_iu == pytest.approx(float(index.compute().mean()), abs=1e-6)
    assert found.mean_accuracy == pytest.approx(float(mean.compute()), abs=1e-6)
    assert found.pixel_accuracy == pytest.approx(float(pixel.compute()), abs=1e-6)
    assert found.weighted_iu == pytest.approx(float(frequency.compute()), abs=1e-6)


def test_a_class_that_is_nowhere_does_not_count():
    found = scores(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]]))
    assert math.isnan(found.iu[2])
    assert found.mean_iu == pytest.approx((3 / 4 + 2 / 3) / 2)
    with pytest.raises(InputError, match="ignored"):
        scores(np.zeros((3, 3), np.int64))


def test_draws_are_scores_of_the_photos_drawn(pairs):
    counts = np.stack([confusion(labels, said, CLASSES) for labels, said in pairs])
    draws = resampled(PHOTOS, resamples=300)
    assert draws.shape == (300, PHOTOS)
    assert (draws.sum(1) == PHOTOS).all()
    drawn = score_draws(counts, draws)
    for name, values in drawn.items():
        again = scores((counts * draws[7][:, None, None]).sum(0))
        assert values[7] == pytest.approx(getattr(again, name))
        low, high = interval(values)
        assert low < getattr(scores(counts.sum(0)), name) < high


def test_the_papers_tables():
    assert [row.mean_iu for row in FCN_TABLE_2] == [45.4, 59.4, 62.4, 62.7]
    assert [row.pixel_accuracy for row in FCN_TABLE_2] == [83.0, 89.1, 90.0, 90.3]
    assert [row.mean_accuracy for row in FCN_TABLE_2] == [59.7, 73.3, 75.7, 75.9]
    assert [row.weighted_iu for row in FCN_TABLE_2] == [72.0, 81.4, 83.0, 83.2]
    assert [(row.mean_iu, row.field) for row in FCN_TABLE_1] == [
        (39.8, 355),
        (56.0, 404),
        (42.5, 907),
    ]
