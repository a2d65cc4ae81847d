"""Edits without a pass: a channel that is off takes what it has from the class, in proportion."""

from dataclasses import replace

import numpy as np

from vgg_viz.errors import UnknownNameError
from vgg_viz.requests import (
    CarryingChannelsRequest,
    CorrespondenceRequest,
    EditRequest,
    InvarianceRequest,
)
from vgg_viz.results import (
    Attribution,
    CarryingChannels,
    Classification,
    Correspondence,
    Edited,
    Invariance,
    ModelInfo,
    Provenance,
)

PER_CHANNEL = 0.5  # that a channel takes from the logit when it is switched off
ORDERS = 16


def edit(request: EditRequest, info: ModelInfo, plain: Classification, cam: Attribution) -> Edited:
    """As LocalService answers; `cam` is the unedited Grad-CAM."""
    layer = next((row for row in info.convs if row.name == request.layer), None)
    if layer is None:
        raise UnknownNameError.among("layer", request.layer, (row.name for row in info.convs))
    target = cam.target
    lost = sum(1 - factor for _, factor in request.channels) * PER_CHANNEL
    lost += 1 if request.region else 0
    lost += 2 if request.swap else 0
    logits = plain.logits.copy()
    logits[target] -= lost
    odds = np.exp(logits - logits.max())
    kept = max(0.0, 1 - lost / 10)
    names = [row.name for row in info.layers if row.kind in ("conv", "linear")]
    layers = tuple(names[names.index(request.layer) :])
    maps = np.linspace(0, 1, 2 * 7 * 7, dtype=np.float32).reshape(2, 7, 7)
    return Edited(
        request.layer,
        request.layer.replace("conv", "relu"),
        layer.channels,
        plain.classes,
        plain.logits,
        logits,
        plain.probabilities,
        (odds / odds.sum()).astype(np.float32),
        cam,
        replace(cam, grid=cam.grid * np.float32(kept), score=float(logits[target])),
        layers,
        np.array([lost / 10 / (i + 1) for i in range(len(layers))], np.float32),
        layers[1],
        (3, 5),
        maps,
        maps * np.float32(kept),
        0.0123,
        plain.provenance,
    )


def carrying_channels(
    request: CarryingChannelsRequest, info: ModelInfo, plain: Classification, target: int
) -> CarryingChannels:
    """Channels 3, 5, 7 ... by gradient and 7, 9, 11 ... greedily; random ones take less."""
    slope = {"gradient": 0.8, "greedy": 1.0, "random": 0.1}[request.method]
    steps = np.arange(request.count + 1, dtype=np.float32)
    logits = plain.logits[target] - slope * steps
    spread = 0.05 * steps * (request.method == "random")
    first = {"gradient": 3, "greedy": 7, "random": 0}[request.method]
    total = next(row.channels for row in info.convs if row.name == request.layer)
    channels = tuple((first + 2 * i) % total for i in range(request.count))
    return CarryingChannels(
        request.method,
        request.layer,
        request.layer.replace("conv", "relu"),
        target,
        info.classes[target],
        () if request.method == "random" else channels,
        logits,
        np.exp(-steps) * plain.probabilities[target],
        logits - spread,
        logits + spread,
        ORDERS if request.method == "random" else 1,
        len(steps) if request.method != "greedy" else 100,
        20 if request.method == "greedy" else 0,
        20,
        plain.provenance,
    )


def invariance(
    request: InvarianceRequest, info: ModelInfo, plain: Classification, target: int
) -> Invariance:
    """Distances that grow with the change, most in the first layer."""
    first, last = {"translate": (-0.25, 0.25), "scale": (0.5, 2.0), "rotate": (-180.0, 180.0)}[
        request.transform
    ]
    unchanged = 1.0 if request.transform == "scale" else 0.0
    values = np.linspace(first, last, request.steps)
    values[request.steps // 2] = unchanged
    away = np.abs(np.linspace(-1, 1, request.steps))
    layers = tuple(row.name for row in info.layers if row.kind in ("conv", "linear"))
    distances = away[:, None] / (1 + np.arange(len(layers)))[None]
    grey = (255 * (1 - away)).astype(np.uint8)
    return Invariance(
        request.transform,
        request.fill,
        tuple(values.tolist()),
        layers,
        distances.astype(np.float32),
        target,
        info.classes[target],
        (plain.logits[target] - away).astype(np.float32),
        ((1 - 0.8 * away) * plain.probabilities[target]).astype(np.float32),
        tuple(info.classes[target] if share < 0.7 else info.classes[0] for share in away),
        np.broadcast_to(grey[:, None, None, None], (request.steps, 112, 112, 3)).copy(),
        plain.provenance,
    )


def correspondence(
    request: CorrespondenceRequest, info: ModelInfo, made_by: Provenance
) -> Correspondence:
    """The part: 0.1 of the signs in the first layer differ, anywhere 0.2; in fc7 twice that."""
    count = len(request.images)
    pairs = count * (count - 1) // 2
    last = info.convs[-1].name
    spread = np.linspace(0.9, 1.1, pairs) if pairs > 1 else np.ones(1)
    part = np.stack([0.1 * spread, 0.2 * spread]).astype(np.float32)
    draws = np.linspace(0.9, 1.1, request.draws)[None, :, None]
    pictures = np.zeros((count, 8, 8, 3), np.uint8)
    return Correspondence(
        (last, "fc7"),
        (last.replace("conv", "relu"), "relu7"),
        request.images,
        part,
        (2 * part[:, None, :] * draws).astype(np.float32),
        pictures,
        pictures + np.uint8(255),
        made_by,
    )
