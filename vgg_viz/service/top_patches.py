"""Answers about the patches that excite a channel most: cut from the photos, and sent back."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from vgg_viz.architecture import UnitFields, describe, unit_fields
from vgg_viz.attribution.backward_rules import only, reconstruct
from vgg_viz.capture import inspect
from vgg_viz.errors import ImageError, InputError, UnknownNameError
from vgg_viz.images import Photo
from vgg_viz.patch_index import NONE, LayerTop, PatchIndex
from vgg_viz.preprocessing import Preprocessing
from vgg_viz.requests import TopPatchesRequest
from vgg_viz.results import FiringUnit, Float32, Patch, TopPatches
from vgg_viz.results.reconstruction import Span
from vgg_viz.service import indexes
from vgg_viz.service.kernels import conv_row
from vgg_viz.service.patch_indexing import index_key
from vgg_viz.service.photo_sources import SAMPLES, PhotoSource, photo_source
from vgg_viz.service.reconstruction import before_relu
from vgg_viz.top_patches import trunk

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready

SHOWN = 9  # as in the figure
GREY = 128  # beyond the border of the photo

Number = TypeVar("Number", np.uint8, np.float32)


@dataclass(frozen=True)
class _Found:
    """An entry of an index."""

    name: str
    unit: FiringUnit


def top_patches(
    executor: "Executor", request: TopPatchesRequest, _: tuple[Photo, ...]
) -> TopPatches:
    """The nine patches and their reconstructions, from the index as it is now.

    With no index yet there are no images and no patches; `silence` says so.
    """
    ready = executor.ready(request.model)
    source = photo_source(request.source, executor.folders, allow_paths=executor.allow_paths)
    row = conv_row(ready, request.layer or ready.loaded.config.convs[-1])
    try:
        index, damaged = indexes.newest(request.model, index_key(ready, source)), ""
    except InputError as error:
        index, damaged = None, f"{error} Index the photos again."
    top = index.layers.get(row.name) if index is not None else None
    maxima = np.full(row.out, np.nan, np.float32) if top is None else _maxima(top)
    channel = _channel(row.name, request.channel, maxima)
    patches, notes = [], []
    if index is not None and top is not None:
        for found in _firing(index, top, channel):
            if source.stamp(found.name) not in index.images:
                notes.append(f"{found.name} was removed or changed after it was indexed.")
                continue
            try:
                patches.append(_patch(ready, source, row.name, channel, found))
            except ImageError as error:
                notes.append(f"{found.name} cannot be read any more: {error}")
    images = 0 if index is None or top is None else len(index.images)
    return TopPatches(
        layer=row.name,
        channel=channel,
        patches=tuple(patches),
        maxima=maxima,
        images=images,
        source=request.source,
        silence=damaged
        or ("" if patches or notes else _silence(row.name, channel, maxima, images, source)),
        provenance=executor.provenance(ready),
        notes=tuple(notes),
    )


def _maxima(top: LayerTop) -> Float32:
    """The largest value of every channel; NaN where no image gave a number."""
    first = np.where(top.images[:, 0] == NONE, np.float32(np.nan), top.values[:, 0])
    first.flags.writeable = False
    return first


def _channel(layer: str, wanted: int | None, maxima: Float32) -> int:
    """The channel asked for; the one with the largest value when none was."""
    if wanted is None:
        return int(np.nan_to_num(maxima, nan=-np.inf).argmax())
    if not 0 <= wanted < len(maxima):
        raise UnknownNameError(
            f"{layer} has channels 0 to {len(maxima) - 1}; {wanted} is not one of them."
        )
    return wanted


def _firing(index: PatchIndex, top: LayerTop, channel: int) -> list[_Found]:
    """The first nine entries whose unit fires."""
    entries = zip(
        top.values[channel].tolist(),
        top.images[channel].tolist(),
        top.rows[channel].tolist(),
        top.columns[channel].tolist(),
        strict=True,
    )
    found = [
        _Found(index.images[image].name, FiringUnit(row, column, value))
        for value, image, row, column in entries
        if image != NONE and value > 0
    ]
    return found[:SHOWN]


def _patch(ready: "Ready", source: PhotoSource, layer: str, channel: int, found: _Found) -> Patch:
    wanted = ready.loaded.preprocessing
    image = source.read(found.name, wanted)
    fields = unit_fields(describe(ready.loaded.config), layer)
    span_y, span_x = fields.spans[found.unit.row], fields.spans[found.unit.column]
    signal = _reconstruction(ready, layer, channel, image, found.unit)
    center = _center(fields, found.unit)
    return Patch(
        name=found.name,
        value=found.unit.value,
        row=found.unit.row,
        column=found.unit.column,
        span_y=span_y,
        span_x=span_x,
        pixels=window(as_pixels(image, wanted), span_y, span_x, GREY).transpose(1, 2, 0),
        reconstruction=window(signal, span_y, span_x, 0),
        sample=source.sample(found.name),
        place=source.place(found.name, wanted, *center),
    )


def _reconstruction(
    ready: "Ready", layer: str, channel: int, image: Float32, unit: FiringUnit
) -> Float32:
    """The deconvnet's signal in the whole input (3, S, S); LRN is passed, as in the paper."""
    name = before_relu(ready.loaded.config, layer)
    part = trunk(ready.network, name)
    first = next(ready.network.parameters())
    batch = torch.from_numpy(image)[None].to(first.device, first.dtype)
    names = tuple(each for each in ready.layers if each in dict(part.named_children()))
    seen = inspect(part, batch.contiguous(memory_format=torch.channels_last), names)
    start = only(seen.outputs[name], channel, (unit,))
    signal = reconstruct(part, seen, name, start, "deconvnet", lrn="passed")[0]
    return signal.float().cpu().numpy()


