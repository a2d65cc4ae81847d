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


def flow(
    network: nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> dict[str, dict[str, float]]:
    """Signal and gradient of every convolution and linear layer of a flat network, by plain loops.

    The children are run one by one without hooks, dropout as the identity, batch norm by the
    batch's mean and variance written out; every z keeps its gradient. Standard deviations, norms
    and shares are sums over Python floats in double precision.
    """
    parameters = {n: p.detach().double().requires_grad_() for n, p in network.named_parameters()}
    zs, activations, last = {}, {}, ""
    x = images.double()
    for name, module in network.named_children():
        if isinstance(module, nn.Conv2d | nn.Linear):
            weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
            if isinstance(module, nn.Conv2d):
                x = nn.functional.conv2d(x, weight, bias, module.stride, module.padding)
            else:
                x = x @ weight.T + bias
            x.retain_grad()
            zs[name], last = x, name
        elif isinstance(module, nn.BatchNorm2d):
            mean = x.mean(dim=(0, 2, 3), keepdim=True)
            variance = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
            scale = parameters[f"{name}.weight"].view(1, -1, 1, 1)
            shift = parameters[f"{name}.bias"].view(1, -1, 1, 1)
            x = scale * (x - mean) / (variance + module.eps) ** 0.5 + shift
        elif isinstance(module, nn.ReLU):
            x = x * (x > 0)
            activations[last] = x
        elif not isinstance(module, nn.Dropout):
            x = module(x)
    rows = torch.arange(len(labels))
    loss = (x.logsumexp(1) - x[rows, labels]).mean()
    loss.backward()
    return {name: _flow_of(name, zs[name], activations.get(name), parameters) for name in zs}


def _flow_of(name, z, activation, parameters) -> dict[str, float]:
    weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
    values = {
        "z_std": _std(z),
        "gradient_std": _std(z.grad),
        "weight_norm": _norm(weight),
        "weight_gradient_norm": _norm(weight.grad),
        "bias_gradient_norm": _norm(bias.grad),
        "euler": sum((weight.detach() * weight.grad).flatten().tolist()),
    }
    if activation is not None:
        a = activation.detach()
        values["activation_std"] = _std(a)
        values["zero_share"] = sum(v == 0 for v in a.flatten().tolist()) / a.numel()
        channels = [a[:, c].flatten().tolist() for c in range(a.shape[1])]
        values["dead_share"] = sum(not any(values) for values in channels) / len(channels)
    return values


def _std(tensor: torch.Tensor) -> float:
    values = tensor.detach().flatten().tolist()
    mean = sum(values) / len(values)
    return (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5


def _norm(tensor: torch.Tensor) -> float:
    return sum(v * v for v in tensor.detach().flatten().tolist()) ** 0.5
