"""Photos with a class for every pixel, in memory, and batches cut from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vgg_viz.errors import ImageError, InputError
from vgg_viz.images import Pixels, decode
from vgg_viz.preprocessing import IMAGENET

Labels = NDArray[np.uint8]

CLASSES = ("background", "cat", "cow", "dog", "horse", "person", "sheep")
IGNORED = 255  # the borders of objects and other classes: nothing is learnt or counted there


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """A photo (H, W, 3) and the class of every pixel (H, W), IGNORED where there is none."""

    name: str
    pixels: Pixels
    labels: Labels


def load_split(folder: Path) -> tuple[LabelledPhoto, ...]:
    """Read `folder/images/*.jpg` and `folder/labels/*.png` of the same names.

    InputError when there are none, when a photo has no labels, or when they do not fit.
    """
    files = sorted((folder / "images").glob("*.jpg"))
    if not files:
        raise InputError(
            f"No photo in {folder.name}/images; give the folder that holds train/ and val/."
        )
    return tuple(_read(path, folder / "labels" / f"{path.stem}.png") for path in files)


def _read(photo: Path, labels: Path) -> LabelledPhoto:
    try:
        pixels = decode(photo.read_bytes()).pixels
        with Image.open(labels) as image:
            classes = np.array(image)  # the palette's indices
    except (OSError, ImageError) as error:
        raise InputError(f"{photo.name} or its labels cannot be read ({error}).") from error
    if classes.shape != pixels.shape[:2]:
        raise InputError(f"The labels of {photo.name} are of another size than the photo.")
    strange = set(np.unique(classes).tolist()) - {*range(len(CLASSES)), IGNORED}
    if strange:
        raise InputError(f"The labels of {photo.name} hold {sorted(strange)}, which is no class.")
    return LabelledPhoto(photo.stem, pixels, classes.astype(np.uint8))


def normalised(pixels: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32, ImageNet's mean and deviation, channels_last."""
    values = torch.from_numpy(np.asarray(pixels, np.float32) / np.float32(255))
    mean, std = torch.tensor(IMAGENET.mean), torch.tensor(IMAGENET.std)
    images = ((values - mean) / std).permute(0, 3, 1, 2)
    return images.contiguous(memory_format=torch.channels_last)


def training_batches(
    photos: tuple[LabelledPhoto, ...],
    *,
    batch: int,
    side: int,
    scales: tuple[float, float],
    random: np.random.Generator,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of (images (N, 3, side, side), labels (N, side, side)), each photo once.

    Every photo is scaled by a factor drawn from `scales`, mirrored half of the time, and cut at a
    random place; what it leaves empty is the mean colour and ignored.
    """
    order = random.permutation(len(photos))
    for start in range(0, len(order), batch):
        cut = [_cut(photos[i], side, scales, random) for i in order[start : start + batch]]
        images = normalised(np.stack([pixels for pixels, _ in cut]))
        yield images, torch.from_numpy(np.stack([labels for _, labels in cut])).long()


def _cut(
    photo: LabelledPhoto, side: int, scales: tuple[float, float], random: np.random.Generator
) -> tuple[NDArray[np.uint8], Labels]:
    scale = random.uniform(*scales)
    height, width = (max(1, round(n * scale)) for n in photo.labels.shape)
    pixels = np.asarray(
        Image.fromarray(photo.pixels).resize((width, height), Image.Resampling.BILINEAR)
    )
    labels = np.asarray(
        Image.fromarray(photo.labels).resize((width, height), Image.Resampling.NEAREST)
    )
    if random.random() < 0.5:
        pixels, labels = pixels[:, ::-1], labels[:, ::-1]
    image = np.empty((side, side, 3), np.uint8)
    image[:] = np.round(np.array(IMAGENET.mean) * 255).astype(np.uint8)
    target = np.full((side, side), IGNORED, np.uint8)
    (to_y, from_y), (to_x, from_x) = (_overlap(n, side, random) for n in (height, width))
    image[to_y, to_x] = pixels[from_y, from_x]
    target[to_y, to_x] = labels[from_y, from_x]
    return image, target


def _overlap(length: int, side: int, random: np.random.Generator) -> tuple[slice, slice]:
    """Where in a square of `side` a photo of `length` lands, and which part of it."""
    gap = side - length
    at = int(random.integers(0, abs(gap) + 1))
    if gap >= 0:
        return slice(at, at + length), slice(0, length)
    return slice(0, side), slice(at, at + side)
