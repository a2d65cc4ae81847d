"""`vgg-viz feature-vis`: pictures made to excite what one names."""

import json
import re
from collections.abc import Sequence
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from vgg_viz.cli.files import about_weights, check_file, photo_credit, write_file, write_picture
from vgg_viz.cli.photos import Device, DeviceOption
from vgg_viz.cli.progress import finished_under_bar
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.figures import digits, optimised_sheet_png
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import ClassifyRequest, FeatureVisJob, Term
from vgg_viz.results import FeatureVis
from vgg_viz.service.engine import ModelService

WEIGHT = r"(?:=([+-]?\d+(?:\.\d+)?))?"
CHANNEL = re.compile(rf"([a-z]\w*):(\d+){WEIGHT}")
NEURON = re.compile(rf"([a-z]\w*):(\d+)(?:@(\d+),(\d+))?{WEIGHT}")
LAYER = re.compile(rf"([a-z]\w*){WEIGHT}")
CLASS = re.compile(rf"(.+?){WEIGHT}")
DIRECTION = re.compile(r"([a-z]\w*):(.+)")
PAIR = re.compile(r"\s*(\d+)=([+-]?\d+(?:\.\d+)?)\s*")
MORE = "May be given again, =WEIGHT behind it: the objective is the sum."


class Parametrization(StrEnum):
    """What is changed."""

    FOURIER = "fourier"
    PIXELS = "pixels"


class Transforms(StrEnum):
    """How the picture is moved at every step."""

    STANDARD = "standard"
    NONE = "none"


