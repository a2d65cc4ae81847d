"""`vgg-viz top-patches`: which patches of many photos excite a channel most."""

import json
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from vgg_viz.cli.files import about_weights, check_file, write_file, write_picture
from vgg_viz.cli.photos import Device, DeviceOption
from vgg_viz.cli.progress import finished_under_bar
from vgg_viz.cli.service import named_model, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.figures import patch_pictures
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import TopPatchesJob, TopPatchesRequest
from vgg_viz.results import PatchIndexing, StudyResult, TopPatches


def top_patches(
    model: Annotated[str, typer.Argument(help="NETWORK or NETWORK:WEIGHTS, as for `cam`.")],
    photos: Annotated[
        str, typer.Argument(help="A folder, sub-folders included, or samples: the bundled photos.")
    ] = "samples",
    layer: Annotated[
        str | None, typer.Option(help="A convolution; the last one by default.")
    ] = None,
    channel: Annotated[
        int | None, typer.Option(min=0, help="The one with the largest value by default.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Photos at most, in turn from every sub-folder.")
    ] = 5000,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="The figure, a .png, a page with it, an .html, or arrays, an .npz."
        ),
    ] = Path("top-patches.png"),
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Which patches of many photos excite a channel most?

    Writes nine patches beside their deconvnet reconstructions. The photos are indexed once, for
    all channels of all convolutions; the index is kept (in $VGG_VIZ_INDEXES), a run that was
    stopped goes on, and a later one looks only at photos that are new.
    """
    check_file(out, ".png", ".html", ".npz")
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        index = finished_under_bar(service, TopPatchesJob(name, photos, limit), "Indexing")
        found = service.run(TopPatchesRequest(name, photos, layer, channel))
    _write(out, found)
    if output is Format.JSON:
        fields = {"index": _summary(index), out.suffix.lower()[1:]: str(out), **_fields(found)}
        typer.echo(as_json(fields))
    else:
        typer.echo(_summary(index), err=True)
        typer.echo(f"{_title(found)}\n{_table(found)}\nWritten: {out}")
    for note in (found.silence, *found.notes):
        if note:
            typer.echo(note, err=True)


def _summary(index: StudyResult) -> str:
    """How many pictures there are and how fast the new ones were looked at."""
    if not isinstance(index, PatchIndexing):
        return ""
    rate = f", {index.rate:.3g}/s" if index.rate else ", nothing new"
    return " ".join([f"Indexed: {index.images:,} pictures{rate}.", *index.notes])


def _write(out: Path, found: TopPatches) -> None:
    if out.suffix.lower() == ".npz":
        data = BytesIO()
        about = np.array(json.dumps(_fields(found)))
        np.savez(data, **patch_pictures.arrays(found), about=about)  # type: ignore[arg-type]
        write_file(out, data.getvalue())
        return
    title = _title(found)
    made = about_weights(found.provenance)
    write_picture(
        out,
        patch_pictures.sheet_png(found, f"{title}\n{_listed(found)}"),
        title,
        table=(["photo", "z", "row", "column"], _rows(found)),
        about={"Photos": f"{found.images:,} in the index, from {found.source}", **made},
    )


def _title(found: TopPatches) -> str:
    network = NETWORKS[found.provenance.model.partition(":")[0]].title
    return (
        f"{network}, {found.provenance.weights}: the patches that excite {found.layer}, channel "
        f"{found.channel} most, of {found.images:,} pictures"
    )


def _rows(found: TopPatches) -> list[list[str]]:
    return [[p.name, f"{p.value:.4g}", str(p.row), str(p.column)] for p in found.patches]


def _table(found: TopPatches) -> str:
    return as_table(["photo", "z", "row", "column"], _rows(found))


def _listed(found: TopPatches) -> str:
    return ", ".join(f"{patch.name} z = {patch.value:.3g}" for patch in found.patches)


def _fields(found: TopPatches) -> dict[str, Any]:
    return {
        "model": found.provenance.model,
        "layer": found.layer,
        "channel": found.channel,
        "source": found.source,
        "images": found.images,
        "patches": [
            {
                "photo": patch.name,
                "value": patch.value,
                "row": patch.row,
                "column": patch.column,
                "field_y": list(patch.span_y),
                "field_x": list(patch.span_x),
            }
            for patch in found.patches
        ],
        "silence": found.silence,
        "notes": list(found.notes),
        "provenance": provenance_fields(found.provenance),
    }
