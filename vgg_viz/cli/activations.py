"""`vgg-viz activations`: every map of a layer, with the numbers of its channels."""

import json
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from vgg_viz.cli.files import check_file, write_file
from vgg_viz.cli.photos import Device, DeviceOption, Model, Photo, Precision, PrecisionOption
from vgg_viz.cli.service import named_model, named_photo, open_service
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
        Path, typer.Option("--out", "-o", help="Where the values go: .npz, float32 (C, h, w).")
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

    Writes every value; lists the channels of the highest mean.
    """
    check_file(out, ".npz")
    if png is not None:
        check_file(png, ".png")
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        image = named_photo(service, photo)
        named = layer or _last_convolution(name.partition(":")[0])
        found = service.run(ChannelsRequest(name, image, named, relu, precision=precision.value))
        maps = service.run(LayerMapsRequest(name, image, named, relu, precision.value))
    source = _source(found)
    write_file(out, _npz(found, maps))
    if png is not None:
        write_file(
            png, map_sheet_png(found, f"{found.output} of {source}\nPhoto: {Path(photo).name}")
        )
    written = {"npz": str(out), "png": None if png is None else str(png)}
    if output is Format.JSON:
        typer.echo(as_json({"photo": photo, **written, **_fields(found)}))
        return
    typer.echo(f"{photo}: {found.output}, {' x '.join(map(str, maps.maps.shape))}, {source}")
    typer.echo(as_table(*_table(found, top)))
    typer.echo("Written: " + ", ".join(path for path in written.values() if path))


def _last_convolution(network: str) -> str:
    if network not in NETWORKS:
        return "conv5"  # the service says which networks there are
    spec = NETWORKS[network]
    return [row.name for row in spec.table(spec.channels) if row.kind == "conv"][-1]


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
