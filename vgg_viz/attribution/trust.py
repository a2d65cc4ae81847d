"""How far a map can be trusted, measured in short steps.

`examine` computes the map, then its deletion and insertion curves beside those of an edge detector,
a spot in the middle and random maps, the drop when only what it shows is kept, its likeness to the
map of networks whose weights are random from the top down, its spread over seeds, and whether it
points into a box.
"""

from collections.abc import Generator, Iterator, MutableMapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from vgg_viz.attribution.costs import passes
from vgg_viz.attribution.extent import Extent
from vgg_viz.attribution.faithfulness import (
    Ends,
    curves,
    drop,
    ends_of,
    kept_by,
    mean_curve,
    probabilities,
    ranks_of,
    upsampled,
)
from vgg_viz.attribution.methods import METHODS
from vgg_viz.attribution.pointing import pointing
from vgg_viz.attribution.question import Partial, Question
from vgg_viz.attribution.randomisation import cascade, chosen, weighted_layers
from vgg_viz.attribution.reference_maps import centre, edges, random_maps
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.attribution.similarity import rank_correlation, structural_similarity
from vgg_viz.capture import inspect
from vgg_viz.results import Float32, MapCurves, Pointing, Randomised, SeedSpread, single

STEPWISE_CASCADE = 4  # rows for a method of many passes; any other one gets a row for every layer
TITLES = {
    "map": "this map",
    "edges": "edge detector",
    "centre": "spot in the middle",
    "random": "random maps",
}


@dataclass
class Examination:
    """What was found by now; filled by `examine`, read by whoever shows it."""

    partial: Partial | None = None
    probability: float = 0.0
    curves: MapCurves | None = None
    references: list[MapCurves] = field(default_factory=list)
    drop: float | None = None
    rises: bool | None = None
    randomised: list[Randomised] = field(default_factory=list)
    cascade: int = 0
    seeds: SeedSpread | None = None
    pointing: Pointing | None = None
    done: float = 0.0  # passes of one image, a backward pass counted as two
    total: float = 1.0
    words: str = "the map"  # what is being measured

    @property
    def share(self) -> float:
        """Of the work, in [0, 1]."""
        return min(1.0, self.done / self.total)


@dataclass(frozen=True, eq=False)
class _Watched(Question):
    """A question that remembers whether the method drew random numbers."""

    drawn: list[int] = field(default_factory=list)

    def generator(self) -> torch.Generator:
        self.drawn.append(self.seed)
        return super().generator()


Known = MutableMapping[tuple[str, tuple[int, ...]], MapCurves]


def examine(
    question: Question, method: str, extent: Extent, found: Examination, known: Known | None = None
) -> Iterator[None]:
    """Fill `found`; each `next` is one short step. `extent` was checked before.

    `known` has the curves of maps that know nothing, of the same network, photo, class, extent and
    seed: they are the same for every method, and are added to it when they are not there.
    """
    known = {} if known is None else known
    cost = _cost(question, method)
    layers = weighted_layers(question.network)
    stepwise = METHODS[method].stepwise
    rows = chosen(layers, STEPWISE_CASCADE if stepwise else len(layers))
    found.cascade = len(rows)
    maps = 1 + 2 + extent.random_maps
    found.total = cost + 3 + maps * 2 * (extent.points - 1) + len(rows) * (1 + cost)

    watched = _watched(question, question.seed)
    found.partial = yield from _map(watched, method, cost, found)
    if watched.drawn:
        found.total += (extent.seeds - 1) * cost
    grid = found.partial.grid.float()
    side = question.image.shape[-1]
    if extent.box is not None:
        found.pointing = pointing(_numbers(grid), _numbers(upsampled(grid, side)), extent.box)

    ends = ends_of(question)
    found.probability = ends.whole
    kept = probabilities(question, kept_by(question, grid))
    found.drop, found.rises = drop(ends.whole, float(kept[0]))
    found.done += 3
    yield
    found.curves = yield from _curves("map", [grid], question, ends, extent, found)
    for name, others in _references(question, grid, extent):
        # Random maps have the resolution of the map they stand beside.
        key = name, tuple(grid.shape) if name == "random" else ()
        if key in known:
            found.done += 2 * (extent.points - 1) * len(others)
        else:
            known[key] = yield from _curves(name, others, question, ends, extent, found)
        found.references.append(known[key])
    yield from _cascade(question, method, rows, cost, found)
    if watched.drawn:
        found.seeds = yield from _spread(question, method, extent.seeds, cost, found)
    found.done = found.total


