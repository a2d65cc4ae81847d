"""Slow, literal re-implementations of the formulas under test, straight from their papers.

Nothing here imports the code it checks. Loops are fine; cleverness is not.
"""

import numpy as np
import torch
from torch import nn


def grad_cam(network: nn.Module, layer: str, image: torch.Tensor, target: int) -> np.ndarray:
    """Grad-CAM, raw grid, by cutting the flat network behind `layer` and running its rest.

    alpha_k = (1 / Z) sum_ij d y_c / d A^k_ij, L_ij = sum_k alpha_k A^k_ij (arXiv 1610.02391, eq. 1
    and 2 without the ReLU). No hooks: the maps A are made a leaf and given to the rest.
    """
    children = list(network.named_children())
    at = [name for name, _ in children].index(layer)
    maps = image
    with torch.no_grad():
        for _, module in children[: at + 1]:
            maps = module(maps)
    leaf = maps.clone().requires_grad_()
    rest = leaf
    for _, module in children[at + 1 :]:
        rest = module(rest)
    (gradient,) = torch.autograd.grad(rest[0, target], leaf)
    a, g = leaf.detach()[0].double().numpy(), gradient[0].double().numpy()
    channels, height, width = a.shape
    grid = np.zeros((height, width))
    for k in range(channels):
        alpha = g[k].sum() / (height * width)
        for i in range(height):
            for j in range(width):
                grid[i, j] += alpha * a[k, i, j]
    return grid


def channel_statistics(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, maximum and share of zeros of every channel of (C, h, w) after max(0, x)."""
    means, maxima, dead = [], [], []
    for channel in maps:
        values = [max(0.0, float(v)) for v in channel.ravel()]
        means.append(sum(values) / len(values))
        maxima.append(max(values))
        dead.append(sum(v == 0 for v in values) / len(values))
    return np.array(means), np.array(maxima), np.array(dead)


def spread(values: np.ndarray) -> float:
    """Standard deviation over mean absolute value, 0 for a flat array; assert it first."""
    scale = float(np.abs(values).mean())
    return float(values.std()) / scale if scale else 0.0
