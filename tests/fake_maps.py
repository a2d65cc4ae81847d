"""Maps, strips and differences without a network: smooth noise of the right shapes."""

from functools import cache

import numpy as np

from vgg_viz.architecture import describe_model
from vgg_viz.errors import UnknownNameError
from vgg_viz.requests import (
    ChannelsRequest,
    FrameMapsRequest,
    LayerMapsRequest,
    LayerStripRequest,
    MapRequest,
    PhotoDifferencesRequest,
)
from vgg_viz.results import (
    ChannelMap,
    ChannelNumbers,
    FrameMaps,
    Histogram,
    LayerChannels,
    LayerMaps,
    LayerStrip,
    LayerSummary,
    ModelInfo,
    PhotoDifferences,
    Provenance,
    ValueSummary,
)

MapsRequest = (
    LayerStripRequest
    | ChannelsRequest
    | FrameMapsRequest
    | MapRequest
    | LayerMapsRequest
    | PhotoDifferencesRequest
)
KINDS = ("conv", "batch_norm", "lrn", "max_pool", "avg_pool", "linear")
WITH_RELU = ("conv", "batch_norm", "linear")
DEAD = 3  # the last channels of a layer never answer


def answer(request: MapsRequest, info: ModelInfo, made_by: Provenance):
    """As LocalService answers, noise for the network."""
    match request:
        case LayerStripRequest():
            layers = [row for row in describe_model(info).rows if row.kind in KINDS]
            return LayerStrip(
                tuple(summary(info, row.name, request.image) for row in layers), made_by
            )
        case ChannelsRequest():
            return channels(request, info, made_by)
        case FrameMapsRequest():
            return frame_maps(request, info, made_by)
        case MapRequest():
            maps = values(info, request.layer, request.image, relu=request.relu)
            if request.channel >= len(maps):
                raise UnknownNameError(f"{request.layer} has no channel {request.channel}.")
            return ChannelMap(
                request.layer,
                output(info, request.layer, relu=request.relu),
                request.channel,
                request.relu,
                maps[request.channel],
                cosines(maps, maps[request.channel][None]),
                made_by,
            )
        case LayerMapsRequest():
            maps = values(info, request.layer, request.image, relu=request.relu)
            name = output(info, request.layer, relu=request.relu)
            return LayerMaps(request.layer, name, request.relu, maps, made_by)
        case PhotoDifferencesRequest():
            return differences(request, info, made_by)


@cache
def values(info: ModelInfo, layer: str, image: str, *, relu: bool, most: int = 224) -> np.ndarray:
    """(C, h, w) of a layer: a gradient across the map and noise, the last channels below 0."""
    row = describe_model(info).row(layer)
    seed = [*f"{info.name} {layer} {image}".encode()]
    noise = np.random.default_rng(seed)
    side = min(most, row.out_side)
    slope = np.linspace(-1, 1, side)
    maps = noise.normal(0, 1, (row.out_channels, 1, 1)) * slope[None, :, None]
    maps = maps + noise.normal(0, 0.5, (row.out_channels, side, side))
    maps[-DEAD:] = -np.abs(maps[-DEAD:]) - 0.1
    if relu or row.kind not in WITH_RELU:
        maps = np.maximum(maps, 0)
    found = maps.astype(np.float32)
    found.flags.writeable = False
    return found


def output(info: ModelInfo, layer: str, *, relu: bool) -> str:
    kind = describe_model(info).row(layer).kind
    if not relu or kind not in WITH_RELU or layer == "fc8":
        return layer
    return layer.replace("conv", "relu").replace("fc", "relu").replace("bn", "relu")


