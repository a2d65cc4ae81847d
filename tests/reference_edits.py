"""Literal re-implementations: channels really zeroed, greedy search, moved photos."""

import copy
import math

import numpy as np
import torch
from torch import nn


def zeroed_copy(network: nn.Module, layer: str, channels) -> nn.Module:
    """A copy whose `layer` cannot answer in `channels`, nor the batch norm behind it."""
    made = copy.deepcopy(network)
    children = list(made.named_children())
    at = [name for name, _ in children].index(layer)
    with torch.no_grad():
        for _, module in children[at : at + 2]:
            if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
                module.weight[list(channels)] = 0
                module.bias[list(channels)] = 0
    return made


def run_through(network, image, change_at=None, change=None):
    """Every row's output, one after another, the output of `change_at` changed in between."""
    outputs, value = {}, image
    for name, module in network.named_children():
        value = module(value)
        if name == change_at:
            value = change(value)
        outputs[name] = value
    return outputs


def greedy(network, image, row, target, count):
    """Whole passes, one for each candidate."""
    removed = []
    width = run_through(network, image)[row].shape[1]
    alive = [k for k in range(width) if bool(run_through(network, image)[row][0, k].any())]
    for _ in range(count):
        scores = {}
        for candidate in alive:
            if candidate in removed:
                continue

            def without(maps, gone=(*removed, candidate)):
                maps = maps.clone()
                maps[:, list(gone)] = 0
                return maps

            logits = run_through(network, image, row, without)
            scores[candidate] = float(list(logits.values())[-1][0, target])
        removed.append(min(scores, key=scores.get))
    return removed


def moved(image: np.ndarray, matrix, fill: str) -> np.ndarray:
    """(3, H, W) read bilinearly at matrix @ (x, y, 1), px measured from the centre, px by px."""
    _, height, width = image.shape
    out = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            x, y = column + 0.5 - width / 2, row + 0.5 - height / 2
            at_x, at_y = matrix @ np.array([x, y, 1.0])
            out[:, row, column] = sample(
                image, at_y + height / 2 - 0.5, at_x + width / 2 - 0.5, fill
            )
    return out


def sample(image, y, x, fill):
    _, height, width = image.shape
    total = np.zeros(3)
    if fill == "edge":
        y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = math.floor(y), math.floor(x)
    for i, share_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for j, share_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            if 0 <= i < height and 0 <= j < width:
                total += share_y * share_x * image[:, i, j]
    return total
