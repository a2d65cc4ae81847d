"""`vgg-viz unit`: what one unit of a network is computed from."""

import re
from typing import Annotated, Any

import typer

from vgg_viz.cli.photos import Device, DeviceOption, Model, Photo, Precision, PrecisionOption
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.errors import InputError
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import UnitRequest
from vgg_viz.results import (
    ChannelNeighbours,
    LayerArithmetic,
    UnitArithmetic,
    WeightedSum,
    Window,
)

PLACE = re.compile(r"\s*(\d{1,4})\s*,\s*(\d{1,4})\s*")


def unit(
    photo: Photo,
    layer: Annotated[str, typer.Option(help="Any layer, such as conv5_3, pool5 or fc8.")],
    model: Model = "vgg16",
    channel: Annotated[
        int | None,
        typer.Option(min=0, help="From 0; the one of largest value there by default."),
    ] = None,
    at: Annotated[
        str, typer.Option(metavar="ROW,COLUMN", help="The unit, counted from 0.")
    ] = "0,0",
    count: Annotated[int, typer.Option(min=1, max=64, help="How many strongest inputs.")] = 8,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = Precision.FP32,
) -> None:
    """What is one unit of a network computed from?

    Inputs times weights, their sum, the bias, then batch norm, ReLU and LRN of the same unit;
    compared with the value that the network itself computed.
    """
    row, column = _place(at)
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        image = named_photo(service, photo)
        found = service.run(
            UnitRequest(name, image, layer, channel, row, column, count, precision.value)
        )
    if output is Format.JSON:
        typer.echo(as_json({"photo": photo, **_fields(found, count)}))
        return
    made = found.provenance
    title = NETWORKS[made.model.partition(":")[0]].title
    typer.echo(f"{photo}: {title}, {made.weights}, {made.precision} on {made.device}")
    typer.echo("\n\n".join(_text(step) for step in found.steps))


def _place(text: str) -> tuple[int, int]:
    match = PLACE.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is no unit; give row and column from 0, such as --at 6,6.")
    return int(match[1]), int(match[2])


def _text(step: LayerArithmetic) -> str:
    place = f"channel {step.channel}, row {step.row}, column {step.column}"
    lines = [f"{step.layer} ({step.kind}), {place} of {' x '.join(map(str, step.shape))}"]
    lines.append(step.formula)
    if isinstance(step.parts, WeightedSum):
        lines.append(as_table([step.before, "sum of products", "total"], _sums(step.parts)))
    lines.append(f"{step.inserted}")
    lines.append(
        f"network: {step.network:.7g}, difference {step.difference:.2g}, "
        f"rounding may cause up to {step.tolerance:.2g}"
    )
    return "\n".join(lines)


def _sums(parts: WeightedSum) -> list[list[str]]:
    rows, total = [], 0.0
    for channel in parts.strongest:
        total += float(parts.sums[channel])
        rows.append([_named(parts, channel), f"{parts.sums[channel]:+.6f}", f"{total:.6f}"])
    others = parts.others
    if len(others):
        total += float(others.sum())
        rows.append([f"{len(others):,} others", f"{others.sum():+.6f}", f"{total:.6f}"])
    rows.append(["bias", f"{parts.bias:+.6f}", f"{parts.total:.6f}"])
    return rows


def _named(parts: WeightedSum, channel: int) -> str:
    place = parts.feature(channel)
    if place is None:
        return f"channel {channel}" if parts.inside.size > 1 else f"input {channel}"
    return f"input {channel} (channel {place[0]}, row {place[1]}, column {place[2]})"


def _fields(found: UnitArithmetic, count: int) -> dict[str, Any]:
    return {
        "model": found.provenance.model,
        "layer": found.first.layer,
        "channel": found.first.channel,
        "row": found.first.row,
        "column": found.first.column,
        "steps": [_step_fields(step, count) for step in found.steps],
        "provenance": provenance_fields(found.provenance),
    }


def _step_fields(step: LayerArithmetic, count: int) -> dict[str, Any]:
    return {
        "layer": step.layer,
        "kind": step.kind,
        "reads": step.before,
        "formula": step.formula,
        "inserted": step.inserted,
        "value": step.value,
        "network": step.network,
        "difference": step.difference,
        "tolerance": step.tolerance,
        **_parts_fields(step, count),
    }


def _parts_fields(step: LayerArithmetic, count: int) -> dict[str, Any]:
    match step.parts:
        case WeightedSum() as parts:
            return {
                "strongest": [{"input": c, "sum": float(parts.sums[c])} for c in parts.strongest],
                "others": {"inputs": len(parts.others), "sum": float(parts.others.sum())},
                "bias": parts.bias,
                "padding": int((~parts.inside).sum()),
                "products": [
                    {
                        "input": product.channel,
                        "kernel_row": product.row,
                        "kernel_column": product.column,
                        "given": product.given,
                        "weight": product.weight,
                        "product": product.value,
                    }
                    for product in parts.strongest_products(count)
                ],
            }
        case Window() as parts:
            winner = None if parts.winner is None else list(parts.winner)
            return {
                "window": parts.given.tolist(),
                "inside": parts.inside.tolist(),
                "winner": winner,
            }
        case ChannelNeighbours() as parts:
            return {
                "channels": list(parts.channels),
                "neighbours": parts.neighbours.tolist(),
                "sum_of_squares": parts.sum_of_squares,
                "denominator": parts.denominator,
            }
        case _:
            return {}
