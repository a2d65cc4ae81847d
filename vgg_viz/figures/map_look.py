"""How maps over a photo look: opacity, threshold and colours, as a link holds them.

The page's overlays take all three from one bar in the browser; nothing is computed again.
"""

from collections.abc import Mapping

from vgg_viz.figures.colours import ColourMap, lookup_table
from vgg_viz.figures.frames import pack

MOST_THRESHOLD = 95  # %; at 100 nothing would be left
USUAL_LOOK = "60,0,plasma"
# Name in the link: title, colours of magnitudes, colours of maps with a sign (0 in the middle).
PALETTES: Mapping[str, tuple[str, ColourMap, ColourMap]] = {
    "plasma": ("plasma", "plasma", "red_blue"),
    "viridis": ("viridis", "viridis", "purple_orange"),
    "grey": ("grey", "grey", "red_blue"),
}


def is_look(text: str) -> bool:
    """Whether `text` is a look: "opacity,threshold,palette", the first two in whole %."""
    opacity, *rest = text.split(",")
    if len(rest) != 2 or rest[1] not in PALETTES:
        return False
    numbers = (opacity, rest[0])
    if not all(each.isascii() and each.isdigit() and len(each) < 4 for each in numbers):
        return False
    return int(opacity) <= 100 and int(rest[0]) <= MOST_THRESHOLD


def look_frame(view: str = "") -> bytes:
    """Return the frame of component `map_look`: where it begins, and every table of colours.

    `view` tells one state of the page from another: the bar then looks after the address again.
    """
    header = {
        "look": USUAL_LOOK,
        "view": view,
        "most": MOST_THRESHOLD,
        "palettes": [[name, title] for name, (title, _, _) in PALETTES.items()],
    }
    parts = {}
    for name, (_, positive, signed) in PALETTES.items():
        parts[f"{name}_positive"] = lookup_table(positive).tobytes()
        parts[f"{name}_signed"] = lookup_table(signed).tobytes()
    return pack(header, parts)
