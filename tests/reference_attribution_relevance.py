"""Relevance by the definitions, in numpy: every share a_j w_jk / z_k is made by itself.

Slow and literal; it walks the rows of a network's table and knows nothing of torch's gradients.
"""

import copy

import numpy as np
import torch
from torch import nn

# How many convolutions, from the first, have the lower rule of the composite for VGG-16.
LOWER = {
    "alexnet": 2,
    "zfnet_a": 2,
    "zfnet_b": 2,
    "vgg13_5x5": 2,
    "vgg11": 4,
    "vgg11_lrn": 4,
    "vgg11_bn": 4,
    "vgg13": 5,
    "vgg13_bn": 5,
    "vgg16_c": 7,
    "vgg16": 7,
    "vgg16_bn": 7,
    "vgg19": 8,
    "vgg19_bn": 8,
}


def climb(network: nn.Sequential, image: torch.Tensor):
    """(name, module, input, output) of every row, in float64."""
    rows, value = [], image.double()
    with torch.no_grad():
        for name, module in copy.deepcopy(network).double().eval().named_children():
            after = module(value)
            rows.append((name, module, value.numpy(), after.numpy()))
            value = after
    return rows


def away(z, epsilon):
    return np.where(z >= 0, z + epsilon, z - epsilon)


def positive(w):
    return np.maximum(w, 0)


def rule_of(preset, network, kind, conv, gamma, epsilon):
    """(weights -> weights, epsilon, share of rms) of one weighted layer; None: box; "flat"."""
    raised = lambda w: w + gamma * positive(w)  # noqa: E731
    own = lambda w: w  # noqa: E731
    if preset == "lrp-0":
        return own, 1e-9, 0
    if preset == "epsilon":
        return own, 1e-9, epsilon
    if preset == "vgg":
        if kind == "linear":
            return own, 1e-9, 0
        if conv > LOWER[network]:
            return own, 1e-9, epsilon
        return ("box", 1e-9, 0) if conv == 1 else (raised, 1e-9, 0)
    if kind == "linear":
        return own, 1e-6, 0
    if preset == "epsilon-gamma-box":
        return ("box", 1e-6, 0) if conv == 1 else (raised, 1e-6, 0)
    return ("flat", 1e-6, 0) if conv == 1 else (positive, 1e-6, 0)


class Shares:
    """One weighted layer: outputs and shares by loops over the kernel's taps."""

    def __init__(self, module, weight, bias):
        self.weight, self.bias = weight, bias
        self.conv = isinstance(module, nn.Conv2d)
        if self.conv:
            self.stride, self.padding = module.stride[0], module.padding[0]

    def taps(self, shape):
        """(place in the kernel, rows and columns of the padded input it reads) for every tap."""
        size, p = self.weight.shape[2], self.padding
        height = (shape[1] + 2 * p - size) // self.stride + 1
        width = (shape[2] + 2 * p - size) // self.stride + 1
        for i in range(size):
            for j in range(size):
                yield (
                    (i, j),
                    (
                        slice(i, i + self.stride * height, self.stride),
                        slice(j, j + self.stride * width, self.stride),
                    ),
                )

    def z(self, a, rho, bias=True):
        weight = rho(self.weight)
        offset = rho(self.bias) if bias else np.zeros_like(self.bias)
        if not self.conv:
            return weight @ a + offset
        padded = np.pad(a, ((0, 0), (self.padding,) * 2, (self.padding,) * 2))
        total = 0
        for (i, j), (rows, columns) in self.taps(a.shape):
            total = total + np.einsum("kc,chw->khw", weight[:, :, i, j], padded[:, rows, columns])
        return total + offset[:, None, None]

    def shared(self, a, rho, s):
        """Σ_k a_j ρ(w_jk) s_k."""
        weight = rho(self.weight)
        if not self.conv:
            return a * (weight.T @ s)
        p = self.padding
        padded = np.pad(a, ((0, 0), (p, p), (p, p)))
        found = np.zeros_like(padded)
        for (i, j), (rows, columns) in self.taps(a.shape):
            part = np.einsum("kc,khw->chw", weight[:, :, i, j], s)
            found[:, rows, columns] += padded[:, rows, columns] * part
        return found[:, p : found.shape[1] - p, p : found.shape[2] - p]


