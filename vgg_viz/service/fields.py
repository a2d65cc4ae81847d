"""Answers about effective receptive fields; runs on the worker's thread alone."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vgg_viz.architecture import Architecture, describe, unit_fields
from vgg_viz.effective_field import extent, gradient_heat
from vgg_viz.errors import InputError
from vgg_viz.images import Photo
from vgg_viz.preprocessing import Preprocessing, prepare
from vgg_viz.requests import EffectiveFieldRequest
from vgg_viz.results import EffectiveField

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready

GIBI = 2**30
# A pass with gradients keeps every map: full VGG-19 takes 1.6 GiB at 768 px.
MOST_BYTES = 2 * GIBI


def effective_field(
    executor: "Executor", request: EffectiveFieldRequest, photos: tuple[Photo, ...]
) -> EffectiveField:
    """Measure one unit on every photo, one after another.

    UnknownNameError for a layer the network does not have; InputError for a unit or channel that
    is not there, no photos, and an input size too small for the network or too large for memory.
    """
    ready = executor.ready(request.model)
    architecture = described(ready, request.input_size)
    fields = unit_fields(architecture, request.layer)
    if not (0 <= request.row < fields.side and 0 <= request.column < fields.side):
        raise InputError(
            f"{request.layer} has {fields.side} x {fields.side} units for an input of "
            f"{architecture.input_size} px; choose row and column from 0 to {fields.side - 1}, "
            f"not {request.row} and {request.column}."
        )
    total = gradient_heat(
        ready.network,
        _inputs(executor, ready, photos, architecture.input_size),
        request.layer,
        request.row,
        request.column,
        request.channel,
    )
    spans = fields.spans[request.row], fields.spans[request.column]
    reach = extent(total, *spans)
    heat = total.astype(np.float32)
    heat.flags.writeable = False
    return EffectiveField(
        heat=heat,
        layer=request.layer,
        row=request.row,
        column=request.column,
        channel=request.channel,
        span_y=spans[0],
        span_x=spans[1],
        share_inside=reach.share_inside,
        side_50=reach.side_50,
        side_95=reach.side_95,
        images=len(photos),
        provenance=replace(executor.provenance(ready), input_size=architecture.input_size),
    )


def described(ready: "Ready", input_size: int | None) -> Architecture:
    """The network's tables at the size asked for, its own by default; InputError as above."""
    architecture = describe(ready.loaded.config, input_size)
    if (needed := architecture.activation_bytes()) > MOST_BYTES:
        raise InputError(
            f"Measuring {architecture.title} on {architecture.input_size} px would keep "
            f"{needed / GIBI:.1f} GiB of maps; choose a smaller input (up to "
            f"{MOST_BYTES / GIBI:.0f} GiB are allowed)."
        )
    return architecture


def at_size(preprocessing: Preprocessing, size: int) -> Preprocessing:
    """The same part of the photo with `size` px on a side instead of the network's own."""
    if size == preprocessing.crop:
        return preprocessing
    resize = max(size, round(preprocessing.resize * size / preprocessing.crop))
    return replace(preprocessing, resize=resize, crop=size)


def _inputs(
    executor: "Executor", ready: "Ready", photos: tuple[Photo, ...], size: int
) -> Iterator[Tensor]:
    """Each photo as the network reads it, (1, 3, size, size), made when it is wanted."""
    preprocessing = at_size(ready.loaded.preprocessing, size)
    dtype = next(ready.network.parameters()).dtype
    for photo in photos:
        image = torch.from_numpy(prepare(photo.pixels, preprocessing))[None]
        executor.forward_passes += 1
        yield image.to(executor.device, dtype).contiguous(memory_format=torch.channels_last)
