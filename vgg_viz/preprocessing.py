"""From a photo to the numbers a network reads, and the part of the photo that they come from.

    uint8 (H, W, 3) --prepare--> float32 (3, crop, crop)
                    --cropped--> uint8, the same part to see

Only Pillow and numpy are used.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vgg_viz.errors import InputError
from vgg_viz.images import Pixels, as_image

__all__ = ["IMAGENET", "Box", "Preprocessing", "crop_box", "cropped", "prepare"]

Box = tuple[float, float, float, float]

# Beyond this ratio of the sides, only the part that is needed is resized: 1 x 2048 px would become
# 256 x 524,288 px.
_MAX_RESIZED_RATIO = 16


@dataclass(frozen=True)
class Preprocessing:
    """How a network wants its photos: resize the short side, crop the middle, normalise.

    x[c] = (crop(resize(photo))[c] / 255 - mean[c]) / std[c]
    """

    resize: int  # short side after resizing, px
    crop: int  # side of the central square, px; at most `resize`
    mean: tuple[float, float, float]  # RGB, on the scale 0..1
    std: tuple[float, float, float]  # RGB, on the scale 0..1
    interpolation: Literal["bilinear"] = "bilinear"  # antialiased, as Pillow does it

    def __post_init__(self) -> None:
        """Refuse sizes and deviations that make no picture."""
        if not 1 <= self.crop <= self.resize:
            raise InputError(
                f"The crop of {self.crop} px must lie between 1 and the resized short side, "
                f"{self.resize} px; make `resize` at least as large as `crop`."
            )
        if {len(self.mean), len(self.std)} != {3} or min(self.std) <= 0:
            raise InputError("Mean and deviation need three numbers each, deviations above 0.")

    def describe(self) -> str:
        """Return the steps in words, for captions and model cards."""
        mean = ", ".join(f"{value:g}" for value in self.mean)
        std = ", ".join(f"{value:g}" for value in self.std)
        return (
            f"Short side resized to {self.resize} px ({self.interpolation}, antialiased), central "
            f"{self.crop} x {self.crop} px, scaled to 0..1, minus mean ({mean}), divided by "
            f"standard deviation ({std})."
        )


IMAGENET = Preprocessing(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def prepare(photo_pixels: Pixels, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Return what a network reads of a photo: float32 (3, crop, crop), normalised.

    Equals torchvision's Resize -> CenterCrop -> ToTensor -> Normalize on a Pillow image bit for
    bit. In photos with sides beyond 1 : 16, only the part around the crop is resized, so that
    memory stays bounded; there a value can differ by one of the 256 levels, from rounding.

    Raises ImageError when `photo_pixels` is not uint8 (H, W, 3).
    """
    image = as_image(photo_pixels)
    width, height, left, top = _resized(image.width, image.height, preprocessing)
    crop = preprocessing.crop
    if max(width, height) <= _MAX_RESIZED_RATIO * preprocessing.resize:
        # Pillow copies when the size is already right, as torchvision does.
        resized = image.resize((width, height), Image.Resampling.BILINEAR)
        square = resized.crop((left, top, left + crop, top + crop))
    else:
        square = _resized_middle(image, preprocessing)
    values = np.asarray(square, dtype=np.float32) / np.float32(255)
    mean = np.asarray(preprocessing.mean, dtype=np.float32)
    std = np.asarray(preprocessing.std, dtype=np.float32)
    # (crop, crop, 3) -> (3, crop, crop)
    return np.ascontiguousarray(((values - mean) / std).transpose(2, 0, 1))


def crop_box(width: int, height: int, preprocessing: Preprocessing) -> Box:
    """Return (left, top, right, bottom) of the part that is seen, in px of a width x height photo.

    This is the square of `crop` px measured back through the resizing, so the numbers are not
    whole; they lie within 0..width and 0..height.
    """
    new_width, new_height, left, top = _resized(width, height, preprocessing)
    across, down = width / new_width, height / new_height
    crop = preprocessing.crop
    return (
        left * across,
        top * down,
        min((left + crop) * across, float(width)),
        min((top + crop) * down, float(height)),
    )


def cropped(photo_pixels: Pixels, preprocessing: Preprocessing, size: int) -> Pixels:
    """Return the part of the photo that the network sees, uint8 (size, size, 3), to draw maps over.

    Taken from the photo itself with a Lanczos filter, so it is sharper than the network's input.
    Raises ImageError when `photo_pixels` is not uint8 (H, W, 3).
    """
    image = as_image(photo_pixels)
    box = crop_box(image.width, image.height, preprocessing)
    return np.array(image.resize((size, size), Image.Resampling.LANCZOS, box=box))


def _resized(width: int, height: int, wanted: Preprocessing) -> tuple[int, int, int, int]:
    """Return width and height after resizing, and left and top of the crop, in whole px."""
    short = min(width, height)
    # As in torchvision: the long side is truncated, the offset rounded, halves to even.
    new_width = wanted.resize if width == short else int(wanted.resize * width / short)
    new_height = wanted.resize if height == short else int(wanted.resize * height / short)
    left = round((new_width - wanted.crop) / 2)
    top = round((new_height - wanted.crop) / 2)
    return new_width, new_height, left, top


def _resized_middle(image: Image.Image, wanted: Preprocessing) -> Image.Image:
    """Resize only the part of a very elongated photo that the crop and the filter touch."""
    left, top, right, bottom = crop_box(image.width, image.height, wanted)
    # The bilinear filter reaches one px of the coarser grid to each side.
    reach = 1 + max(1.0, min(image.size) / wanted.resize)
    part = (
        max(0, math.floor(left - reach)),
        max(0, math.floor(top - reach)),
        min(image.width, math.ceil(right + reach)),
        min(image.height, math.ceil(bottom + reach)),
    )
    box = (left - part[0], top - part[1], right - part[0], bottom - part[1])
    size = (wanted.crop, wanted.crop)
    return image.crop(part).resize(size, Image.Resampling.BILINEAR, box=box)
