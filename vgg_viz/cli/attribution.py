"""`vgg-viz cam`, `attribute` and `methods`: every method of attribution, and what there are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vgg_viz.attribution.costs import passes
from vgg_viz.attribution.methods import METHODS, checked_parameters
from vgg_viz.cli.files import about_weights, check_file, photo_credit, write_picture
from vgg_viz.cli.photos import (
    Device,
    DeviceOption,
    LayerOption,
    MapOut,
    Model,
    Opacity,
    Photo,
    PictureOut,
    Precision,
    PrecisionOption,
    SeedOption,
    TargetOption,
    VersusOption,
    attribution_fields,
    caption,
    class_index,
    write_npz,
    written_files,
)
from vgg_viz.cli.progress import finished_under_bar
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.figures import overlay_png
from vgg_viz.requests import AttributionRequest, PictureRequest
from vgg_viz.results import Attribution, MethodInfo, MethodParameter, ModelInfo, ParameterValue
from vgg_viz.service.engine import ModelService


def attribute(
    photo: Photo,
    model: Model = "vgg16",
    method: Annotated[str, typer.Option(help="See `vgg-viz methods`.")] = "grad_cam",
    param: Annotated[
        list[str] | None,
        typer.Option(
            help="A setting of the method, name=value; `vgg-viz methods METHOD` has them."
        ),
    ] = None,
    out: PictureOut = Path("attribution.png"),
    layer: LayerOption = None,
    target: TargetOption = None,
    versus: VersusOption = None,
    seed: SeedOption = 0,
    npz: MapOut = None,
    opacity: Opacity = 0.5,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = Precision.FP32,
) -> None:
    """Where in a photo does a score come from, by any method?"""
    check_file(out, ".png", ".html")
    if npz is not None:
        check_file(npz, ".npz")
    info = _method(method)
    parameters = checked_parameters(info, _settings(param or ()))
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        image = named_photo(service, photo)
        indices = [
            None if wanted is None else class_index(service, name, image, wanted)
            for wanted in (target, versus)
        ]
        request = AttributionRequest(
            name,
            image,
            layer,
            indices[0],
            info.name,
            precision.value,
            indices[1],
            tuple(parameters.items()),
            seed,
        )
        found = _answer(service, request, info)
        picture = service.run(PictureRequest(image, found.provenance.model))
        credit = photo_credit(service.describe(), image, photo)
    text = caption(found, credit)
    about = {"Method": _about(info), "Photo": credit, **about_weights(found.provenance)}
    drawn = overlay_png(picture, found, text, opacity=opacity)
    write_picture(out, drawn, text.partition("\n")[0], about=about)
    if npz is not None:
        write_npz(npz, found)
    _tell(photo, out, npz, found, info, text, output)


def cam(
    photo: Photo,
    model: Model = "vgg16",
    out: PictureOut = Path("cam.png"),
    layer: LayerOption = None,
    target: TargetOption = None,
    npz: MapOut = None,
    opacity: Opacity = 0.5,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = Precision.FP32,
) -> None:
    """Where in a photo does a network see a class?

    Writes Grad-CAM over the photo, with what made it below: `attribute` with its default method.
    """
    attribute(
        photo,
        model,
        out=out,
        layer=layer,
        target=target,
        npz=npz,
        opacity=opacity,
        output=output,
        device=device,
        precision=precision,
    )


def methods(
    name: Annotated[str | None, typer.Argument(help="All about one, with its settings.")] = None,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
) -> None:
    """Which methods of attribution are there?"""
    chosen = list(METHODS.values()) if name is None else [_method(name)]
    if output is Format.JSON:
        typer.echo(as_json([asdict(info) for info in chosen]))
    elif name is None:
        rows = [
            [
                info.name,
                info.title,
                info.family,
                "image" if info.space == "input" else "layer",
                "many" if info.stepwise else "few",
                ", ".join(f"{p.name}={p.default}" for p in info.parameters),
                info.paper,
            ]
            for info in chosen
        ]
        header = ["method", "title", "family", "map of", "passes", "settings", "paper"]
        typer.echo(as_table(header, rows, left=range(len(header))))
    else:
        typer.echo(_described(chosen[0]))


def _answer(service: ModelService, request: AttributionRequest, info: MethodInfo) -> Attribution:
    """The map; what takes many passes runs under a bar, its cost told first."""
    if not info.stepwise:
        return service.run(request)
    model = service.describe().model(request.model)
    if model is not None:
        typer.echo(f"{info.title}: {_cost(info, request, model)}", err=True)
    found = finished_under_bar(service, request, info.title)
    assert isinstance(found, Attribution)  # noqa: S101 - what the job's type says
    return found


def _cost(info: MethodInfo, request: AttributionRequest, model: ModelInfo) -> str:
    layer = request.layer or model.convs[-1].name
    channels = next((row.channels for row in model.layers if row.name == layer), 0)
    cost = passes(info, dict(request.parameters), channels, model.input_size)
    return f"{cost.forward:,.0f} passes forward and {cost.backward:,.0f} back"


def _method(name: str) -> MethodInfo:
    if name not in METHODS:
        raise UnknownNameError.among("method", name, METHODS)
    return METHODS[name]


def _settings(given: Sequence[str]) -> Mapping[str, ParameterValue]:
    found: dict[str, ParameterValue] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--param {text} cannot be read; write name=value: --param steps=100.")
        found[name.strip()] = value.strip()
    return found


def _about(info: MethodInfo) -> str:
    caution = f"\nCaution: {info.caution}" if info.caution else ""
    return f"{info.title} ({info.paper}). {info.about}\n{info.formula}{caution}"


def _described(info: MethodInfo) -> str:
    lines = [f"{info.name}: {_about(info)}"]
    for parameter in info.parameters:
        lines.append(f"  --param {parameter.name}={parameter.default}  ({_range(parameter)})")
        lines.append(f"      {parameter.help}")
    return "\n".join(lines)


def _range(parameter: MethodParameter) -> str:
    if parameter.choices:
        return ", ".join(parameter.choices)
    low = "any" if parameter.low is None else f"{parameter.low:g}"
    high = "any" if parameter.high is None else f"{parameter.high:g}"
    return f"{low} to {high}"


def _tell(
    photo: str,
    out: Path,
    npz: Path | None,
    found: Attribution,
    info: MethodInfo,
    text: str,
    output: Format,
) -> None:
    files: dict[str, Any] = dict(written_files(out, npz))
    if output is Format.JSON:
        typer.echo(as_json({"photo": photo, **files, **attribution_fields(found)}))
    else:
        typer.echo(text)
        for name, value in found.checks:
            typer.echo(f"{name}: {value:.4g}")
        for note in found.notes:
            typer.echo(f"Note: {note}")
        typer.echo("Written: " + ", ".join(path for path in files.values() if path))
        if info.caution:
            typer.echo(f"Caution: {info.caution}", err=True)
    if not found.grid.any():
        typer.echo("The map is 0 everywhere.", err=True)
    elif found.relu and not found.positive.any():
        typer.echo("The map is positive nowhere: nothing here speaks for the class.", err=True)
