"""Maps that know nothing of the network: what a map has to beat before it explains anything."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vgg_viz.attribution.question import Question

CENTRE = 1 / 4  # standard deviation of the spot in the middle, over the side
_LUMINANCE = (0.299, 0.587, 0.114)  # of ITU-R BT.601


def centre(side: int) -> Tensor:
    """A Gaussian in the middle of the picture, (side, side), largest value 1 (between pixels)."""
    at = (torch.arange(side) + 0.5) / side - 0.5
    bell = torch.exp(-(at**2) / (2 * CENTRE**2))
    return bell[:, None] * bell[None]


def edges(question: Question) -> Tensor:
    """Sobel's gradient magnitude of the photo's luminance, (H, W); borders are continued."""
    mean, std = (
        torch.tensor(values).view(1, -1, 1, 1)
        for values in (question.preprocessing.mean, question.preprocessing.std)
    )
    pixels = question.image.float().cpu() * std + mean
    grey = (pixels * torch.tensor(_LUMINANCE).view(1, -1, 1, 1)).sum(1, keepdim=True)
    return sobel(grey)[0, 0]


def sobel(grey: Tensor) -> Tensor:
    """(N, 1, H, W) -> (N, 1, H, W): sqrt(gx^2 + gy^2) with Sobel's two 3 x 3 kernels."""
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([across, across.T])[:, None].to(grey)
    padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, kernels).square().sum(1, keepdim=True).sqrt()


def random_maps(shape: tuple[int, int], count: int, seed: int) -> list[Tensor]:
    """Maps of independent uniform values at the resolution of the map they stand beside."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(shape, generator=generator) for _ in range(count)]
