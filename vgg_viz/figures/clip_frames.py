"""A clip and the maps of its frames as bytes for component `clip_player`.

Every channel has one scale from the first frame to the last: what grows brighter has grown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.frames import pack
from vgg_viz.results import ClipMaps

CLASSES = 3  # of each network, in the picker of curves


@dataclass(frozen=True, eq=False)
class ClipSide:
    """One network's part of a clip."""

    maps: ClipMaps
    label: str  # "VGG-16 (D), bundled weights, 19 classes"
    when: str  # "after ReLU", "" where no ReLU follows
    chosen: int  # channel
    series: int  # which of the theme's colours


def clip_frame(
    photos: Sequence[bytes], seconds: Sequence[float], sides: Sequence[ClipSide]
) -> bytes:
    """Return the frame of component `clip_player`; `photos` are JPEGs in the order of time."""
    listed = classes(sides)
    header = {
        "seconds": [round(at, 3) for at in seconds],
        "photos": [len(photo) for photo in photos],
        "classes": listed,
        "sides": [_side(side, listed) for side in sides],
    }
    parts = {
        "colours": lookup_table("viridis").tobytes(),
        "diverging": lookup_table("red_blue").tobytes(),
        "photos": b"".join(photos),
    }
    parts |= {f"maps{i}": scaled(side.maps).tobytes() for i, side in enumerate(sides)}
    return pack(header, parts)


def classes(sides: Sequence[ClipSide]) -> list[str]:
    """The most probable classes of all networks on any frame, each network's best first."""
    best = [[side.maps.classes[i] for i in side.maps.top_classes(CLASSES)] for side in sides]
    turns = (name for names in zip_longest(*best) for name in names)
    return list(dict.fromkeys(name for name in turns if name is not None))


def scaled(maps: ClipMaps) -> NDArray[np.uint8]:
    """(frames, channels, h, w): 0 to the limit as 0 .. 255; with a sign, 0 is in the middle."""
    limits = np.where(maps.limits > 0, maps.limits, 1)[None, :, None, None]
    shares = np.nan_to_num(maps.maps) / limits
    if signed(maps):
        shares = (shares + 1) / 2
    found: NDArray[np.uint8] = (255 * np.clip(shares, 0, 1)).round().astype(np.uint8)
    return found


def signed(maps: ClipMaps) -> bool:
    """Whether any value is below 0."""
    return bool((maps.maps < 0).any())


def probabilities(maps: ClipMaps, name: str) -> list[float] | None:
    """Of a class on every frame; None where the network does not know it."""
    if name not in maps.classes:
        return None
    return [round(float(p), 5) for p in maps.probabilities[:, maps.classes.index(name)]]


def _side(side: ClipSide, listed: Sequence[str]) -> dict[str, Any]:
    maps = side.maps
    return {
        "label": side.label,
        "layer": maps.layer,
        "when": side.when,
        "units": maps.side,
        "pooled": maps.pooled,
        "size": maps.maps.shape[-1],
        "signed": signed(maps),
        "channels": maps.channels,
        "chosen": maps.channels.index(side.chosen),
        "limits": _short(maps.limits),
        "means": [_short(each) for each in maps.means.T],
        "maxima": [_short(each) for each in maps.maxima.T],
        "probabilities": [probabilities(maps, name) for name in listed],
        "series": side.series,
    }


def _short(values: NDArray[np.floating]) -> list[float]:
    return [float(f"{value:.4g}") for value in np.nan_to_num(values).tolist()]
