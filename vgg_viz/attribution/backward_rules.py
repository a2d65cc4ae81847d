"""Gradient, deconvnet and guided backprop: one backward pass with three ReLU rules.

A signal starts at a layer and goes back to the image. Through a convolution it goes by the
transposed kernels, through a max-pool by the places that the forward pass chose (the switches),
through batch norm and linear layers by their transposes: in all three alike, and the same as the
derivative. Only at a ReLU with input f they differ, for a signal R from above:

    gradient          R 1[f > 0]             Simonyan, Vedaldi & Zisserman, arXiv 1312.6034
    deconvnet         R 1[R > 0]             Zeiler & Fergus, arXiv 1311.2901
    guided backprop   R 1[f > 0] 1[R > 0]    Springenberg et al., arXiv 1412.6806

Where windows of a pool overlap (3x3, stride 2) and several chose the same unit, their signals add
up. Local response normalisation has no step in the deconvnet of the paper, whose layers unpool,
rectify and filter: `lrn="passed"` leaves the signal as it is there; `lrn="derivative"` treats it as
the other two rules have to.
"""

import torch
from torch import Tensor, nn

from vgg_viz.capture import Inspection
from vgg_viz.errors import UnknownNameError
from vgg_viz.results.reconstruction import RULES, FiringUnit, Normalisation, ReluRule, Rule


def reconstruct(
    network: nn.Sequential,
    seen: Inspection,
    layer: str,
    start: Tensor,
    rule: Rule,
    *,
    lrn: Normalisation = "derivative",
) -> Tensor:
    """Send `start` back from the output of `layer` to the image: (N, 3, H, W), signed.

    `seen` holds the outputs of every child of `network` that changes something (dropout and
    flatten may be left out), `start` has the shape of `layer`'s output. Nothing of `network` or
    `seen` is changed. UnknownNameError for a layer that was not kept, or a rule that there is not.
    """
    names = tuple(seen.outputs)
    if layer not in names:
        raise UnknownNameError.among("layer", layer, names)
    if rule not in RULES:
        raise UnknownNameError.among("ReLU rule", rule, RULES)
    befores = (seen.image, *seen.outputs.values())
    signal = start
    for at in range(names.index(layer), -1, -1):
        name, before = names[at], befores[at]
        module = network.get_submodule(name)
        if isinstance(module, nn.ReLU):
            signal = through_relu(RULES[rule], signal, before.detach())
        elif not (isinstance(module, nn.LocalResponseNorm) and lrn == "passed"):
            # The transpose of this layer alone: the graph between its output and its input.
            (signal,) = torch.autograd.grad(
                seen.outputs[name], before, signal.reshape_as(seen.outputs[name]), retain_graph=True
            )
    return signal.detach()


def through_relu(rule: ReluRule, signal: Tensor, before: Tensor) -> Tensor:
    """The signal below a ReLU whose input was `before`; shapes are equal."""
    if rule.forward_mask:
        signal = torch.where(before > 0, signal, torch.zeros_like(signal))
    return signal.clamp(min=0) if rule.signal_relu else signal


def firing_units(channel: Tensor, count: int) -> tuple[FiringUnit, ...]:
    """The `count` units of a map (h, w) with the largest values above 0, strongest first.

    Fewer where fewer fire; equal values in the order of reading.
    """
    width = channel.shape[1]
    values, order = channel.detach().float().flatten().sort(descending=True, stable=True)
    kept = [(int(i), float(v)) for i, v in zip(order[:count], values[:count], strict=True) if v > 0]
    return tuple(FiringUnit(i // width, i % width, value) for i, value in kept)


def only(output: Tensor, channel: int, units: tuple[FiringUnit, ...]) -> Tensor:
    """`output` (1, C, h, w) with every activation 0 but those of `units` in `channel`."""
    start = torch.zeros_like(output)
    for unit in units:
        start[0, channel, unit.row, unit.column] = output[0, channel, unit.row, unit.column]
    return start.detach()
