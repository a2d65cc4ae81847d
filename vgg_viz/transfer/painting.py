"""One style transfer from start to end, an evaluation at a time."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from vgg_viz.errors import InputError
from vgg_viz.models.configs import NetworkConfig
from vgg_viz.preprocessing import Preprocessing
from vgg_viz.transfer.descent import Adam, Descent, QuasiNewton
from vgg_viz.transfer.style import Balance, Measured, Pooling, StyleObjective

Start = Literal["content", "style", "noise"]
Optimizer = Literal["lbfgs", "adam"]

# Of red, green and blue in luminance: Y of the YIQ colours (ITU-R BT.601), which Gatys et al. use
# to keep a photo's colours (arXiv 1606.05897).
LUMINANCE = (0.299, 0.587, 0.114)
LEAST_CONTRAST = 1 / 255  # standard deviation of a style picture: below, it is of one colour


@dataclass(frozen=True)
class Way:
    """How the picture is changed; `learning_rate` is Adam's."""

    start: Start = "content"
    optimizer: Optimizer = "lbfgs"
    pooling: Pooling = "average"
    keep_colour: bool = False
    learning_rate: float = 0.02
    seed: int = 0


class Painting:
    """A picture on its way down L; stopped anywhere and continued, it becomes the same picture.

    `content` and `style` are (1, 3, S, S) in [0, 1], on the network's device. The network is given
    to every call and left as it was. With `keep_colour` both are taken as luminance, the style's
    with the mean and deviation of the content's, and the result gets the content's colours back.
    InputError when the style picture is of one colour, or the start is already what is wanted.
    """

    def __init__(
        self,
        network: nn.Module,
        config: NetworkConfig,
        content: Tensor,
        style: Tensor,
        preprocessing: Preprocessing,
        balance: Balance,
        way: Way | None = None,
    ) -> None:
        self.way = way or Way()
        self._mean = content.new_tensor(preprocessing.mean).view(1, 3, 1, 1)
        self._std = content.new_tensor(preprocessing.std).view(1, 3, 1, 1)
        self._photo = content
        if float(style.std((2, 3)).max()) < LEAST_CONTRAST and balance.style > 0:
            raise InputError(
                "The style picture is of one colour: it has no texture to take over. Choose "
                "another style picture."
            )
        if self.way.keep_colour:
            content = luminance(content)
            style = alike(luminance(style), content)
        _refuse_idle(content, style, balance, self.way)
        self.objective = StyleObjective(
            network,
            config,
            content,
            style,
            self._normalised,
            balance,
            pooling=self.way.pooling,
        )
        start = {"content": content, "style": style}.get(self.way.start)
        if start is None:
            start = self._noise(content)
        self._descent: Descent = (
            QuasiNewton(start)
            if self.way.optimizer == "lbfgs"
            else Adam(start, self.way.learning_rate)
        )
        self.history: list[Measured] = []  # the start and every accepted step, without grams
        self.newest: Measured | None = None  # the last of them, with its grams
        self.evaluations = 0

    @property
    def step_count(self) -> int:
        """Steps taken; the first evaluation is of the start."""
        return max(0, len(self.history) - 1)

    @property
    def ended(self) -> bool:
        """Nothing smaller is found any more."""
        return self._descent.ended

    def evaluate(self, network: nn.Module) -> bool:
        """One evaluation of L and its gradient; whether a step was accepted with it."""
        with torch.enable_grad():
            leaf = self._descent.candidate.detach().requires_grad_()
            loss, parts = self.objective(network, leaf)
            (gradient,) = torch.autograd.grad(loss, leaf)
        self.evaluations += 1
        accepted = self._descent.tell(parts.loss, gradient)
        if accepted:
            self.newest = parts
            self.history.append(replace(parts, grams=()))
        return accepted

    @property
    def picture(self) -> Tensor:
        """What there is by now: (1, 3, S, S), cut off at black and white."""
        found = self._descent.point
        if self.way.keep_colour:
            found = self._photo + (found - luminance(self._photo))  # I and Q stay, Y is replaced
        return found.clamp(0, 1)

    def _normalised(self, picture: Tensor) -> Tensor:
        return (picture - self._mean) / self._std

    def _noise(self, like: Tensor) -> Tensor:
        """Noise of the mean and the deviation that photos have."""
        generator = torch.Generator().manual_seed(self.way.seed)
        noise = torch.randn(like.shape, generator=generator).to(like)
        mean, std = (self._mean, self._std)
        if like.shape[1] == 1:
            mean, std = luminance(mean), std.mean(1, keepdim=True)
        start = (mean + std * noise).clamp(0, 1)
        return start.contiguous(memory_format=torch.channels_last)


def luminance(picture: Tensor) -> Tensor:
    """Y of (1, 3, H, W): (1, 1, H, W)."""
    weights = picture.new_tensor(LUMINANCE).view(1, 3, 1, 1)
    return (picture * weights).sum(1, keepdim=True)


def alike(picture: Tensor, other: Tensor) -> Tensor:
    """`picture` with the mean and the deviation of `other`, as one colour."""
    scale = other.std() / picture.std().clamp(min=1e-6)
    return (picture - picture.mean()) * scale + other.mean()


def _refuse_idle(content: Tensor, style: Tensor, balance: Balance, way: Way) -> None:
    """InputError where the start has all that is wanted."""
    if way.start == "noise":
        return
    if torch.equal(content, style):
        raise InputError(
            "Content and style are the same picture, so there is nothing to change in it. Choose "
            "another style picture, or start from noise."
        )
    if (way.start == "content" and not balance.style) or (
        way.start == "style" and not balance.content
    ):
        raise InputError(
            f"The {way.start} alone is wanted and {way.start} is the start: there is nothing to "
            "change. Start from noise."
        )
