"""The arithmetic of one unit of one network: value, stepper, all products as a file, the code."""

from typing import Any

import streamlit as st

from dashboard import components, service
from dashboard.activation_code import OWN_PHOTO, expander
from dashboard.charts import csv_file
from dashboard.fetching import fetch_panel
from dashboard.selection import Selection, Where, class_labels, model_info
from dashboard.side_layers import nearest_unit
from vgg_viz import figures
from vgg_viz.architecture import Architecture, UnitFields, describe_model, unit_fields
from vgg_viz.figures import UnitLabels
from vgg_viz.requests import PictureRequest, UnitRequest
from vgg_viz.results import (
    ChannelNeighbours,
    LayerArithmetic,
    ModelInfo,
    ServiceDescription,
    Standardisation,
    UnitArithmetic,
    WeightedSum,
    Window,
)

UPLOADED = 64  # hexadecimal digits in the name of an uploaded photo
PHOTO_SIDE = 224  # px of the photo beside the numbers
ENDS = ("conv", "linear")  # a new sum begins here
MOVES = ("max_pool", "avg_pool")  # units behind them stand elsewhere
STEPS = (
    "One unit, taken apart: what it reads × its weights, summed, plus the bias, then batch norm, "
    "ReLU or response normalisation of the same unit. All numbers are the network's own."
)


def panel(
    where: Where,
    selection: Selection,
    offered: ServiceDescription,
    *,
    layer: str | None = None,
    channel: int | None = None,
) -> None:
    """The unit at the selection's place, or in the middle.

    `layer` and `channel` are the selection's by default; without a channel, the one of largest
    value at this place.
    """
    info = model_info(offered, selection.side(where).model)
    if not info.available:
        fetch_panel(where, info)
        return
    side = selection.side(where)
    shown = layer or side.layer
    if channel is None and shown == side.layer:
        channel = side.channel
    with service.messages():
        architecture = describe_model(info)
        architecture.row(shown)
        picked = _picker(where, architecture, shown)
        unit = service.run(_request(selection, info, architecture, shown, channel))
        if picked != shown:
            same = unit.first.channel
            unit = service.run(_request(selection, info, architecture, picked, same))
        _show(where, unit, selection, info, unit_fields(architecture, picked))


def _picker(where: Where, architecture: Architecture, layer: str) -> str:
    """The layer, or a pool behind it that reads its units; "conv5_3 → relu5_3" or "pool5"."""
    choices = [layer, *pools_behind(architecture, layer)]
    if len(choices) == 1:
        return layer
    return st.segmented_control(
        "Step through",
        choices,
        default=layer,
        # Another layer begins with itself again.
        key=f"{where}_step_{architecture.config.network}_{layer}",
        format_func=lambda name: " → ".join(chain(architecture, name)),
        required=True,
        help=STEPS,
    )


def chain(architecture: Architecture, layer: str) -> list[str]:
    """The layer and what changes the same unit behind it."""
    names = [layer]
    for row in _behind(architecture, layer):
        if row.kind not in ("batch_norm", "relu", "lrn"):
            break
        names.append(row.name)
    return names


def pools_behind(architecture: Architecture, layer: str) -> list[str]:
    """Pools that read the layer before the next sum begins; a 1 x 1 pool changes nothing."""
    found = []
    for row in _behind(architecture, layer):
        if row.kind in ENDS:
            break
        if row.kind in MOVES and row.kernel > 1:
            found.append(row.name)
    return found


def _behind(architecture: Architecture, layer: str) -> list[Any]:
    names = [row.name for row in architecture.rows]
    return list(architecture.rows[names.index(layer) + 1 :])


def _request(
    selection: Selection,
    info: ModelInfo,
    architecture: Architecture,
    layer: str,
    channel: int | None,
) -> UnitRequest:
    row, column = unit_at(selection, architecture, layer)
    return UnitRequest(
        *(info.name, selection.image, layer, channel, row, column), precision=selection.precision
    )


def unit_at(selection: Selection, architecture: Architecture, layer: str) -> tuple[int, int]:
    """Row and column of the unit nearest to the selection's place; a vector has one place."""
    return nearest_unit(unit_fields(architecture, layer), selection)


def _show(
    where: Where, unit: UnitArithmetic, selection: Selection, info: ModelInfo, fields: UnitFields
) -> None:
    picture = service.run(PictureRequest(selection.image, info.name, PHOTO_SIDE))
    labels = UnitLabels(info.title, info.weights_title, "The photo", _class_name(unit.first, info))
    frame = figures.unit_frame(unit, labels, picture, fields)
    components.unit_stepper(frame, key=f"{where}_stepper")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(source(unit, info))
        st.download_button(
            "All numbers (CSV)",
            data=lambda: csv_file(table(unit), source(unit, info)),
            file_name=f"unit-{unit.first.layer}-{unit.first.channel}.csv",
            mime="text/csv",
            key=f"{where}_unit_csv",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
            help="Every input, weight and product of this unit, unrounded",
        )
    expander(("The same numbers in Python", code(unit, selection)), key=f"{where}_unit_code")


