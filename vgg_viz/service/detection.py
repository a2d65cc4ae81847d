"""Objects in a photo: the study that finds them, what one box shows, the heads' model card."""

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.images import Photo, encode_jpeg
from vgg_viz.requests import DetectedRegionRequest, DetectionJob
from vgg_viz.results import (
    DetectedRegion,
    Detection,
    FeatureShare,
    Float32,
    Picture,
    read_only,
    single,
)
from vgg_viz.service.devices import host_copy
from vgg_viz.transfer.boxes import clipped, moved
from vgg_viz.transfer.detection_heads import DetectionHeads, Head, load_heads
from vgg_viz.transfer.proposals import propose
from vgg_viz.transfer.region_features import CROPS_AT_ONCE, Features, RegionNetwork, SharedMap
from vgg_viz.transfer.warping import context_px, warped, warped_batch

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready

REGIONS_AT_ONCE = 128  # of RoI pooling: fc6 and fc7 of so many take a tenth of a second
SHARPER = 3  # times the network's px, for the eye
NO_PROPOSALS = (
    "Selective search finds no region here that could hold an object: the photo is of one colour, "
    "or too narrow."
)


def heads_of(ready: "Ready") -> DetectionHeads:
    """The heads for a loaded model; InputError when none were trained for these weights."""
    return load_heads(ready.loaded.config.network, ready.loaded.digest)


def regions_of(ready: "Ready") -> RegionNetwork:
    """The model cut for regions."""
    loaded = ready.loaded
    return RegionNetwork(ready.network, loaded.config, loaded.preprocessing)  # type: ignore[arg-type]


class DetectionStudy:
    """First the search, then one batch of proposals a step."""

    def __init__(self, executor: "Executor", job: DetectionJob, photos: tuple[Photo, ...]) -> None:
        ready = executor.ready(job.model)
        self._heads = heads_of(ready)
        self._head: Head = self._heads.heads[job.way].to(executor.device)
        self._network = regions_of(ready)
        self._job, self._pixels = job, photos[0].pixels
        self._provenance = executor.provenance(ready)
        self._boxes: np.ndarray | None = None
        self._shared: SharedMap | None = None
        self._found = self._done = 0
        self._search_seconds = self._seconds = 0.0

    def advance(self, _: "Executor") -> None:
        """The search, or the photo's map, or a batch of proposals."""
        started = time.perf_counter()
        if self._boxes is None:
            self._search()
            self._search_seconds = time.perf_counter() - started
            return
        if self._job.way == "fast" and self._shared is None and len(self._boxes):
            self._shared = self._network.shared_map(self._pixels)
        elif not self.finished:
            self._score(self._boxes)
        self._seconds += time.perf_counter() - started

    def _search(self) -> None:
        found = propose(self._pixels, self._job.proposals)
        self._boxes, self._found = found.boxes, found.found
        classes = len(self._heads.classes)
        self._scores = np.full((len(found), classes), np.nan, np.float32)
        self._refined = np.repeat(found.boxes[:, None].astype(np.float32), classes, 1)

    def _score(self, boxes: np.ndarray) -> None:
        count = REGIONS_AT_ONCE if self._shared is not None else CROPS_AT_ONCE
        batch = slice(self._done, self._done + count)
        features = _features(self._network, self._pixels, boxes[batch], self._shared)
        with torch.inference_mode():
            self._scores[batch] = host_copy(self._head.scores(features))
            moves = host_copy(self._head.moves(features)).astype(np.float64)
        height, width = self._pixels.shape[:2]
        self._refined[batch] = clipped(moved(boxes[batch], moves), width, height)
        self._done = min(self._done + count, len(boxes))

    def result(self, _: "Executor") -> Detection | None:
        """Scores of the proposals so far."""
        if self._boxes is None:
            return None
        height, width = self._pixels.shape[:2]
        fast = self._job.way == "fast"
        return Detection(
            boxes=single(self._boxes),
            scores=single(self._scores),
            refined=single(self._refined),
            classes=self._heads.classes,
            width=width,
            height=height,
            way=self._job.way,
            regions=self._found,
            done=self._done,
            search_seconds=self._search_seconds,
            seconds=self._seconds,
            passes=int(self._shared is not None) if fast else self._done,
            heads=self._heads.digest,
            notes=() if len(self._boxes) else (NO_PROPOSALS,),
            provenance=self._provenance,
        )

    def go_on(self, job: DetectionJob) -> None:
        """Nothing of the question can have changed."""

    @property
    def finished(self) -> bool:
        """Whether every proposal has scores."""
        return self._boxes is not None and self._done >= len(self._boxes)

    @property
    def share(self) -> float | None:
        """Of the proposals."""
        if self._boxes is None:
            return None
        return self._done / len(self._boxes) if len(self._boxes) else 1.0

    @property
    def words(self) -> str:
        """Proposals, and what they take."""
        if self._boxes is None:
            return "selective search"
        total = len(self._boxes)
        return f"{self._done:,} of {total:,} proposals, {self._seconds:.1f} s"


