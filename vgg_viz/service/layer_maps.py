"""Answers about what layers and channels see in a photo; runs on the worker's thread alone.

All are views of one Inspection: moving between layers, channels and classes runs no network.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from vgg_viz import activations
from vgg_viz.activations import PhotoActivations
from vgg_viz.capture import recording, undisturbed
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.images import Photo
from vgg_viz.preprocessing import prepare
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
    Float32,
    FrameMaps,
    LayerChannels,
    LayerMaps,
    LayerStrip,
    LayerSummary,
    PhotoDifferences,
    ValueSummary,
    read_only,
)

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

MINI_SIDE = 28  # px
# px. 64 channels of 38 px are 92 kB; with one full map of 224 px, 100 kB, and the photo, under
# 250 kB go out.
GRID_SIDE, GRID_SIDE_OF_MANY, MANY = 38, 28, 64


def layer_strip(
    executor: "Executor", request: LayerStripRequest, photos: tuple[Photo, ...]
) -> LayerStrip:
    """Summarise every layer but the ReLUs, which are the "after" of the layer before them."""
    seen = _seen(executor, request, photos[0])
    rows = [row for row in seen.config.layers if row.name in seen.layers and row.kind != "relu"]
    layers = tuple(_summary(seen, row.name, row.kind) for row in rows)
    return LayerStrip(layers, executor.provenance(executor.ready(request.model, request.precision)))


def layer_channels(
    executor: "Executor", request: ChannelsRequest, photos: tuple[Photo, ...]
) -> LayerChannels:
    """All channels of a layer; UnknownNameError for a layer or class that is not there."""
    ready = executor.ready(request.model, request.precision)
    seen = _seen(executor, request, photos[0])
    output = activations.output_name(seen.config, request.layer, relu=request.relu)
    target = seen.top if request.target is None else request.target
    _keep_gradients(executor, request, photos[0], target)
    maps = seen.maps(request.layer, relu=request.relu)
    side = GRID_SIDE if len(maps) <= MANY else GRID_SIDE_OF_MANY
    small, pooled = _max_pooled(maps, side)
    lows, highs, shares = _in_bytes(small)
    return LayerChannels(
        layer=request.layer,
        kind=seen.config.layer(request.layer).kind,
        output=output,
        relu=request.relu,
        side=maps.shape[1],
        pooled=pooled,
        maps=shares,
        lows=lows,
        highs=highs,
        numbers=activations.channel_numbers(maps),
        scores=seen.class_scores(request.layer, target, relu=request.relu),
        target=target,
        target_name=ready.loaded.classes[target],
        provenance=executor.provenance(ready, request.precision),
    )


def channel_map(executor: "Executor", request: MapRequest, photos: tuple[Photo, ...]) -> ChannelMap:
    """One channel in full; UnknownNameError for one that is not there."""
    seen = _seen(executor, request, photos[0])
    maps = seen.maps(request.layer, relu=request.relu)
    if not 0 <= request.channel < len(maps):
        raise UnknownNameError(
            f"{request.layer} has channels 0 to {len(maps) - 1}; {request.channel} is not one of "
            "them."
        )
    return ChannelMap(
        layer=request.layer,
        output=activations.output_name(seen.config, request.layer, relu=request.relu),
        channel=request.channel,
        relu=request.relu,
        map=read_only(maps[request.channel]),
        similarities=activations.similarities(maps, request.channel),
        provenance=executor.provenance(executor.ready(request.model, request.precision)),
    )


def layer_maps(
    executor: "Executor", request: LayerMapsRequest, photos: tuple[Photo, ...]
) -> LayerMaps:
    """Every channel of a layer in full."""
    ready = executor.ready(request.model, request.precision)
    seen = _seen(executor, request, photos[0])
    return LayerMaps(
        request.layer,
        activations.output_name(seen.config, request.layer, relu=request.relu),
        request.relu,
        seen.maps(request.layer, relu=request.relu),
        executor.provenance(ready, request.precision),
    )


def frame_maps(
    executor: "Executor", request: FrameMapsRequest, photos: tuple[Photo, ...]
) -> FrameMaps:
    """One layer on one frame of a clip.

    Without gradients, and nothing is kept: the frames of a clip would push out the photo that
    everything else looks at.
    """
    ready = executor.ready(request.model, request.precision)
    config = ready.loaded.config
    output = activations.output_name(config, request.layer, relu=request.relu)
    image = torch.from_numpy(prepare(photos[0].pixels, ready.loaded.preprocessing))[None]
    batch = image.to(executor.device, next(ready.network.parameters()).dtype)
    network = ready.network
    executor.forward_passes += 1
    with torch.inference_mode(), undisturbed(network), recording(network, (output,)) as outputs:
        logits = network(batch.contiguous(memory_format=torch.channels_last))
    maps = activations.as_maps(outputs[output])
    small, pooled = _max_pooled(maps, GRID_SIDE_OF_MANY)
    lows, highs, shares = _in_bytes(small)
    flat = maps.reshape(len(maps), -1)
    return FrameMaps(
        layer=request.layer,
        output=output,
        relu=request.relu,
        side=maps.shape[1],
        pooled=pooled,
        maps=shares,
        lows=lows,
        highs=highs,
        means=read_only(flat.mean(axis=1, dtype=np.float64).astype(np.float32)),
        maxima=read_only(flat.max(axis=1)),
        probabilities=read_only(logits[0].float().softmax(0).cpu().numpy()),
        classes=ready.loaded.classes,
        provenance=executor.provenance(ready, request.precision),
    )


def photo_differences(
    executor: "Executor", request: PhotoDifferencesRequest, photos: tuple[Photo, ...]
) -> PhotoDifferences:
    """Compare two photos channel by channel; InputError when there are not two."""
    if len(photos) != 2:
        raise InputError("Differences are those of two photos; give exactly two.")
    ready = executor.ready(request.model, request.precision)
    first, second = (
        _seen(executor, request, photo).maps(request.layer, relu=request.relu) for photo in photos
    )
    numbers = [activations.channel_numbers(maps) for maps in (first, second)]
    return PhotoDifferences(
        request.layer,
        activations.output_name(ready.loaded.config, request.layer, relu=request.relu),
        request.relu,
        means=read_only(np.stack([each.means for each in numbers])),
        maxima=read_only(np.stack([each.maxima for each in numbers])),
        distances=activations.distances(first, second),
        similarities=activations.paired_similarities(first, second),
        provenance=executor.provenance(ready, request.precision),
    )


# Whatever asks for a photo's maps: model, image, precision.
_Question = (
    LayerStripRequest | ChannelsRequest | MapRequest | LayerMapsRequest | PhotoDifferencesRequest
)


def _seen(executor: "Executor", request: _Question, photo: Photo) -> PhotoActivations:
    ready = executor.ready(request.model, request.precision)
    return PhotoActivations(executor.inspection(request, photo), ready.loaded.config)


def _keep_gradients(executor: "Executor", request: _Question, photo: Photo, target: int) -> None:
    """Through the executor, which weighs an Inspection again once it holds gradients."""
    executor.gradients(request, photo, executor.inspection(request, photo), target)


def _summary(seen: PhotoActivations, layer: str, kind: str) -> LayerSummary:
    before = seen.maps(layer)
    relu = activations.relu_after(seen.config, layer)
    after = seen.maps(layer, relu=True) if relu else before
    values = _values(before)
    straight = int(activations.saturated_channels(after).sum())
    return LayerSummary(
        layer=layer,
        kind=kind,
        relu=relu,
        channels=len(before),
        side=before.shape[1],
        before=values,
        after=_values(after) if relu else values,
        dead=int(activations.dead_channels(after).sum()),
        saturated=straight if before.shape[1] > 1 else None,
    )


def _values(maps: Float32) -> ValueSummary:
    return ValueSummary(
        mean=float(maps.mean(dtype=np.float64)),
        std=float(maps.std(dtype=np.float64)),
        least=float(maps.min()),
        largest=float(maps.max()),
        zeros=float((maps == 0).mean()),
        histogram=activations.histogram(maps),
        mini=read_only(_mini(maps)),
    )


def _mini(maps: Float32) -> Float32:
    """Mean over the channels, at most 28 px; a vector's values row by row, the rest 0."""
    if maps.shape[1] == 1:
        side = int(np.ceil(np.sqrt(len(maps))))
        rows = np.zeros(side * side, dtype=np.float32)
        rows[: len(maps)] = maps[:, 0, 0]
        return rows.reshape(side, side)
    mean = torch.from_numpy(maps.mean(axis=0, dtype=np.float64).astype(np.float32))[None, None]
    factor = -(-maps.shape[1] // MINI_SIDE)
    # Windows that reach beyond the map's end are means of what lies on it.
    return _array(avg_pool2d(mean, factor, ceil_mode=True)[0, 0])


def _in_bytes(small: Float32) -> tuple[Float32, Float32, NDArray[np.uint8]]:
    """Lows at most 0 and highs at least 0 of each channel, and its values as shares of 255."""
    lows = np.minimum(small.min(axis=(1, 2)), 0)
    highs = np.maximum(small.max(axis=(1, 2)), 0)
    spans = np.where(highs > lows, highs - lows, 1)[:, None, None]
    shares = (small - lows[:, None, None]) / spans
    return read_only(lows), read_only(highs), read_only((255 * shares).round().astype(np.uint8))


def _max_pooled(maps: Float32, side: int) -> tuple[Float32, int]:
    """Maps of at most `side` px by the least whole factor; a window keeps its largest value."""
    factor = max(1, -(-maps.shape[1] // side))
    if factor == 1:
        return np.nan_to_num(maps), 1
    pooled = max_pool2d(torch.from_numpy(np.nan_to_num(maps)), factor, ceil_mode=True)
    return _array(pooled), factor


def _array(tensor: Tensor) -> Float32:
    array: Float32 = tensor.numpy()
    return array
