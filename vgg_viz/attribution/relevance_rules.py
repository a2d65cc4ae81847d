"""Rules that share a score out among the inputs of a layer, and the table of layers they walk down.

A layer k made its output z_k = Σ_j a_j w_jk + b_k; what was found to be the relevance R_k of that
output is shared out by how much each input added to it (Bach et al. 2015; Montavon et al. 2019):

    R_j = a_j Σ_k ρ(w_jk) R_k / (ε + Σ_j a_j ρ(w_jk) + ρ(b_k))

in three steps with torch's own operations: z = layer with ρ(w) of a, s = R / z, c = d(z·s) / d a,
R_j = a c. Batch norm is folded into the convolution before it, of copies: no module is changed.
ReLU and local response normalisation pass relevance on as it is; max-pools pass it to the winner
of each window, or to all of it as average pools do.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vgg_viz.capture import Inspection

STABILISER = 1e-9  # as in Montavon et al.'s code and in captum: keeps 0 / 0 at 0
Kind = Literal["conv", "linear", "max_pool", "avg_pool", "passed", "reshaped"]


@dataclass(frozen=True)
class Rule:
    """How a convolution or linear layer shares relevance out.

    `weights` are its own plus `gamma` times their positive part, their positive part alone, ones
    (flat: evenly over the kernel, whatever the input was) or those of a box of possible inputs.
    To z is added `epsilon`, and `epsilon_of_rms` times the root mean square of z.
    """

    weights: Literal["own", "positive", "flat", "box"] = "own"
    gamma: float = 0.0
    epsilon: float = STABILISER
    epsilon_of_rms: float = 0.0
    bias: bool = True


@dataclass(frozen=True, eq=False)
class Step:
    """A row of the table as relevance sees it: batch norm folded into the convolution before it."""

    names: tuple[str, ...]  # of the layers it stands for
    kind: Kind
    before: Tensor  # its input
    module: nn.Module
    conv: int = 0  # how many convolutions there are up to here
    weight: Tensor | None = None
    bias: Tensor | None = None

    def applied(self, a: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution or linear layer with other weights."""
        if isinstance(self.module, nn.Conv2d):
            module = self.module
            stride, padding, dilation = module.stride, module.padding, module.dilation
            return F.conv2d(a, weight, bias, stride, padding, dilation, module.groups)
        return F.linear(a, weight, bias)

    def pooled(self, a: Tensor, *, average: bool) -> Tensor:
        """The pool, or the average over the same windows."""
        if average and isinstance(self.module, nn.MaxPool2d):
            pool = self.module
            return F.avg_pool2d(a, pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode)
        pooled: Tensor = self.module(a)
        return pooled


def steps(network: nn.Sequential, seen: Inspection) -> tuple[Step, ...]:
    """The rows of a flat table with what each read, from the image to the logits, in fp32 at least.

    Inputs that `seen` did not keep are computed again, without a graph.
    """
    found: list[Step] = []
    befores = dict(_inputs(network, seen))
    children = list(network.named_children())
    convs = 0
    for at, (name, module) in enumerate(children):
        if isinstance(module, nn.BatchNorm2d):
            continue  # it is in the convolution before it
        convs += isinstance(module, nn.Conv2d)
        weight = bias = None
        names: tuple[str, ...] = (name,)
        if isinstance(module, nn.Conv2d | nn.Linear):
            weight = full(module.weight)
            bias = None if module.bias is None else full(module.bias)
            after = children[at + 1][1] if at + 1 < len(children) else None
            if isinstance(after, nn.BatchNorm2d):
                weight, bias = folded(weight, bias, after)
                names = (name, children[at + 1][0])
        found.append(Step(names, _kind(module), befores[name], module, convs, weight, bias))
    return tuple(found)


