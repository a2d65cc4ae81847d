"""`vgg-viz edit`: what changes when channels of a layer are switched off or scaled."""

from typing import Annotated, Any

import typer

from vgg_viz.cli.photos import Device, DeviceOption, Model, Photo
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.errors import InputError
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import EditRequest
from vgg_viz.results import Edited


def edit(
    photo: Photo,
    layer: Annotated[str, typer.Option(help="A layer such as conv5_3, edited behind its ReLU.")],
    model: Model = "vgg16",
    zero: Annotated[
        list[int] | None, typer.Option(help="A channel to switch off; may be given again.")
    ] = None,
    scale: Annotated[
        list[str] | None, typer.Option(help="CHANNEL=FACTOR, such as 17=2; may be given again.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(help="LEFT,TOP,RIGHT,BOTTOM in shares of the photo: masked in all channels."),
    ] = None,
    outside: Annotated[bool, typer.Option("--outside", help="Mask all but the region.")] = False,
    swap: Annotated[
        str | None, typer.Option(help="Another photo, whose activations take the layer's place.")
    ] = None,
    target: Annotated[
        int | None, typer.Option(help="Index of the class Grad-CAM explains; the most probable.")
    ] = None,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
) -> None:
    """What changes when a layer's output is edited?

    Nothing is written to the network: its rest runs again from the edited layer.
    """
    channels = (*((channel, 0.0) for channel in zero or ()), *map(_scaled, scale or ()))
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        found = service.run(
            EditRequest(
                name,
                named_photo(service, photo),
                layer,
                channels,
                None if region is None else _rectangle(region),
                outside=outside,
                swap=None if swap is None else named_photo(service, swap),
                target=target,
            )
        )
    if output is Format.JSON:
        typer.echo(as_json({"photo": photo, **_fields(found, channels)}))
        return
    title = NETWORKS[found.provenance.model.partition(":")[0]].title
    typer.echo(f"{photo}: {title}, {found.provenance.weights}, edited at {found.row}")
    rows = [
        [
            f"{found.probabilities_before[i]:.2%}",
            f"{found.probabilities_after[i]:.2%}",
            f"{found.logits_before[i]:.3f}",
            f"{found.logits_after[i]:.3f}",
            found.classes[i],
        ]
        for i in found.top()
    ]
    header = ["before", "after", "logit before", "logit after", "class"]
    typer.echo(as_table(header, rows, left=(4,)))
    typer.echo(f"Run again: {found.work_share:.2%} of the MACs", err=True)


def _scaled(text: str) -> tuple[int, float]:
    """ "17=2" as (17, 2.0)."""
    channel, _, factor = text.partition("=")
    try:
        return int(channel), float(factor)
    except ValueError:
        raise InputError(f"{text!r} is not CHANNEL=FACTOR; write, for example, 17=2.") from None


def _rectangle(text: str) -> tuple[float, float, float, float]:
    try:
        left, top, right, bottom = map(float, text.split(","))
    except ValueError:
        raise InputError(
            f"{text!r} is not LEFT,TOP,RIGHT,BOTTOM; write, for example, 0.2,0.2,0.6,0.8."
        ) from None
    return left, top, right, bottom


def _fields(found: Edited, channels: tuple[tuple[int, float], ...]) -> dict[str, Any]:
    return {
        "model": found.provenance.model,
        "layer": found.layer,
        "row": found.row,
        "channels": dict(channels),
        "top": [
            {
                "index": i,
                "class": found.classes[i],
                "probability_before": float(found.probabilities_before[i]),
                "probability_after": float(found.probabilities_after[i]),
                "logit_before": float(found.logits_before[i]),
                "logit_after": float(found.logits_after[i]),
            }
            for i in found.top()
        ],
        "change": {
            layer: None if value != value else float(value)  # noqa: PLR0124 - NaN is no JSON
            for layer, value in zip(found.layers, found.distances, strict=True)
        },
        "target": found.target,
        "grad_cam_before": found.cam_before.grid.tolist(),
        "grad_cam_after": found.cam_after.grid.tolist(),
        "provenance": provenance_fields(found.provenance),
    }
