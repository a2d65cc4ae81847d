"""`vgg-viz detect --way ssd`: objects by torchvision's SSD300."""

import json
from pathlib import Path

import typer

from vgg_viz.cli.files import about_weights, check_file, photo_credit, write_file, write_picture
from vgg_viz.cli.photos import Device
from vgg_viz.cli.service import named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.figures import detection_coco, detection_png
from vgg_viz.models.detectors import DETECTORS, SSD
from vgg_viz.requests import PictureRequest, SSDRequest
from vgg_viz.results import DetectedObject, SSDObjects

PICTURE = 1024  # px, long side


def detect_ssd(photo: str, least: float, out: Path, output: Format, device: Device) -> None:
    """Find objects of COCO's classes, write them and say what they are."""
    check_file(out, ".png", ".html", ".json")
    with open_service(device.value) as service:
        image = named_photo(service, photo)
        found = service.run(SSDRequest(image))
        picture = service.run(PictureRequest(image, size=PICTURE))
        credit = photo_credit(service.describe(), image, photo)
    objects = found.objects(least)
    title, table = _title(found), _table(objects)
    words = f"{title}\nScores (softmax) of at least {least:g}\nPhoto: {credit}"
    if out.suffix.lower() == ".json":
        about = {"description": words, "weights": found.provenance.digest}
        document = detection_coco(found, objects, credit, about)
        write_file(out, json.dumps(document, indent=1).encode())
    else:
        drawn = detection_png(picture.pixels, found, objects, words)
        about = {"Photo": credit, **about_weights(found.provenance)}
        write_picture(out, drawn, title, table=table, about=about)
    if output is Format.JSON:
        fields = {
            "photo": photo,
            out.suffix.lower()[1:]: str(out),
            "way": "ssd",
            "least": least,
            "objects": [
                {"class": each.name, "score": each.score, "box": list(each.box)} for each in objects
            ],
            "seconds": {"network": found.seconds},
            "provenance": provenance_fields(found.provenance),
        }
        typer.echo(as_json(fields))
        return
    typer.echo(f"{title}\n{as_table(*table)}\nWritten: {out}")
    entry = DETECTORS[SSD]
    typer.echo(
        f"Box mAP {entry.box_map:g} on {entry.measured_on} ({entry.source}). Full-size VGG-16, "
        "other training photos: not comparable to our heads.",
        err=True,
    )


def _title(found: SSDObjects) -> str:
    entry = DETECTORS[SSD]
    return f"{entry.title}, {entry.weights_title}, 300 px: {found.seconds:.2f} s"


def _table(objects: tuple[DetectedObject, ...]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [each.name, f"{each.score:.2f}", *(f"{value:.0f}" for value in each.box)]
        for each in objects
    ]
    return ["object", "score", "left", "top", "right", "bottom"], rows
