"""Colour maps as 256 x 3 bytes. All are ordered by lightness, so they survive a grey projector.

The stops are matplotlib's plasma and viridis (Smith & van der Walt, CC0), which read the same
with every common colour blindness, and ColorBrewer's RdBu and PuOr for values with a sign.
"""

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ColourMap = Literal["plasma", "viridis", "grey", "red_blue", "purple_orange"]

_STOPS: dict[str, str] = {
    "plasma": "0d0887 46039f 7201a8 9c179e bd3786 d8576b ed7953 fb9f3a fdca26 f0f921",
    "viridis": "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",
    "grey": "000000 ffffff",
    "red_blue": "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f",
    "purple_orange": "2d004b 542788 8073ac b2abd2 d8daeb f7f7f7 fee0b6 fdb863 e08214 b35806 7f3b08",
}


@cache
def lookup_table(name: ColourMap) -> NDArray[np.uint8]:
    """Return the (256, 3) RGB table of a colour map, lowest value first; read-only."""
    stops = np.array([list(bytes.fromhex(stop)) for stop in _STOPS[name].split()], dtype=float)
    at = np.linspace(0, len(stops) - 1, 256)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)]
    table = np.stack(channels, axis=-1).round().astype(np.uint8)  # (256, 3)
    table.flags.writeable = False
    return table
