"""Layer timings and dense maps without a network: right tables, made-up seconds and classes."""

from dataclasses import replace

import numpy as np

from vgg_viz.architecture import (
    ReceptiveField,
    describe,
    describe_model,
    describe_network,
    moved_bytes,
)
from vgg_viz.requests import DenseMapRequest, LayerTimingsRequest
from vgg_viz.results import (
    CropComparison,
    DenseMap,
    LayerTiming,
    LayerTimings,
    ModelInfo,
    Provenance,
)

PEAK, BANDWIDTH = 100e9, 20e9  # FLOP/s, bytes/s: a ridge at 5 FLOPs per byte


def layer_timings(info: ModelInfo | None, request: LayerTimingsRequest) -> LayerTimings:
    """Every layer at 80 % of its roof; another attempt is a little slower."""
    network = request.model.partition(":")[0]
    random = info is None or info.weights == "random"
    a = describe_network(network) if random else describe_model(info)
    a = describe(a.config, request.input_size)
    moved = moved_bytes(a, request.batch, 4)
    layers = []
    for row in a.rows:
        macs = request.batch * row.macs
        roof = max(2 * macs / PEAK, moved[row.name] / BANDWIDTH)
        seconds = (roof / 0.8 + 1e-6) * (1 + 0.1 * request.attempt)
        layers.append(LayerTiming(row.name, row.kind, seconds, seconds, macs, moved[row.name]))
    weights = "random weights (He), seed 0" if random else info.weights_title
    return LayerTimings(
        a.title,
        tuple(layers),
        request.batch,
        0.95 * sum(layer.seconds for layer in layers),
        25,
        PEAK,
        BANDWIDTH,
        "cpu, AVX512, 2 threads of 2",
        Provenance(
            request.model,
            weights,
            "",
            "cpu",
            request.precision,
            a.input_size,
            (("vgg-viz", "0.1.0"), ("torch", "2.14.1")),
        ),
    )


def dense_map(info: ModelInfo, request: DenseMapRequest, photo, made_by: Provenance) -> DenseMap:
    """Left half: the photo's class or the first one; right half: two others."""
    a = describe_model(info)
    seen: ReceptiveField = a.row("fc6").receptive_field
    scale = request.side / min(photo.size)
    picture = photo.resize((round(photo.width * scale), round(photo.height * scale)))
    rows, columns = ((side - info.input_size) // 32 + 1 for side in (picture.height, picture.width))
    classes = len(info.classes)
    known = info.classes.index(request.image) if request.image in info.classes else 0
    scores = np.zeros((classes, rows, columns), np.float32)
    scores[known] = 4
    scores[(known + 1) % classes, :, columns // 2 :] = 5
    scores[(known + 2) % classes, rows - 1 :, columns // 2 :] = 7
    odds = np.exp(scores)
    whole = np.zeros((rows, columns), bool)
    whole[rows // 3 : rows - rows // 3, columns // 3 : columns - columns // 3] = rows > 2
    crops = CropComparison(rows * columns, 0.44, 0.19, 0.89, 2.4) if request.crops else None
    return DenseMap(
        probabilities=(odds / odds.sum(0)).astype(np.float32),
        classes=info.classes,
        photo=np.asarray(picture),
        window=info.input_size,
        field=seen.size,
        stride=seen.jump,
        offset=seen.center(0),
        whole=whole,
        macs=2_000_000_000,
        crop_macs=info.macs,
        seconds=0.38,
        provenance=replace(made_by, precision=request.precision),
        crops=crops,
    )
