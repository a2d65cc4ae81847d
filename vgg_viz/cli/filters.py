"""`vgg-viz deconv` and `vgg-viz filters`: what reaches back from a channel, and its kernels."""

import json
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from vgg_viz.cli.files import about_weights, check_file, photo_credit, write_file, write_picture
from vgg_viz.cli.photos import Device, DeviceOption, Model, Photo
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.errors import InputError
from vgg_viz.figures import kernel_pictures, kernel_slices, reconstruction_pictures
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import (
    ChannelKernelRequest,
    KernelStudyRequest,
    LayerKernelsRequest,
    PictureRequest,
    ReconstructionRequest,
)
from vgg_viz.results import (
    RULES,
    ChannelKernel,
    KernelStudy,
    LayerKernels,
    Provenance,
    Reconstruction,
)
from vgg_viz.service.engine import ModelService


class BackwardRule(StrEnum):
    """What happens at a ReLU going back; all draws the three beside one another."""

    DECONVNET = "deconvnet"
    GRADIENT = "gradient"
    GUIDED = "guided"
    ALL = "all"


class Normalisation(StrEnum):
    """What the deconvnet does at local response normalisation."""

    PASSED = "passed"
    DERIVATIVE = "derivative"


def deconv(
    photo: Photo,
    model: Model = "zfnet_b",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The picture, a .png, or a page with it, an .html.")
    ] = Path("deconv.png"),
    layer: Annotated[
        str | None, typer.Option(help="A convolution; the last one by default.")
    ] = None,
    channel: Annotated[
        int | None, typer.Option(min=0, help="The one with the largest value by default.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="ROW,COLUMN of one unit; the strongest by default.")
    ] = None,
    top: Annotated[
        bool, typer.Option("--top9", help="The nine strongest units of the channel together.")
    ] = False,
    rule: Annotated[BackwardRule, typer.Option(help="At the ReLUs.")] = BackwardRule.DECONVNET,
    lrn: Annotated[
        Normalisation, typer.Option(help="LRN in the deconvnet; the paper has no step for it.")
    ] = Normalisation.PASSED,
    zoom: Annotated[bool, typer.Option("--zoom", help="Only the receptive field.")] = False,
    npz: Annotated[
        Path | None, typer.Option(help="Also write the signed signals and where they came from.")
    ] = None,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
) -> None:
    """What in a photo makes a channel fire?

    Deconvnet, gradient or guided backprop: writes the photo with the receptive field and what the
    channel sends back to it as a PNG.
    """
    _check_files(out, npz)
    rules = tuple(RULES) if rule is BackwardRule.ALL else (rule.value,)
    row, column = _unit(unit)
    if unit is not None and top:
        raise InputError("Give --unit or --top9, not both.")
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        image = named_photo(service, photo)
        found = service.run(
            ReconstructionRequest(
                name,
                image,
                layer or _last_conv(service, name),
                channel,
                rules=rules,  # type: ignore[arg-type] # names of RULES
                units="place" if unit is not None else "top9" if top else "strongest",
                row=row,
                column=column,
                lrn=lrn.value,
            )
        )
        picture = service.run(PictureRequest(image, found.provenance.model))
        caption = _caption(found, photo_credit(service.describe(), image, photo))
    sheet = reconstruction_pictures.sheet_png(
        picture,
        found,
        caption,
        rules=rules,
        limits=[reconstruction_pictures.limit_of(found, (each,)) for each in rules],
        region=reconstruction_pictures.region_of(found, zoom=zoom),
    )
    where = f"{found.layer}, channel {found.channel} of {_source(found.provenance)}"
    write_picture(
        out,
        sheet,
        f"{', '.join(rules)}: {where}",
        about={"Drawn": caption, **about_weights(found.provenance)},
    )
    if npz is not None:
        write_file(npz, _npz(_reconstruction_fields(found), **_signals(found), maxima=found.maxima))
    _answer(
        {"photo": photo, **_written(out, npz), **_reconstruction_fields(found)},
        f"{caption}\nWritten: {_listed(out, npz)}",
        output,
    )
    if found.silence:
        typer.echo(found.silence, err=True)


