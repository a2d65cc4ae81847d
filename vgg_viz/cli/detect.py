"""`vgg-viz detect`: which objects are in a photo, and where, by R-CNN or Fast R-CNN."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from vgg_viz.cli.detect_ssd import detect_ssd
from vgg_viz.cli.files import about_weights, check_file, photo_credit, write_file, write_picture
from vgg_viz.cli.photos import Device, DeviceOption, Model, Photo
from vgg_viz.cli.progress import finished_under_bar
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.errors import InputError
from vgg_viz.figures import DETECTION_WAYS, detection_coco, detection_npz, detection_png
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import MOST_PROPOSALS, DetectionJob, PictureRequest
from vgg_viz.results import DetectedObject, Detection, DetectionWay, Picture


class Way(StrEnum):
    """How features come about."""

    RCNN = "rcnn"
    FAST = "fast"
    SSD = "ssd"


PICTURE = 1024  # px, long side


def detect(
    photo: Photo,
    model: Model = "vgg16",
    way: Annotated[
        Way,
        typer.Option(
            help="rcnn: the network on every region; fast: once on the photo; ssd: torchvision's "
            "SSD300 with its own COCO weights instead of --model."
        ),
    ] = Way.RCNN,
    least: Annotated[
        float | None,
        typer.Option(
            help="Least score: of an SVM, whose margin ends at 1 (0 by default), or SSD's "
            "probability (0.5)."
        ),
    ] = None,
    overlap: Annotated[
        float, typer.Option(help="Intersection over union above which the worse box goes.")
    ] = 0.3,
    proposals: Annotated[
        int, typer.Option(help="Regions at most, largest first.")
    ] = MOST_PROPOSALS,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help=".png: the objects drawn; .html: a page; .json: COCO; .npz: every region.",
        ),
    ] = Path("detection.png"),
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Which objects are in a photo, and where?

    R-CNN on a bundled network: selective search proposes regions, SVMs on fc7 score them, worse
    boxes are suppressed and the rest refined (Girshick et al. 2014).
    """
    if way is Way.SSD:
        detect_ssd(photo, 0.5 if least is None else least, out, output, device)
        return
    features: DetectionWay = "fast" if way is Way.FAST else "rcnn"
    least = least or 0.0
    check_file(out, ".png", ".html", ".json", ".npz")
    if not 0 <= overlap <= 1:
        raise InputError(f"An overlap of {overlap:g} is none; give a share from 0 to 1.")
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        image = named_photo(service, photo)
        found = finished_under_bar(service, DetectionJob(name, image, features, proposals), name)
        assert isinstance(found, Detection)  # noqa: S101 - what the job's type says
        picture = service.run(PictureRequest(image, size=PICTURE))
        credit = photo_credit(service.describe(), image, photo)
    objects = found.objects(least, overlap)
    words = _caption(found, least, overlap, credit)
    _write(out, found, objects, picture, words, credit)
    if output is Format.JSON:
        fields = {"photo": photo, out.suffix.lower()[1:]: str(out), **_fields(found, objects)}
        typer.echo(as_json({**fields, "least": least, "overlap": overlap}))
        return
    typer.echo(f"{_title(found)}\n{as_table(*_table(objects))}\nWritten: {out}")
    for note in found.notes:
        typer.echo(note, err=True)
    if not objects and not found.notes:
        typer.echo(f"No object scores {least:g} or more; try a lower --least.", err=True)


def _write(
    out: Path,
    found: Detection,
    objects: tuple[DetectedObject, ...],
    picture: Picture,
    words: str,
    credit: str,
) -> None:
    about = {"description": words, "weights": found.provenance.digest, "heads": found.heads}
    match out.suffix.lower():
        case ".npz":
            write_file(out, detection_npz(found, about))
        case ".json":
            document = detection_coco(found, objects, credit, about)
            write_file(out, json.dumps(document, indent=1).encode())
        case _:
            write_picture(
                out,
                detection_png(picture.pixels, found, objects, words),
                _title(found),
                table=_table(objects),
                about={"Photo": credit, "Heads": found.heads, **about_weights(found.provenance)},
            )


def _title(found: Detection) -> str:
    title = NETWORKS[found.provenance.model.partition(":")[0]].title
    return (
        f"{title}, {found.provenance.weights}: {DETECTION_WAYS[found.way]}, {len(found.boxes)} "
        f"proposals, search {found.search_seconds:.2f} s, network {found.seconds:.2f} s"
    )


def _caption(found: Detection, least: float, overlap: float, credit: str) -> str:
    return (
        f"{_title(found)}\nSVM scores of at least {least:g}, suppressed above IoU {overlap:g}, "
        f"boxes refined by regression\nPhoto: {credit}"
    )


def _table(objects: tuple[DetectedObject, ...]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [each.name, f"{each.score:.2f}", *(f"{value:.0f}" for value in each.box)]
        for each in objects
    ]
    return ["object", "score", "left", "top", "right", "bottom"], rows


def _fields(found: Detection, objects: tuple[DetectedObject, ...]) -> dict[str, Any]:
    return {
        "model": found.provenance.model,
        "way": found.way,
        "proposals": len(found.boxes),
        "objects": [
            {"class": each.name, "score": each.score, "box": list(each.box)} for each in objects
        ],
        "seconds": {"search": found.search_seconds, "network": found.seconds},
        "heads": found.heads,
        "notes": list(found.notes),
        "provenance": provenance_fields(found.provenance),
    }