def _cost(question: Question, method: str) -> float:
    channels = question.activations.shape[1]
    side = question.image.shape[-1]
    taken = passes(METHODS[method], question.parameters, channels, side)
    return taken.forward + 2 * taken.backward


def _watched(question: Question, seed: int) -> _Watched:
    return _Watched(**{**vars(question), "seed": seed})


def _map(
    question: Question, method: str, cost: float, found: Examination
) -> Generator[None, None, Partial]:
    """The last partial map of a method."""
    before = found.done
    newest: Partial | None = None
    for newest in COMPUTE[method](question):
        found.done = before + cost * newest.done / newest.total
        if found.partial is None or not found.curves:
            found.partial = newest  # the first map is shown while it grows
        yield
    if newest is None:
        raise ValueError(f"{method} gave no map")
    return newest


def _references(
    question: Question, grid: Tensor, extent: Extent
) -> Iterator[tuple[str, list[Tensor]]]:
    height, width = grid.shape
    yield "edges", [edges(question)]
    yield "centre", [centre(question.image.shape[-1])]
    yield "random", random_maps((height, width), extent.random_maps, question.seed)


def _curves(
    name: str,
    maps: list[Tensor],
    question: Question,
    ends: Ends,
    extent: Extent,
    found: Examination,
) -> Generator[None, None, MapCurves]:
    each = []
    found.words = f"curves of {TITLES[name]}"
    for grid in maps:
        ranks = ranks_of(grid, question.image.shape[-1], question.seed)
        steps = curves(question, ends, ranks, extent.points)
        while True:
            try:
                found.done += next(steps)
            except StopIteration as end:
                each.append(end.value)
                break
            yield
    deletion, deletion_spread = mean_curve([one for one, _ in each])
    insertion, insertion_spread = mean_curve([one for _, one in each])
    title = TITLES[name]
    return MapCurves(name, title, deletion, insertion, len(each), deletion_spread, insertion_spread)


def _cascade(
    question: Question, method: str, rows: tuple[int, ...], cost: float, found: Examination
) -> Iterator[None]:
    if found.partial is None:
        raise ValueError("there is no map to compare with")
    before = _numbers(found.partial.grid)
    kept = tuple(question.seen.outputs)
    count = 0
    for drawn in cascade(question.network, question.seed):
        if drawn is None:
            yield
            continue
        count, (layer, network) = count + 1, drawn
        if count not in rows:
            continue
        seen = inspect(network, question.image, kept)
        found.done += 1
        found.words = f"random weights down to {layer}"
        yield
        other = replace(question, network=network, seen=seen)
        grid = _numbers((yield from _map(other, method, cost, found)).grid)
        del other, seen
        found.randomised.append(
            Randomised(
                layer,
                count,
                rank_correlation(before, grid),
                rank_correlation(np.abs(before), np.abs(grid)),
                structural_similarity(before, grid),
                grid,
            )
        )


def _spread(
    question: Question, method: str, count: int, cost: float, found: Examination
) -> Generator[None, None, SeedSpread | None]:
    if found.partial is None:
        raise ValueError("there is no map to compare with")
    grids, seeds = [_numbers(found.partial.grid)], [question.seed]
    for i in range(1, count):
        if len(grids) == 2 and np.array_equal(grids[0], grids[1]):
            return None  # it drew numbers and did not use them
        seeds.append(question.seed + i)
        found.words = f"seed {seeds[-1]}"
        partial = yield from _map(_watched(question, seeds[-1]), method, cost, found)
        grids.append(_numbers(partial.grid))
    return spread_of(grids, seeds)


def spread_of(grids: list[Float32], seeds: list[int]) -> SeedSpread:
    """How much maps of several seeds differ."""
    pairs = [
        rank_correlation(one, other) for i, one in enumerate(grids) for other in grids[i + 1 :]
    ]
    known = [pair for pair in pairs if pair is not None]
    largest = max(float(np.abs(grid).max(initial=0)) for grid in grids)
    deviation = float(np.std(grids, axis=0).mean())
    return SeedSpread(
        tuple(seeds),
        float(np.mean(known)) if known else None,
        deviation / largest if largest else 0.0,
    )


def _numbers(grid: Tensor) -> Float32:
    return single(grid.detach().float().cpu().numpy())