def _class_name(first: LayerArithmetic, info: ModelInfo) -> str:
    """What a unit of the last layer stands for."""
    if first.layer != "fc8" or first.channel >= len(info.classes):
        return ""
    names = {index: name for name, index in class_labels(info.classes).items()}
    return names[first.channel]


def source(unit: UnitArithmetic, info: ModelInfo) -> str:
    """Whose numbers these are."""
    used = unit.provenance
    return f"{info.title}, {used.weights}, {used.precision} on {used.device}."


# --- the file ------------------------------------------------------------------------------------


def table(unit: UnitArithmetic) -> list[dict[str, Any]]:
    """A row for every number; rows, columns and channels count from 0, as in Python."""
    rows = []
    for step in unit.steps:
        rows += _rows(step)
        rows.append(_row(step, "value in double precision", value=step.value))
        rows.append(_row(step, "value of the network", value=step.network))
    return rows


def _rows(step: LayerArithmetic) -> list[dict[str, Any]]:
    match step.parts:
        case WeightedSum() as parts:
            products = parts.products
            rows = [
                _row(step, "product", *place, parts.given[place], parts.weights[place], product)
                for place, product in ((p, products[p]) for p in _places(products.shape))
            ]
            return [*rows, _row(step, "bias", value=parts.bias)]
        case Window() as parts:
            return [
                _row(step, "in the window", step.channel, *place, parts.given[place])
                for place in _places(parts.given.shape)
                if parts.inside[place]
            ]
        case ChannelNeighbours() as parts:
            pairs = zip(parts.channels, parts.neighbours, strict=True)
            return [_row(step, "neighbour", channel, given=value) for channel, value in pairs]
        case Standardisation() as parts:
            names = ("given", "mean", "variance", "epsilon", "weight", "bias")
            return [_row(step, name, value=getattr(parts, name)) for name in names]
        case parts:
            return [_row(step, "given", value=parts.given)]


def _row(
    step: LayerArithmetic,
    what: str,
    channel: int | str = "",
    row: int | str = "",
    column: int | str = "",
    given: Any = "",
    weight: Any = "",
    value: Any = "",
) -> dict[str, Any]:
    return {
        "layer": step.layer,
        "what": what,
        "channel": channel,
        "row": row,
        "column": column,
        "input": _exact(given),
        "weight": _exact(weight),
        "value": _exact(value),
    }


def _exact(value: Any) -> float | str:
    """As Python writes it: float32 numbers in full."""
    return value if isinstance(value, str) else float(value)


def _places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    places: list[tuple[int, ...]] = [()]
    for size in shape:
        places = [(*place, i) for place in places for i in range(size)]
    return places


# --- the code ------------------------------------------------------------------------------------

FORMULAS = {
    WeightedSum: '(parts.given.astype("float64") * parts.weights).sum() + parts.bias',
    Window: "parts.given[parts.inside].{pooled}",
    ChannelNeighbours: (
        "parts.given / (\n    parts.k + parts.alpha / parts.size * "
        '(parts.neighbours.astype("float64") ** 2).sum()\n) ** parts.beta'
    ),
    Standardisation: (
        "(parts.given - parts.mean) / (parts.variance + parts.epsilon) ** 0.5 * parts.weight "
        "+ parts.bias"
    ),
}


def code(unit: UnitArithmetic, selection: Selection) -> str:
    """The Python that reproduces the panel's numbers; tests run it."""
    first = unit.first
    uploaded = len(selection.image) == UPLOADED
    formula = FORMULAS.get(type(first.parts), "max(0.0, parts.given)")
    if isinstance(first.parts, Window):
        pooled = "max()" if first.parts.winner else 'mean(dtype="float64")'
        formula = formula.format(pooled=pooled)
    named = repr(selection.image)
    if uploaded:
        named = f'service.put_image(Path("{OWN_PHOTO}").read_bytes()).id'
    place = f"{first.channel}, {first.row}, {first.column}"
    return f"""{"from pathlib import Path" + chr(10) * 2 if uploaded else ""}\
from vgg_viz.requests import UnitRequest
from vgg_viz.service.local import LocalService

with LocalService() as service:
    image = {named}
    # layer, channel, row, column: counted from 0
    unit = service.run(UnitRequest({unit.provenance.model!r}, image, {first.layer!r}, {place}))

parts = unit.first.parts
value = {formula}
print(value, "the network has", unit.first.network)
for step in unit.steps:
    print(step.layer, step.formula, "=", step.value)
"""