def channels(request: ChannelsRequest, info: ModelInfo, made_by: Provenance) -> LayerChannels:
    maps = values(info, request.layer, request.image, relu=request.relu)
    factor = -(-maps.shape[1] // 28)
    small = maps[:, ::factor, ::factor]
    lows, highs = np.minimum(small.min((1, 2)), 0), np.maximum(small.max((1, 2)), 0)
    spans = np.where(highs > lows, highs - lows, 1)[:, None, None]
    target = 2 if request.target is None else request.target
    scores = maps.mean((1, 2)) * np.where(np.arange(len(maps)) % 2, -1, 1)
    return LayerChannels(
        layer=request.layer,
        kind=describe_model(info).row(request.layer).kind,
        output=output(info, request.layer, relu=request.relu),
        relu=request.relu,
        side=maps.shape[1],
        pooled=factor,
        maps=(255 * (small - lows[:, None, None]) / spans).round().astype(np.uint8),
        lows=lows,
        highs=highs,
        numbers=channel_numbers(maps),
        scores=scores.astype(np.float32),
        target=target,
        target_name=info.classes[target],
        provenance=made_by,
    )


def frame_maps(request: FrameMapsRequest, info: ModelInfo, made_by: Provenance) -> FrameMaps:
    asked = ChannelsRequest(request.model, request.image, request.layer, request.relu)
    found = channels(asked, info, made_by)
    seed = [*f"{info.name} {request.image}".encode()]
    odds = np.exp(np.random.default_rng(seed).normal(0, 2, len(info.classes)))
    return FrameMaps(
        *(found.layer, found.output, found.relu, found.side, found.pooled),
        *(found.maps, found.lows, found.highs, found.numbers.means, found.numbers.maxima),
        (odds / odds.sum()).astype(np.float32),
        info.classes,
        made_by,
    )


def differences(
    request: PhotoDifferencesRequest, info: ModelInfo, made_by: Provenance
) -> PhotoDifferences:
    pair = [values(info, request.layer, image, relu=request.relu) for image in request.images]
    numbers = [channel_numbers(maps) for maps in pair]
    return PhotoDifferences(
        request.layer,
        output(info, request.layer, relu=request.relu),
        request.relu,
        np.stack([each.means for each in numbers]),
        np.stack([each.maxima for each in numbers]),
        np.sqrt(((pair[0] - pair[1]) ** 2).mean((1, 2))),
        cosines(*pair),
        made_by,
    )


@cache
def summary(info: ModelInfo, layer: str, image: str) -> LayerSummary:
    row = describe_model(info).row(layer)
    before, after = (values(info, layer, image, relu=relu, most=28) for relu in (False, True))
    has_relu = row.kind in WITH_RELU and layer != "fc8"
    return LayerSummary(
        layer,
        row.kind,
        output(info, layer, relu=True) if has_relu else None,
        len(before),
        row.out_side,
        _values(before),
        _values(after) if has_relu else _values(before),
        int((after == 0).all((1, 2)).sum()),
        int((after > 0).all((1, 2)).sum()) if row.out_side > 1 else None,
    )


def channel_numbers(maps: np.ndarray) -> ChannelNumbers:
    axes = (1, 2)
    return ChannelNumbers(
        maps.mean(axes),
        maps.std(axes),
        maps.min(axes),
        maps.max(axes),
        (maps == 0).mean(axes, dtype=np.float32),
    )


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    norms = np.sqrt((one**2).sum((1, 2)) * (other**2).sum((1, 2)))
    return ((one * other).sum((1, 2)) / np.where(norms > 0, norms, 1)).astype(np.float32)


def histogram(maps: np.ndarray) -> Histogram:
    width = 0.125
    bins = np.floor(maps.ravel() / width).astype(int)
    return Histogram(int(bins.min()), width, np.bincount(bins - bins.min()))


def _values(maps: np.ndarray) -> ValueSummary:
    side = max(1, -(-maps.shape[1] // 28))
    mini = maps.mean(axis=0)[::side, ::side]
    if maps.shape[1] == 1:
        wide = int(np.ceil(np.sqrt(len(maps))))
        mini = np.zeros(wide * wide, np.float32)
        mini[: len(maps)] = maps[:, 0, 0]
        mini = mini.reshape(wide, wide)
    return ValueSummary(
        float(maps.mean()),
        float(maps.std()),
        float(maps.min()),
        float(maps.max()),
        float((maps == 0).mean()),
        histogram(maps),
        mini,
    )