def windows(module, shape):
    """Rows and columns of every window of a pool that lie within a map, by its definition."""
    if isinstance(module, nn.AdaptiveAvgPool2d):
        out = module.output_size
        edges = [
            [(int(i * n // out), int(-(-(i + 1) * n // out))) for i in range(out)]
            for n in shape[1:]
        ]
    else:
        size, stride, p = module.kernel_size, module.stride, module.padding
        edges = []
        for n in shape[1:]:
            span = n + 2 * p - size
            count = (-(-span // stride) if module.ceil_mode else span // stride) + 1
            starts = [i * stride - p for i in range(count) if i * stride < n + p]
            edges.append([(max(start, 0), min(start + size, n)) for start in starts])
    for y, (top, bottom) in enumerate(edges[0]):
        for x, (left, right) in enumerate(edges[1]):
            yield y, x, slice(top, bottom), slice(left, right)


def pool_shares(module, a, relevance, average, epsilon, of_rms):
    found = np.zeros_like(a)
    if not average:
        for c in range(len(a)):
            for y, x, rows, columns in windows(module, a.shape):
                part = a[c, rows, columns]
                i, j = np.unravel_index(part.argmax(), part.shape)
                found[c, rows.start + i, columns.start + j] += relevance[c, y, x]
        return found
    sums = np.zeros_like(relevance)
    counts = np.zeros_like(relevance)
    for y, x, rows, columns in windows(module, a.shape):
        sums[:, y, x] = a[:, rows, columns].sum((1, 2))
        counts[:, y, x] = (rows.stop - rows.start) * (columns.stop - columns.start)
    means = sums / counts
    z = away(means, epsilon + of_rms * np.sqrt((means**2).mean()))
    for y, x, rows, columns in windows(module, a.shape):
        share = a[:, rows, columns] / counts[:, y, x][:, None, None] / z[:, y, x][:, None, None]
        found[:, rows, columns] += share * relevance[:, y, x][:, None, None]
    return found


def folded(module, following):
    weight, bias = module.weight.detach().numpy(), module.bias.detach().numpy()
    if not isinstance(following, nn.BatchNorm2d):
        return weight, bias
    scale = following.weight.detach().numpy() / np.sqrt(following.running_var.numpy() + 1e-5)
    bias = (bias - following.running_mean.numpy()) * scale + following.bias.detach().numpy()
    return weight * scale[:, None, None, None], bias


def lrp(network, name, image, start, preset, box, gamma=0.25, epsilon=0.25):
    """Relevance of the image (3, H, W) when `start` (classes,) stands at the logits."""
    rows = climb(network, image)
    average, relevance = preset == "vgg", start
    convs = sum(isinstance(module, nn.Conv2d) for _, module, _, _ in rows)
    conv = convs
    for at in range(len(rows) - 1, -1, -1):
        _, module, a, _ = rows[at]
        a = a[0]
        if isinstance(module, nn.Conv2d | nn.Linear):
            kind = "conv" if isinstance(module, nn.Conv2d) else "linear"
            rule, least, of_rms = rule_of(preset, name, kind, conv, gamma, epsilon)
            following = rows[at + 1][1] if at + 1 < len(rows) else None
            layer = Shares(module, *folded(module, following))
            relevance = weighted(layer, a, relevance, rule, least, of_rms, box)
            conv -= kind == "conv"
        elif isinstance(module, nn.MaxPool2d | nn.AdaptiveAvgPool2d):
            adaptive = isinstance(module, nn.AdaptiveAvgPool2d)
            least = 1e-9 if preset in ("vgg", "lrp-0", "epsilon") else 1e-6
            of_rms = epsilon if preset == "epsilon" else 0
            if preset == "vgg" and not adaptive and conv > LOWER[name]:
                of_rms = epsilon
            if adaptive and a.shape == relevance.shape:
                continue
            relevance = pool_shares(module, a, relevance, average or adaptive, least, of_rms)
        else:
            relevance = relevance.reshape(a.shape)
    return relevance


def weighted(layer, a, relevance, rule, least, of_rms, box):
    if rule == "box":
        low, high = (np.broadcast_to(side[:, None, None], a.shape) for side in box)
        negative = lambda w: np.minimum(w, 0)  # noqa: E731
        z = layer.z(a, lambda w: w) - layer.z(low, positive) - layer.z(high, negative)
        s = relevance / away(z, least)
        return (
            layer.shared(a, lambda w: w, s)
            - layer.shared(low, positive, s)
            - layer.shared(high, negative, s)
        )
    if rule == "flat":
        ones = np.ones_like(a)
        z = layer.z(ones, np.ones_like, bias=False)
        return layer.shared(ones, np.ones_like, relevance / away(z, least))
    z = layer.z(a, rule)
    s = relevance / away(z, least + of_rms * np.sqrt((z**2).mean()))
    return layer.shared(a, rule, s)


def excitation(network, image, layer, target, contrastive):
    """P of every unit of `layer` (C, h, w), by P(a_j) = Σ_i P(a_i) a_j w⁺_ij / Z_i."""
    rows = climb(network, image)
    names = [row[0] for row in rows]
    top = rows[-1]
    weight = top[1].weight.detach().numpy()
    a = top[2][0]

    def step(w):
        share = np.maximum(w[target], 0) * a
        return share / share.sum() if share.sum() else share

    p = step(weight) - step(-weight) if contrastive else step(weight)
    for at in range(len(rows) - 2, names.index(layer), -1):
        _, module, before, _ = rows[at]
        before = before[0]
        if isinstance(module, nn.Conv2d | nn.Linear):
            following = rows[at + 1][1]
            own = Shares(module, *folded(module, following))
            z = own.z(before, positive, bias=False)
            s = np.divide(p, z, out=np.zeros_like(p), where=z > 1e-18)
            p = own.shared(before, positive, s)
        elif isinstance(module, nn.MaxPool2d):
            p = pool_shares(module, before, p, False, 0, 0)
        elif isinstance(module, nn.AdaptiveAvgPool2d):
            p = p if p.shape == before.shape else pool_shares(module, before, p, True, 1e-20, 0)
        else:
            p = p.reshape(before.shape)
    return p
