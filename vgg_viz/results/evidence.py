"""What goes into an evidence bundle, and what comes out when it is made again."""

from dataclasses import dataclass

from vgg_viz.results.attribution import Attribution
from vgg_viz.results.attribution_trust import Trust
from vgg_viz.results.photos import Picture

EVIDENCE_FORMAT = "vgg-viz evidence"
EVIDENCE_VERSION = 1
MANIFEST, PAGE, ARRAYS, SCRIPT = "manifest.json", "evidence.html", "maps.npz", "again.py"


@dataclass(frozen=True, eq=False)
class MapEvidence:
    """A map with the square its network saw, and what was found about it."""

    attribution: Attribution
    picture: Picture
    trust: Trust | None = None
    limit: float | None = None  # the end of the scale its picture is drawn on; None: its own


@dataclass(frozen=True)
class ReplayedMap:
    """One map of a bundle beside the same one made again here."""

    key: str  # "map_1"
    title: str
    difference: float | None  # largest |difference|; None when it could not be made again
    relative: float | None  # over the largest magnitude of the bundle's map
    tolerance: float  # of `relative`
    agrees: bool
    remarks: tuple[str, ...]  # why not, or what is different here


@dataclass(frozen=True)
class Replay:
    """A bundle made again."""

    maps: tuple[ReplayedMap, ...]
    versions: tuple[tuple[str, str, str], ...]  # (what, in the bundle, here), where they differ

    @property
    def agrees(self) -> bool:
        """Whether every map does."""
        return bool(self.maps) and all(each.agrees for each in self.maps)
