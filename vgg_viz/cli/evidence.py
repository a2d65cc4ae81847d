"""`vgg-viz evidence` and `vgg-viz replay`: maps to hand on, and made again by whoever gets them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vgg_viz.cli.files import check_file, photo_credit, write_file
from vgg_viz.cli.photos import (
    Device,
    DeviceOption,
    LayerOption,
    Photo,
    Precision,
    PrecisionOption,
    SeedOption,
    TargetOption,
    VersusOption,
    class_index,
)
from vgg_viz.cli.progress import finished_under_bar
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.figures import evidence_zip
from vgg_viz.images import MAX_SIDE
from vgg_viz.requests import AttributionRequest, PictureRequest, TrustJob
from vgg_viz.results import (
    Attribution,
    MapEvidence,
    MethodInfo,
    ParameterValue,
    Replay,
    ServiceDescription,
    Trust,
)
from vgg_viz.service.engine import ModelService

Box = tuple[float, float, float, float]


def evidence(
    photo: Photo,
    model: Annotated[
        list[str] | None,
        typer.Option(help="NETWORK or NETWORK:WEIGHTS; may be given again. vgg16 by default."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="Such as grad_cam; may be given again. Grad-CAM by default."),
    ] = None,
    layer: LayerOption = None,
    target: TargetOption = None,
    versus: VersusOption = None,
    param: Annotated[
        list[str] | None,
        typer.Option(help="A setting of the methods, name=value; may be given again."),
    ] = None,
    seed: SeedOption = 0,
    trust: Annotated[
        bool, typer.Option(help="Also measure how far each map can be trusted: minutes.")
    ] = False,
    box: Annotated[
        str | None,
        typer.Option(help="x0,y0,x1,y1 as shares of the square: what the map should point at."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The bundle, a .zip.")] = Path(
        "evidence.zip"
    ),
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = Precision.FP32,
) -> None:
    """Write maps with all that made them, to be made again.

    One file that opens alone: the .zip holds a page, the pictures, the raw maps, the photo,
    settings, versions, digests and the Python. `vgg-viz replay` makes it again and compares.
    """
    check_file(out, ".zip")
    square = None if box is None else read_box(box)
    with open_service(device.value) as service:
        offered = service.describe()
        image = named_photo(service, photo)
        methods = [chosen_method(offered, name) for name in method or ["grad_cam"]]
        given = read_parameters(param or [], methods)
        maps = []
        for named in model or ["vgg16"]:
            name = named_model(offered, named)
            for info in methods:
                request = AttributionRequest(
                    name,
                    image,
                    layer,
                    None if target is None else class_index(service, name, image, target),
                    info.name,
                    precision.value,
                    None if versus is None else class_index(service, name, image, versus),
                    tuple(pair for pair in given if pair[0] in info.defaults()),
                    seed,
                )
                maps.append(_made(service, request, square, trust=trust or square is not None))
        credit = photo_credit(offered, image, photo)
        whole = service.run(PictureRequest(image, None, MAX_SIDE))
    titles = {info.name: info.title for info in offered.methods}
    write_file(out, evidence_zip(maps, whole, credit, titles=titles))
    _tell(out, maps, output)


def replay(
    bundle: Annotated[Path, typer.Argument(help="A .zip of `vgg-viz evidence` or of a page.")],
    model: Annotated[
        list[str] | None,
        typer.Option(help="NETWORK:FILE where weights were a file; may be given again."),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0, help="Of the largest difference over the largest value; 0.001 in fp32."
        ),
    ] = None,
    trust: Annotated[bool, typer.Option(help="Also measure its trust again: minutes.")] = False,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Make the maps of a bundle again: do the numbers agree?

    Exit code 0 when they do, 1 when they do not, 2 when the bundle cannot be read.
    """
    from vgg_viz.service.evidence import MAX_BUNDLE, read_bundle
    from vgg_viz.service.evidence import replay as made_again

    try:
        with bundle.open("rb") as file:
            data = file.read(MAX_BUNDLE + 1)
    except OSError as error:
        raise InputError(f"{bundle} cannot be read: {error.strerror or error}.") from error
    kept = read_bundle(data)
    with open_service(device.value) as service:
        found = made_again(service, kept, models=model or (), tolerance=tolerance, trust=trust)
    if output is Format.JSON:
        typer.echo(as_json(_fields(found)))
    else:
        _print(found)
    if not found.agrees:
        raise typer.Exit(1)


