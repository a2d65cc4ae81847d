"""`vgg-viz classify`, and what commands about a photo share: their options, their words."""

import json
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from vgg_viz.attribution.methods import METHODS
from vgg_viz.cli.files import write_file
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import ClassifyRequest
from vgg_viz.results import Attribution, Classification, Provenance
from vgg_viz.service.engine import ModelService


class Device(StrEnum):
    """Where networks run."""

    AUTO = "auto"
    CUDA = "cuda"
    MPS = "mps"
    CPU = "cpu"


class Precision(StrEnum):
    """What networks compute in."""

    FP32 = "fp32"
    BF16 = "bf16"


Photo = Annotated[str, typer.Argument(help="A file, or the name of a bundled photo such as cat.")]
Model = Annotated[
    str,
    typer.Option(
        help="NETWORK or NETWORK:WEIGHTS; weights are bundled, imagenet, random, random-SEED or "
        "the path of a checkpoint."
    ),
]
DeviceOption = Annotated[Device, typer.Option(help="auto takes a GPU when there is one.")]
PrecisionOption = Annotated[Precision, typer.Option(help="bf16 is for GPUs.")]
LayerOption = Annotated[
    str | None, typer.Option(help="A layer such as conv5_3; the last convolution by default.")
]
TargetOption = Annotated[
    str | None, typer.Option(help="A class, by name or index; the most probable by default.")
]
VersusOption = Annotated[
    str | None,
    typer.Option(help="Why the class and not this one? Explains the difference of the logits."),
]
SeedOption = Annotated[int, typer.Option(min=0, help="Of methods that draw random numbers.")]
PictureOut = Annotated[
    Path, typer.Option("--out", "-o", help="The picture, a .png, or a page with it, an .html.")
]
MapOut = Annotated[
    Path | None, typer.Option(help="Also write the raw, signed map and where it came from.")
]
Opacity = Annotated[float, typer.Option(min=0, max=1, help="Of the map.")]


def classify(
    photo: Photo,
    model: Model = "vgg16",
    top: Annotated[int, typer.Option(min=1, help="How many classes.")] = 5,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = Precision.FP32,
) -> None:
    """Which classes does a network see in a photo?"""
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        image = named_photo(service, photo)
        found = service.run(ClassifyRequest(name, image, precision.value))
    if output is Format.JSON:
        typer.echo(as_json({"photo": photo, **_classification_fields(found, top)}))
        return
    rows = [
        [f"{probability:.2%}", f"{found.logits[i]:.3f}", f"{i}", label]
        for i, label, probability in found.top(top)
    ]
    typer.echo(f"{photo}: {_source(found.provenance)}")
    typer.echo(as_table(["probability", "logit", "index", "class"], rows, left=(3,)))
    typer.echo(f"Forward pass: {found.forward_seconds * 1000:.0f} ms", err=True)
    if found.difference_to_fp32 is not None:
        typer.echo(f"Largest change from fp32: {found.difference_to_fp32:.2g}", err=True)


def _classification_fields(found: Classification, top: int) -> dict[str, Any]:
    return {
        "model": found.provenance.model,
        "top": [
            {"index": i, "class": label, "probability": p, "logit": float(found.logits[i])}
            for i, label, p in found.top(top)
        ],
        "forward_seconds": found.forward_seconds,
        "difference_to_fp32": found.difference_to_fp32,
        "provenance": provenance_fields(found.provenance),
    }


def class_index(service: ModelService, model: str, image: str, target: str) -> int:
    """The output for a class given by index or by name; letters' case does not matter."""
    if target.isascii() and target.isdigit():
        return int(target)
    names = service.run(ClassifyRequest(model, image)).classes
    found = [i for i, name in enumerate(names) if name.casefold() == target.strip().casefold()]
    if not found:
        raise UnknownNameError.among("class", target, names)
    if len(found) > 1:
        listed = " or ".join(map(str, found))
        raise InputError(f"Several classes are called {target!r}; give an index: {listed}.")
    return found[0]


def _source(provenance: Provenance) -> str:
    title = NETWORKS[provenance.model.partition(":")[0]].title
    return f"{title}, {provenance.weights}, {provenance.precision} on {provenance.device}"


def caption(found: Attribution, credit: str) -> str:
    """What stands below the picture: the method and its settings, the weights, the photo."""
    info = METHODS[found.method]
    score = "logit" if found.versus is None else "logit difference"
    against = "" if found.versus is None else f" against {found.versus_name}"
    what = f"{info.title} for {found.target_name}{against} (class {found.target}, {score} "
    rows, columns = found.grid.shape
    where = f"{rows} x {columns}"
    if info.space == "layer":
        where = f"at {found.layer}, {where}, upsampled {found.upsampling}"
    lines = [f"{what}{found.score:.3f}) {where}"]
    settings = [f"{name} {value}" for name, value in found.parameters]
    if any(parameter.name in ("baseline", "samples") for parameter in info.parameters):
        settings.append(f"seed {found.seed}")
    if settings:
        lines.append(", ".join(settings))
    return "\n".join((*lines, _source(found.provenance), f"Photo: {credit}"))


def attribution_fields(found: Attribution) -> dict[str, Any]:
    """Everything but the map, ready for JSON."""
    return {
        "model": found.provenance.model,
        "method": found.method,
        "layer": found.layer,
        "target": found.target,
        "target_name": found.target_name,
        "score": found.score,
        "shape": list(found.grid.shape),
        "relu": found.relu,
        "upsampling": found.upsampling,
        "versus": found.versus,
        "versus_name": found.versus_name,
        "parameters": dict(found.parameters),
        "seed": found.seed,
        "steps": [found.done, found.total],
        "seconds": found.seconds,
        "checks": dict(found.checks),
        "notes": list(found.notes),
        "difference_to_fp32": found.difference_to_fp32,
        "provenance": provenance_fields(found.provenance),
    }


def written_files(out: Path, npz: Path | None) -> dict[str, str | None]:
    """What was written, by kind."""
    return {out.suffix.lower()[1:]: str(out), "npz": None if npz is None else str(npz)}


def write_npz(path: Path, found: Attribution) -> None:
    """Raw map and provenance, readable by `numpy.load` without pickle."""
    out = BytesIO()
    fields = json.dumps(attribution_fields(found))
    np.savez(out, grid=found.grid, provenance=np.array(fields))
    write_file(path, out.getvalue())
