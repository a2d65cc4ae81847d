"""One training step of a small network by hand, and what a recorder should say about it.

Written out with loops, functional operations and `torch.autograd.grad`; no hook, no module, and
nothing of the code under test. Numbers are Python floats, in double precision.
"""

import math

import torch
import torch.nn.functional as F


def forward(weights, images):
    """conv1, ReLU, 2 x 2 max-pooling, conv2, ReLU, fc: every z and every activation."""
    z1 = F.conv2d(images, weights["conv1.weight"], weights["conv1.bias"], padding=1)
    a1 = z1.clamp(min=0)
    z2 = F.conv2d(F.max_pool2d(a1, 2), weights["conv2.weight"], weights["conv2.bias"], padding=1)
    a2 = z2.clamp(min=0)
    z3 = F.linear(a2.reshape(len(images), -1), weights["fc.weight"], weights["fc.bias"])
    return {"conv1": z1, "conv2": z2, "fc": z3}, {"conv1": a1, "conv2": a2}


def momentum_step(weights, velocity, images, labels, *, rate, momentum, factor=1.0):
    """SGD with momentum: v <- m v + g, W <- W - rate v. The new ones, and the step's quantities.

    The loss is `factor` times the cross-entropy.
    """
    weights = {name: w.clone().requires_grad_() for name, w in weights.items()}
    zs, activations = forward(weights, images)
    loss = factor * F.cross_entropy(zs["fc"], labels)
    found = torch.autograd.grad(loss, [*zs.values(), *weights.values()])
    dz = dict(zip(zs, found, strict=False))
    gradients = dict(zip(weights, found[len(zs) :], strict=True))
    velocity = {name: momentum * velocity.get(name, 0) + g for name, g in gradients.items()}
    after = {name: (w - rate * velocity[name]).detach() for name, w in weights.items()}
    rows = {
        layer: quantities(layer, zs[layer], activations.get(layer), dz[layer], gradients)
        | weight_quantities(weights[f"{layer}.weight"], after[f"{layer}.weight"])
        for layer in zs
    }
    counts = {"z": {layer: histogram(z) for layer, z in zs.items()}}
    counts["gradient"] = {layer: histogram(g) for layer, g in dz.items()}
    return after, velocity, loss.item(), rows, counts


def quantities(layer, z, activation, dz, gradients):
    nan = float("nan")
    return {
        "z_std": std(z),
        "activation_std": nan if activation is None else std(activation),
        "gradient_std": std(dz),
        "weight_gradient_norm": norm(gradients[f"{layer}.weight"]),
        "bias_gradient_norm": norm(gradients[f"{layer}.bias"]),
        "zero_share": nan if activation is None else zero_share(activation),
        "dead_share": nan if activation is None else dead_share(activation),
    }


def weight_quantities(before, after):
    """The norm of W before the update, and |W_after - W_before| / |W_before|."""
    changed = [a - b for a, b in zip(numbers(after), numbers(before), strict=True)]
    size = norm(before)
    return {"weight_norm": size, "update_ratio": math.sqrt(sum(c * c for c in changed)) / size}


def numbers(values):
    return values.detach().double().flatten().tolist()


def norm(values):
    return math.sqrt(sum(v * v for v in numbers(values)))


def std(values):
    values = numbers(values)
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))


def zero_share(activation):
    values = numbers(activation)
    return sum(v == 0 for v in values) / len(values)


def dead_share(activation):
    """Channels of (N, C, ...) in which no photo and no place gives anything but 0."""
    dead = 0
    for channel in range(activation.shape[1]):
        dead += all(v == 0 for v in numbers(activation[:, channel]))
    return dead / activation.shape[1]


def histogram(values):
    """Counts of log10|x| in 60 bins of 0.4 from -18 to 6; outliers at the ends, zeros nowhere."""
    counts = [0] * 60
    for value in numbers(values):
        if value != 0:
            place = math.floor((math.log10(abs(value)) + 18) / 0.4)
            counts[min(59, max(0, place))] += 1
    return counts
