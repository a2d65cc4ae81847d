"""A region of a photo as R-CNN shows it to a network: warped to a square, with some context."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vgg_viz.images import Pixels, as_image
from vgg_viz.preprocessing import Preprocessing
from vgg_viz.transfer.boxes import Boxes

# The warped square of 227 px has 16 px of context on each side (arXiv 1311.2524, section 2.1).
CONTEXT = 16 / 227


def context_px(side: int) -> int:
    """px of context on each side of a warped square of `side` px."""
    return round(CONTEXT * side)


def source_box(box: Sequence[float], side: int) -> tuple[float, float, float, float]:
    """The part of the photo that becomes the warped square; it may reach beyond the photo.

    The box itself fills the square but for `context_px` on each side.
    """
    left, top, right, bottom = box
    share = context_px(side) / (side - 2 * context_px(side))
    across, down = (right - left) * share, (bottom - top) * share
    return left - across, top - down, right + across, bottom + down


def warped(
    pixels: Pixels, box: Sequence[float], side: int, fill: Sequence[float], *, times: int = 1
) -> Pixels:
    """The box with its context as uint8 (side, side, 3), whatever its aspect.

    Bilinear with antialiasing. Where the context lies beyond the photo it has the colour `fill`, on
    the scale 0..1: a network's mean colour, which is 0 once normalised. `times` as many px along
    each side, for the eye.
    """
    image = as_image(pixels)
    left, top, right, bottom = source_box(box, side)
    side *= times
    square = Image.new("RGB", (side, side), tuple(round(255 * value) for value in fill))
    inner = max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height)
    across, down = side / (right - left), side / (bottom - top)
    corner = round((inner[0] - left) * across), round((inner[1] - top) * down)
    end = round((inner[2] - left) * across), round((inner[3] - top) * down)
    size = max(1, end[0] - corner[0]), max(1, end[1] - corner[1])
    square.paste(image.resize(size, Image.Resampling.BILINEAR, box=inner), corner)
    return np.array(square)


def warped_batch(pixels: Pixels, boxes: Boxes, preprocessing: Preprocessing) -> Tensor:
    """What a network reads of each box: float32 (N, 3, crop, crop), normalised, channels last."""
    side, mean = preprocessing.crop, preprocessing.mean
    crops = [warped(pixels, box, side, mean) for box in boxes.tolist()]
    stacked = np.stack(crops) if crops else np.empty((0, side, side, 3), np.uint8)
    return normalised(stacked, preprocessing)


def normalised(crops: NDArray[np.uint8], preprocessing: Preprocessing) -> Tensor:
    """uint8 (N, H, W, 3) as the network's float32 (N, 3, H, W), in memory channels last."""
    values = torch.from_numpy(crops).float() / 255
    values = (values - torch.tensor(preprocessing.mean)) / torch.tensor(preprocessing.std)
    return values.permute(0, 3, 1, 2)
