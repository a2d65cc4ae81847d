"""Fully-connected layers as convolutions: a class at every position of a photo, in one pass.

The first step of fully convolutional networks (Long, Shelhamer & Darrell, arXiv 1411.4038), and
how VGG was tested (Simonyan & Zisserman, section 3.2). fc6 reads a map of g x g cells and becomes
a convolution of g x g; fc7 and fc8 become 1 x 1. The weights are the same numbers.

What equals what:

- At the declared input size there is one position, and its scores are the network's logits.
- A position whose whole field (404 px for VGG-16 declared for 224 px) lies inside the photo has
  the scores of the network *without padding* on that crop of 404 px: no padding is in its sight.
- The padded network on a crop of the declared size sees zeros around the crop where the dense
  evaluation sees the photo. Its scores differ; `scores_by_crops` measures by how much. On the 16
  bundled photos at twice the input size (600 crops) the bundled ZFNet (b) has the same top class
  at 74 % of the crops and VGG-16 at 68 %; the top class's probability differs by 0.20 and 0.18
  on average. These two are trained on 128 px, where no cell of the last map is far from a border.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from vgg_viz.architecture import ReceptiveField, describe
from vgg_viz.capture import undisturbed
from vgg_viz.errors import InputError
from vgg_viz.images import Pixels, as_image
from vgg_viz.models.configs import NetworkConfig, out_side
from vgg_viz.models.networks import ConvNet
from vgg_viz.preprocessing import Preprocessing

LONGEST = 2  # times the short side; of longer photos the middle is taken
CROPS_AT_ONCE = 8


@dataclass(frozen=True)
class Positions:
    """The positions along one side of a photo."""

    count: int
    window: int  # px: the side of the declared input
    seen: ReceptiveField  # of fc6 at the declared input size: size, jump (the stride), padding
    side: int  # px

    @property
    def whole(self) -> NDArray[np.bool_]:
        """(count,): the field lies inside the photo, so that no padding is seen."""
        spans = [self.seen.span(i) for i in range(self.count)]
        return np.array([start >= 0 and end <= self.side for start, end in spans])

    @property
    def corners(self) -> tuple[int, ...]:
        """px where the declared windows begin that lie inside the photo."""
        starts = (i * self.seen.jump for i in range(self.count))
        return tuple(start for start in starts if start + self.window <= self.side)


def positions(config: NetworkConfig, side: int) -> Positions:
    """Return where a dense evaluation along `side` px decides; InputError when it is too small."""
    count = last_side(config, side) - config.layer("avgpool").out + 1
    if count < 1:
        least = least_side(config)
        raise InputError(
            f"A photo of {side} px is too small for a dense evaluation of {config.network}: fc6 "
            f"needs a last map of {config.layer('avgpool').out} cells. Give at least {least} px."
        )
    seen = describe(config).row("fc6").receptive_field
    return Positions(count, config.input_size, seen, side)


def least_side(config: NetworkConfig) -> int:
    """The smallest side in px that leaves one position."""
    grid = config.layer("avgpool").out
    return next(s for s in range(1, config.input_size + 1) if last_side(config, s) >= grid)


def last_side(config: NetworkConfig, side: int) -> int:
    """Side of the last map before the adaptive pool, 0 when a layer collapses."""
    for row in config.layers:
        if row.kind == "avg_pool":
            break
        side = out_side(row, side)
        if side < 1:
            return 0
    return side


def dense_macs(config: NetworkConfig, height: int, width: int) -> int:
    """Multiply-accumulates of a dense evaluation of height x width px."""
    down, across = height, width
    total, channels = 0, 3
    for layer in config.layers:
        if layer.kind == "avg_pool":
            break
        down, across = out_side(layer, down), out_side(layer, across)
        if layer.kind == "conv":
            total += layer.kernel**2 * channels * layer.out * down * across
            channels = layer.out
    places = positions(config, height).count * positions(config, width).count
    declared = describe(config)
    return total + places * (declared.macs - declared.conv_macs)


def whole_photo(photo: Pixels, preprocessing: Preprocessing, side: int) -> Pixels:
    """Return the photo with its short side resized to `side` px, uint8 (H, W, 3).

    Nothing is cropped and nothing distorted, except that of a photo longer than 2 : 1 only the
    middle is taken. Bilinear and antialiased, as the network's own preprocessing.
    """
    image = as_image(photo)
    width, height = image.size
    most = LONGEST * min(width, height)
    left, top = max(0, width - most) / 2, max(0, height - most) / 2
    box = (left, top, width - left, height - top)
    scale = side / min(width, height)
    size = (round((box[2] - box[0]) * scale), round((box[3] - box[1]) * scale))
    return np.array(image.resize(size, Image.Resampling[preprocessing.interpolation.upper()], box))


def normalised(pixels: Pixels, preprocessing: Preprocessing) -> Tensor:
    """Return (1, 3, H, W) as the network reads it: (pixels / 255 - mean) / std."""
    values = torch.from_numpy(np.asarray(pixels, dtype=np.float32) / np.float32(255))
    mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
    images = ((values - mean) / std).permute(2, 0, 1)[None]
    return images.contiguous(memory_format=torch.channels_last)


def dense_scores(network: ConvNet, images: Tensor) -> Tensor:
    """Return the class scores (N, classes, h, w) of `network` at every position of `images`.

    `images` (N, 3, H, W), normalised. The network itself is not changed: its linear weights are
    read as kernels. InputError when a side is too small.
    """
    config = network.config
    for side in images.shape[2:]:
        positions(config, side)
    grid = config.layer("avgpool").out
    with torch.inference_mode(), undisturbed(network):
        x = images
        for row, module in zip(config.layers, network.children(), strict=True):
            if isinstance(module, nn.Linear):
                # flatten orders (C, g, g), so a row of the matrix is a kernel of that shape
                side = grid if row.name == "fc6" else 1
                kernels = module.weight.view(module.out_features, -1, side, side)
                x = F.conv2d(x, kernels, module.bias)
            elif row.kind not in ("avg_pool", "flatten"):
                x = module(x)
    return x


def scores_by_crops(network: ConvNet, images: Tensor) -> Tensor:
    """Return the logits (rows, columns, classes) of the padded network, slid crop by crop.

    Crops of the declared size at the stride of `dense_scores`, those that lie inside the photo
    (1, 3, H, W).
    """
    config = network.config
    down, across = (positions(config, side).corners for side in images.shape[2:])
    with torch.inference_mode(), undisturbed(network):
        logits = [network(batch) for batch in _crops(images, down, across, config.input_size)]
    return torch.cat(logits).view(len(down), len(across), -1)


def _crops(
    images: Tensor, down: tuple[int, ...], across: tuple[int, ...], window: int
) -> Iterator[Tensor]:
    """Batches of crops, row by row."""
    crops = [images[0, :, y : y + window, x : x + window] for y in down for x in across]
    for at in range(0, len(crops), CROPS_AT_ONCE):
        batch = torch.stack(crops[at : at + CROPS_AT_ONCE])
        yield batch.contiguous(memory_format=torch.channels_last)
