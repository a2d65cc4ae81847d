"""Many methods on one photo: areas of deletion and insertion, drop, pointing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vgg_viz.attribution.extent import Box
from vgg_viz.attribution.faithfulness import (
    curves,
    drop,
    ends_of,
    kept_by,
    probabilities,
    ranks_of,
    upsampled,
)
from vgg_viz.attribution.question import Question
from vgg_viz.attribution.reference_maps import centre, edges, random_maps
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.results import BenchedMap

# Tolerance of the pointing game: 15 px (TorchRay), here of an input of 224 px.
TOLERANCE = 15 / 224


@dataclass
class Benched:
    """What was measured by now."""

    maps: list[BenchedMap] = field(default_factory=list)
    probability: float = 0.0
    total: int = 1

    @property
    def share(self) -> float:
        """Of the maps."""
        return len(self.maps) / self.total


def bench(
    questions: Mapping[str, Question], boxes: Sequence[Box], points: int, found: Benched
) -> Iterator[int | None]:
    """Measure a map for every question, by its method, and the three that know no network.

    All questions are of one photo, class and network. Each `next` is one short step.
    """
    asked = next(iter(questions.values()))
    found.total = len(questions) + 3
    ends = ends_of(asked)
    found.probability = ends.whole
    yield None
    mask = covered(boxes, asked.image.shape[-1])
    height, width = asked.activations.shape[2:]
    knowing_nothing = {
        "edges": edges(asked),
        "centre": centre(asked.image.shape[-1]),
        "random": random_maps((height, width), 1, asked.seed)[0],
    }
    for method in (*knowing_nothing, *questions):
        grid = knowing_nothing.get(method)
        if grid is None:
            for partial in COMPUTE[method](questions[method]):
                grid = partial.grid
                yield None
        if grid is None:
            continue
        grid = grid.float().cpu()
        ranks = ranks_of(grid, asked.image.shape[-1], asked.seed)
        deletion, insertion = yield from curves(asked, ends, ranks, points)
        kept = probabilities(asked, kept_by(asked, grid.to(asked.image.device)))
        lost, _ = drop(ends.whole, float(kept[0]))
        hit, energy = pointed(grid, boxes, mask)
        found.maps.append(BenchedMap(method, deletion.area, insertion.area, lost, hit, energy))
        yield None


def covered(boxes: Sequence[Box], side: int) -> Tensor | None:
    """Which pixels lie in a box, (side, side); None without one."""
    if not boxes:
        return None
    at = (torch.arange(side) + 0.5) / side
    mask = torch.zeros(side, side, dtype=torch.bool)
    for x0, y0, x1, y1 in boxes:
        mask |= ((at >= y0) & (at < y1))[:, None] & ((at >= x0) & (at < x1))[None]
    return mask


def pointed(
    grid: Tensor, boxes: Sequence[Box], mask: Tensor | None
) -> tuple[float | None, float | None]:
    """(whether the largest value lies in a box, within TOLERANCE; positive energy in them).

    Of several equal largest values the share that does: what one drawn among them would hit on
    average. The spot in the middle has four, a map of one value has all its places.
    """
    if mask is None:
        return None, None
    positive = upsampled(grid, mask.shape[0]).clamp(min=0).double()
    total = float(positive.sum())
    energy = float(positive[mask].sum()) / total if total > 0 else 0.0
    largest = (grid == grid.max()).nonzero()  # none where a value is no number
    y, x = ((largest[:, axis] + 0.5) / grid.shape[axis] for axis in (0, 1))
    hit = torch.zeros(len(largest), dtype=torch.bool)
    for x0, y0, x1, y1 in boxes:
        across = (x >= x0 - TOLERANCE) & (x <= x1 + TOLERANCE)
        hit |= across & (y >= y0 - TOLERANCE) & (y <= y1 + TOLERANCE)
    return float(hit.float().mean()) if len(largest) else 0.0, energy
