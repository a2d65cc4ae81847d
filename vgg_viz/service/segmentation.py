"""Photos labelled pixel by pixel, by the heads that ship."""

import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from vgg_viz.errors import InputError
from vgg_viz.images import Photo, Pixels, as_image
from vgg_viz.requests import SegmentationRequest
from vgg_viz.results import Segmentation, StrideLabels
from vgg_viz.service.devices import host_copy
from vgg_viz.transfer.fcn import FCN, STRIDES, interpolation
from vgg_viz.transfer.segmentation_cards import segmentation_card
from vgg_viz.transfer.segmentation_data import normalised
from vgg_viz.transfer.segmentation_weights import load_fcn

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready

SIDES = range(96, 401)  # px of the longest side
SHORTEST = 64  # px of the shorter side; of photos that are longer for it, the middle is labelled

_nets: WeakKeyDictionary["Ready", FCN] = WeakKeyDictionary()  # as long as their classifier is kept


def segmentation(
    executor: "Executor", request: SegmentationRequest, photos: tuple[Photo, ...]
) -> Segmentation:
    """Label a photo by 32s, 16s and 8s in one pass.

    UnknownNameError for a model without a head, InputError for a side out of SIDES.
    """
    card = segmentation_card(request.model)
    longest = card.head.longest if request.longest is None else request.longest
    if longest not in SIDES:
        raise InputError(
            f"A photo's longest side can have {SIDES.start} to {SIDES.stop - 1} px here, "
            f"not {longest}."
        )
    ready = executor.ready(request.model, request.precision)
    fcn = nets_of(ready, request.model)
    pixels, notes = scaled_photo(photos[0].pixels, longest)
    like = next(fcn.parameters())
    images = normalised(pixels[None]).to(like.device, like.dtype)
    executor.forward_passes += 1
    started = time.perf_counter()
    with torch.inference_mode():
        coarse = fcn.coarse(images)
        enlarged = {
            stride: fcn.enlarged(scores.float(), stride, pixels.shape[:2]).softmax(1)[0]
            for stride, scores in coarse.items()
        }
        found = {stride: host_copy(probabilities) for stride, probabilities in enlarged.items()}
    layers = ("fc7", *fcn.skip_names)
    return Segmentation(
        photo=pixels,
        classes=card.head.classes,
        nets=tuple(
            StrideLabels(stride, found[stride], (rows, columns), layer)
            for stride, layer in zip(STRIDES, layers, strict=True)
            for rows, columns in [coarse[stride].shape[2:]]
        ),
        seconds=time.perf_counter() - started,
        provenance=executor.provenance(ready, request.precision),
        notes=(*photos[0].notes, *notes),
    )


def nets_of(ready: "Ready", model: str) -> FCN:
    """The three nets on a loaded classifier, read once for as long as it is kept."""
    fcn = _nets.get(ready)
    if fcn is None:
        like = next(ready.network.parameters())
        fcn = load_fcn(segmentation_card(model), ready.loaded).to(like.device, like.dtype)
        _nets[ready] = fcn
    return fcn


Region = tuple[float, float, float, float]  # left, top, right, bottom, shares of the photo


def region_network(
    ready: "Ready", region: Region, photo: Photo
) -> tuple[nn.Sequential, Tensor, tuple[str, ...], str]:
    """FCN-32s with the mean over a region behind it, its photo (1, 3, H, W), classes, and words.

    The mean of enlarged scores is linear in the coarse ones: its weights are those of a linear
    layer, so that the whole is a flat table. InputError for what is no region.
    """
    left, top, right, bottom = region
    if not (0 <= left <= right <= 1 and 0 <= top <= bottom <= 1):
        raise InputError(
            "A region is left, top, right, bottom in shares of the photo: numbers from 0 to 1, "
            f"the first two not beyond the last two; not {region}."
        )
    model = str(ready.loaded.name)
    card, fcn = segmentation_card(model), nets_of(ready, model)
    pixels, _ = scaled_photo(photo.pixels, card.head.longest)
    like = next(fcn.parameters())
    image = normalised(pixels[None]).to(like.device, like.dtype)
    mean = region_mean(fcn, pixels.shape[:2], region).to(like.device, like.dtype)
    children = OrderedDict(fcn.trunk.named_children())
    network = nn.Sequential(OrderedDict([*children.items(), ("cells", nn.Flatten())]))
    network.add_module("region", mean)
    height, width = pixels.shape[:2]
    return network.eval(), image, card.head.classes, f"The whole photo at {width} x {height} px."


def region_mean(fcn: FCN, size: tuple[int, int], region: Region) -> nn.Linear:
    """From the flattened scores of 32s to their mean over a region of a photo of `size` (H, W)."""
    left, top, right, bottom = region
    field = fcn.field(STRIDES[0])
    sides = []
    for side, start, end in zip(size, (top, left), (bottom, right), strict=True):
        first = min(int(start * side), side - 1)
        last = max(first + 1, math.ceil(end * side))
        count = fcn.cells(side)
        sides.append(interpolation(side, count, field)[first:last].mean(0))
    cells = torch.outer(*sides).flatten()
    mean = nn.Linear(fcn.classes * len(cells), fcn.classes, bias=False)
    weight = torch.zeros(fcn.classes, fcn.classes, len(cells))
    for k in range(fcn.classes):
        weight[k, k] = cells
    mean.weight = nn.Parameter(weight.flatten(1), requires_grad=False)
    return mean


def scaled_photo(photo: Pixels, longest: int) -> tuple[Pixels, tuple[str, ...]]:
    """The photo with its longest side at `longest` px, bilinear and antialiased; and what to know.

    Nothing is distorted. Where the shorter side would have less than SHORTEST px, the middle is
    taken.
    """
    image = as_image(photo)
    width, height = image.size
    most = longest / SHORTEST * min(width, height)
    left, top = max(0, width - most) / 2, max(0, height - most) / 2
    box = (left, top, width - left, height - top)
    across, down = box[2] - box[0], box[3] - box[1]
    scale = longest / max(across, down)
    size = (max(1, round(across * scale)), max(1, round(down * scale)))
    notes = []
    if max(left, top) > 0:
        notes.append(f"Only the middle of this {width} × {height} px photo is labelled.")
    if scale > 1:
        notes.append(
            f"This photo of {width} × {height} px was enlarged; it shows no more for that."
        )
    pixels = np.array(image.resize(size, Image.Resampling.BILINEAR, box))
    pixels.flags.writeable = False
    return pixels, tuple(notes)
