"""One forward and one backward pass through a network, measured."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgg_viz.capture import as_in_training
from vgg_viz.gradient_flow.meter import FlowMeter, Moments
from vgg_viz.gradient_flow.theory import with_theory
from vgg_viz.results import LayerFlow


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward and backward pass: rows of its layers, loss in nats, std of the logits."""

    layers: tuple[LayerFlow, ...]
    loss: float
    logit_std: float


def measure(
    network: nn.Module, images: Tensor, labels: Tensor, *, learning_rate: float = 0.01
) -> Pass:
    """Cross-entropy of `images` (N, C, H, W) against `labels` (N,), forward and back.

    Batch norm works with the batch's statistics, dropout is off. The network is left as it was: no
    `.grad`, no hook, no mode, no running statistic changes. Parameters that do not require
    gradients do so within the pass only.
    """
    meter = FlowMeter(network)
    named = dict(network.named_parameters())
    frozen = [p for p in named.values() if not p.requires_grad]
    try:
        for parameter in frozen:
            parameter.requires_grad_()
        with torch.enable_grad(), as_in_training(network), meter.attached():
            logits = network(images)
            loss = F.cross_entropy(logits.float(), labels)
            found = torch.autograd.grad(loss, tuple(named.values()), materialize_grads=True)
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
    gradients = dict(zip(named, found, strict=True))
    rows = with_theory(meter.rows(gradients, learning_rate=learning_rate), network)
    spread = Moments()
    spread.add(logits.detach())
    return Pass(rows, loss.item(), spread.std)