def folded(weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Kernels (C, ...) and biases (C,) of a convolution and the batch norm after it as one."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("batch norm without statistics")
    scale = torch.rsqrt(full(norm.running_var) + norm.eps)
    if norm.affine:
        scale = scale * full(norm.weight)
    mean = full(norm.running_mean)
    shift = -mean if bias is None else bias - mean
    offset = full(norm.bias) if norm.affine else torch.zeros_like(shift)
    return weight * scale.reshape(-1, 1, 1, 1), shift * scale + offset


def through_weights(
    step: Step, relevance: Tensor, rule: Rule, box: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """The relevance of the inputs of a convolution or linear layer; shapes as there.

    `box` are the least and largest possible inputs, for the rule that needs them.
    """
    weight, bias = step.weight, step.bias if rule.bias else None
    if weight is None:
        raise ValueError(f"{step.names} have no weights")
    match rule.weights:
        case "flat":
            ones, evenly = torch.ones_like(step.before), torch.ones_like(weight)
            return shared(lambda a: step.applied(a, evenly, None), ones, relevance, rule)
        case "box":
            return _through_box(step, relevance, rule, box)
        case "positive":
            weight = weight.clamp(min=0)
            bias = None if bias is None else bias.clamp(min=0)
        case _ if rule.gamma:
            weight = weight + rule.gamma * weight.clamp(min=0)
            bias = None if bias is None else bias + rule.gamma * bias.clamp(min=0)
    return shared(lambda a: step.applied(a, weight, bias), step.before, relevance, rule)


def through_pool(step: Step, relevance: Tensor, rule: Rule, *, average: bool) -> Tensor:
    """The relevance of the inputs of a pool."""
    if relevance.shape == step.before.shape:  # averages over windows of one unit
        return relevance
    if average or step.kind == "avg_pool":
        return shared(lambda a: step.pooled(a, average=True), step.before, relevance, rule)
    a = step.before.detach().requires_grad_()
    with torch.enable_grad():
        pooled = step.pooled(a, average=False)
    return torch.autograd.grad(pooled, a, relevance)[0]


def shared(
    layer: Callable[[Tensor], Tensor], before: Tensor, relevance: Tensor, rule: Rule
) -> Tensor:
    """a c with c = d(z·s) / d a, s = R / z, z = layer(a)."""
    a = before.detach().requires_grad_()
    with torch.enable_grad():
        z = layer(a)
    (c,) = torch.autograd.grad(z, a, relevance / stabilised(z.detach(), rule))
    return (a * c).detach()


def stabilised(z: Tensor, rule: Rule) -> Tensor:
    """z moved away from 0 by the rule's epsilon, to the side it is on."""
    epsilon = torch.full((), rule.epsilon, dtype=z.dtype, device=z.device)
    if rule.epsilon_of_rms:
        epsilon = epsilon + rule.epsilon_of_rms * z.square().mean().sqrt()
    return z + torch.where(z >= 0, epsilon, -epsilon)


def _through_box(
    step: Step, relevance: Tensor, rule: Rule, box: tuple[Tensor, Tensor] | None
) -> Tensor:
    """zB: R_j = Σ_k (x w - l w⁺ - h w⁻) R_k / Σ_j (the same), of pixels from l to h."""
    weight, bias = step.weight, step.bias
    if weight is None or box is None:
        raise ValueError(f"{step.names}: no weights, or no box of inputs")
    parts = (
        (step.before.detach(), weight, bias),
        (box[0], weight.clamp(min=0), None if bias is None else bias.clamp(min=0)),
        (box[1], weight.clamp(max=0), None if bias is None else bias.clamp(max=0)),
    )
    leaves = [part[0].expand_as(step.before).detach().clone().requires_grad_() for part in parts]
    with torch.enable_grad():
        of_image, of_least, of_largest = (
            step.applied(leaf, kernels, biases)
            for leaf, (_, kernels, biases) in zip(leaves, parts, strict=True)
        )
        z = of_image - of_least - of_largest
    gradients = torch.autograd.grad(z, leaves, relevance / stabilised(z.detach(), rule))
    products = [leaf.detach() * gradient for leaf, gradient in zip(leaves, gradients, strict=True)]
    return products[0] + products[1] + products[2]  # the signs are in the gradients


def _inputs(network: nn.Sequential, seen: Inspection) -> Iterator[tuple[str, Tensor]]:
    value = seen.image.detach()
    for name, module in network.named_children():
        yield name, full(value)
        if isinstance(module, nn.Dropout):
            continue  # eval mode, whatever its flag says
        kept = seen.outputs.get(name)
        with torch.no_grad():
            value = module(value) if kept is None else kept.detach()


def full(tensor: Tensor) -> Tensor:
    """Without a graph, in fp32 where it was less: shares of small sums need the digits."""
    return tensor.detach().to(torch.promote_types(tensor.dtype, torch.float32))


def _kind(module: nn.Module) -> Kind:
    match module:
        case nn.Conv2d():
            return "conv"
        case nn.Linear():
            return "linear"
        case nn.MaxPool2d():
            return "max_pool"
        case nn.AdaptiveAvgPool2d():
            return "avg_pool"
        case nn.Flatten():
            return "reshaped"
        case nn.ReLU() | nn.LocalResponseNorm() | nn.Dropout():
            return "passed"
        case _:
            raise ValueError(f"no rule for {type(module).__name__}")
