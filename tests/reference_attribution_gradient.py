"""Slow, literal re-implementations of the gradient family, in double precision without hooks.

Nothing here imports the code it checks.
"""

import copy
import itertools

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def gradient(network: nn.Module, image: torch.Tensor, weights: dict[int, float]) -> torch.Tensor:
    """d (sum of weight * logit) / d pixel of one image (3, H, W), in double precision."""
    leaf = image.double()[None].requires_grad_()
    logits = copy.deepcopy(network).double()(leaf)[0]
    score = sum(weight * logits[index] for index, weight in weights.items())
    (found,) = torch.autograd.grad(score, leaf)
    return found[0]


def score(network: nn.Module, image: torch.Tensor, weights: dict[int, float]) -> float:
    with torch.no_grad():
        logits = copy.deepcopy(network).double()(image.double()[None])[0]
    return float(sum(weight * logits[index] for index, weight in weights.items()))


def along(network, start, image, weights, places, shares) -> torch.Tensor:
    """Sum over the places of share * (image - start) * gradient there: (3, H, W)."""
    way = image.double() - start.double()
    total = torch.zeros_like(way)
    for place, share in zip(places, shares, strict=True):
        total += share * gradient(network, start.double() + place * way, weights)
    return way * total


def deep_lift(network, start, image, weights) -> torch.Tensor:
    """DeepLIFT's rescale rule by loops over the layers and over the windows of max-pools.

    Both pictures go up the flat network; multipliers come down. Linear layers by the transposes of
    their own formulas, local response normalisation by 200 midpoints of its Jacobian.
    """
    network = copy.deepcopy(network).double()
    ups = [(image.double()[None], start.double()[None])]
    children = list(network.children())
    with torch.no_grad():
        for module in children:
            ups.append(tuple(module(signal) for signal in ups[-1]))
    multiplier = torch.zeros_like(ups[-1][0])
    for index, weight in weights.items():
        multiplier[0, index] = weight
    for at in range(len(children) - 1, -1, -1):
        multiplier = _down(children[at], ups[at], ups[at + 1], multiplier)
    return (image.double() - start.double()) * multiplier[0]


def _down(module, below, above, multiplier):
    (own, other), (own_out, other_out) = below, above
    if isinstance(module, nn.ReLU):
        ratio = (own_out - other_out) / (own - other)
        return multiplier * torch.where(own == other, (own > 0).double(), ratio)
    if isinstance(module, nn.MaxPool2d):
        return _down_pool(module, own, other, multiplier)
    if isinstance(module, nn.LocalResponseNorm):
        places = [(i + 0.5) / 200 for i in range(200)]
        parts = [_transposed(module, other + p * (own - other), multiplier) for p in places]
        return sum(parts) / len(places)
    return _transposed(module, own, multiplier)


def _transposed(module, at, signal):
    _, back = torch.func.vjp(module, at)
    return back(signal)[0]


def _down_pool(module, own, other, multiplier):
    """Window by window: a rise belongs to the photo's largest units, a fall to the baseline's.

    Units that are equal, but for rounding in the sixteenth digit, share it.
    """
    pad, size, stride = module.padding, module.kernel_size, module.stride
    _, channels, height, width = own.shape
    _, _, rows, columns = multiplier.shape
    own, other, signal = (t[0].numpy() for t in (own, other, multiplier))
    result = np.zeros_like(own)
    for c, i, j in itertools.product(range(channels), range(rows), range(columns)):
        top, left = i * stride - pad, j * stride - pad
        y = slice(max(0, top), min(height, top + size))
        x = slice(max(0, left), min(width, left + size))
        mine, theirs = own[c, y, x], other[c, y, x]
        a, b = mine.max(), theirs.max()
        parts = np.zeros_like(mine)
        if a > b:
            parts += (a - b) * (mine >= a - 1e-12) / (mine >= a - 1e-12).sum()
        elif a < b:
            parts += (a - b) * (theirs >= b - 1e-12) / (theirs >= b - 1e-12).sum()
        change = mine - theirs
        result[c, y, x] += np.divide(
            signal[c, i, j] * parts, change, out=np.zeros_like(change), where=parts != 0
        )
    return torch.from_numpy(result)[None]


def blurred(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """(3, H, W) through a Gaussian cut at 3 sigma, pixel by pixel, the border continued."""
    reach = max(1, int(np.ceil(3 * sigma)))
    at = np.arange(-reach, reach + 1)
    weights = np.exp(-(at**2) / (2 * sigma**2))
    weights /= weights.sum()
    values = image.double().numpy()
    for axis in (1, 2):
        padded = np.pad(values, [(reach, reach) if a == axis else (0, 0) for a in range(3)], "edge")
        length = values.shape[axis]
        values = sum(
            weight * np.take(padded, range(k, k + length), axis=axis)
            for k, weight in enumerate(weights)
        )
    return torch.from_numpy(values)


def upsampled(grid: torch.Tensor, side: int) -> torch.Tensor:
    """Bilinear, align_corners=False."""
    return F.interpolate(grid.double()[None, None], (side, side), mode="bilinear")[0, 0]