# --- what is asked -------------------------------------------------------------------------------


def read_box(text: str) -> Box:
    """x0,y0,x1,y1 as numbers; the service checks that it is a box."""
    try:
        x0, y0, x1, y1 = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(
            f"{text!r} is no box; give x0,y0,x1,y1, such as 0.2,0.1,0.8,0.9."
        ) from error
    return x0, y0, x1, y1


def chosen_method(offered: ServiceDescription, name: str) -> MethodInfo:
    """The method called `name`; UnknownNameError with the choices."""
    for info in offered.methods:
        if info.name == name.replace("-", "_"):
            return info
    raise UnknownNameError.among("method", name, (info.name for info in offered.methods))


def read_parameters(
    texts: list[str], methods: list[MethodInfo]
) -> tuple[tuple[str, ParameterValue], ...]:
    """NAME=VALUE pairs; each must be a parameter of one of the methods."""
    known = {name for info in methods for name in info.defaults()}
    pairs: list[tuple[str, ParameterValue]] = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"{text!r} is no NAME=VALUE.")
        if name not in known:
            raise UnknownNameError.among("parameter", name, known)
        pairs.append((name, _number(value)))
    return tuple(pairs)


def _number(text: str) -> ParameterValue:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _made(
    service: ModelService, request: AttributionRequest, box: Box | None, *, trust: bool
) -> MapEvidence:
    label = f"{request.method}, {request.model}"
    measured: Trust | None = None
    if trust:
        found = finished_under_bar(service, TrustJob.of(request, box), label)
        assert isinstance(found, Trust)  # noqa: S101 - what the job's type says
        measured, attribution = found, found.attribution
    else:
        attribution = service.run(request)
    picture = service.run(PictureRequest(request.image, attribution.provenance.model))
    return MapEvidence(attribution, picture, measured)


# --- what is told --------------------------------------------------------------------------------


def _tell(out: Path, maps: list[MapEvidence], output: Format) -> None:
    if output is Format.JSON:
        typer.echo(as_json({"zip": str(out), "maps": [_map_fields(each) for each in maps]}))
        return
    rows = [
        [
            each.attribution.method,
            each.attribution.provenance.model,
            each.attribution.target_name,
            f"{each.attribution.score:.3f}",
            "" if each.trust is None else each.trust.verdict,
        ]
        for each in maps
    ]
    typer.echo(as_table(["method", "model", "class", "score", "trust"], rows, left=(0, 1, 2, 4)))
    for each in maps:
        for finding in () if each.trust is None else each.trust.findings:
            typer.echo(f"{each.attribution.method}: {finding.text}")
    typer.echo(f"Written: {out}")


def _map_fields(each: MapEvidence) -> dict[str, Any]:
    found: Attribution = each.attribution
    trust = each.trust
    return {
        "method": found.method,
        "model": found.provenance.model,
        "layer": found.layer,
        "target": found.target,
        "target_name": found.target_name,
        "score": found.score,
        "verdict": None if trust is None else trust.verdict,
        "findings": [] if trust is None else [finding.text for finding in trust.findings],
    }


def _fields(found: Replay) -> dict[str, Any]:
    return {
        "agrees": found.agrees,
        "maps": [
            {
                "key": each.key,
                "title": each.title,
                "difference": each.difference,
                "relative": each.relative,
                "tolerance": each.tolerance,
                "agrees": each.agrees,
                "remarks": list(each.remarks),
            }
            for each in found.maps
        ],
        "versions": [
            {"name": name, "bundle": kept, "here": here} for name, kept, here in found.versions
        ],
    }


def _print(found: Replay) -> None:
    rows = [
        [
            each.title,
            "none" if each.difference is None else f"{each.difference:.3g}",
            "none" if each.relative is None else f"{each.relative:.3g}",
            f"{each.tolerance:g}",
            "yes" if each.agrees else "NO",
        ]
        for each in found.maps
    ]
    header = ["map", "largest difference", "of the largest value", "allowed", "agrees"]
    typer.echo(as_table(header, rows))
    for each in found.maps:
        for remark in each.remarks:
            typer.echo(f"{each.key}: {remark}", err=True)
    for name, kept, here in found.versions:
        typer.echo(f"{name} {here} here, {kept} in the bundle.", err=True)
    typer.echo("Every map agrees." if found.agrees else "Not every map agrees.")
