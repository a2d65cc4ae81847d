"""`vgg-viz invert`: a photo rebuilt from its code at a layer, or at every depth."""

import json
import math
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from vgg_viz.architecture import describe_network, one_of_each_stage
from vgg_viz.cli.files import about_weights, check_file, photo_credit, write_file, write_picture
from vgg_viz.cli.photos import Device, DeviceOption, Model, Photo
from vgg_viz.cli.progress import finished_under_bar
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.figures import inversion_sheet_png
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import InversionJob
from vgg_viz.results import Inversion


def invert(
    photo: Photo,
    model: Model = "vgg16",
    layer: Annotated[
        list[str] | None,
        typer.Option(help="A layer such as conv3_3, pool4 or fc7; may be given again."),
    ] = None,
    depths: Annotated[
        bool, typer.Option("--depths", help="From every stage, fc6 and fc7, in place of --layer.")
    ] = False,
    steps: Annotated[int, typer.Option(help="For each layer.")] = InversionJob.steps,
    smoothing: Annotated[
        float, typer.Option(help="Weight of total variation, times the authors' for the depth.")
    ] = InversionJob.total_variation,
    alpha_norm: Annotated[
        float, typer.Option(help="Weight of the 6-norm, times the authors'.")
    ] = InversionJob.alpha_norm,
    learning_rate: Annotated[float, typer.Option()] = InversionJob.learning_rate,
    seed: Annotated[int, typer.Option(help="Of the noise it starts from.")] = 0,
    contrast: Annotated[
        bool, typer.Option(help="Draw pale pictures with the photo's contrast.")
    ] = True,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help=".png: the pictures; .html: a page with them; .npz: px and curves."
        ),
    ] = Path("inversion.png"),
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
) -> None:
    """What does a layer still know of a photo?

    Rebuilds the photo from the layer's code alone (Mahendran & Vedaldi 2015) and writes it.
    """
    check_file(out, ".png", ".html", ".npz")
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        layers = tuple(layer or ())
        if depths:
            rows = describe_network(name.partition(":")[0]).rows
            layers = one_of_each_stage([row.info for row in rows])
        image = named_photo(service, photo)
        job = InversionJob(name, image, layers, steps, smoothing, alpha_norm, learning_rate, seed)
        found = finished_under_bar(service, job, name)
        credit = photo_credit(service.describe(), image, photo)
    assert isinstance(found, Inversion)  # noqa: S101 - what the job's type says
    _write(out, found, job, credit, stretched=contrast)
    if output is Format.JSON:
        typer.echo(as_json({"photo": photo, **_written(out), **_fields(found, job)}))
        return
    typer.echo(f"{_title(found)}\n{as_table(*_table(found))}\nWritten: {out}")
    for note in found.notes:
        typer.echo(note, err=True)


def _write(out: Path, found: Inversion, job: InversionJob, credit: str, *, stretched: bool) -> None:
    if out.suffix.lower() == ".npz":
        data = BytesIO()
        arrays = {
            f"{layer.layer}_{name}": getattr(layer, name)
            for layer in found.layers
            for name in ("pixels", "losses", "distances")
        }
        fields = json.dumps({"credit": credit, **_fields(found, job)})
        np.savez(data, photo=found.photo, **arrays, provenance=np.array(fields))
        write_file(out, data.getvalue())
        return
    caption = (
        f"{_title(found)}\nCode distance: |code - photo's code|^2 / |photo's code|^2; r: "
        f"correlation with the photo, each colour about its mean. {found.steps} steps, total "
        f"variation x {job.total_variation:g} of the authors' weight, seed {job.seed}\n"
        f"Photo: {credit}"
    )
    write_picture(
        out,
        inversion_sheet_png(found, caption, stretched=stretched),
        _title(found),
        table=_table(found),
        about={"Photo": credit, "Seed": job.seed, **about_weights(found.provenance)},
    )


def _title(found: Inversion) -> str:
    title = NETWORKS[found.provenance.model.partition(":")[0]].title
    return (
        f"{title}, {found.provenance.weights}: rebuilt from the code of a layer (Mahendran & "
        "Vedaldi, arXiv 1412.0035)"
    )


def _table(found: Inversion) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            layer.layer,
            f"{math.prod(layer.code_shape)}",
            f"{layer.distance:.4g}",
            f"{layer.correlation:.3f}",
            f"{layer.total_variation:g}",
        ]
        for layer in found.layers
    ]
    return ["layer", "values", "code distance", "r", "lambda_V"], rows


def _written(out: Path) -> dict[str, str]:
    return {out.suffix.lower()[1:]: str(out)}


def _fields(found: Inversion, job: InversionJob) -> dict[str, Any]:
    return {
        "model": found.provenance.model,
        "layers": [
            {
                "layer": layer.layer,
                "code_shape": list(layer.code_shape),
                "distance": layer.distance,
                "correlation": None if math.isnan(layer.correlation) else layer.correlation,
                "steps": len(layer.losses),
                "objective": float(layer.losses[-1]),
                "total_variation": layer.total_variation,
                "alpha_norm": layer.alpha_norm,
            }
            for layer in found.layers
        ],
        "learning_rate": job.learning_rate,
        "seed": job.seed,
        "seconds": found.seconds,
        "notes": list(found.notes),
        "provenance": provenance_fields(found.provenance),
    }
