"""Photos with a square on each in one frame, for component `part_strip`."""

from collections.abc import Sequence
from dataclasses import dataclass

from vgg_viz.figures.frames import pack
from vgg_viz.results import Picture


@dataclass(frozen=True, eq=False)
class PartOfPhoto:
    """A square on a photo: centre and side, in shares of the picture."""

    image: str
    title: str
    picture: Picture  # square, what the network sees
    x: float
    y: float
    side: float


def part_strip_frame(
    parts: Sequence[PartOfPhoto], *, least: float, most: float, removable: bool
) -> bytes:
    """Return the frame; a side lies between `least` and `most`."""
    header = {
        "photos": [
            {"image": p.image, "title": p.title, "x": p.x, "y": p.y, "side": p.side} for p in parts
        ],
        "least": least,
        "most": most,
        "removable": removable,
    }
    return pack(header, {str(i): part.picture.jpeg for i, part in enumerate(parts)})