def as_pixels(image: Float32, wanted: Preprocessing) -> NDArray[np.uint8]:
    """What `prepare` made of a photo as the px that it was made of: uint8 (3, S, S), exactly."""
    mean, std = (np.array(part, np.float32)[:, None, None] for part in (wanted.mean, wanted.std))
    levels = np.rint((image * std + mean) * 255)
    pixels: NDArray[np.uint8] = np.clip(levels, 0, 255).astype(np.uint8)
    return pixels


def window(image: NDArray[Number], span_y: Span, span_x: Span, fill: float) -> NDArray[Number]:
    """The part of (C, H, W) within two spans, which may lie beyond its border: `fill` there."""
    (top, bottom), (left, right) = span_y, span_x
    out = np.full((image.shape[0], bottom - top, right - left), fill, image.dtype)
    rows, columns = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
    part = image[:, rows, columns]
    down, across = max(-top, 0), max(-left, 0)
    out[:, down : down + part.shape[1], across : across + part.shape[2]] = part
    out.flags.writeable = False
    return out


def _center(fields: UnitFields, unit: FiringUnit) -> tuple[float, float]:
    """Of the field, y and x in px of the input, within it."""
    last = fields.input_size - 1
    y, x = (min(max(fields.center(i), 0), last) for i in (unit.row, unit.column))
    return y, x


def _silence(layer: str, channel: int, maxima: Float32, images: int, source: PhotoSource) -> str:
    """Why there is no patch."""
    if not images:
        what = "bundled photos are" if source.key == SAMPLES else f"folder {source.title} is"
        return f"The {what} not indexed for these weights yet."
    largest = float(maxima[channel])
    if np.isnan(largest):
        return f"Channel {channel} of {layer} is not a number: these weights are damaged."
    return (
        f"Channel {channel} of {layer} never fires: in all {images:,} {source.noun} its largest "
        f"value before the ReLU is z = {largest:.3g}, and a ReLU passes on 0 for z ≤ 0. Choose "
        "another channel, or more photos."
    )
