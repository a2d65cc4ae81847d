"""Labels without a network: the photo's class is a disc that grows sharper from 32s to 8s."""

import numpy as np

from tests.fake_models import fake_model, rng
from vgg_viz.requests import ExplainedRequest, GramEntry, SegmentationRequest
from vgg_viz.results import (
    Attribution,
    ModelInfo,
    Provenance,
    ScoreDifference,
    Segmentation,
    SegmentationHead,
    SegmentationHeads,
    Share,
    StrideLabels,
    StrideScores,
)

CLASSES = ("background", "cat", "cow", "dog", "horse", "person", "sheep")
MODELS = ("zfnet_b:bundled", "vgg16:bundled")
LONGEST = 128  # px; the real ones have 256


def heads() -> SegmentationHeads:
    """Two networks; on the second, 8s is worse than 16s."""
    values = {"zfnet_b:bundled": (0.30, 0.31, 0.32), "vgg16:bundled": (0.40, 0.42, 0.41)}
    made = []
    for model in MODELS:
        network = model.partition(":")[0]
        nets, before = [], 0.25
        for stride, value in zip((32, 16, 8), values[model], strict=True):
            nets.append(_scores(stride, value, value - before))
            before = value
        made.append(
            SegmentationHead(
                model,
                fake_model(network, "bundled").title,
                CLASSES,
                ("pool4", "pool3") if network == "vgg16" else ("pool2", "norm2"),
                tuple(nets),
                _scores(32, 0.25, None),
                269,
                "made-up photos; the split is this project's own.",
                "One epoch of nothing.",
                LONGEST,
                f"fcn_{network}.safetensors",
                4_000_000,
            )
        )
    differences = tuple(
        ScoreDifference(*reversed(MODELS), stride, Share(0.09, low, 0.14))
        for stride, low in ((32, 0.05), (16, 0.06), (8, -0.01))
    )
    return SegmentationHeads(tuple(made), differences)


def _scores(stride: int, value: float, gain: float | None) -> StrideScores:
    def around(middle):
        return Share(middle, middle - 0.03, middle + 0.03)

    return StrideScores(
        stride,
        around(value + 0.4),
        around(value + 0.1),
        around(value),
        around(value + 0.2),
        tuple(np.linspace(value + 0.3, value - 0.2, len(CLASSES)).tolist()),
        None if gain is None else Share(gain, gain - 0.005, gain + 0.005),
    )


def segmentation(
    request: SegmentationRequest, info: ModelInfo, photo, made_by: Provenance
) -> Segmentation:
    """A disc of the photo's class, in front of background alone where that is no class."""
    scale = LONGEST / max(photo.size)
    picture = np.asarray(photo.resize([max(1, round(side * scale)) for side in photo.size]))
    height, width = picture.shape[:2]
    known = CLASSES.index(request.image) if request.image in CLASSES else 0
    y, x = np.mgrid[:height, :width]
    inside = 1 - np.hypot((x - width / 2) / width, (y - height / 2) / height) / 0.35
    shift = 0.2 * rng("segmentation", request.model).uniform()
    nets = []
    for stride, layer in zip((32, 16, 8), ("fc7", "pool4", "pool3"), strict=True):
        scores = np.zeros((len(CLASSES), height, width), np.float32)
        if known:
            scores[known] = (inside + shift + stride / 200) * 160 / stride
        else:
            scores[0] = 5
        odds = np.exp(scores - scores.max(0))
        probabilities = (odds / odds.sum(0)).astype(np.float32)
        nets.append(
            StrideLabels(stride, probabilities, (-(-height // stride), -(-width // stride)), layer)
        )
    return Segmentation(picture, CLASSES, tuple(nets), 0.012, made_by, ())


def explained(request: ExplainedRequest, info: ModelInfo, made_by: Provenance) -> Attribution:
    """A map around the region's middle."""
    side = LONGEST if request.method == "gradient" else info.convs[-1].side
    output = request.output
    gram = isinstance(output, GramEntry)
    left, top, right, bottom = (0.2, 0.2, 0.6, 0.6) if gram else output.region
    name = f"Gram entry ({output.first}, {output.second})" if gram else CLASSES[output.label]
    at = (np.arange(side) + 0.5) / side
    grid = np.exp(
        -20 * ((at[None] - (left + right) / 2) ** 2 + (at[:, None] - (top + bottom) / 2) ** 2)
    )
    return Attribution(
        grid.astype(np.float32),
        request.method,
        info.convs[-1].name,
        output.target,
        name,
        2.5,
        made_by,
        relu=True,
    )
