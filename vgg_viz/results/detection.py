"""Objects found in a photo, what one box shows, and how good the finder is."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.photos import Picture
from vgg_viz.results.provenance import Float32, Provenance

DetectionWay = Literal["rcnn", "fast"]


@dataclass(frozen=True)
class DetectedObject:
    """One object: where, what, how sure."""

    box: tuple[float, float, float, float]  # left, top, right, bottom, px of the photo
    label: int
    name: str
    score: float  # distance to the SVM's boundary; 1 is the edge of its margin
    proposal: int  # number of the region it came from


@dataclass(frozen=True, eq=False)
class Detection:
    """Every proposal with every class's score and refined box; nothing is thresholded yet.

    Scores are signed distances to an SVM's boundary in units of its margin: no probabilities. NaN
    where the study has not been yet.
    """

    boxes: Float32  # (N, 4): proposals, left, top, right, bottom, px of the photo, largest first
    scores: Float32  # (N, K)
    refined: Float32  # (N, K, 4): where each class's regression moves the box
    classes: tuple[str, ...]
    width: int  # px of the photo
    height: int
    way: DetectionWay
    regions: int  # that the search found, before small and alike ones were left out
    done: int  # proposals scored
    search_seconds: float  # wall clock of selective search
    seconds: float  # wall clock of features, scores and regression, without the search
    passes: int  # of the network's convolutions, each on one picture
    heads: str  # sha256 of the heads' file
    notes: tuple[str, ...]
    provenance: Provenance

    @property
    def complete(self) -> bool:
        """Whether every proposal has scores."""
        return self.done >= len(self.boxes)

    def kept(self, label: int, least: float, overlap: float) -> NDArray[np.intp]:
        """Proposals of a class that stay, best first.

        Greedy non-maximum suppression: of those that score at least `least` the best stays, what
        overlaps it by more than `overlap` (intersection over union) goes, and so on.
        """
        scores = np.nan_to_num(self.scores[:, label].astype(np.float64), nan=-np.inf)
        order = np.argsort(-scores, kind="stable")
        left = order[scores[order] >= least]
        kept: list[int] = []
        while len(left):
            best, left = int(left[0]), left[1:]
            kept.append(best)
            left = left[_overlaps(self.boxes[best], self.boxes[left]) <= overlap]
        return np.array(kept, np.intp)

    def objects(self, least: float = 0.0, overlap: float = 0.3) -> tuple[DetectedObject, ...]:
        """What is found: suppressed class by class, then refined; best score first."""
        found = [
            DetectedObject(
                tuple(self.refined[i, label].tolist()),
                label,
                name,
                float(self.scores[i, label]),
                int(i),
            )
            for label, name in enumerate(self.classes)
            for i in self.kept(label, least, overlap)
        ]
        return tuple(sorted(found, key=lambda each: -each.score))


def _overlaps(box: Float32, others: Float32) -> NDArray[np.float64]:
    """Intersection over union of one box and each of `others`."""
    a, b = box.astype(np.float64), others.astype(np.float64)
    sides = np.clip(np.minimum(a[2:], b[:, 2:]) - np.maximum(a[:2], b[:, :2]), 0, None)
    inner = sides.prod(1)
    union = (a[2:] - a[:2]).prod() + (b[:, 2:] - b[:, :2]).prod(1) - inner
    shares: NDArray[np.float64] = np.divide(inner, union, out=np.zeros(len(b)), where=union > 0)
    return shares


@dataclass(frozen=True)
class FeatureShare:
    """What one fc7 unit says for a class: value x weight."""

    unit: int
    value: float  # after its ReLU
    weight: float  # of the class's SVM
    share: float  # value x weight, in units of the score


@dataclass(frozen=True, eq=False)
class DetectedRegion:
    """One box as the network reads it, and the way from its features to the class's score."""

    crop: NDArray[np.uint8]  # (side, side, 3): warped, with context, as the network reads it
    picture: Picture  # the same, sharper, to draw maps over
    context: int  # px of context on each side of `crop`
    scores: Float32  # (K,)
    refined: tuple[float, float, float, float]  # for the class asked, px of the photo
    moves: tuple[float, float, float, float]  # dx, dy, dw, dh of the regression
    features: tuple[FeatureShare, ...]  # largest |share| first
    others: float  # sum of all other units' shares
    bias: float  # score = sum of all shares + bias
    label: int
    classes: tuple[str, ...]
    way: DetectionWay
    provenance: Provenance


@dataclass(frozen=True)
class DetectionMeasure:
    """Average precision at IoU 0.5 with 95 % intervals over photos, all in [0, 1]."""

    mean: float
    interval: tuple[float, float]
    by_class: tuple[float, ...]
    class_intervals: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class DetectionLead:
    """How far one network's mean average precision is ahead of another's on the same photos."""

    network: str  # the other one
    way: DetectionWay
    difference: float  # in [-1, 1]
    interval: tuple[float, float]  # 95 %, of both on the same bootstrap samples


@dataclass(frozen=True)
class DetectionCard:
    """What a network's heads were made from and how good they are."""

    network: str
    classes: tuple[str, ...]
    measures: tuple[tuple[DetectionWay, bool, DetectionMeasure], ...]  # way, refined, measure
    photos: int  # validation photos
    training_photos: int
    objects: tuple[int, ...]  # of each class in those validation photos, difficult ones aside
    recall: float  # share of them that some proposal overlaps by half
    proposals: float  # a photo, mean
    seconds: tuple[tuple[DetectionWay, float], ...]  # CPU a photo, without the search
    ahead: tuple[DetectionLead, ...]
    measure: str  # the definition, in words
    data: str

    def of(self, way: DetectionWay, *, refined: bool) -> DetectionMeasure:
        """The measure of one way, with or without box regression."""
        return next(m for w, r, m in self.measures if (w, r) == (way, refined))


@dataclass(frozen=True, eq=False)
class SSDObjects:
    """What SSD300 leaves of a photo after its own suppression, best first.

    Scores are a softmax over its classes and background: not the SVMs' distances.
    """

    boxes: Float32  # (N, 4): left, top, right, bottom, px of the photo
    labels: NDArray[np.int64]  # (N,): places in `classes`
    scores: Float32  # (N,)
    classes: tuple[str, ...]  # COCO's categories 1 to 90, in order
    width: int  # px of the photo
    height: int
    seconds: float  # wall clock of the pass and the suppression
    provenance: Provenance

    def objects(self, least: float = 0.5) -> tuple[DetectedObject, ...]:
        """Those that score at least `least`; best first."""
        return tuple(
            DetectedObject(
                tuple(self.boxes[i].tolist()), label, self.classes[label], float(score), i
            )
            for i, (label, score) in enumerate(
                zip(self.labels.tolist(), self.scores.tolist(), strict=True)
            )
            if score >= least
        )
