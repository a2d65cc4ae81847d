"""Occlusion: a square slides over the photo, and the network is asked again at every place.

Zeiler & Fergus (arXiv 1311.2901), section 4.2. They record the probability of the class, the most
probable class, and the summed activation of the strongest feature map of the last convolution. The
square's size and stride are not in the paper: any number is a choice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vgg_viz.attribution.baselines import baseline
from vgg_viz.attribution.incremental import Patches, PhotoPass, Watched
from vgg_viz.attribution.question import Partial, Question
from vgg_viz.errors import InputError

# Squares whose features wait for the fully connected layers: their weights are most of a VGG's and
# are read once for all of them.
DENSE_TOGETHER = 64


@dataclass(frozen=True)
class Squares:
    """Places of a square of `size` px that moves by `stride` px over a photo of `side` px.

    The last one of a row reaches the border and is cut off there, as in captum.
    """

    side: int
    size: int
    stride: int

    def __post_init__(self) -> None:
        """Refuse a square that does not fit or does not move."""
        if not 1 <= self.size <= self.side:
            raise InputError(
                f"The square's side has to be 1 to {self.side} px, not {self.size}: the network "
                f"sees {self.side} px."
            )
        if self.stride < 1:
            raise InputError(f"The square has to move by at least 1 px, not {self.stride}.")

    @property
    def starts(self) -> tuple[int, ...]:
        """First row or column of each place along one side."""
        count = -(-(self.side - self.size) // self.stride) + 1
        # A stride longer than the square can step over the border.
        return tuple(i * self.stride for i in range(count) if i * self.stride < self.side)

    @property
    def corners(self) -> list[tuple[int, int]]:
        """First row and column of every place, row by row."""
        return [(top, left) for top in self.starts for left in self.starts]


@dataclass(frozen=True, eq=False)
class StrongestMap:
    """The channel whose activations sum to most on the photo as it is, and its sums with squares.

    `sums` (places,) is NaN where the square has not been yet.
    """

    layer: str
    channel: int
    whole: float
    sums: Tensor


class Sweep:
    """The square's way over the photo; `logits` (places, classes) fills up, NaN until then."""

    def __init__(self, question: Question, squares: Squares, fill: Tensor) -> None:
        self.squares = squares
        self.image, self.fill = question.image, fill
        self.done: list[int] = []
        self.logits = torch.full(
            (len(squares.corners), question.seen.logits.shape[1]),
            float("nan"),
            device=fill.device,
        )
        self._question = question

    def run(self, strongest: StrongestMap | None = None) -> Iterator[list[int]]:
        """Yield after every batch of windows: which places have their logits since the last time.

        Nothing is yielded from within a block that changes torch's state.
        """
        size, question = self.squares.size, self._question
        # Lives as long as it is needed: what it keeps is large.
        whole = PhotoPass(question.network, question.image, question.seen.outputs, many=True)
        corners = [self._fitting(corner) for corner in self.squares.corners]
        order = whole.batches(corners, (size, size), question.batch)
        waiting: list[int] = []
        features: list[Tensor] = []
        for number, places in enumerate(order, start=1):
            watched = None if strongest is None else Watched(strongest.layer, strongest.channel, [])
            patches = Patches(self._patches(places), torch.tensor([corners[i] for i in places]).T)
            features.append(whole.features(patches, watched))
            waiting += places
            if strongest is not None and watched is not None:
                strongest.sums[places] = watched.sums[0].to(strongest.sums)
            finished: list[int] = []
            if number == len(order) or len(waiting) >= DENSE_TOGETHER:
                self.logits[waiting] = whole.dense(torch.cat(features)).float()
                self.done += waiting
                finished, waiting, features = waiting, [], []
            yield finished

    def _fitting(self, corner: tuple[int, int]) -> tuple[int, int]:
        """The corner of a whole square that holds the one cut off at the border."""
        last = self.squares.side - self.squares.size
        return min(corner[0], last), min(corner[1], last)

    def _patches(self, places: list[int]) -> Tensor:
        """What stands in each square's place: the fill, and the photo where it was cut off."""
        size, made = self.squares.size, []
        for place in places:
            top, left = self.squares.corners[place]
            y, x = self._fitting((top, left))
            patch = self.image[0, :, y : y + size, x : x + size].clone()
            filled = self.fill[0, :, top : top + size, left : left + size]
            patch[:, top - y :, left - x :] = filled
            made.append(patch)
        return torch.stack(made).contiguous(memory_format=torch.channels_last)


def occlusion(question: Question) -> Iterator[Partial]:
    """Drop of the score, averaged at every pixel over the squares that cover it: (H, W).

    With a whole number of strides this is captum's Occlusion. A pixel that no square has covered
    yet, or none will, is 0. The squares come in an order of their own, the corners first.
    """
    squares = squares_of(question)
    sweep = Sweep(question, squares, fill_of(question))
    score = question.target.score(question.seen.logits.detach())[0].float()
    total = torch.zeros(question.image.shape[2:], device=score.device)
    covered = torch.zeros_like(total)
    places = squares.corners
    for finished in sweep.run():
        drops = score - question.target.score(sweep.logits[finished])
        for place, drop in zip(finished, drops, strict=True):
            top, left = places[place]
            total[top : top + squares.size, left : left + squares.size] += drop
            covered[top : top + squares.size, left : left + squares.size] += 1
        yield Partial(total / covered.clamp(min=1), len(sweep.done), len(places))


def squares_of(question: Question) -> Squares:
    """The square of the question's parameters; InputError when it does not fit."""
    side = question.image.shape[-1]
    return Squares(side, min(question.count("square"), side), question.count("stride"))


def fill_of(question: Question) -> Tensor:
    """What the square is filled with, a whole picture (1, 3, H, W)."""
    return baseline(question, question.choice("fill"), question.generator())


def strongest_map(question: Question, layer: str, places: int) -> StrongestMap:
    """The channel of `layer` with the largest sum over its map on the untouched photo.

    The first one of equals. `layer` should be behind the ReLU, where nothing is negative.
    """
    sums = question.seen.outputs[layer].detach()[0].float().sum((1, 2))
    channel = int(sums.argmax())
    return StrongestMap(layer, channel, float(sums[channel]), torch.full((places,), float("nan")))


def occluded_logits(
    network: nn.Sequential,
    image: Tensor,
    outputs: Mapping[str, Tensor],
    patch: Tensor,
    top: int,
    left: int,
) -> Tensor:
    """Logits (classes,) of a photo with `patch` (1, 3, h, w) at one place; for dragging it about.

    `image` (1, 3, H, W) and `outputs` are those of the photo as it is.
    """
    pass_ = PhotoPass(network, image, outputs)
    features = pass_.features(Patches(patch, torch.tensor([[top], [left]])))
    return pass_.dense(features)[0]
