"""The arithmetic of one unit as lines that add up: a frame for the browser.

Every line has an amount and the total after it. The browser gets all numbers that a line is made
of and goes through them by itself: nothing is asked of the server.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgg_viz.architecture import UnitFields
from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.frames import pack
from vgg_viz.results import (
    ChannelNeighbours,
    LayerArithmetic,
    PassedOn,
    Picture,
    Standardisation,
    UnitArithmetic,
    WeightedSum,
    Window,
)

COLOURS = ("red", "green", "blue")  # of the photo, in the order the networks read them
DIGITS = 4  # of the largest total; all totals have as many decimals, so that they add up visibly

Parts = dict[str, bytes]


@dataclass(frozen=True)
class UnitLabels:
    """Words of one frame."""

    network: str  # "VGG-16 (D)"
    weights: str  # "bundled weights, 19 classes"
    photo: str  # "A cat"
    unit: str = ""  # what a person calls the unit: the class of fc8


@dataclass
class _Line:
    """One line and the arrays it is made of."""

    data: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def unit_frame(
    unit: UnitArithmetic,
    labels: UnitLabels,
    picture: Picture | None = None,
    fields: UnitFields | None = None,
) -> bytes:
    """Return the frame of component `unit_stepper`.

    With `picture`, the square that the network sees, and `fields` of the first layer, the unit's
    receptive field is drawn on the photo. Values that are not finite travel as null.
    """
    lines = [line for step in unit.steps for line in unit_lines(step)]
    first, last = unit.first, unit.last
    header: dict[str, Any] = {
        **asdict(labels),
        "layer": first.layer,
        "last": last.layer,
        "channel": first.channel,
        "row": first.row,
        "column": first.column,
        "shape": first.shape,
        "formula": first.formula,
        "value": _finite(first.network),
        "after": _finite(last.network),
        "decimals": decimals(unit),
        "scales": _scales(unit),
        "lines": [line.data for line in lines],
        "field": None,
    }
    parts: Parts = {"colours": lookup_table("red_blue").tobytes()}
    if picture is not None and fields is not None:
        header["field"] = _field(first, fields)
        parts["photo"] = picture.jpeg
    for i, line in enumerate(lines):
        for name, array in line.arrays.items():
            kind = np.uint8 if array.dtype == np.bool_ else np.float32
            parts[f"{i}.{name}"] = np.ascontiguousarray(array, dtype=kind).tobytes()
    return pack(header, parts)


def decimals(unit: UnitArithmetic) -> int:
    """Decimals that give the largest total `DIGITS` digits."""
    totals = [abs(line.data["after"] or 0) for step in unit.steps for line in unit_lines(step)]
    largest = max(totals, default=0)
    if largest == 0:
        return 2
    return max(0, min(9, DIGITS - 1 - math.floor(math.log10(largest))))


def unit_lines(step: LayerArithmetic) -> list[_Line]:
    """The lines of one layer; the last one is compared with the network's value."""
    match step.parts:
        case WeightedSum():
            lines = _sum_lines(step, step.parts)
        case Window():
            lines = [_window_line(step, step.parts)]
        case ChannelNeighbours():
            lines = [_neighbours_line(step, step.parts)]
        case Standardisation() | PassedOn():
            lines = [_line("function", step.layer, step, before=step.parts.given)]
    lines[-1].data["check"] = {
        "layer": step.layer,
        "network": _finite(step.network),
        "difference": _finite(step.difference),
        "tolerance": _finite(step.tolerance),
        "agrees": step.agrees,
    }
    return lines


def _sum_lines(step: LayerArithmetic, parts: WeightedSum) -> list[_Line]:
    lines, total = [], 0.0
    for channel in parts.strongest:
        amount = float(parts.sums[channel])
        line = _line("products", input_label(step, channel), step, before=total)
        line.data |= {
            "amount": _finite(amount),
            "after": _finite(total + amount),
            "size": parts.inside.shape,
            "first": parts.first,
            "step": parts.step,
            "detail": _input_detail(step, parts, channel),
            "hue": COLOURS[channel] if _reads_photo(step) else None,
        }
        line.arrays = {
            "given": parts.given[channel],
            "weights": parts.weights[channel],
            "inside": parts.inside,
        }
        lines.append(line)
        total += amount
    others = parts.others
    if len(others):
        line = _line("rest", f"{len(others):,} other {_inputs(step)}", step, before=total)
        up, down = others[others > 0], others[others < 0]
        line.data |= {
            "amount": _finite(float(others.sum())),
            "after": _finite(total + float(others.sum())),
            "up": [_finite(float(up.sum())), len(up)],
            "down": [_finite(float(down.sum())), len(down)],
        }
        lines.append(line)
        total += float(others.sum())
    bias = _line("bias", "bias", step, before=total)
    bias.data |= {"amount": _finite(parts.bias), "after": _finite(step.value)}
    return [*lines, bias]


