"""`vgg-viz correspondence`: is the same part of several photos the same to a layer?"""

import re
from typing import Annotated

import typer

from vgg_viz.cli.photos import Device, DeviceOption, Model
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.errors import InputError
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import CorrespondenceRequest
from vgg_viz.results import RectangleShares

PART = re.compile(r"(.+)@([\d.]+),([\d.]+),([\d.]+)")


def correspondence(
    parts: Annotated[
        list[str],
        typer.Argument(help="PHOTO@X,Y,SIDE: a square's centre and side in shares of the photo."),
    ],
    model: Model = "vgg16",
    draws: Annotated[
        int, typer.Option(help="How many times squares are put anywhere.")
    ] = CorrespondenceRequest.draws,
    seed: Annotated[int, typer.Option(help="Of those places.")] = 0,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Does one part of several photos change a layer alike?

    ZFNet's experiment: the share of units whose sign of change differs between two photos, for the
    part and for squares anywhere. Less is more alike.
    """
    read = [_part(part) for part in parts]
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        images = tuple(named_photo(service, photo) for photo, _ in read)
        found = service.run(
            CorrespondenceRequest(
                name, images, tuple(rectangle for _, rectangle in read), draws, seed
            )
        )
    if output is Format.JSON:
        layers = [
            {
                "layer": layer,
                "row": found.rows[k],
                "part": found.part[k].tolist(),
                "anywhere": found.anywhere[k].tolist(),
            }
            for k, layer in enumerate(found.layers)
        ]
        fields = {"parts": parts, "layers": layers, "seed": seed}
        typer.echo(as_json({**fields, "provenance": provenance_fields(found.provenance)}))
        return
    title = NETWORKS[found.provenance.model.partition(":")[0]].title
    typer.echo(f"{title}, {found.provenance.weights}: share of units whose sign of change differs")
    rows = [
        [
            layer,
            *(
                "{:.4f} ± {:.4f}".format(*numbers(k))
                for numbers in (found.of_part, found.of_anywhere)
            ),
        ]
        for k, layer in enumerate(found.layers)
    ]
    typer.echo(as_table(["layer", "the part", "anywhere"], rows))
    typer.echo(f"± over pairs of photos; over {draws} draws", err=True)


def _part(text: str) -> tuple[str, RectangleShares]:
    match = PART.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is not PHOTO@X,Y,SIDE; write, for example, cat@0.3,0.4,0.2.")
    try:
        x, y, side = (float(match[i]) for i in (2, 3, 4))
    except ValueError:
        x = y = side = -1.0
    if not (0 <= x <= 1 and 0 <= y <= 1 and 0 < side <= 1):
        raise InputError(f"{text!r}: X, Y and SIDE are shares of the photo, 0 to 1.")
    half = side / 2
    rectangle = (max(0.0, x - half), max(0.0, y - half), min(1.0, x + half), min(1.0, y + half))
    return match[1], rectangle
