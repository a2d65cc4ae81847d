"""The parts of photos that the correspondence experiment covers, as the address writes them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.links import LinkReader
from vgg_viz.results import RectangleShares, ServiceDescription

LEAST_PHOTOS, MOST_PHOTOS = 2, 8
LEAST_SIDE, MOST_SIDE, NEW_SIDE = 0.04, 0.6, 0.2
NUMBER = r"(?:0|1|0?\.\d{1,3})"
PART = re.compile(rf"([a-z0-9-]{{1,64}})@({NUMBER}),({NUMBER}),({NUMBER})")


@dataclass(frozen=True)
class Part:
    """A square of a photo: centre and side, as shares of the square that the networks see."""

    image: str
    x: float
    y: float
    side: float

    def rectangle(self) -> RectangleShares:
        """left, top, right, bottom; within the photo."""
        half = self.side / 2
        return (
            max(0.0, self.x - half),
            max(0.0, self.y - half),
            min(1.0, self.x + half),
            min(1.0, self.y + half),
        )

    def inside(self) -> "Part":
        """The same, moved until the whole square lies in the photo; three digits."""
        side = round(min(MOST_SIDE, max(LEAST_SIDE, self.side)), 3)
        low, high = side / 2, 1 - side / 2
        x, y = (round(min(high, max(low, at)), 3) for at in (self.x, self.y))
        return replace(self, x=x, y=y, side=side)


# Put by eye on the bundled photos that show a face from the front or nearly so. They are no five
# dogs: three cats of different kinds and a dog, between close-up and far away.
PRESETS: Mapping[str, tuple[Part, ...]] = {
    "Right eye": (
        Part("cat", 0.28, 0.37, 0.3),
        Part("kitten", 0.42, 0.55, 0.12),
        Part("cheetah", 0.57, 0.09, 0.1),
        Part("dog", 0.85, 0.145, 0.08),
    ),
    "Left eye": (
        Part("cat", 0.87, 0.44, 0.25),
        Part("kitten", 0.64, 0.54, 0.12),
        Part("cheetah", 0.72, 0.1, 0.1),
        Part("dog", 0.915, 0.145, 0.08),
    ),
    "Nose": (
        Part("cat", 0.63, 0.87, 0.26),
        Part("kitten", 0.54, 0.68, 0.12),
        Part("cheetah", 0.56, 0.24, 0.14),
        Part("dog", 0.89, 0.235, 0.1),
    ),
}


def parts_of(text: str, offered: ServiceDescription) -> tuple[Part, ...]:
    """The parts that a checked text names; "" the first preset, or the first photos here."""
    if text:
        return tuple(_part(item) for item in text.split(" "))
    samples = [sample.name for sample in offered.samples]
    known = [part for part in next(iter(PRESETS.values())) if part.image in samples]
    if len(known) >= LEAST_PHOTOS:
        return tuple(known)
    return tuple(Part(name, 0.5, 0.5, NEW_SIDE) for name in samples[:LEAST_PHOTOS])


def parts_text(parts: Sequence[Part]) -> str:
    """How the address writes them."""
    return " ".join(f"{p.image}@{p.x:.3g},{p.y:.3g},{p.side:.3g}" for p in parts)


def preset_text(name: str, offered: ServiceDescription) -> str:
    """A preset, as far as its photos are here."""
    samples = [sample.name for sample in offered.samples]
    return parts_text([part for part in PRESETS[name] if part.image in samples])


def read_parts(reader: LinkReader, name: str, default: str) -> str:
    """The address's parts when every photo is here."""
    text = reader.params[name]
    items = text.split(" ") if len(text) <= 1000 else []
    if LEAST_PHOTOS <= len(items) <= MOST_PHOTOS and all(PART.fullmatch(item) for item in items):
        parts = [_part(item) for item in items]
        samples = [sample.name for sample in reader.offered.samples]
        here = all(p.image in samples or _kept(reader, p.image) for p in parts)
        several = len({p.image for p in parts}) == len(parts)
        if here and several and all(p.inside() == p for p in parts):
            return text
    reader.note(
        name,
        text[:40],
        f"but it has to be {LEAST_PHOTOS} to {MOST_PHOTOS} different photos that are here, each "
        "as photo@x,y,side in shares; showing the usual ones.",
    )
    return default


def _kept(reader: LinkReader, image: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", image) is not None and reader.keeps(image)


def _part(item: str) -> Part:
    match = PART.fullmatch(item)
    if match is None:
        raise ValueError(f"{item!r} is no part")
    return Part(match[1], float(match[2]), float(match[3]), float(match[4]))
