"""Small members of every registered network, for tests that run over the whole registry."""

from collections import OrderedDict
from functools import cache
from itertools import takewhile

import torch
from torch import nn

from vgg_viz.models.configs import NETWORKS, NetworkConfig, build
from vgg_viz.models.networks import ConvNet, build_network

CLASSES = 7
ALL_NETWORKS = tuple(NETWORKS)


def tiny_config(name: str) -> NetworkConfig:
    """At most a few thousand weights a layer, the least comfortable input size."""
    size = 96 if name in ("alexnet", "zfnet_a", "zfnet_b") else 64
    return build(name, width=1 / 16, classes=CLASSES, input_size=size)


@cache
def tiny_network(name: str) -> ConvNet:
    """A frozen tiny network, one for all tests: whoever changes it fails the invariants family."""
    network = build_network(tiny_config(name), seed=3)
    # Biases and batch norm away from their neutral values, or a wrong formula could pass.
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key.endswith("bias"):
                tensor.normal_(0, 0.1, generator=generator)
            elif key.endswith("running_var"):
                tensor.uniform_(0.5, 2, generator=generator)
            elif key.endswith("running_mean"):
                tensor.normal_(0, 0.3, generator=generator)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


def tiny_image(name: str, seed: int = 0) -> torch.Tensor:
    """A normalised random image (1, 3, S, S) of the network's size."""
    side = tiny_config(name).input_size
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(1, 3, side, side, generator=generator)
    return image.contiguous(memory_format=torch.channels_last)


def features(network: ConvNet) -> nn.Sequential:
    """What comes before the classifier: the layers up to the last pooling."""
    named = takewhile(lambda child: child[0] != "avgpool", network.named_children())
    return nn.Sequential(OrderedDict(named))


def logits(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Logits of a batch without a graph."""
    with torch.inference_mode():
        return network(images)
