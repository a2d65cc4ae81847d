"""Deletion, insertion and average drop: does the probability depend on what a map ranks first?

Deletion replaces pixels by the mean colour, those with the largest values first; insertion puts
them back into a blurred photo in the same order (Petsiuk, Das & Saenko, arXiv 1806.07421). Only the
order counts, so scale and shift of a map do not. Average drop is that of Chattopadhyay et al.
(arXiv 1710.11063). The constants are this project's own and stand in PROTOCOL.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vgg_viz.attribution.baselines import blurred
from vgg_viz.attribution.question import Question, Target
from vgg_viz.attribution.steps import images_a_step, portions
from vgg_viz.results import PerturbationCurve, single

BLUR = 1 / 20  # standard deviation over the side: 11 px of 224
PROTOCOL = (
    "Pixels are ranked by the raw map's signed values, upsampled bilinearly; equals at random.",
    "Deletion: the first in rank become the mean colour.",
    "Insertion: they come back into the photo blurred with sigma = side / 20.",
    "Curves are softmax probabilities of the class; between two classes, of one against the other.",
    "Area by trapezia over the share of pixels.",
    "Drop: the photo times the positive map over its maximum, the mean colour where it is 0.",
)


@dataclass(frozen=True, eq=False)
class Ends:
    """Where every curve begins and ends, and what pixels are replaced by."""

    whole: float  # probability of the photo
    grey: float
    blurry: float
    mean_colour: Tensor  # (1, 3, H, W)
    blurred: Tensor


def probabilities(question: Question, images: Tensor) -> Tensor:
    """The probability of the target for a batch, (N,)."""
    with torch.inference_mode():
        return probability(question.network(images).float(), question.target)


def probability(logits: Tensor, target: Target) -> Tensor:
    """(N, classes) -> (N,): softmax; with `versus`, over the two classes alone."""
    if target.versus is None:
        return logits.softmax(1)[:, target.index]
    return torch.sigmoid(logits[:, target.index] - logits[:, target.versus])


def ends_of(question: Question) -> Ends:
    """One pass of two images."""
    image = question.image
    grey = torch.zeros_like(image)
    soft = blurred(image.float(), BLUR * image.shape[-1]).to(image)
    whole = probability(question.seen.logits.detach().float(), question.target)
    both = probabilities(question, _last(torch.cat([grey, soft])))
    return Ends(float(whole), float(both[0]), float(both[1]), grey, soft)


def upsampled(grid: Tensor, side: int) -> Tensor:
    """(h, w) -> (side, side), bilinear, align_corners=False."""
    if grid.shape == (side, side):
        return grid
    wanted = (side, side)
    return F.interpolate(grid[None, None], wanted, mode="bilinear", align_corners=False)[0, 0]


def ranks_of(grid: Tensor, side: int, seed: int = 0) -> Tensor:
    """The place of every pixel in the order of falling values, (side * side,), 0 first.

    Equal values are in the order of `seed`: a flat map must not delete line by line.
    """
    values = upsampled(grid.float().cpu(), side).flatten()
    values = torch.nan_to_num(values, nan=0.0)
    shuffled = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed))
    order = shuffled[values[shuffled].argsort(descending=True, stable=True)]
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order))
    return ranks


def counts_of(pixels: int, points: int) -> list[int]:
    """How many pixels are replaced at each point of a curve: 0, steps of equal size, all."""
    step = -(-pixels // points)
    return [*range(0, pixels, step), pixels]


def curves(
    question: Question, ends: Ends, ranks: Tensor, points: int
) -> Generator[int, None, tuple[PerturbationCurve, PerturbationCurve]]:
    """Deletion and insertion of one order of pixels. Yields the passes of each batch it ran."""
    side = question.image.shape[-1]
    counts = counts_of(len(ranks), points)
    deletion = [ends.whole, *[0.0] * (len(counts) - 2), ends.grey]
    insertion = [ends.blurry, *[0.0] * (len(counts) - 2), ends.whole]
    jobs = [(into, at) for into in (deletion, insertion) for at in range(1, len(counts) - 1)]
    ranks = ranks.reshape(1, 1, side, side).to(question.image.device)
    for portion in portions(len(jobs), images_a_step(question)):
        chosen = [jobs[i] for i in portion]
        images = [
            torch.where(ranks < counts[at], ends.mean_colour, question.image)
            if into is deletion
            else torch.where(ranks < counts[at], question.image, ends.blurred)
            for into, at in chosen
        ]
        scores = probabilities(question, _last(torch.cat(images))).tolist()
        for (into, at), score in zip(chosen, scores, strict=True):
            into[at] = score
        yield len(chosen)
    fractions = np.asarray(counts, np.float64) / len(ranks.flatten())
    return curve(fractions, deletion), curve(fractions, insertion)


def curve(
    fractions: Sequence[float] | np.ndarray, scores: Sequence[float] | np.ndarray
) -> PerturbationCurve:
    """A curve with its area by the trapezium rule over the true fractions."""
    x, y = np.asarray(fractions, np.float64), np.asarray(scores, np.float64)
    return PerturbationCurve(single(x), single(y), float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum()))


def mean_curve(each: Sequence[PerturbationCurve]) -> tuple[PerturbationCurve, float]:
    """The mean of curves over the same fractions, and the standard deviation of their areas."""
    scores = np.mean([one.scores for one in each], axis=0)
    areas = [one.area for one in each]
    return curve(each[0].fractions, scores), float(np.std(areas))


def kept_by(question: Question, grid: Tensor) -> Tensor:
    """The photo times the positive map over its maximum, (1, 3, H, W)."""
    image = question.image
    shown = upsampled(grid.float(), image.shape[-1]).clamp(min=0)
    largest = shown.max()
    mask = shown / largest if largest > 0 else shown
    return image * mask.to(image)


def drop(whole: float, kept: float) -> tuple[float, bool]:
    """(share of the probability that is lost, in [0, 1]; whether it rose)."""
    return max(0.0, whole - kept) / (whole + 1e-7), kept > whole


def _last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