def _window_line(step: LayerArithmetic, parts: Window) -> _Line:
    line = _line("window", step.layer, step, before=None)
    line.data |= {
        "size": parts.inside.shape,
        "first": parts.first,
        "step": parts.step,
        "winner": parts.winner,
    }
    line.arrays = {"given": parts.given, "inside": parts.inside}
    return line


def _neighbours_line(step: LayerArithmetic, parts: ChannelNeighbours) -> _Line:
    line = _line("neighbours", step.layer, step, before=parts.given)
    line.data |= {
        "size": (1, len(parts.channels)),
        "channels": parts.channels,
        "own": parts.channels.index(step.channel),
        "squares": _finite(parts.sum_of_squares),
        "denominator": _finite(parts.denominator),
    }
    line.arrays = {"given": parts.neighbours}
    return line


def _line(kind: str, label: str, step: LayerArithmetic, *, before: float | None) -> _Line:
    """A line that ends at the layer's value; sums fill in where they are on their way."""
    data = {
        "kind": kind,
        "label": label,
        "layer": step.layer,
        "of": step.kind,
        "reads": step.before,
        "formula": step.formula,
        "inserted": step.inserted,
        "before": None if before is None else _finite(before),
        "amount": None,
        "after": _finite(step.value),
    }
    return _Line(data, {})


def input_label(step: LayerArithmetic, channel: int) -> str:
    """What a summand is called: "channel 12", "red", "input 180"."""
    if _reads_photo(step):
        return COLOURS[channel]
    return f"{'input' if step.kind == 'linear' else 'channel'} {channel}"


def _input_detail(step: LayerArithmetic, parts: WeightedSum, channel: int) -> str:
    """Where it comes from: "channel 12 of relu5_2"."""
    place = parts.feature(channel)
    if place is not None:
        return f"channel {place[0]} at row {place[1] + 1}, column {place[2] + 1} of the last map"
    if _reads_photo(step):
        return f"{COLOURS[channel]} of the normalised photo"
    return f"{'unit' if step.kind == 'linear' else 'channel'} {channel} of {step.before}"


def _inputs(step: LayerArithmetic) -> str:
    return "inputs" if step.kind == "linear" else "channels"


def _reads_photo(step: LayerArithmetic) -> bool:
    return step.before == "input" and step.kind == "conv"


def _scales(unit: UnitArithmetic) -> dict[str, float]:
    """Largest size of what is drawn; 0 is the middle of the colours.

    Of the inputs, weights and products of a sum, and of what a pool or LRN looks around at.
    """
    sizes: dict[str, list[float]] = {"given": [], "weights": [], "product": [], "around": []}
    for step in unit.steps:
        parts = step.parts
        if isinstance(parts, WeightedSum):
            shown = list(parts.strongest)
            sizes["given"].append(_largest(parts.given[shown]))
            sizes["weights"].append(_largest(parts.weights[shown]))
            sizes["product"].append(_largest(parts.products[shown]))
        elif isinstance(parts, Window):
            sizes["around"].append(_largest(parts.given))
        elif isinstance(parts, ChannelNeighbours):
            sizes["around"].append(_largest(parts.neighbours))
    return {name: max(found, default=0.0) for name, found in sizes.items()}


def _largest(values: NDArray[Any]) -> float:
    return float(np.abs(values[np.isfinite(values)]).max(initial=0))


def _field(step: LayerArithmetic, fields: UnitFields) -> dict[str, Any]:
    return {
        "input": fields.input_size,
        "span": (fields.spans[step.row], fields.spans[step.column]),
        "seen": (fields.seen[step.row], fields.seen[step.column]),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
