"""`vgg-viz segment`: a class for every pixel of a photo."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vgg_viz.cli.files import about_weights, check_file, photo_credit, write_file, write_picture
from vgg_viz.cli.photos import Device, DeviceOption, Model, Photo, Precision, PrecisionOption
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.figures import (
    labels_sheet_png,
    palette_png,
    photo_picture,
    segmentation_npz,
    stride_picture,
)
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import SegmentationRequest
from vgg_viz.results import Segmentation


def segment(
    photo: Photo,
    model: Model = "vgg16",
    longest: Annotated[
        int | None, typer.Option(help="Longest side in px, 96 to 400; as the nets were trained.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help=".png: photo, 32s, 16s and 8s beside one another; .html: a page with them; "
            ".npz: labels and probabilities.",
        ),
    ] = Path("segmentation.png"),
    labels: Annotated[
        Path | None,
        typer.Option(help="Also write the labels of FCN-8s alone, a .png of class numbers."),
    ] = None,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = Precision.FP32,
) -> None:
    """Which class has every pixel?

    FCN-32s, 16s and 8s on a bundled network (Long, Shelhamer & Darrell 2015).
    """
    check_file(out, ".png", ".html", ".npz")
    if labels is not None:
        check_file(labels, ".png")
    with open_service(device.value) as service:
        offered = service.describe()
        image = named_photo(service, photo)
        name = named_model(offered, model)
        found = service.run(SegmentationRequest(name, image, longest, precision.value))
        credit = photo_credit(offered, image, photo)
    _write(out, found, credit)
    if labels is not None:
        write_file(labels, palette_png(found, 8))
    for note in found.notes:
        typer.echo(note, err=True)
    if output is Format.JSON:
        written = [str(path) for path in (out, labels) if path is not None]
        typer.echo(as_json({"photo": photo, "written": written, **_fields(found)}))
        return
    typer.echo(f"{_title(found)}\n{as_table(*_table(found))}\nWritten: {out}")


def _title(found: Segmentation) -> str:
    network = NETWORKS[found.provenance.model.partition(":")[0]].title
    return f"{network}, {found.provenance.weights}, share of the pixels"


def _shares(found: Segmentation) -> dict[str, list[float]]:
    """Share of the pixels of every class, for each net."""
    return {
        name: [float((net.labels == at).mean()) for net in found.nets]
        for at, name in enumerate(found.classes)
    }


def _table(found: Segmentation) -> tuple[list[str], list[list[str]]]:
    header = ["class", *(f"FCN-{net.stride}s" for net in found.nets)]
    rows = [
        [name, *(f"{share:.1%}" for share in shares)]
        for name, shares in _shares(found).items()
        if any(shares)
    ]
    return header, rows


def _fields(found: Segmentation) -> dict[str, Any]:
    height, width = found.photo.shape[:2]
    return {
        "model": found.provenance.model,
        "width": width,
        "height": height,
        "seconds": found.seconds,
        "classes": found.classes,
        "nets": [
            {
                "stride": net.stride,
                "layer": net.layer,
                "scores": list(net.grid),
                "share": dict(
                    zip(found.classes, (s[at] for s in _shares(found).values()), strict=True)
                ),
            }
            for at, net in enumerate(found.nets)
        ],
        "notes": list(found.notes),
        "provenance": provenance_fields(found.provenance),
    }


def _write(out: Path, found: Segmentation, credit: str) -> None:
    if out.suffix.lower() == ".npz":
        about = {"photo": credit, **_fields(found)}
        write_file(out, segmentation_npz(found, about))
        return
    pictures = [photo_picture(found), *(stride_picture(found, net.stride) for net in found.nets)]
    caption = (
        f"{credit}\nFCN after Long, Shelhamer & Darrell 2015, trained by vgg-viz on its own split "
        "of photos."
    )
    title = _title(found).rpartition(",")[0]
    write_picture(
        out,
        labels_sheet_png([(title, pictures)], caption),
        title,
        table=_table(found),
        about={"Photo": credit, **about_weights(found.provenance)},
    )
