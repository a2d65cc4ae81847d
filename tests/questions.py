"""Questions about the tiny networks, for tests of methods of attribution."""

from functools import cache

import torch
from torch import nn

from tests.tiny import tiny_config, tiny_image, tiny_network
from vgg_viz.attribution.methods import METHODS, checked_parameters
from vgg_viz.attribution.question import Partial, Question, Target
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.capture import Inspection, inspect
from vgg_viz.preprocessing import IMAGENET


def everything(network: nn.Module) -> list[str]:
    """Every child, as the service records them: without dropout and flatten."""
    return [
        name
        for name, module in network.named_children()
        if not isinstance(module, nn.Dropout | nn.Flatten)
    ]


@cache
def seen_of(name: str) -> Inspection:
    """One look at the image of a tiny network; nobody may change it."""
    network = tiny_network(name)
    return inspect(network, tiny_image(name), everything(network))


def ask(
    name: str,
    method: str,
    target: int = 1,
    versus: int | None = None,
    layer: str | None = None,
    *,
    seed: int = 0,
    batch: int = 16,
    **parameters: float | str,
) -> Question:
    """A question to `method` about a tiny network; parameters left out are at their default."""
    return Question(
        tiny_network(name),
        seen_of(name),
        Target(target, versus),
        layer or tiny_config(name).convs[-1],
        IMAGENET,
        checked_parameters(METHODS[method], parameters),
        seed,
        batch,
    )


def about(
    network: nn.Sequential, image: torch.Tensor, method: str, target: Target, layer: str, **more
) -> Question:
    """The same about any flat network."""
    parameters = checked_parameters(METHODS[method], more)
    seen = inspect(network, image, everything(network))
    return Question(network, seen, target, layer, IMAGENET, parameters)


def answer(method: str, question: Question) -> Partial:
    """The last partial map, which must be the whole one."""
    *_, last = COMPUTE[method](question)
    assert last.done == last.total
    return last
