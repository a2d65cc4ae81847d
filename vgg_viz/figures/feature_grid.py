"""The maps of a layer as bytes for component `feature_grid`.

Every map travels as uint8 of value / its own maximum, with the maximum in the header: the browser
draws them on one scale or each on its own, and nothing is asked of the server for that.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.frames import pack
from vgg_viz.results import Activations, Float32

# A cell of the grid is about 40 px and the enlarged map 160 px; 512 maps of 56 px are 1.6 MB.
LARGEST_SIDE, LARGEST_SIDE_OF_MANY, MANY = 112, 56, 40


def shared_activation_limit(activations: Iterable[Activations]) -> float:
    """Return the largest value of any channel of the layers given; 0 when there is none."""
    return max((_layer_limit(each) for each in activations), default=0.0)


def feature_grid_frame(
    activations: Activations,
    *,
    limit: float | None = None,
    selected: int | None = None,
    extra: Activations | None = None,
) -> bytes:
    """Return the frame of component `feature_grid`.

    `limit` is the end of a scale shared with another network; None: the largest value of any
    channel of this layer, shown or not, so that asking for more maps changes no colour.
    `extra` holds a selected channel that is not among the strongest; it is appended.
    """
    channels, maps = list(activations.channels), activations.maps
    if extra is not None:
        new = [i for i, channel in enumerate(extra.channels) if channel not in channels]
        channels += [extra.channels[i] for i in new]
        maps = np.concatenate((maps, extra.maps[new]))
    side = LARGEST_SIDE_OF_MANY if len(channels) > MANY else LARGEST_SIDE
    pooled, factor = max_pooled(np.nan_to_num(maps, posinf=0), side)
    peaks = pooled.reshape(len(channels), -1).max(axis=1, initial=0)
    scaled = pooled / np.where(peaks > 0, peaks, 1)[:, None, None]
    header = {
        "layer": activations.layer,
        "channels": channels,
        "strongest": len(activations.channels),  # the rest was chosen, not found
        "total": len(activations.means),
        "size": list(pooled.shape[1:]),
        "full": list(maps.shape[1:]),
        "pooled": factor,
        "peaks": _rounded(peaks),
        "means": _rounded(activations.means[channels]),
        "maxima": _rounded(activations.maxima[channels]),
        "dead": _rounded(activations.dead_shares[channels]),
        "limit": _layer_limit(activations) if limit is None else limit,
        "scale": "own" if limit is None else "shared",
        "selected": selected if selected in channels else None,
    }
    values: NDArray[np.uint8] = (scaled * 255).round().astype(np.uint8)
    return pack(header, {"colours": lookup_table("viridis").tobytes(), "maps": values.tobytes()})


def max_pooled(maps: Float32, side: int) -> tuple[Float32, int]:
    """Maps of at most `side` px, by the least whole factor; a window keeps its largest value."""
    count, height, width = maps.shape
    factor = max(1, -(-max(height, width) // side))
    if factor == 1:
        return maps, 1
    pad = ((0, 0), (0, -height % factor), (0, -width % factor))
    padded = np.pad(maps, pad, constant_values=-np.inf)
    rows, cols = padded.shape[1] // factor, padded.shape[2] // factor
    windows = padded.reshape(count, rows, factor, cols, factor)
    pooled: Float32 = windows.max(axis=(2, 4))
    return pooled, factor


def _layer_limit(activations: Activations) -> float:
    return float(np.nan_to_num(activations.maxima, posinf=0).max(initial=0))


def _rounded(values: NDArray[np.float32]) -> list[float]:
    """Numbers with 5 significant digits: shorter JSON, and no reader sees more. JSON has no NaN."""
    return [float(f"{value:.5g}") for value in np.nan_to_num(values).tolist()]