def feature_vis(
    model: Annotated[str, typer.Argument(help="NETWORK or NETWORK:WEIGHTS, as for `cam`.")],
    channel: Annotated[
        list[str] | None, typer.Option(help=f"LAYER:CHANNEL, such as conv5_3:12. {MORE}")
    ] = None,
    neuron: Annotated[
        list[str] | None,
        typer.Option(help=f"LAYER:CHANNEL@ROW,COLUMN; the middle without a place. {MORE}"),
    ] = None,
    layer: Annotated[
        list[str] | None, typer.Option(help=f"Everything in a layer, as DeepDream. {MORE}")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option("--class", help=f"Name or index of a class. {MORE}")
    ] = None,
    direction: Annotated[
        list[str] | None,
        typer.Option(help='Several channels of a layer: "conv5_3:12=1,40=-0.5".'),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, max=2048)] = FeatureVisJob.steps,
    size: Annotated[
        int, typer.Option(min=0, max=512, help="Side in px; 0: the network's input.")
    ] = 0,
    pictures: Annotated[int, typer.Option(min=1, max=16, help="Made together.")] = 1,
    diversity: Annotated[
        float, typer.Option(min=0, help="How unlike the pictures have to be.")
    ] = 0.0,
    start: Annotated[
        str | None, typer.Option(help="A photo to start from; noise by default.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = FeatureVisJob.learning_rate,
    parametrization: Annotated[Parametrization, typer.Option()] = Parametrization.FOURIER,
    decorrelated: Annotated[
        bool, typer.Option(help="Colours as they go together in photos.")
    ] = True,
    transforms: Annotated[
        Transforms, typer.Option(help="Shift, scale and rotate at every step.")
    ] = Transforms.STANDARD,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help=".png: the pictures; .html: a page with them; .npz: the pixels."
        ),
    ] = Path("optimised.png"),
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Which picture excites a channel, layer or class most?

    Changes a picture until it excites what the options name, and writes it.
    """
    check_file(out, ".png", ".html", ".npz")
    terms = (
        *map(_channel, channel or ()),
        *map(_neuron, neuron or ()),
        *map(_layer, layer or ()),
        *map(_direction, direction or ()),
    )
    if not terms and not target:
        raise InputError(
            "Say what the picture is for: --channel conv5_3:12, --neuron conv5_3:12@7,7, "
            '--layer conv4_1, --class dog or --direction "conv5_3:12=1,40=-0.5".'
        )
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        named = tuple(_class(service, name, each) for each in target or ())
        image = "" if start is None else named_photo(service, start)
        job = FeatureVisJob(
            name,
            (*terms, *named),
            parametrization=parametrization.value,
            decorrelated=decorrelated,
            transforms=transforms.value,
            size=size,
            pictures=pictures,
            diversity=diversity if pictures > 1 else 0.0,
            image=image,
            steps=steps,
            learning_rate=learning_rate,
            seed=seed,
        )
        found = finished_under_bar(service, job, name)
        credit = photo_credit(service.describe(), image, start) if start is not None else ""
    assert isinstance(found, FeatureVis)  # noqa: S101 - what the job's type says
    _write(out, found, job, credit)
    _answer(out, found, job, credit, output)


# --- terms ---------------------------------------------------------------------------------------


def _channel(text: str) -> Term:
    layer, channel, weight = _read(CHANNEL, text, "--channel", "conv5_3:12 or conv5_3:12=-0.5")
    return Term("channel", layer, int(channel), weight=_weight(weight))


def _neuron(text: str) -> Term:
    layer, channel, row, column, weight = _read(NEURON, text, "--neuron", "conv5_3:12@7,7")
    place = (None, None) if row is None else (int(row), int(column))
    return Term("neuron", layer, int(channel), place[0], place[1], weight=_weight(weight))


def _layer(text: str) -> Term:
    layer, weight = _read(LAYER, text, "--layer", "conv4_1 or conv4_1=0.5")
    return Term("layer", layer, weight=_weight(weight))


def _direction(text: str) -> Term:
    layer, listed = _read(DIRECTION, text, "--direction", '"conv5_3:12=1,40=-0.5"')
    pairs = [
        _read(PAIR, pair, "--direction", '"conv5_3:12=1,40=-0.5"') for pair in listed.split(",")
    ]
    return Term("direction", layer, direction=tuple((int(c), float(w)) for c, w in pairs))


def _class(service: ModelService, model: str, text: str) -> Term:
    name, weight = _read(CLASS, text, "--class", "dog or dog=-1")
    if name.isdecimal():
        return Term("class", channel=int(name), weight=_weight(weight))
    info = service.describe().model(model)
    if info is not None:
        classes = info.classes
    else:  # random seeds and files are not listed
        sample = service.describe().samples[0].name
        classes = service.run(ClassifyRequest(model, sample)).classes
    if name not in classes:
        raise UnknownNameError.among(f"class of {model}", name, classes)
    return Term("class", channel=classes.index(name), weight=_weight(weight))


def _read(pattern: re.Pattern[str], text: str, option: str, such_as: str) -> Sequence[Any]:
    match = pattern.fullmatch(text)
    if match is None:
        raise InputError(f"{option} {text} cannot be read; write for example {option} {such_as}.")
    return match.groups()


def _weight(text: str | None) -> float:
    return 1.0 if text is None else float(text)


def _words(term: Term) -> str:
    """One term for people."""
    at = "" if term.row is None else f" at ({term.row}, {term.column})"
    listed = ", ".join(f"{channel}: {weight:g}" for channel, weight in term.direction)
    which = {"layer": "", "direction": f" {listed}"}.get(term.kind, f" {term.channel}")
    where = f" of {term.layer}" if term.layer and term.kind != "layer" else f" {term.layer}"
    return f"{term.weight:g} x {term.kind}{which}{where}{at}".removeprefix("1 x ").rstrip()


# --- files ---------------------------------------------------------------------------------------


def _title(found: FeatureVis, job: FeatureVisJob) -> str:
    title = NETWORKS[found.provenance.model.partition(":")[0]].title
    return f"{' + '.join(map(_words, job.terms))}; {title}, {found.provenance.weights}"


def _caption(found: FeatureVis, job: FeatureVisJob, credit: str) -> str:
    untrained = (
        "\nUntrained weights: the picture shows no knowledge."
        if ":random" in found.provenance.model
        else ""
    )
    start = f"from {credit}" if credit else "from noise"
    reached = ", ".join(digits(float(value)) for value in found.values)
    notes = "".join(f"\n{note}" for note in found.notes)
    return (
        f"{_title(found, job)}\nReached: {reached}; {found.step} steps, {start}, "
        f"{job.parametrization}, {'' if job.decorrelated else 'no '}colour decorrelation, "
        f"transforms {job.transforms}, seed {job.seed}{untrained}{notes}"
    )


def _fields(found: FeatureVis, job: FeatureVisJob, credit: str) -> dict[str, Any]:
    return {
        "model": found.provenance.model,
        "terms": [vars(term) for term in job.terms],
        "values": found.values.tolist(),
        "step": found.step,
        "steps": found.steps,
        "seconds": found.seconds,
        "size": found.pixels.shape[1],
        "pictures": len(found.pixels),
        "start": credit or "noise",
        "seed": job.seed,
        "notes": list(found.notes),
        "provenance": provenance_fields(found.provenance),
    }


def _write(out: Path, found: FeatureVis, job: FeatureVisJob, credit: str) -> None:
    if out.suffix.lower() == ".npz":
        data = BytesIO()
        np.savez_compressed(
            data,
            pixels=found.pixels,
            history=found.history,
            values=found.values,
            provenance=np.array(json.dumps(_fields(found, job, credit))),
        )
        write_file(out, data.getvalue())
        return
    caption = _caption(found, job, credit)
    write_picture(
        out,
        optimised_sheet_png(found, caption),
        _title(found, job),
        table=_table(found),
        about={"Made": caption, **about_weights(found.provenance)},
    )


def _table(found: FeatureVis) -> tuple[list[str], list[list[str]]]:
    rows = [[str(number), digits(float(value))] for number, value in enumerate(found.values)]
    return ["picture", "objective"], rows


def _answer(out: Path, found: FeatureVis, job: FeatureVisJob, credit: str, output: Format) -> None:
    if output is Format.JSON:
        kinds = {"png": None, "html": None, "npz": None, out.suffix.lower()[1:]: str(out)}
        typer.echo(as_json({**kinds, **_fields(found, job, credit)}))
        return
    typer.echo(_caption(found, job, credit))
    typer.echo(as_table(*_table(found)))
    typer.echo(f"Written: {out}")
    typer.echo(f"{found.seconds:.1f} s for {found.step} steps", err=True)
