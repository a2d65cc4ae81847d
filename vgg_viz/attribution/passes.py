"""Gradients of the score at many images, a short step at a time."""

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgg_viz.attribution.fast_passes import with_fast_gradients
from vgg_viz.attribution.question import Partial, Question
from vgg_viz.attribution.steps import images_a_step, portions

Layer = Callable[[Tensor], Tensor]
FAST_FROM = 8  # images: for fewer, transforming the kernels takes longer than it saves
STEPS_A_GROUP = 4  # that share one pass through the linear layers; their graphs are held meanwhile


def gradients_at(question: Question, images: Tensor) -> Tensor:
    """d score / d pixel of every image of a batch in one go: (N, 3, H, W) as float32."""
    leaf = images.detach().requires_grad_()
    with torch.enable_grad():
        logits = _run(_layers(question.network), leaf)
        score = question.target.score(logits).sum()
    (found,) = torch.autograd.grad(score, leaf, materialize_grads=True)
    return found.detach().float()


def gradients_of_many(
    question: Question, count: int, images: Callable[[range], Tensor]
) -> Iterator[tuple[range, Tensor] | None]:
    """d score / d pixel of images 0 to count - 1, which `images` makes range by range.

    Yields after every step: a range and its gradients (n, 3, H, W), or None where a step brought
    none yet. The steps of a group go up to the linear layers one by one and through those together:
    the 411 MB of VGG-16's fc6 are read once for all of them, while a step stays short.
    """
    size = images_a_step(question)
    layers: Sequence[Layer] = _layers(question.network)
    if count >= FAST_FROM:
        layers = with_fast_gradients(_layers(question.network))
        yield None
    flat = next((i for i, layer in enumerate(layers) if isinstance(layer, nn.Flatten)), 0)
    for group in portions(count, min(question.batch, STEPS_A_GROUP * size)):
        parts = [group[start : start + size] for start in range(0, len(group), size)]
        if len(parts) == 1 or not flat:
            for part in parts:
                yield part, gradients_at(question, images(part))
            continue
        leaves, maps = [], []
        for part in parts:
            leaf = images(part).detach().requires_grad_()
            with torch.enable_grad():
                maps.append(_run(layers[:flat], leaf))
            leaves.append(leaf)
            yield None
        joined = torch.cat([each.detach() for each in maps]).requires_grad_()
        with torch.enable_grad():
            score = question.target.score(_run(layers[flat:], joined)).sum()
        (signal,) = torch.autograd.grad(score, joined, materialize_grads=True)
        for part, own in zip(parts, torch.split(signal, size), strict=True):
            (found,) = torch.autograd.grad(maps.pop(0), leaves.pop(0), own, materialize_grads=True)
            yield part, found.detach().float()


def nothing_yet(question: Question, total: int) -> Partial:
    """What there is to show before the first gradient."""
    return Partial(torch.zeros_like(question.image[0, 0], dtype=torch.float32), 0, total)


def _layers(network: nn.Sequential) -> list[nn.Module]:
    """The layers in order; the network itself where its forward pass is another one."""
    plain = type(network).forward is nn.Sequential.forward
    return list(network.children()) if plain else [network]


def _run(layers: Sequence[Layer], images: Tensor) -> Tensor:
    """Through `layers`, with ReLUs that write over their input: the same bits in half the memory.

    Nobody looks at what a layer made here, and the modules themselves are not touched.
    """
    values = images
    for layer in layers:
        in_place = isinstance(layer, nn.ReLU) and values is not images
        values = F.relu_(values) if in_place else layer(values)
    return values
