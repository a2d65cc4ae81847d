"""What every method of attribution is asked, and how it answers: a map that grows."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vgg_viz.capture import Inspection
from vgg_viz.errors import UnknownNameError
from vgg_viz.preprocessing import Preprocessing
from vgg_viz.results import ParameterValue


@dataclass(frozen=True)
class Target:
    """A score: the logit of `index` (pre-softmax), or with `versus` the difference of two logits.

    Why A and not B is asked with the difference: what raises both alike cancels.
    """

    index: int
    versus: int | None = None

    def score(self, logits: Tensor) -> Tensor:
        """Of a batch (N, classes): (N,)."""
        own = logits[:, self.index]
        return own if self.versus is None else own - logits[:, self.versus]

    def check(self, classes: int) -> None:
        """Raise UnknownNameError for what is no class, or a class against itself."""
        for number in (self.index, self.versus):
            if number is not None and not 0 <= number < classes:
                raise UnknownNameError(f"No class {number}; choose 0 to {classes - 1}.")
        if self.index == self.versus:
            raise UnknownNameError("A class cannot stand against itself; choose another one.")


@dataclass(frozen=True, eq=False)
class Question:
    """Where in `seen.image` does `target` come from?

    `seen` holds every layer's output of one photo (1, 3, H, W), with the graph. Methods never
    change it, nor `network`; they draw random numbers from `generator()` alone.
    """

    network: nn.Sequential  # a flat table of layers
    seen: Inspection
    target: Target
    layer: str  # for methods in layer space
    preprocessing: Preprocessing
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    seed: int = 0
    batch: int = 16  # images a pass that surely fit into the device's memory

    @property
    def image(self) -> Tensor:
        """The photo as the network read it, (1, 3, H, W), without the graph."""
        return self.seen.image.detach()

    @property
    def activations(self) -> Tensor:
        """Output of the layer, (1, C, h, w), without the graph."""
        return self.seen.outputs[self.layer].detach()

    def gradients(self) -> Mapping[str, Tensor]:
        """d score / d output of every layer, and under "input" of the image; kept by `seen`."""
        own = self.seen.gradients(self.target.index)
        if self.target.versus is None:
            return own
        other = self.seen.gradients(self.target.versus)
        return {name: gradient - other[name] for name, gradient in own.items()}

    def scores(self, images: Tensor) -> Tensor:
        """The score of every image of a batch (N, 3, H, W), without a graph: (N,)."""
        with torch.inference_mode():
            return self.target.score(self.network(images)).float()

    def generator(self) -> torch.Generator:
        """A fresh source of random numbers, the same for the same seed."""
        return torch.Generator().manual_seed(self.seed)

    def number(self, name: str) -> float:
        """A parameter that is a number."""
        return float(self.parameters[name])

    def count(self, name: str) -> int:
        """A parameter that is a whole number."""
        return int(self.parameters[name])

    def choice(self, name: str) -> str:
        """A parameter that is a word."""
        return str(self.parameters[name])


@dataclass(frozen=True, eq=False)
class Partial:
    """The map after `done` of `total` steps; `grid` (h, w) is raw and signed.

    `checks` are what a method can say of itself, such as its completeness error.
    """

    grid: Tensor
    done: int = 1
    total: int = 1
    checks: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


# A method: yields partial maps, the last one with done == total. One of many passes yields after
# each of them, so that whoever asks can show it, stop it, and do other work in between.
Compute = Callable[[Question], Iterator[Partial]]
