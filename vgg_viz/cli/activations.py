"""`vgg-viz activations`: every map of a layer, with the numbers of its channels."""

import json
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from vgg_viz.cli.files import about_weights, check_file, photo_credit, write_file, write_picture
from vgg_viz.cli.photos import Device, DeviceOption, Model, Photo, Precision, PrecisionOption
from vgg_viz.cli.service import last_convolution, named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.figures import digits, map_sheet_png
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import ChannelsRequest, LayerMapsRequest
from vgg_viz.results import LayerChannels, LayerMaps


def activations(
    photo: Photo,
    model: Model = "vgg16",
    layer: Annotated[
        str | None,
        typer.Option(help="Any layer, such as conv5_3; the last convolution by default."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help=".npz: the values, float32 (C, h, w); .html: a page with the sheet and every "
            "channel's numbers; .png: the sheet.",
        ),
    ] = Path("maps.npz"),
    png: Annotated[
        Path | None, typer.Option(help="Also draw every map on one sheet, a PNG.")
    ] = None,
    relu: Annotated[
        bool, typer.Option(help="Values after the ReLU that follows, or true ones before it.")
    ] = True,
    top: Annotated[int, typer.Option(min=0, help="How many channels are listed.")] = 10,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = Precision.FP32,
) -> None:
    """What do the channels of a layer answer to a photo?

    Writes every value, or a page with every map; lists the channels of the highest mean.
    """
    check_file(out, ".npz", ".html", ".png")
    if png is not None:
        check_file(png, ".png")
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        image = named_photo(service, photo)
        named = layer or last_convolution(name)
        found = service.run(ChannelsRequest(name, image, named, relu, precision=precision.value))
        if out.suffix.lower() == ".npz":
            maps = service.run(LayerMapsRequest(name, image, named, relu, precision.value))
            write_file(out, _npz(found, maps))
        credit = photo_credit(service.describe(), image, photo)
    source = _source(found)
    sheet = map_sheet_png(found, f"{found.output} of {source}\nPhoto: {credit}")
    if out.suffix.lower() != ".npz":
        every = _table(found, len(found.maps))
        title = f"{found.output} of {source}"
        write_picture(out, sheet, title, table=every, about=_about(found, credit))
    if png is not None:
        write_file(png, sheet)
    written = {out.suffix.lower()[1:]: str(out)} | ({} if png is None else {"png": str(png)})
    if output is Format.JSON:
        typer.echo(as_json({"photo": photo, "npz": None, "png": None, **written, **_fields(found)}))
        return
    shape = f"{len(found.maps)} x {found.side} x {found.side}"
    typer.echo(f"{photo}: {found.output}, {shape}, {source}")
    typer.echo(as_table(*_table(found, top)))
    typer.echo("Written: " + ", ".join(written.values()))


def _table(found: LayerChannels, top: int) -> tuple[list[str], list[list[str]]]:
    numbers = found.numbers
    order = np.argsort(-np.nan_to_num(numbers.means), kind="stable")[:top]
    rows = [
        [
            str(i),
            *(digits(float(each[i])) for each in (numbers.means, numbers.stds, numbers.maxima)),
            f"{numbers.zeros[i]:.1%}",
            digits(float(found.scores[i])),
        ]
        for i in order.tolist()
    ]
    return ["channel", "mean", "std", "largest", "zeros", f"for {found.target_name}"], rows


def _about(found: LayerChannels, credit: str) -> dict[str, str]:
    values = (
        f"{'After' if found.relu else 'Before'} the ReLU; std over a map's units, zeros: share of "
        f"units that are 0. Last column: d logit of {found.target_name} / d value x value, summed "
        "over the units."
    )
    return {"Photo": credit, "Values": values, **about_weights(found.provenance)}


def _source(found: LayerChannels) -> str:
    made = found.provenance
    title = NETWORKS[made.model.partition(":")[0]].title
    return f"{title}, {made.weights}, {made.precision} on {made.device}"


def _fields(found: LayerChannels) -> dict[str, Any]:
    numbers = found.numbers
    return {
        "model": found.provenance.model,
        "layer": found.layer,
        "output": found.output,
        "relu": found.relu,
        "side": found.side,
        "target": found.target,
        "target_name": found.target_name,
        "channels": [
            {
                "mean": float(numbers.means[i]),
                "std": float(numbers.stds[i]),
                "min": float(numbers.minima[i]),
                "max": float(numbers.maxima[i]),
                "share_zero": float(numbers.zeros[i]),
                "gradient_x_activation": float(found.scores[i]),
            }
            for i in range(len(numbers.means))
        ],
        "provenance": provenance_fields(found.provenance),
    }


def _npz(found: LayerChannels, maps: LayerMaps) -> bytes:
    """Readable by `numpy.load` without pickle."""
    out = BytesIO()
    numbers = found.numbers
    np.savez_compressed(
        out,
        maps=maps.maps,
        mean=numbers.means,
        std=numbers.stds,
        min=numbers.minima,
        max=numbers.maxima,
        share_zero=numbers.zeros,
        gradient_x_activation=found.scores,
        provenance=np.array(json.dumps(_fields(found) | {"channels": len(numbers.means)})),
    )
    return out.getvalue()
