"""A folder of photos in memory, and batches cut from it with seeded augmentation."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vgg_viz.errors import ImageError, InputError
from vgg_viz.images import decode
from vgg_viz.preprocessing import IMAGENET, Preprocessing, prepare

logger = logging.getLogger(__name__)

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """Photos of one split: `pixels` uint8 (N, 3, side, side), `labels` int64 (N,), class names.

    `broken` lists the files that could not be read and are not in the set.
    """

    pixels: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    broken: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


def load_photos(folder: Path, *, side: int = 144, classes: tuple[str, ...] = ()) -> PhotoSet:
    """Read `folder/<class>/*.jpg` (torchvision's ImageFolder layout) as squares of `side` px.

    Classes are the sub-folders in alphabetical order, or `classes` when given. Files that cannot
    be decoded are left out and listed. Raises InputError when a folder of a class is missing or no
    photo is left.
    """
    try:
        names = classes or tuple(sorted(p.name for p in folder.iterdir() if p.is_dir()))
        files = [
            (path, label)
            for label, name in enumerate(names)
            for path in sorted((folder / name).iterdir())
            if path.suffix.lower() in EXTENSIONS
        ]
    except OSError as error:
        raise InputError(f"The photos cannot be listed ({error}); check the folder.") from error
    with ThreadPoolExecutor(max_workers=2) as pool:
        squares = list(pool.map(lambda item: _square(item[0], side), files))
    kept = [(sq, label) for sq, (_, label) in zip(squares, files, strict=True) if sq is not None]
    broken = tuple(str(p) for sq, (p, _) in zip(squares, files, strict=True) if sq is None)
    if not kept:
        raise InputError(f"No readable photo in {folder}; expected {folder}/<class>/*.jpg.")
    pixels = torch.from_numpy(np.stack([sq for sq, _ in kept])).permute(0, 3, 1, 2)
    return PhotoSet(pixels, torch.tensor([label for _, label in kept]), names, broken)


def _square(path: Path, side: int) -> np.ndarray | None:
    try:
        return middle_square(path, side)
    except ImageError as error:
        logger.warning("left out %s: %s", path, error)
        return None


def middle_square(path: Path, side: int) -> np.ndarray:
    """The middle of a photo as uint8 (side, side, 3) RGB; ImageError when it cannot be decoded."""
    from PIL import Image

    photo = Image.fromarray(decode(path.read_bytes()).pixels)
    if photo.size != (side, side):
        edge = min(photo.size)
        left, top = (photo.width - edge) // 2, (photo.height - edge) // 2
        box = (left, top, left + edge, top + edge)
        # Cut first: `resize(box=...)` lets pixels from beyond the box bleed into the border.
        photo = photo.crop(box).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(photo)


def training_batches(
    photos: PhotoSet, *, batch: int, size: int, least_crop: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch of (images, labels): random crop, flip, brightness and contrast.

    Every batch draws one crop side from [`least_crop`, photo side] and scales its crops to `size`
    px (antialiased), so the network sees objects at several scales; each photo has its own
    position, flip and light. Images are float32 (batch, 3, size, size), normalised, channels_last.
    """
    order = torch.randperm(len(photos), generator=generator)
    side = photos.pixels.shape[-1]
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        if len(chosen) < 2:  # batch normalisation cannot train on one photo
            continue
        crop = int(torch.randint(least_crop, side + 1, (), generator=generator))
        corners = torch.randint(0, side - crop + 1, (len(chosen), 2), generator=generator)
        flips = torch.rand(len(chosen), generator=generator) < 0.5
        crops = torch.empty(len(chosen), 3, crop, crop, dtype=torch.uint8)
        for k, i in enumerate(chosen.tolist()):
            top, left = corners[k].tolist()
            cut = photos.pixels[i, :, top : top + crop, left : left + crop]
            crops[k] = cut.flip(-1) if flips[k] else cut
        images = _scaled(crops, size)
        yield normalise(_relight(images, generator)), photos.labels[chosen]


def evaluation_batches(
    photos: PhotoSet, *, batch: int, preprocessing: Preprocessing
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (images, labels) in order, each photo prepared as the service prepares an upload."""
    for start in range(0, len(photos), batch):
        pixels = photos.pixels[start : start + batch].permute(0, 2, 3, 1).contiguous().numpy()
        images = torch.from_numpy(np.stack([prepare(photo, preprocessing) for photo in pixels]))
        yield (
            images.contiguous(memory_format=torch.channels_last),
            photos.labels[start : start + batch],
        )


def normalise(images: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> zero mean, unit variance by ImageNet's constants, channels_last."""
    mean = torch.tensor(IMAGENET.mean).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET.std).view(1, 3, 1, 1)
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def _scaled(crops: Tensor, size: int) -> Tensor:
    images = crops.float() / 255
    if crops.shape[-1] == size:
        return images
    scaled: Tensor = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
    return scaled


def _relight(images: Tensor, generator: torch.Generator) -> Tensor:
    """Contrast x [0.8, 1.2] about each photo's mean, then brightness x [0.8, 1.2]."""
    light = 0.8 + 0.4 * torch.rand(2, len(images), 1, 1, 1, generator=generator)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - mean) * light[0] + mean).mul_(light[1]).clamp_(0, 1)
