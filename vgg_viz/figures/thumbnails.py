"""Small photos in one frame, for component `photo_strip`."""

from collections.abc import Sequence

from vgg_viz.figures.frames import pack
from vgg_viz.results import Picture


def thumbnail_frame(
    photos: Sequence[tuple[str, str, Picture]], selected: str | None = None
) -> bytes:
    """Return the frame of (name, title, picture) triples, in their order."""
    header = {
        "photos": [{"name": name, "title": title} for name, title, _ in photos],
        "selected": selected,
    }
    return pack(header, {str(i): picture.jpeg for i, (_, _, picture) in enumerate(photos)})
