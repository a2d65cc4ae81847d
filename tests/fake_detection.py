"""Detection of the fake service: six proposals of a photo of 120 x 90 px, two real objects."""

import io

import numpy as np
from PIL import Image

from tests.fake_models import rng
from vgg_viz.errors import InputError
from vgg_viz.requests import (
    DetectedRegionRequest,
    DetectionCardRequest,
    DetectionJob,
    ExplainedRequest,
    SSDRequest,
)
from vgg_viz.results import (
    Attribution,
    DetectedRegion,
    Detection,
    DetectionCard,
    DetectionLead,
    DetectionMeasure,
    FeatureShare,
    ModelInfo,
    Picture,
    Provenance,
    SSDObjects,
)

CLASSES = ("bird", "car", "dog")
WITH_HEADS = ("zfnet_b:bundled", "vgg16:bundled")
PROPOSALS = np.array(
    [
        [0, 0, 120, 90],
        [8, 10, 60, 70],  # dog
        [10, 12, 62, 74],  # nearly the same
        [70, 20, 110, 60],  # car
        [40, 40, 100, 85],
        [2, 2, 20, 20],
    ],
    np.float32,
)
SCORES = np.array(
    [
        [-1.2, -0.4, -0.2],
        [-1.0, -1.1, 1.4],
        [-1.1, -1.2, 1.1],
        [-0.9, 0.6, -1.3],
        [-1.0, -0.2, -0.6],
        [-1.4, -1.3, -1.2],
    ],
    np.float32,
)


def detection(job: DetectionJob, step: int, steps: int, made_by: Provenance) -> Detection:
    """After `step` of `steps`; the photo "coffee" has no proposals at all."""
    check(job.model)
    empty = job.image == "coffee"
    boxes = PROPOSALS[:0] if empty else PROPOSALS
    scores = SCORES[: len(boxes)] + np.float32(0.1 * (job.way == "fast"))
    done = len(boxes) * step // steps
    known = np.where(np.arange(len(boxes))[:, None] < done, scores, np.nan).astype(np.float32)
    moves = np.array([1, 1, -1, -1], np.float32) * np.arange(1, 4, dtype=np.float32)[:, None]
    return Detection(
        boxes=boxes,
        scores=known,
        refined=boxes[:, None] + moves[None],
        classes=CLASSES,
        width=120,
        height=90,
        way=job.way,
        regions=40,
        done=done,
        search_seconds=0.2,
        seconds=(4.0 if job.way == "rcnn" else 0.25) * step / steps,
        passes=done if job.way == "rcnn" else 1,
        heads="ab" * 32,
        notes=("Selective search finds no region here.",) if empty else (),
        provenance=made_by,
    )


def region(request: DetectedRegionRequest, info: ModelInfo, made_by: Provenance) -> DetectedRegion:
    """One box; the units' numbers follow from the network's name."""
    check(info.name)
    noise = rng("region", info.name)
    crop = noise.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    values = noise.uniform(0.5, 2, request.count)
    features = tuple(
        FeatureShare(10 * i + 3, float(value), 0.25, float(value) / 4)
        for i, value in enumerate(sorted(values, reverse=True))
    )
    number = int(np.abs(PROPOSALS - np.array(request.box, np.float32)).max(1).argmin())
    return DetectedRegion(
        crop=crop,
        picture=_picture(crop.repeat(3, 0).repeat(3, 1)),
        context=2,
        scores=SCORES[number],
        refined=request.box,
        moves=(0.1, -0.05, 0.2, 0.0),
        features=features,
        others=0.3,
        bias=-1.0,
        label=request.label,
        classes=CLASSES,
        way=request.way,
        provenance=made_by,
    )


def explained(request: ExplainedRequest, made_by: Provenance) -> Attribution:
    """A bump in the middle."""
    side = 8 if request.method == "grad_cam" else 32
    far = np.abs(np.linspace(-1, 1, side))
    grid = (1 - np.maximum(far[:, None], far[None])).astype(np.float32)
    return Attribution(
        grid,
        request.method,
        "conv5" if request.model.startswith("zfnet") else "conv5_3",
        request.output.target,
        CLASSES[request.output.target],
        1.4,
        made_by,
        relu=request.method == "grad_cam",
        normalisation="The box, warped.",
    )


def card(request: DetectionCardRequest) -> DetectionCard:
    """VGG-16 is better than ZFNet, and refined boxes than others."""
    check(request.model)
    better = 0.1 * request.model.startswith("vgg16")
    return DetectionCard(
        network=request.model.partition(":")[0],
        classes=CLASSES,
        measures=tuple(
            (way, refined, _measure(0.2 + better + 0.03 * refined))
            for way in ("rcnn", "fast")
            for refined in (True, False)
        ),
        photos=40,
        training_photos=100,
        objects=(12, 30, 18),
        recall=0.74,
        proposals=170.0,
        seconds=(("rcnn", 1.5), ("fast", 0.1)),
        ahead=tuple(
            DetectionLead("zfnet_b", way, 0.1, (0.04, 0.15)) for way in ("rcnn", "fast") if better
        ),
        measure="average precision at IoU 0.5",
        data="Drawn photos.",
    )


def ssd(request: SSDRequest) -> SSDObjects:
    """A sure dog and an unsure car; the photo "coffee" has nothing."""
    count = 0 if request.image == "coffee" else 2
    made_by = Provenance("ssd300_vgg16:coco", "COCO weights", "cd" * 32, "cpu", "fp32", 300, ())
    return SSDObjects(
        boxes=PROPOSALS[[1, 3]][:count],
        labels=np.array([2, 1])[:count],
        scores=np.array([0.9, 0.25], np.float32)[:count],
        classes=CLASSES,
        width=120,
        height=90,
        seconds=0.75,
        provenance=made_by,
    )


def check(model: str) -> None:
    """As the real service says it."""
    if model not in WITH_HEADS:
        raise InputError(
            f"Nothing was trained to detect with {model}. Choose {' and '.join(WITH_HEADS)}."
        )


def _measure(value: float) -> DetectionMeasure:
    return DetectionMeasure(
        value,
        (value - 0.05, value + 0.05),
        (value - 0.1, value, value + 0.1),
        tuple((v - 0.05, v + 0.06) for v in (value - 0.1, value, value + 0.1)),
    )


def _picture(pixels: np.ndarray) -> Picture:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return Picture(pixels, out.getvalue(), ())
