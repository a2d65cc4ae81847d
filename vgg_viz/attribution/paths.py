"""Maps by gradients on the way from a baseline to the photo, which sum to what the score gained."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from vgg_viz.attribution.baselines import baseline, several
from vgg_viz.attribution.passes import gradients_of_many, nothing_yet
from vgg_viz.attribution.question import Partial, Question
from vgg_viz.attribution.steps import images_a_step, portions


def integrated_gradients(question: Question) -> Iterator[Partial]:
    """(x - x0) times the integral of d y / d x along the line (Sundararajan et al., 1703.01365).

    The integral is taken by Gauss and Legendre's points, as captum does. They are visited in an
    order that is spread over the line at any time, so that a part of them is a rough map already.
    """
    image = question.image
    start = baseline(question, question.choice("baseline"), question.generator())
    way = image.float() - start.float()  # (1, 3, H, W)
    places, weights = legendre(question.count("steps"))
    order = spread(len(places))
    gained = _own_score(question) - question.scores(start).item()
    total, weight = torch.zeros_like(way), 0.0
    newest = nothing_yet(question, len(order))
    yield newest

    def images(part: range) -> Tensor:
        return on_the_way(start, way, [places[order[i]] for i in part])

    for step in gradients_of_many(question, len(order), images):
        if step is not None:
            part, found = step
            own = torch.tensor([weights[order[i]] for i in part], device=image.device)
            total += (own.float().view(-1, 1, 1, 1) * found).sum(dim=0, keepdim=True)
            weight += float(own.sum())
            grid = (way * total / weight)[0].sum(dim=0)
            newest = Partial(grid, part.stop, len(order), completeness(grid, gained))
        yield newest


def gradient_shap(question: Question) -> Iterator[Partial]:
    """The mean of (x - x0) times d y / d x at x0 + a (x - x0), over drawn x0 and a in [0, 1].

    Lundberg & Lee, arXiv 1705.07874, as captum's GradientShap without noise on the photo. What the
    score gained is measured from the mean of the baselines that were drawn.
    """
    image, generator = question.image, question.generator()
    starts = several(question, question.choice("baseline"), generator)
    count = question.count("samples")
    drawn = torch.randint(len(starts), (count,), generator=generator).tolist()
    places = torch.rand(count, generator=generator).tolist()
    own = _own_score(question)
    total = torch.zeros_like(image[0], dtype=torch.float32)
    newest = nothing_yet(question, count)
    scores: list[float] = []
    for part in portions(len(starts), images_a_step(question)):
        scores += question.scores(torch.cat([starts[i] for i in part])).tolist()
        yield newest

    def ends(part: range) -> tuple[Tensor, Tensor]:
        chosen = torch.cat([starts[drawn[i]] for i in part])
        return chosen, image.float() - chosen.float()

    def images(part: range) -> Tensor:
        return on_the_way(*ends(part), [places[i] for i in part])

    for step in gradients_of_many(question, count, images):
        if step is not None:
            part, found = step
            total += (ends(part)[1] * found).sum(dim=0)
            grid = (total / part.stop).sum(dim=0)
            gained = own - float(np.mean([scores[drawn[i]] for i in range(part.stop)]))
            newest = Partial(grid, part.stop, count, completeness(grid, gained))
        yield newest


def completeness(grid: Tensor, gained: float) -> Mapping[str, float]:
    """What a map that should sum to `gained` = y(x) - y(x0) says of itself.

    The error is a share of |gained|.
    """
    total = float(grid.double().sum()) if grid.device.type != "mps" else float(grid.sum())
    return {
        "completeness error": abs(total - gained) / max(abs(gained), 1e-12),
        "sum of the map": total,
        "score gained over the baseline": gained,
    }


def legendre(count: int) -> tuple[list[float], list[float]]:
    """Points in (0, 1) and weights that sum to 1, exact for polynomials of degree 2 count - 1."""
    places, weights = np.polynomial.legendre.leggauss(count)
    return ((1 + places) / 2).tolist(), (weights / 2).tolist()


def spread(count: int) -> list[int]:
    """0 to count - 1, every beginning of it spread over the whole: van der Corput's order."""
    mirrored = [_radical_inverse(i) for i in range(count)]
    ranks = {value: rank for rank, value in enumerate(sorted(mirrored))}
    return [ranks[value] for value in mirrored]


def _radical_inverse(number: int) -> float:
    """The binary digits of `number`, mirrored at the point: 1 is 0.1, 6 (110) is 0.011."""
    value, digit = 0.0, 0.5
    while number:
        value += digit * (number & 1)
        number >>= 1
        digit /= 2
    return value


def on_the_way(start: Tensor, way: Tensor, places: Sequence[float]) -> Tensor:
    """start + a * way for every a: (N, 3, H, W) in the dtype of `start`, channels last."""
    at = torch.tensor(places, dtype=torch.float32, device=way.device).view(-1, 1, 1, 1)
    made = start.float() + at * way
    return made.to(start.dtype).contiguous(memory_format=torch.channels_last)


def _own_score(question: Question) -> float:
    return float(question.target.score(question.seen.logits.detach()).float()[0])
