"""How good detection heads are: what they find in validation photos, and its average precision."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.transfer.average_precision import OVERLAP, Resampled, judged, measure
from vgg_viz.transfer.boxes import Boxes, clipped, moved, overlaps, suppressed
from vgg_viz.transfer.detection_data import Annotated, Annotations
from vgg_viz.transfer.detection_heads import WAYS, Head
from vgg_viz.transfer.proposals import propose
from vgg_viz.transfer.region_features import Features, RegionNetwork, Way

SUPPRESSION = 0.3  # intersection over union above which the worse box of a class goes (R-CNN)


@dataclass(frozen=True, eq=False)
class Found:
    """What heads find in one photo: proposals, and of each way scores and refined boxes."""

    photo: Annotated
    proposals: Boxes  # (N, 4)
    scores: dict[Way, NDArray[np.float64]]  # (N, K)
    refined: dict[Way, NDArray[np.float64]]  # (N, K, 4)
    seconds: dict[Way, float]  # CPU, of the features


def evaluate(
    network: RegionNetwork,
    heads: Mapping[Way, Head],
    data: Annotations,
    most: int,
    report: Callable[[str], None],
) -> tuple[Found, ...]:
    """Run every way on every photo, on `most` proposals at most."""
    found = []
    for i, photo in enumerate(data.photos):
        found.append(_find(network, heads, photo, most))
        if (i + 1) % 25 == 0:
            report(f"{i + 1} of {len(data.photos)} validation photos")
    return tuple(found)


def _find(network: RegionNetwork, heads: Mapping[Way, Head], photo: Annotated, most: int) -> Found:
    pixels = photo.pixels()
    boxes = propose(pixels, most).boxes
    features: dict[Way, Features] = {}
    seconds: dict[Way, float] = {}
    for way in WAYS:
        started = time.process_time()
        if way == "rcnn":
            features[way] = network.of_all_crops(pixels, boxes)
        else:
            features[way] = network.of_regions(network.shared_map(pixels), boxes)
        seconds[way] = time.process_time() - started
    return scored(heads, photo, pixels.shape[1::-1], boxes, features, seconds)


def scored(
    heads: Mapping[Way, Head],
    photo: Annotated,
    size: tuple[int, ...],
    boxes: Boxes,
    features: Mapping[Way, Features],
    seconds: Mapping[Way, float],
) -> Found:
    """Scores and refined boxes from features; `size` is the photo's width and height."""
    width, height = size
    scores, refined = {}, {}
    for way in WAYS:
        scores[way] = heads[way].scores(features[way]).double().numpy()
        moves = heads[way].moves(features[way]).double().numpy()
        refined[way] = clipped(moved(boxes, moves), width, height)
    return Found(photo, boxes, scores, refined, dict(seconds))


def measured(
    found: Sequence[Found], way: Way, classes: int, *, refined: bool, scores_of: Way | None = None
) -> Resampled:
    """Average precision of one way, with or without box regression; suppression comes first."""
    by_class = []
    for label in range(classes):
        rows = []
        for each in found:
            scores = each.scores[scores_of or way][:, label]
            kept = suppressed(each.proposals, scores, SUPPRESSION)
            boxes = each.refined[way][kept, label] if refined else each.proposals[kept]
            mine = each.photo.labels == label
            rows.append(
                judged(boxes, scores[kept], each.photo.boxes[mine], each.photo.difficult[mine])
            )
        by_class.append(rows)
    return measure(by_class)


def recall(found: Sequence[Found], overlap: float = OVERLAP) -> float:
    """Share of the objects that some proposal overlaps at least so much; difficult ones aside."""
    best = [
        overlaps(each.photo.boxes[~each.photo.difficult], each.proposals).max(1, initial=0)
        for each in found
    ]
    return float((np.concatenate(best) >= overlap).mean())
