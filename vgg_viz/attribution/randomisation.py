"""Networks whose topmost layers have random weights: a map that stays the same is not about them.

Cascading randomisation of Adebayo et al. (arXiv 1810.03292v3): layer by layer from the top.
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

STD = 0.01  # of the truncated normal distribution the weights are drawn from
PART = 2**22  # weights drawn at once: fc6 of VGG has 100 million, which take seconds


def weighted_layers(network: nn.Sequential) -> tuple[str, ...]:
    """Convolutions and linear layers, from the top down."""
    names = [
        n for n, module in network.named_children() if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    return tuple(reversed(names))


def cascade(network: nn.Sequential, seed: int) -> Iterator[tuple[str, nn.Sequential] | None]:
    """(layer, copy of the network with random weights from the top down to this layer).

    None in between, while the weights of a large layer are drawn part by part. The next step
    changes the same copy. It shares every other tensor with `network`, which is never written to.
    Weights come from a normal distribution of standard deviation 0.01 cut at two deviations, biases
    are 0, and batch norm behind a random convolution does nothing.
    """
    twin = sharing_copy(network)
    generator = torch.Generator().manual_seed(seed)
    children = dict(twin.named_children())
    following = dict(zip(children, [*list(children)[1:], ""], strict=True))
    for name in weighted_layers(network):
        module = children[name]
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        weights = torch.empty(module.weight.shape)
        flat = weights.view(-1)
        for start in range(0, len(flat), PART):
            _draw(flat[start : start + PART], generator)
            yield None
        made = torch.empty_like(module.weight, requires_grad=False)  # device, type, memory format
        _replace(module, "weight", made.copy_(weights))
        if module.bias is not None:
            _replace(module, "bias", torch.zeros_like(module.bias))
        after = children.get(following[name])
        if isinstance(after, nn.BatchNorm2d):
            _neutral(after)
        yield name, twin


def sharing_copy(network: nn.Sequential) -> nn.Sequential:
    """New modules over the same tensors."""
    tensors = [*network.parameters(), *network.buffers()]
    return copy.deepcopy(network, memo={id(tensor): tensor for tensor in tensors})


def chosen(layers: Sequence[str], count: int) -> tuple[int, ...]:
    """After how many of `layers` to look: evenly spread, the last one always."""
    count = max(1, min(count, len(layers)))
    return tuple(round((i + 1) * len(layers) / count) for i in range(count))


def _draw(weights: Tensor, generator: torch.Generator) -> None:
    """Fill with normal numbers, those beyond two deviations drawn again."""
    weights.normal_(0, STD, generator=generator)
    while len(beyond := (weights.abs() > 2 * STD).nonzero()[:, 0]):
        weights[beyond] = STD * torch.randn(len(beyond), generator=generator)


def _replace(module: nn.Module, name: str, value: Tensor) -> None:
    setattr(module, name, nn.Parameter(value, requires_grad=False))


def _neutral(norm: nn.BatchNorm2d) -> None:
    for name, value in (("weight", 1.0), ("bias", 0.0)):
        old = getattr(norm, name)
        if old is not None:
            _replace(norm, name, torch.full_like(old, value, requires_grad=False))
    if norm.running_mean is not None and norm.running_var is not None:
        norm.running_mean = torch.zeros_like(norm.running_mean)
        norm.running_var = torch.ones_like(norm.running_var)