def filters(
    model: Annotated[str, typer.Argument(help="NETWORK or NETWORK:WEIGHTS, as for `cam`.")],
    layer: Annotated[
        str | None, typer.Option(help="A convolution; the first one by default.")
    ] = None,
    channel: Annotated[
        int | None, typer.Option(min=0, help="Whose slices are drawn; of the largest norm.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The picture, a .png, or a page with it, an .html.")
    ] = Path("filters.png"),
    npz: Annotated[
        Path | None, typer.Option(help="Also write norms, response and the kernel drawn.")
    ] = None,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Which kernels has a layer; which are dead or alike?

    The first layer as colours; of a deeper one, or with --channel, the strongest input-channel
    slices of one kernel.
    """
    _check_files(out, npz)
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        found = service.run(LayerKernelsRequest(name, layer))
        shown = int(found.norms.argmax()) if channel is None else channel
        one = service.run(ChannelKernelRequest(name, found.layer, shown))
        study = service.run(KernelStudyRequest(name))
    write_picture(
        out,
        _picture(found, one, study if channel is None else None),
        f"Kernels of {found.layer} of {_source(found.provenance)}",
        table=_table(found),
        about=about_weights(found.provenance),
    )
    if npz is not None:
        arrays = {"norms": found.norms, "dead": found.dead, "kernel": one.kernel}
        arrays |= {"response": one.response, "frequencies": one.frequencies}
        write_file(npz, _npz(_kernel_fields(found, one), **arrays))
    pairs = [[str(i), str(j), f"{cosine:+.3f}"] for i, j, cosine in found.closest[:5]]
    table = as_table(["kernel", "kernel", "cosine"], pairs, left=())
    _answer(
        {**_written(out, npz), **_kernel_fields(found, one)},
        f"{_source(found.provenance)}: {found.layer}, {found.shape[0]} kernels "
        f"{found.shape[1]} x {found.shape[2]} x {found.shape[2]}\n"
        f"Dead (norm below {found.dead_share:.0%} of the median): {_dead(found)}\n"
        f"Alike (|cosine| at least {found.same_cosine:g}): {len(found.alike)} pairs\n"
        f"{table}\nWritten: {_listed(out, npz)}",
        output,
    )


def _table(found: LayerKernels) -> tuple[list[str], list[list[str]]]:
    rows = [
        [str(i), f"{norm:.4g}", "dead" * bool(dead)]
        for i, (norm, dead) in enumerate(zip(found.norms, found.dead, strict=True))
    ]
    return ["channel", "norm", ""], rows


def _picture(found: LayerKernels, one: ChannelKernel, study: KernelStudy | None) -> bytes:
    """The first layer's colours unless one kernel was asked for; else that kernel's slices."""
    source = f"{found.layer} of {_source(found.provenance)}"
    if study is not None and study.kernels.layer == found.layer:
        weights = study.kernels.weights
        limit = kernel_pictures.limit_of(weights)
        return kernel_slices.captioned_png(
            kernel_pictures.colour_grid_png(weights, dead=study.dead, pairs=study.duplicates),
            f"{source}: {len(weights)} kernels, grey 0, ends ±{limit:.2g}; crossed out: dead, same "
            "letter: alike",
        )
    limit = kernel_pictures.limit_of(one.kernel)
    return kernel_slices.captioned_png(
        kernel_slices.slices_png(one),
        f"{source}: kernel {one.channel}, strongest slices by input channel; red +, blue −, ends "
        f"±{limit:.2g}",
    )


def _last_conv(service: ModelService, model: str) -> str:
    info = service.describe().model(model)
    if info is not None:
        return info.convs[-1].name
    network = model.partition(":")[0]  # random seeds and files are not listed
    listed = (each for each in service.describe().models if each.network == network)
    known = next(listed, None)
    if known is None:
        raise InputError(f"Give --layer: {network} is not among the networks offered here.")
    return known.convs[-1].name


def _unit(text: str | None) -> tuple[int, int] | tuple[None, None]:
    if text is None:
        return None, None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() for part in parts):
        raise InputError(f"--unit {text} is not ROW,COLUMN; write for example --unit 6,7.")
    return int(parts[0][:6]), int(parts[1][:6])


def _caption(found: Reconstruction, credit: str) -> str:
    units = ", ".join(f"({u.row}, {u.column}) z = {u.value:.3g}" for u in found.units)
    lrn = "" if found.normalisation is None else f"; LRN in the deconvnet: {found.normalisation}"
    blind = (
        "\nGuided backprop is nearly class-insensitive (Adebayo et al. 2018)."
        if "guided" in found.rules
        else ""
    )
    return (
        f"{found.layer}, channel {found.channel}: units (row, column) {units or 'none'}{lrn}\n"
        f"{_source(found.provenance)}\nPhoto: {credit}{blind}"
    )


def _source(provenance: Provenance) -> str:
    title = NETWORKS[provenance.model.partition(":")[0]].title
    return f"{title}, {provenance.weights}"


def _dead(found: LayerKernels) -> str:
    numbers = [str(int(i)) for i in found.dead.nonzero()[0]]
    return f"{len(numbers)}" + (f" ({', '.join(numbers[:20])})" if numbers else "")


def _reconstruction_fields(found: Reconstruction) -> dict[str, Any]:
    return {
        "model": found.provenance.model,
        "layer": found.layer,
        "channel": found.channel,
        "rules": list(found.rules),
        "units": [
            {"row": u.row, "column": u.column, "value": u.value, "field_y": y, "field_x": x}
            for u, (y, x) in zip(found.units, found.fields, strict=True)
        ],
        "lrn_in_deconvnet": found.normalisation,
        "silence": found.silence,
        "provenance": provenance_fields(found.provenance),
    }


def _kernel_fields(found: LayerKernels, one: ChannelKernel) -> dict[str, Any]:
    return {
        "model": found.provenance.model,
        "layer": found.layer,
        "shape": list(found.shape),
        "norms": found.norms.tolist(),
        "dead": found.dead.nonzero()[0].tolist(),
        "closest": [list(pair) for pair in found.closest],
        "alike": len(found.alike),
        "channel": one.channel,
        "strongest_slices": one.strongest_slices[: kernel_slices.SLICES].tolist(),
        "provenance": provenance_fields(found.provenance),
    }


def _signals(found: Reconstruction) -> dict[str, Any]:
    return dict(zip(found.rules, found.signals, strict=True))


def _answer(fields: dict[str, Any], text: str, output: Format) -> None:
    typer.echo(as_json(fields) if output is Format.JSON else text)


def _written(out: Path, npz: Path | None) -> dict[str, str | None]:
    return {out.suffix.lower()[1:]: str(out), "npz": None if npz is None else str(npz)}


def _listed(*paths: Path | None) -> str:
    return ", ".join(str(path) for path in paths if path is not None)


def _npz(fields: dict[str, Any], **arrays: Any) -> bytes:
    """Arrays and provenance, readable by `numpy.load` without pickle."""
    out = BytesIO()
    np.savez(out, **arrays, provenance=np.array(json.dumps(fields)))
    return out.getvalue()


def _check_files(out: Path, npz: Path | None) -> None:
    """Before the network is loaded: names and folders that will do."""
    check_file(out, ".png", ".html")
    if npz is not None:
        check_file(npz, ".npz")
