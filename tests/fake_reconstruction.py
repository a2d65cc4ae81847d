"""Answers about what reaches back to the photo, in the shapes and relations the real ones have."""

import zlib

import numpy as np

from vgg_viz.architecture import describe_model, unit_fields
from vgg_viz.errors import UnknownNameError
from vgg_viz.requests import ChannelKernelRequest, LayerKernelsRequest, ReconstructionRequest
from vgg_viz.results import (
    ChannelKernel,
    FiringUnit,
    LayerKernels,
    ModelInfo,
    Provenance,
    Reconstruction,
)

SIZE = 224
SILENT = 2  # this channel of every layer never fires
FEW = 4  # units of channel 3 fire
INPUTS = 30


def made_by(info: ModelInfo) -> Provenance:
    return Provenance(info.name, info.weights_title, "0" * 64, "cpu", "fp32", SIZE, ())


def seeded(*words: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(words).encode()))


def answer(request, info: ModelInfo | None):
    match request:
        case ReconstructionRequest():
            return reconstruction(request, info)
        case LayerKernelsRequest():
            return layer_kernels(request, info)
        case ChannelKernelRequest():
            return channel_kernel(request, info)
    return None


def reconstruction(request: ReconstructionRequest, info: ModelInfo) -> Reconstruction:
    row = next(layer for layer in info.convs if layer.name == request.layer)
    random = seeded(request.model, request.image, request.layer)
    maxima = random.uniform(0.5, 9, row.channels).astype(np.float32)
    maxima[SILENT] = -0.25
    channel = int(maxima.argmax()) if request.channel is None else request.channel
    if channel >= row.channels:
        raise UnknownNameError(f"{row.name} has no channel {channel}.")
    count = {"strongest": 1, "top9": 9, "place": 1}[request.units]
    places = (
        [(request.row, request.column)]
        if request.units == "place"
        else [(1 + i % 3, 2 + i // 3) for i in range(FEW if channel == 3 else count)][:count]
    )
    if channel == SILENT:
        places = []
    units = tuple(
        FiringUnit(y, x, float(maxima[channel]) / (1 + i)) for i, (y, x) in enumerate(places)
    )
    fields = unit_fields(describe_model(info), row.name)
    spans = tuple((fields.spans[unit.row], fields.spans[unit.column]) for unit in units)
    signals = []
    for number, _ in enumerate(request.rules):
        signal = np.zeros((3, SIZE, SIZE), np.float32)
        for (top, bottom), (left, right) in spans:
            box = slice(max(top, 0), bottom), slice(max(left, 0), right)
            shape = signal[:, *box].shape
            signal[:, *box] += random.normal(size=shape) * (1 + number)
        signals.append(signal)
    return Reconstruction(
        layer=row.name,
        channel=channel,
        rules=request.rules,
        signals=tuple(signals),
        units=units,
        wanted=count,
        span_y=hull([y for y, _ in spans]),
        span_x=hull([x for _, x in spans]),
        fields=spans,
        maxima=maxima,
        normalisation=request.lrn if "zfnet" in info.network else None,
        silence="" if units else f"Channel {channel} of {row.name} never fires: z = -0.25.",
        provenance=made_by(info),
    )


def hull(spans):
    return (min(s for s, _ in spans), max(e for _, e in spans)) if spans else (0, 0)


def layer_kernels(request: LayerKernelsRequest, info: ModelInfo) -> LayerKernels:
    row = next(each for each in info.convs if each.name == (request.layer or info.convs[0].name))
    norms = seeded("norms", row.name).uniform(1, 2, row.channels).astype(np.float32)
    norms[1] = 0.01
    dead = norms < 0.1
    pairs = ((0, 4, -0.97), (4, 5, 0.92), (6, 7, 0.5))
    inputs = 3 if row.name == info.convs[0].name else INPUTS
    return LayerKernels(
        row.name, (row.channels, inputs, 3), norms, dead, 0.1, pairs, pairs[:2], 0.9, made_by(info)
    )


def channel_kernel(request: ChannelKernelRequest, info: ModelInfo) -> ChannelKernel:
    row = next(each for each in info.convs if each.name == (request.layer or info.convs[0].name))
    inputs = 3 if row.name == info.convs[0].name else INPUTS
    kernel = seeded("kernel", row.name, request.channel).normal(size=(inputs, 3, 3))
    axis = np.fft.fftshift(np.fft.fftfreq(16)).astype(np.float32)
    return ChannelKernel(
        layer=row.name,
        channel=request.channel,
        kernel=kernel.astype(np.float32),
        bias=0.125,
        stride=2,
        slice_norms=np.linalg.norm(kernel.reshape(inputs, -1), axis=1).astype(np.float32),
        cosines=np.zeros(row.channels, np.float32),
        response=np.exp(-(axis[:, None] ** 2 + axis**2) * 8),
        frequencies=axis,
        provenance=made_by(info),
    )
