"""The photo with a unit's receptive field, and the map of all units: a frame for the browser.

The browser gets the field of every unit and moves it by itself: nothing is asked of the server
until a unit is kept or its effective field is wanted.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgg_viz.architecture import LayerRow, UnitFields
from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.frames import pack
from vgg_viz.results import EffectiveField, Picture

LEAST_MARGIN = 0.03  # of the photo's side: outlines stay visible
MOST_MARGIN = 0.8  # a larger one would make the photo too small to see


@dataclass(frozen=True)
class FieldLabels:
    """Words of one frame."""

    network: str  # "VGG-16 (D)"
    weights: str  # "bundled weights, 19 classes"; stands on the picture once weights play a part
    photos: str  # what was averaged: "16 sample photos"


def margin_share(*fields: UnitFields) -> float:
    """Width of the margin that shows how far fields reach beyond the photo, over the photo's side.

    One for all `fields`, so that photos beside one another have the same size on the screen.
    """
    needed = max(each.overhang / each.input_size for each in fields)
    return min(MOST_MARGIN, needed + LEAST_MARGIN)


def field_frame(
    picture: Picture,
    row: LayerRow,
    fields: UnitFields,
    unit: tuple[int, int],
    *,
    place: tuple[float, float],
    margin: float,
    series: int,
    labels: FieldLabels,
    effective: EffectiveField | None = None,
) -> bytes:
    """Return the frame of component `receptive_field`.

    `unit` is the (row, column) kept, `place` the (x, y) it was found for, as shares of the photo;
    `margin` as `margin_share` gives it; `series` picks the theme's colour.
    The heat travels as uint8 of sqrt(value / largest): the root shows what is weak, and the
    header says so.
    """
    header: dict[str, Any] = {
        **asdict(labels),
        "layer": row.name,
        "size": fields.input_size,
        "field": row.receptive_field.size,
        "jump": row.receptive_field.jump,
        "spans": fields.spans,
        "seen": fields.seen,
        "whole": fields.whole,
        "unit": unit,
        "place": place,
        "margin": margin,
        "series": series,
        "effective": None,
    }
    parts = {"photo": picture.jpeg}
    if effective is not None:
        header["effective"] = _measured(effective)
        parts |= {"heat": _heat(effective).tobytes(), "colours": lookup_table("plasma").tobytes()}
    return pack(header, parts)


def _measured(effective: EffectiveField) -> dict[str, Any]:
    height, width = effective.heat.shape
    return {
        "height": height,
        "width": width,
        "largest": _largest(effective),
        "inside": effective.share_inside,
        "side_50": effective.side_50,
        "side_95": effective.side_95,
        "relative": effective.relative_side,
        "images": effective.images,
        "channel": effective.channel,
        "device": effective.provenance.device,
    }


def _largest(effective: EffectiveField) -> float:
    return float(np.nan_to_num(effective.heat, posinf=0).max(initial=0))


def _heat(effective: EffectiveField) -> NDArray[np.uint8]:
    """(H, W) bytes on a square-root scale."""
    largest = _largest(effective) or 1.0
    shares = np.sqrt(np.clip(np.nan_to_num(effective.heat) / largest, 0, 1))
    scaled: NDArray[np.uint8] = (255 * shares).round().astype(np.uint8)
    return scaled
