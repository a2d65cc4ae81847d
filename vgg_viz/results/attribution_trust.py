"""How far a map of attribution can be trusted: what was measured of it, beside maps that know
nothing of the network.
"""

from dataclasses import dataclass
from typing import Literal

from vgg_viz.results.attribution import Attribution
from vgg_viz.results.provenance import Float32, Provenance

Level = Literal["good", "caution", "bad"]
Verdict = Literal["good", "caution", "bad", "unfinished"]


@dataclass(frozen=True, eq=False)
class PerturbationCurve:
    """The class's probability while pixels go, or come, in the order a map ranks them."""

    fractions: Float32  # (n,): of the pixels, from 0 to 1
    scores: Float32  # (n,): probability, in [0, 1]
    area: float  # under the curve, by trapezia, in [0, 1]


@dataclass(frozen=True, eq=False)
class MapCurves:
    """Deletion and insertion of one map, or the mean over several random ones."""

    name: str  # "map", "edges", "centre" or "random"
    title: str
    deletion: PerturbationCurve  # low: what the map ranks first was needed
    insertion: PerturbationCurve  # high: what the map ranks first is enough
    maps: int = 1
    deletion_spread: float = 0.0  # standard deviation of the areas over the maps
    insertion_spread: float = 0.0

    @property
    def gain(self) -> float:
        """Insertion area minus deletion area: one number, the larger the better."""
        return self.insertion.area - self.deletion.area


@dataclass(frozen=True, eq=False)
class Randomised:
    """The map after the weights of the topmost layers were replaced by random numbers.

    Compared with the map of the network as it is; None where a map is constant and has no ranks.
    """

    layer: str  # the lowest layer with random weights
    layers: int  # how many have them
    rank: float | None  # Spearman's correlation of the values, in [-1, 1]
    absolute_rank: float | None  # of their magnitudes
    ssim: float | None  # structural similarity, each map over its largest magnitude
    grid: Float32  # (h, w)


@dataclass(frozen=True)
class SeedSpread:
    """How much the map depends on the seed of its random numbers."""

    seeds: tuple[int, ...]
    rank: float | None  # mean of Spearman's correlation over all pairs of seeds
    spread: float  # mean over places of the standard deviation, over the largest magnitude


@dataclass(frozen=True)
class Pointing:
    """Where the map is largest, and how much of it lies in a box; shares of the input's side."""

    box: tuple[float, float, float, float]  # x0, y0, x1, y1
    box_share: float  # of the picture's area: what a map without knowledge has inside
    x: float | None  # of the largest value; None when there are several of them
    y: float | None
    hit: bool | None  # whether that place lies in the box
    energy: float | None  # share of the positive values in the box; None when none is positive


@dataclass(frozen=True)
class TrustFinding:
    """One sentence of the verdict."""

    level: Level
    text: str
    about: str = ""  # "references", "random weights", "seeds", "box", or the name of a check


@dataclass(frozen=True, eq=False)
class Trust:
    """What was found about a map by now; `share` of the work is done."""

    attribution: Attribution  # the map itself
    probability: float  # of the class; with a second class, of the one against the other
    curves: MapCurves | None
    references: tuple[MapCurves, ...]
    drop: float | None  # share of the probability lost when only what the map shows is kept
    rises: bool | None  # whether the probability is larger then
    checks: tuple[tuple[str, float], ...]  # what the method says of itself
    randomised: tuple[Randomised, ...]  # from the top down
    cascade: int  # how many rows `randomised` will have
    seeds: SeedSpread | None  # None for a method without random numbers, or not yet
    pointing: Pointing | None  # None without a box
    findings: tuple[TrustFinding, ...]
    verdict: Verdict
    protocol: tuple[str, ...]  # how it was measured, in sentences
    extent: tuple[tuple[str, int], ...]  # points, random_maps and seeds of the job
    share: float
    seconds: float
    provenance: Provenance
