"""Methods of attribution measured over many photos."""

from dataclasses import dataclass

from vgg_viz.results.provenance import Provenance


@dataclass(frozen=True)
class BenchedMap:
    """One map of one photo. Areas in [0, 1]; None without a box."""

    method: str  # of the registry, or "edges", "centre", "random": maps that know no network
    deletion: float
    insertion: float
    drop: float
    hit: float | None  # of its equal largest values (mostly one), the share in a box of the class
    energy: float | None  # share of its positive values in the boxes

    @property
    def gain(self) -> float:
        """Insertion minus deletion area."""
        return self.insertion - self.deletion


@dataclass(frozen=True, eq=False)
class BenchedPhoto:
    """What was measured of one photo and class by now, all maps on the same curves' ends."""

    maps: tuple[BenchedMap, ...]
    target: int
    target_name: str
    probability: float
    box_share: float | None  # of the square, that the boxes cover
    share: float  # of the work
    provenance: Provenance


@dataclass(frozen=True)
class Interval:
    """A mean over photos with its confidence interval."""

    mean: float
    low: float
    high: float
    count: int  # of photos
