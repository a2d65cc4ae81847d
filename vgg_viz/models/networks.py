"""Modules built from the tables: one flat, named Sequential, so that `model.conv5_3` is a layer.

No ReLU works in place. torchvision's do, and silently overwrite the map of the convolution before
them for anybody who keeps it; the logits are the same bits either way.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from vgg_viz.models.configs import (
    DROPOUT,
    LRN_ALPHA,
    LRN_BETA,
    LRN_SIZE,
    Layer,
    NetworkConfig,
)


class ResponseNorm(nn.LocalResponseNorm):
    """Local response normalisation that computes in fp32 at least, whatever the network is in.

    A sum of squares needs the digits, and torch has no bf16 kernel for it on a CPU.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, C, H, W) in the dtype that they come in."""
        full = torch.promote_types(maps.dtype, torch.float32)
        return super().forward(maps.to(full)).to(maps.dtype)


class ConvNet(nn.Sequential):
    """A network of the lecture; its children are the rows of its table, by name.

    Input (N, 3, H, W), normalised as its weights ask; output logits (N, classes).
    """

    config: NetworkConfig

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(_modules(config))
        self.config = config


def build_network(config: NetworkConfig, *, seed: int | None = None) -> ConvNet:
    """Return a network in eval mode with He-initialised weights drawn from `seed`.

    Convolutions and linear layers get N(0, 2 / fan_in), biases 0 (He et al., arXiv 1502.01852).
    The caller's global random state is not touched. With `seed=None` the parameters are left
    uninitialised on purpose: for loading a checkpoint over them.
    """
    with torch.device("meta"):
        network = ConvNet(config)
    network = network.to_empty(device="cpu")
    _reset_statistics(network)
    if seed is not None:
        initialize(network, torch.Generator().manual_seed(seed))
    return network.to(memory_format=torch.channels_last).eval()


def initialize(network: nn.Module, generator: torch.Generator) -> None:
    """He initialisation in place: weights N(0, 2 / fan_in), biases 0; batch norm to identity."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()


def _reset_statistics(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()


def _modules(config: NetworkConfig) -> "OrderedDict[str, nn.Module]":
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    channels, side = 3, config.input_size
    features = 0
    for row in config.layers:
        if row.kind == "conv":
            modules[row.name] = nn.Conv2d(
                channels, row.out, row.kernel, row.stride, row.padding, row.dilation
            )
            channels = row.out
        elif row.kind == "linear":
            modules[row.name] = nn.Linear(features, row.out)
            features = row.out
        else:
            modules[row.name] = _parameter_free(row, channels)
        if row.kind == "avg_pool":
            side = row.out
            features = channels * side * side
    return modules


def _parameter_free(row: Layer, channels: int) -> nn.Module:
    match row.kind:
        case "batch_norm":
            return nn.BatchNorm2d(channels)
        case "relu":
            return nn.ReLU(inplace=False)
        case "lrn":
            return ResponseNorm(LRN_SIZE, LRN_ALPHA, LRN_BETA, row.lrn_k)
        case "max_pool":
            return nn.MaxPool2d(
                row.kernel, row.stride, row.padding, row.dilation, ceil_mode=row.ceil_mode
            )
        case "avg_pool":
            return nn.AdaptiveAvgPool2d(row.out)
        case "flatten":
            return nn.Flatten()
        case "dropout":
            return nn.Dropout(DROPOUT)
        case _:
            raise ValueError(f"no module for a row of kind {row.kind!r}")
