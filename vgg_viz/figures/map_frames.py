"""Layers, channels and one unit as bytes for components `layer_strip`, `channel_grid`, `unit_map`.

Values keep their sign and scale: what a byte means is in the header, and the limits are printed
beside the picture. Values with a sign get a diverging scale with its middle at 0.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgg_viz.architecture import LayerRow, UnitFields
from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.frames import pack
from vgg_viz.results import ChannelMap, LayerChannels, LayerStrip, Picture

COLOURS = {
    "colours": lookup_table("viridis").tobytes(),
    "diverging": lookup_table("red_blue").tobytes(),
}


def shared_map_limit(layers: Iterable[LayerChannels]) -> float:
    """The end of a scale that fits all channels of these layers: their largest magnitude."""
    return max((map_limit(each) for each in layers), default=0.0)


def map_limit(channels: LayerChannels) -> float:
    """The largest magnitude among all channels of a layer."""
    return float(max(channels.highs.max(initial=0), -channels.lows.min(initial=0)))


@lru_cache(maxsize=64)
def layer_strip_frame(strip: LayerStrip, *, side: str, relu: bool, selected: str) -> bytes:
    """Return the frame of component `layer_strip`: a mini-map a layer, each on its own scale.

    `side` names the network's place on the page ("left").
    """
    layers: list[dict[str, Any]] = []
    minis: list[bytes] = []
    for each in strip.layers:
        values = each.values(relu=relu)
        mini = np.nan_to_num(values.mini)
        low, high = min(0.0, float(mini.min())), max(0.0, float(mini.max()))
        scaled = (mini - low) / (high - low or 1.0)
        minis.append((255 * scaled).round().astype(np.uint8).tobytes())
        layers.append(
            {
                "name": each.layer,
                "kind": each.kind,
                "channels": each.channels,
                "units": each.side,
                "side": len(mini),
                "low": _short(low),
                "high": _short(high),
                "relu": each.relu is not None,
                "zeros": _short(each.after.zeros),
                "dead": each.dead,
            }
        )
    header = {"place": side, "layers": layers, "selected": selected, "relu": relu}
    return pack(header, {**COLOURS, "minis": b"".join(minis)})


@lru_cache(maxsize=32)
def channel_grid_frame(
    channels: LayerChannels,
    *,
    side: str,
    when: str = "",
    limit: float | None = None,
    view: str = "",
) -> bytes:
    """Return the frame of component `channel_grid`; the same bytes whichever channel is chosen.

    `side` names the network's place on the page ("left"), `when` is "before ReLU" or "after ReLU"
    where a ReLU follows; `limit` is the end of a scale shared with another network, None: this
    layer's own. `view` is what the maps depend on besides the layer: the browser shows a layer at
    once that it has seen in this view.
    """
    numbers = channels.numbers
    header = {
        "place": side,
        "view": sha256(view.encode()).hexdigest()[:16],
        "network": channels.provenance.model,
        "layer": channels.layer,
        "output": channels.output,
        "when": when,
        "units": channels.side,
        "pooled": channels.pooled,
        "size": channels.maps.shape[1],
        "signed": bool((channels.lows < 0).any()),
        "lows": _rounded(channels.lows),
        "highs": _rounded(channels.highs),
        "means": _rounded(numbers.means),
        "maxima": _rounded(numbers.maxima),
        "zeros": _rounded(numbers.zeros),
        "scores": _rounded(channels.scores),
        "target": channels.target_name,
        "limit": map_limit(channels) if limit is None else limit,
        "scale": "own" if limit is None else "shared",
    }
    return pack(header, {**COLOURS, "maps": channels.maps.tobytes()})


def unit_map_frame(
    picture: Picture,
    shown: ChannelMap,
    row: LayerRow,
    fields: UnitFields,
    unit: tuple[int, int],
    *,
    side: str,
    series: int,
    margin: float,
    chosen: bool,
    when: str,
    label: str,
    order: str = "mean",
) -> bytes:
    """Return the frame of component `unit_map`: one channel in full and a unit's field.

    The map travels as float16 of value / unit, so 3 digits arrive; the value of the kept `unit`
    (row, column) is in the header as it is. `series` picks the theme's colour, `margin` as
    `margin_share` gives it; `chosen` False: the channel is the strongest, nobody chose it.
    `order` is how a link sorts the grid of this side.
    """
    values = np.nan_to_num(shown.map)
    scale = float(np.abs(values).max(initial=0)) or 1.0
    header = {
        "place": side,
        "label": label,
        "layer": shown.layer,
        "network": shown.provenance.model,
        "output": shown.output,
        "when": when,
        "channel": shown.channel,
        "chosen": chosen,
        "order": order,
        "similarities": _rounded(shown.similarities),
        "scale": scale,
        "signed": bool(values.min(initial=0) < 0),
        "value": float(values[unit]),
        "size": fields.input_size,
        "field": row.receptive_field.size,
        "jump": row.receptive_field.jump,
        "spans": fields.spans,
        "seen": fields.seen,
        "whole": fields.whole,
        "unit": unit,
        "margin": margin,
        "series": series,
        "effective": None,
    }
    halves = (values / scale).astype("<f2")
    return pack(header, {**COLOURS, "map": halves.tobytes(), "photo": picture.jpeg})


def _short(value: float) -> float:
    return float(f"{np.nan_to_num(value):.5g}")


def _rounded(values: NDArray[np.float32]) -> Sequence[float]:
    """Numbers with 5 significant digits: shorter JSON, and no reader sees more. JSON has no NaN."""
    return [float(f"{value:.5g}") for value in np.nan_to_num(values).tolist()]
