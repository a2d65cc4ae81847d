"""Pictures without evidence, that a photo is compared with. All as the network reads them.

Black is 0 before the normalisation, not after it: the zero of normalised pictures is the mean
colour (captum's default, and a common mistake).
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vgg_viz.attribution.question import Question
from vgg_viz.errors import UnknownNameError

BLUR = 1 / 16  # standard deviation of the blur over the side: 14 px of 224
NOISE_PICTURES = 5  # that gradient SHAP draws from


def baseline(question: Question, kind: str, generator: torch.Generator) -> Tensor:
    """The picture of `kind`, (1, 3, H, W), in the photo's dtype, device and memory format.

    black    every pixel 0
    mean     the mean colour of the training photos
    blurred  the photo through a Gaussian, sigma = side / 16, its border continued
    noise    every value uniform between 0 and 1, before the normalisation, from `generator`
    """
    image = question.image
    mean, std = (
        _channels(values) for values in (question.preprocessing.mean, question.preprocessing.std)
    )
    match kind:
        case "black":
            made = (-mean / std).expand(image.shape)
        case "mean":
            made = torch.zeros(image.shape)
        case "blurred":
            made = blurred(image.float(), BLUR * image.shape[-1])
        case "noise":
            made = (torch.rand(image.shape, generator=generator) - mean) / std
        case _:
            raise UnknownNameError.among("baseline", kind, ("black", "mean", "blurred", "noise"))
    return made.to(image).contiguous(memory_format=torch.channels_last)


def several(question: Question, kind: str, generator: torch.Generator) -> Sequence[Tensor]:
    """The pictures that gradient SHAP draws from: see costs.SHAP_BASELINES."""
    kinds = ("black", "mean", "blurred", *["noise"] * NOISE_PICTURES)
    chosen = kinds if kind == "mixed" else tuple(k for k in kinds if k == kind)
    return [baseline(question, k, generator) for k in chosen]


def blurred(images: Tensor, sigma: float) -> Tensor:
    """(N, C, H, W) through a Gaussian of `sigma` px, cut at 3 sigma; borders are continued."""
    reach = max(1, math.ceil(3 * sigma))
    at = torch.arange(-reach, reach + 1, dtype=torch.float32, device=images.device)
    weights = torch.exp(-(at**2) / (2 * sigma**2))
    weights = (weights / weights.sum()).to(images.dtype)
    channels = images.shape[1]
    padded = F.pad(images, (reach, reach, reach, reach), mode="replicate")
    across = F.conv2d(padded, weights.expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(across, weights[:, None].expand(channels, 1, -1, 1), groups=channels)


def _channels(values: Sequence[float]) -> Tensor:
    return torch.tensor(values).view(1, -1, 1, 1)
