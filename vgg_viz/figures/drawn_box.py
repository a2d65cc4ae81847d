"""The photo on which a person draws a box."""

from vgg_viz.figures.frames import pack
from vgg_viz.results import Picture


def drawn_box_frame(
    picture: Picture, box: tuple[float, float, float, float] | None, label: str
) -> bytes:
    """Return the frame of component `drawn_box`; `box` is left, top, right, bottom in shares."""
    return pack({"box": box, "label": label}, {"photo": picture.jpeg})
