"""Slow literal formulas of the methods that change the photo: one picture, one pass at a time."""

import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F


def score(network, image, target, versus=None):
    with torch.no_grad():
        logits = network(image)[0]
    return float(logits[target] - (0 if versus is None else logits[versus]))


def occlusion(network, image, target, versus, square, stride, fill):
    """(H, W), and the logits of every place, row by row."""
    side = image.shape[-1]
    whole = score(network, image, target, versus)
    total, covered = np.zeros((side, side)), np.zeros((side, side))
    logits = []
    top = 0
    while True:
        left = 0
        while True:
            changed = image.clone()
            changed[:, :, top : top + square, left : left + square] = fill[
                :, :, top : top + square, left : left + square
            ]
            with torch.no_grad():
                logits.append(network(changed)[0].numpy())
            drop = whole - score(network, changed, target, versus)
            for y in range(top, min(top + square, side)):
                for x in range(left, min(left + square, side)):
                    total[y, x] += drop
                    covered[y, x] += 1
            if left + max(square, stride) >= side:
                break
            left += stride
        if top + max(square, stride) >= side:
            break
        top += stride
    return np.where(covered > 0, total / np.maximum(covered, 1), 0), np.array(logits)


def output(network, layer, image):
    value = image
    with torch.no_grad():
        for name, module in network.named_children():
            value = module(value)
            if name == layer:
                return value
    raise KeyError(layer)


def from_layer(network, layer, value):
    seen = False
    with torch.no_grad():
        for name, module in network.named_children():
            if seen:
                value = module(value)
            seen = seen or name == layer
    return value


def score_cam(network, layer, image, target, versus=None):
    maps = output(network, layer, image)[0]
    scores = []
    for one in maps:
        large = F.interpolate(one[None, None], size=image.shape[2:], mode="bilinear")
        low, high = float(large.min()), float(large.max())
        mask = (large - low) / (high - low) if high > low else torch.zeros_like(large)
        scores.append(score(network, image * mask, target, versus))
    raised = [math.exp(value - max(scores)) for value in scores]
    weights = [value / sum(raised) for value in raised]
    return sum(w * m for w, m in zip(weights, maps, strict=True)).numpy()


def ablation_cam(network, layer, image, target, versus=None):
    maps = output(network, layer, image)
    whole = score(network, image, target, versus)
    grid = np.zeros(maps.shape[2:])
    for channel in range(maps.shape[1]):
        without = maps.clone()
        without[0, channel] = 0
        logits = from_layer(network, layer, without)[0]
        left = float(logits[target] - (0 if versus is None else logits[versus]))
        grid += (whole - left) / abs(whole) * maps[0, channel].numpy()
    return grid


def rise(network, image, target, masks, share):
    """Masks (N, H, W)."""
    scores = [score(network, image * mask, target) for mask in masks]
    mean = sum(scores) / len(scores)
    grid = sum((s - mean) * mask for s, mask in zip(scores, masks, strict=True))
    return (grid / (len(scores) * share)).numpy()


def shapley(value, names):
    """Of a game `value(set of players)`: the mean gain over all orders."""
    gains = np.zeros(names)
    for order in itertools.permutations(range(names)):
        held = set()
        for player in order:
            before = value(frozenset(held))
            held.add(player)
            gains[player] += value(frozenset(held)) - before
    return gains / math.factorial(names)


def weighted_ridge(table, scores, weights, strength):
    """With an intercept that is not punished, by its normal equations."""
    design = np.concatenate([np.ones((len(table), 1)), table], axis=1)
    punished = strength * np.eye(design.shape[1])
    punished[0, 0] = 0
    gram = punished + sum(w * np.outer(row, row) for w, row in zip(weights, design, strict=True))
    right = sum(w * s * row for w, s, row in zip(weights, scores, design, strict=True))
    return np.linalg.solve(gram, right)[1:]
