"""DeepLIFT with the rescale rule (Shrikumar, Greenside & Kundaje, arXiv 1704.02685).

Multipliers go back from the score to the image; at the end (x - x0) times them is the map, and it
sums to y(x) - y(x0). With Δ for the photo's value less the baseline's:

    convolution, linear, batch norm, average pool   the derivative, they are linear
    ReLU                                            m Δout / Δin
    max-pool    what the window rose goes to the photo's largest unit, what it fell to the
                baseline's, each over that unit's Δin (as in captum and shap); where windows overlap
                they add up, and units that tie share alike: in a picture of one colour nearly all
                do, and captum's choice of one is decided by rounding
    local response normalisation                    the mean derivative on the line between the two,
                which is complete; captum takes the photo's derivative, which is not

Where Δin is no more than rounding (4 times the dtype's epsilon of the layer's largest magnitude)
the multiplier is the photo's derivative; captum's bound of 1e-10 divides rounding by rounding where
the photo is as the baseline.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgg_viz.attribution.baselines import baseline
from vgg_viz.attribution.gradients import with_every_layer
from vgg_viz.attribution.paths import completeness, legendre
from vgg_viz.attribution.question import Partial, Question

ROUNDING = 4  # times epsilon
LRN_POINTS = 8  # the way through the normalisation is smooth: more change nothing


def deep_lift(question: Question) -> Iterator[Partial]:
    """One forward pass of the baseline, one walk back through both."""
    question = with_every_layer(question)
    start = baseline(question, question.choice("baseline"), question.generator())
    others = _outputs(question, start)
    signal = torch.zeros_like(question.seen.logits).detach()
    signal[:, question.target.index] = 1
    if question.target.versus is not None:
        signal[:, question.target.versus] = -1
    multipliers = _back(question, start, others, signal)
    grid = ((question.image - start).float() * multipliers.float())[0].sum(dim=0)
    logits = question.seen.logits.detach()
    last = next(reversed(others.values()))
    gained = float((question.target.score(logits) - question.target.score(last)).float()[0])
    yield Partial(grid, checks=completeness(grid, gained))


def _outputs(question: Question, start: Tensor) -> dict[str, Tensor]:
    """What every layer that is kept of the photo makes of the baseline."""
    outputs: dict[str, Tensor] = {}
    signal = start
    with torch.no_grad():
        for name, module in question.network.named_children():
            signal = module(signal)
            if name in question.seen.outputs:
                outputs[name] = signal
    return outputs


def _back(question: Question, start: Tensor, others: dict[str, Tensor], signal: Tensor) -> Tensor:
    seen = question.seen
    names = list(seen.outputs)
    befores = (seen.image, *seen.outputs.values())
    others_before = (start, *others.values())
    for at in range(len(names) - 1, -1, -1):
        name, before, other = names[at], befores[at], others_before[at]
        module, output = question.network.get_submodule(name), seen.outputs[name]
        signal = signal.reshape_as(output)
        if isinstance(module, nn.LocalResponseNorm):
            signal = mean_derivative(module, before.detach(), other, signal)
            continue
        (plain,) = torch.autograd.grad(output, before, signal, retain_graph=True)
        if isinstance(module, nn.ReLU):
            change = signal * (output.detach() - others[name])
            plain = _over(change, before.detach(), other, plain)
        elif isinstance(module, nn.MaxPool2d):
            higher = torch.maximum(output.detach(), others[name])
            rise, fall = higher - others[name], output.detach() - higher
            change = to_largest(module, before.detach(), signal * rise)
            change += to_largest(module, other, signal * fall)
            plain = _over(change, before.detach(), other, plain)
        signal = plain
    return signal.detach()


def _over(share: Tensor, own: Tensor, other: Tensor, otherwise: Tensor) -> Tensor:
    """share / (own - other), and `otherwise` where those are equal but for rounding."""
    change = own - other
    small = change.abs() <= ROUNDING * torch.finfo(own.dtype).eps * own.abs().amax()
    return torch.where(small, otherwise, share / torch.where(small, torch.ones_like(own), change))


def to_largest(pool: nn.MaxPool2d, maps: Tensor, signal: Tensor) -> Tensor:
    """`signal` of every window to the largest unit of `maps` in it; equal ones share it.

    Equal is what differs by rounding: 8 times the dtype's epsilon of the largest magnitude.
    """
    size, stride, padding = _whole(pool.kernel_size), _whole(pool.stride), _whole(pool.padding)
    rows, columns = signal.shape[2:]
    # Windows may reach beyond the border below and on the right too (ceil_mode).
    reach = [stride * (count - 1) + size for count in (rows, columns)]
    height, width = maps.shape[2:]
    beyond = [
        max(0, end - side - padding) for end, side in zip(reach, (height, width), strict=True)
    ]
    edges = (padding, beyond[1], padding, beyond[0])
    padded = F.pad(maps, edges, value=-torch.inf)
    windows = [
        (
            ...,
            slice(y, y + stride * (rows - 1) + 1, stride),
            slice(x, x + stride * (columns - 1) + 1, stride),
        )
        for y in range(size)
        for x in range(size)
    ]
    largest = torch.stack([padded[window] for window in windows]).amax(dim=0)
    tie = 8 * torch.finfo(maps.dtype).eps * maps.abs().amax()
    chosen = [padded[window] >= largest - tie for window in windows]
    share = signal / torch.stack(chosen).sum(dim=0)
    total = torch.zeros_like(padded)
    for window, mask in zip(windows, chosen, strict=True):
        total[window] += share * mask
    return total[..., padding : padding + height, padding : padding + width]


def _whole(value: int | tuple[int, int]) -> int:
    return value if isinstance(value, int) else value[0]


def _through(module: nn.Module, at: Tensor, signal: Tensor) -> Tensor:
    """`signal` back through `module`, by its derivative at `at`."""
    leaf = at.detach().requires_grad_()
    with torch.enable_grad():
        output = module(leaf)
    (found,) = torch.autograd.grad(output, leaf, signal)
    return found.detach()


def mean_derivative(module: nn.Module, own: Tensor, other: Tensor, signal: Tensor) -> Tensor:
    """`signal` back by the mean derivative of `module` on the line from `other` to `own`."""
    total = torch.zeros_like(own)
    for place, weight in zip(*legendre(LRN_POINTS), strict=True):
        total += weight * _through(module, other + place * (own - other), signal)
    return total