def begin(executor: "Executor", job: DetectionJob, photos: tuple[Photo, ...]) -> DetectionStudy:
    """The study of `job`; InputError for a model without heads."""
    return DetectionStudy(executor, job, photos)


def detected_region(
    executor: "Executor", request: DetectedRegionRequest, photos: tuple[Photo, ...]
) -> DetectedRegion:
    """One box as the network reads it, and which units of fc7 speak for the class."""
    ready = executor.ready(request.model)
    heads = heads_of(ready)
    if not 0 <= request.label < len(heads.classes):
        raise UnknownNameError(f"No class {request.label}; choose 0 to {len(heads.classes) - 1}.")
    pixels = photos[0].pixels
    box = checked_box(request.box, pixels.shape[1], pixels.shape[0])
    network, head = regions_of(ready), heads.heads[request.way].to(executor.device)
    boxes = np.array([box])
    shared = network.shared_map(pixels) if request.way == "fast" else None
    with torch.inference_mode():
        features = _features(network, pixels, boxes, shared)
        scores = host_copy(head.scores(features)[0])
        moves = host_copy(head.moves(features)[0, request.label]).astype(np.float64)
        values, weights = host_copy(features.fc7[0]), host_copy(head.svm[request.label])
    named = _shares(values, weights, request.count)
    bias = float(head.bias[request.label])
    refined = clipped(moved(boxes, moves[None]), pixels.shape[1], pixels.shape[0])[0]
    side, mean = network.preprocessing.crop, network.preprocessing.mean
    sharp = read_only(warped(pixels, box, side, mean, times=SHARPER))
    return DetectedRegion(
        crop=read_only(warped(pixels, box, side, mean)),
        picture=Picture(sharp, encode_jpeg(sharp), ()),
        context=context_px(side),
        scores=scores,
        refined=_four(refined),
        moves=_four(moves),
        features=named,
        others=float(scores[request.label]) - bias - sum(each.share for each in named),
        bias=bias,
        label=request.label,
        classes=heads.classes,
        way=request.way,
        provenance=executor.provenance(ready),
    )


def checked_box(
    box: tuple[float, float, float, float], width: int, height: int
) -> tuple[float, float, float, float]:
    """`box` cut at the photo's edges; InputError when less than a px of it lies in the photo."""
    if not all(math.isfinite(value) for value in box):
        raise InputError("A box is four numbers: left, top, right, bottom, in px of the photo.")
    left, top, right, bottom = box
    inner = max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
    if inner[2] - inner[0] < 1 or inner[3] - inner[1] < 1:
        raise InputError(
            f"The box ({left:g}, {top:g}, {right:g}, {bottom:g}) holds less than one px of the "
            f"photo of {width} x {height} px."
        )
    return inner


# --- for attribution: the network with the SVMs as its last layer ---------------------------------


def svm_of(ready: "Ready") -> tuple[nn.Linear, tuple[str, ...]]:
    """R-CNN's SVMs as a linear layer behind fc7, and the names of its scores."""
    heads = heads_of(ready)
    head = heads.heads["rcnn"]
    layer = nn.Linear(head.svm.shape[1], head.svm.shape[0])
    with torch.no_grad():
        layer.weight.copy_(head.svm)
        layer.bias.copy_(head.bias)
    return layer.requires_grad_(requires_grad=False).eval(), heads.classes


def crop_of(
    ready: "Ready", box: tuple[float, float, float, float], photo: Photo
) -> tuple[Tensor, str]:
    """The warped box as the network reads it, (1, 3, side, side), and what it is in words."""
    height, width = photo.pixels.shape[:2]
    inner = checked_box(box, width, height)
    preprocessing = ready.loaded.preprocessing
    side = preprocessing.crop
    batch = warped_batch(photo.pixels, np.array([inner]), preprocessing)
    left, top, right, bottom = inner
    words = (
        f"The box {left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f} px of the photo, warped to "
        f"{side} x {side} px with {context_px(side)} px of context on each side."
    )
    return batch, words


def _features(
    network: RegionNetwork, pixels: np.ndarray, boxes: np.ndarray, shared: SharedMap | None
) -> Features:
    if shared is None:
        return network.of_crops(pixels, boxes)
    return network.of_regions(shared, boxes)


def _shares(values: Float32, weights: Float32, count: int) -> tuple[FeatureShare, ...]:
    shares = values * weights
    order = np.argsort(-np.abs(shares), kind="stable")[: max(count, 0)].tolist()
    return tuple(
        FeatureShare(i, float(values[i]), float(weights[i]), float(shares[i])) for i in order
    )


def _four(values: np.ndarray) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in values)
    return left, top, right, bottom
