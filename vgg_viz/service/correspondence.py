"""Answers about the same part of several photos; runs on the worker's thread alone."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vgg_viz.correspondence import Rectangle, anywhere, correspondence, covered
from vgg_viz.edits import edited_row
from vgg_viz.errors import InputError
from vgg_viz.images import Photo
from vgg_viz.preprocessing import Preprocessing, prepare
from vgg_viz.requests import CorrespondenceRequest
from vgg_viz.results import Correspondence
from vgg_viz.service.devices import host_copy

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

PHOTOS = range(2, 9)
DRAWS = range(2, 31)
PICTURE = 112  # px
LAST_HIDDEN = "fc7"


def corresponding_part(
    executor: "Executor", request: CorrespondenceRequest, photos: tuple[Photo, ...]
) -> Correspondence:
    """Cover the part in every photo, then squares anywhere, and compare the signs of the changes.

    InputError for numbers of photos, parts or draws that cannot be.
    """
    if len(request.images) not in PHOTOS:
        raise InputError(
            f"Choose {PHOTOS.start} to {PHOTOS.stop - 1} photos, not {len(request.images)}."
        )
    if len(request.parts) != len(request.images):
        raise InputError(f"Give a part for each of the {len(request.images)} photos.")
    if request.draws not in DRAWS:
        raise InputError(f"Draw {DRAWS.start} to {DRAWS.stop - 1} times, not {request.draws}.")
    if not 0 <= request.seed < 2**63:
        raise InputError(f"The seed is a whole number from 0 on, not {request.seed}.")
    ready = executor.ready(request.model)
    config, network = ready.loaded.config, ready.network
    layers = (config.convs[-1], LAST_HIDDEN)
    rows = tuple(edited_row(config, layer) for layer in layers)
    device = next(network.parameters()).device
    images = [
        torch.from_numpy(prepare(photo.pixels, ready.loaded.preprocessing))[None]
        .to(device)
        .contiguous(memory_format=torch.channels_last)
        for photo in photos
    ]
    for image, part in zip(images, request.parts, strict=True):
        covered(image, part)  # an impossible part is told before the work
    sizes = [(right - left, bottom - top) for left, top, right, bottom in request.parts]
    drawn = anywhere(sizes, request.draws, request.seed)
    found = correspondence(network, images, [request.parts, *drawn], rows)
    preprocessing = ready.loaded.preprocessing
    return Correspondence(
        layers=layers,
        rows=rows,
        images=request.images,
        part=host_copy(torch.stack([found[row][0] for row in rows])),
        anywhere=host_copy(torch.stack([found[row][1:] for row in rows])),
        pictures=_pictures(images, request.parts, preprocessing),
        elsewhere=_pictures(images, drawn[0], preprocessing),
        provenance=executor.provenance(ready),
    )


def _pictures(
    images: list[Tensor], parts: tuple[Rectangle, ...], preprocessing: Preprocessing
) -> NDArray[np.uint8]:
    """What the network sees of the covered photos, made small: uint8 (photos, h, w, 3)."""
    mean, std = (
        torch.tensor(values).view(1, 3, 1, 1) for values in (preprocessing.mean, preprocessing.std)
    )
    pictures = []
    for image, part in zip(images, parts, strict=True):
        seen = covered(image, part).cpu() * std + mean
        small = torch.nn.functional.interpolate(seen, size=(PICTURE, PICTURE), mode="area")
        pictures.append((small[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0))
    found: NDArray[np.uint8] = torch.stack(pictures).numpy()
    found.flags.writeable = False
    return found
