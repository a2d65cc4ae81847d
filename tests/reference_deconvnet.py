"""Deconvnet, gradient and guided backprop as written in their papers: loops over the table.

Nothing here imports the code it checks, and nothing here asks autograd. Going up, each max-pool
keeps its switches; going down, a signal is unpooled to them, goes through a ReLU by its rule, and
is convolved with the transposed kernels (Zeiler & Fergus, arXiv 1311.2901, section 2.1).
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional as F

from vgg_viz.models.configs import LRN_ALPHA, LRN_BETA, LRN_SIZE


@dataclass
class Climb:
    """What going up has left: the input of every layer by name, and the switches of the pools."""

    network: object
    rows: tuple
    inputs: dict = field(default_factory=dict)  # (C, h, w), or (K,) behind flatten
    outputs: dict = field(default_factory=dict)
    switches: dict = field(default_factory=dict)  # (C, h, w, 2): y and x of the largest value


def climb(network, config, image):
    """Go up once."""
    up = Climb(network, config.layers)
    maps = image[0].double()
    for row in config.layers:
        up.inputs[row.name] = maps
        module = network.get_submodule(row.name)
        if row.kind == "max_pool":
            maps, up.switches[row.name] = pooled(maps, row)
        else:
            maps = module.double()(maps[None])[0]
            module.float()
        up.outputs[row.name] = maps
    return up


def pooled(maps, row):
    """The largest value of each window, and where it was; the first one in reading order."""
    channels, height, width = maps.shape
    sides = []
    for length in (height, width):
        steps = (length + 2 * row.padding - row.kernel) / row.stride
        steps = int(np.ceil(steps)) if row.ceil_mode else int(np.floor(steps))
        if row.ceil_mode and steps * row.stride >= length + row.padding:
            steps -= 1
        sides.append(steps + 1)
    values = maps.numpy()
    out = np.zeros((channels, *sides))
    places = np.zeros((channels, *sides, 2), int)
    for c, i, j in np.ndindex(*out.shape):
        best = -np.inf
        for y in range(i * row.stride - row.padding, i * row.stride - row.padding + row.kernel):
            for x in range(j * row.stride - row.padding, j * row.stride - row.padding + row.kernel):
                if 0 <= y < height and 0 <= x < width and values[c, y, x] > best:
                    best = values[c, y, x]
                    places[c, i, j] = y, x
        out[c, i, j] = best
    return torch.from_numpy(out), places


def descend(up, layer, start, rule, *, lrn):
    """Go down from the output of `layer` with the signal `start`: (3, H, W)."""
    signal = start.detach().double()
    names = [row.name for row in up.rows]
    for row in reversed(up.rows[: names.index(layer) + 1]):
        module, before = up.network.get_submodule(row.name), up.inputs[row.name]
        if row.kind == "relu":
            signal = rectified(signal, before, rule)
        elif row.kind == "conv":
            signal = transposed(signal, module.weight.double(), row, before.shape)
        elif row.kind == "max_pool":
            signal = unpooled(signal, up.switches[row.name], before.shape)
        elif row.kind == "linear":
            signal = signal @ module.weight.double()
        elif row.kind == "batch_norm":
            scale = module.weight.double() / (module.running_var.double() + module.eps).sqrt()
            signal = signal * scale[:, None, None]
        elif row.kind == "lrn":
            signal = signal if lrn == "passed" else normalised_back(signal, before, row.lrn_k)
        elif row.kind in ("flatten", "avg_pool"):
            signal = signal.reshape(before.shape)  # declared size: every window is one px
        else:
            assert row.kind == "dropout"
    return signal


def rectified(signal, before, rule):
    if rule in ("gradient", "guided"):
        signal = signal * (before > 0)
    if rule in ("deconvnet", "guided"):
        signal = torch.maximum(signal, torch.zeros_like(signal))
    return signal


def unpooled(signal, switches, shape):
    """Each value at its switch; where windows overlap and share one, their values add up."""
    out = np.zeros(tuple(shape))
    for c in range(len(out)):
        # add.at is a loop over the units: each adds to the place of its switch.
        np.add.at(out[c], (switches[c, ..., 0], switches[c, ..., 1]), signal[c].numpy())
    return torch.from_numpy(out)


def transposed(signal, weight, row, shape):
    """Convolve with the kernels flipped vertically and horizontally, strides undone by zeros."""
    out_channels, height, width = signal.shape
    step, k = row.stride, row.kernel
    spread = torch.zeros(out_channels, (height - 1) * step + 1, (width - 1) * step + 1).double()
    spread[:, ::step, ::step] = signal
    flipped = weight.flip(2, 3).transpose(0, 1)  # (in, out, k, k)
    full = F.conv2d(F.pad(spread, (k - 1,) * 4)[None], flipped)[0]
    # px that no window reads, at the far end, get nothing; the padding is cut off.
    out = torch.zeros(shape[0], shape[1] + 2 * row.padding, shape[2] + 2 * row.padding).double()
    out[:, : full.shape[1], : full.shape[2]] = full
    inner = slice(row.padding, out.shape[1] - row.padding)
    return out[:, inner, inner]


def normalised_back(signal, before, k):
    """Derivative of b_c = a_c D_c^-beta, D_c = k + alpha/n sum over n neighbours of a_j^2."""
    a, g = before.numpy(), signal.numpy()
    half, channels = LRN_SIZE // 2, len(a)

    def near(c):
        return range(max(0, c - half), min(channels, c + half + 1))

    d = np.stack(
        [k + LRN_ALPHA / LRN_SIZE * sum(a[j] ** 2 for j in near(c)) for c in range(channels)]
    )
    out = np.zeros_like(g)
    for c in range(channels):
        out[c] = g[c] * d[c] ** -LRN_BETA
        for j in near(c):
            slope = 2 * LRN_ALPHA / LRN_SIZE * LRN_BETA * d[j] ** (-LRN_BETA - 1)
            out[c] -= a[c] * g[j] * a[j] * slope
    return torch.from_numpy(out)
