"""The layers up to the ones an objective needs, run one by one: no hook, and nothing behind them.

In the first steps a ReLU behind which nothing is alive would stop every gradient, and the picture
would stay noise. There its gradient is redirected, as lucid does, by running another function in
its place; the module itself is not touched.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vgg_viz.capture import undisturbed
from vgg_viz.errors import UnknownNameError


class Redirected:
    """Which ReLUs had to be redirected in a pass: filled in by its backward pass."""

    def __init__(self) -> None:
        self.layers: list[str] = []


def run_front(
    network: nn.Module,
    layers: Sequence[str],
    value: Tensor,
    redirected: Redirected | None = None,
) -> dict[str, Tensor]:
    """The outputs of `layers` for a batch (N, 3, H, W), with the graph; nothing later is run.

    `network` is a flat Sequential. With `redirected`, gradients pass ReLUs as `_RedirectedRelu`
    says. UnknownNameError for a layer it does not have.
    """
    outputs: dict[str, Tensor] = {}
    names = [name for name, _ in network.named_children()]
    for layer in layers:
        if layer not in names:
            raise UnknownNameError.among("layer", layer, names)
    with undisturbed(network):
        for name, module in network.named_children():
            if redirected is not None and isinstance(module, nn.ReLU):
                value = _RedirectedRelu.apply(value, name, redirected)
            else:
                value = module(value)
            if name in layers:
                outputs[name] = value
            if len(outputs) == len(set(layers)):
                break
    return outputs


class _RedirectedRelu(torch.autograd.Function):
    """max(x, 0); the gradient of a picture none of whose gradient would pass is let through.

    Let through as lucid's redirected_relu_grad does: everywhere but at units that are off and that
    it would push further down. (The signal here is of an objective to be increased, so that is
    where it is negative.)
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, name: str, redirected: Redirected) -> Tensor:
        ctx.save_for_backward(x)
        ctx.name, ctx.redirected = name, redirected
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *signals: Any) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        (signal,) = signals
        passed = torch.where(x > 0, signal, 0)
        blocked = ~passed.flatten(1).any(1) & signal.flatten(1).any(1)
        if not blocked.any():
            return passed, None, None
        ctx.redirected.layers.append(ctx.name)
        let_through = torch.where((x < 0) & (signal < 0), 0, signal)
        blocked = blocked.view(-1, *[1] * (x.dim() - 1))
        return torch.where(blocked, let_through, passed), None, None
