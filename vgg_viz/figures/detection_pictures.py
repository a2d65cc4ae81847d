"""Found objects as files: a picture with boxes, COCO's JSON, and everything as npz."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.detection_frames import class_colour
from vgg_viz.figures.overlay import wrapped
from vgg_viz.results import DetectedObject, Detection, SSDObjects

LEAST_WIDTH = 640  # px: smaller photos are enlarged, so that names can be read
_MARGIN, _TEXT, _LINE = 12, 16, 22  # px


def detection_png(
    pixels: NDArray[np.uint8],
    found: Detection | SSDObjects,
    objects: Sequence[DetectedObject],
    caption: str,
) -> bytes:
    """The photo, uint8 (H, W, 3) of any size, with boxes and names, and `caption` below."""
    photo = Image.fromarray(pixels)
    factor = max(1.0, LEAST_WIDTH / photo.width)
    photo = photo.resize((round(photo.width * factor), round(photo.height * factor)))
    font = ImageFont.load_default(_TEXT)
    lines = [
        line
        for part in caption.splitlines()
        for line in wrapped(part, font, photo.width - 2 * _MARGIN)
    ]
    sheet = Image.new(
        "RGB", (photo.width, photo.height + _LINE * len(lines) + 2 * _MARGIN), "white"
    )
    sheet.paste(photo, (0, 0))
    draw = ImageDraw.Draw(sheet)
    scale = photo.width / found.width, photo.height / found.height
    for each in reversed(objects):  # the surest on top
        _draw_object(draw, each, scale, font, photo.size)
    for number, line in enumerate(lines):
        top = photo.height + _MARGIN + number * _LINE
        draw.text((_MARGIN, top), line, fill="black", font=font)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _draw_object(
    draw: ImageDraw.ImageDraw,
    each: DetectedObject,
    scale: tuple[float, float],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    size: tuple[int, int],
) -> None:
    left, top, right, bottom = (
        value * factor for value, factor in zip(each.box, (*scale, *scale), strict=True)
    )
    colour = class_colour(each.label)
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline="black", width=5)
    draw.rectangle((left, top, right, bottom), outline=colour, width=3)
    text = f"{each.name} {each.score:.2f}"
    width = draw.textlength(text, font=font) + 10
    x, y = max(0, min(left, size[0] - width)), max(0, min(top, size[1] - _LINE))
    draw.rectangle((x, y, x + width, y + _LINE), fill="black")
    draw.rectangle((x, y, x + 4, y + _LINE), fill=colour)
    draw.text((x + 7, y + 2), text, fill="white", font=font)


def detection_coco(
    found: Detection | SSDObjects,
    objects: Sequence[DetectedObject],
    file_name: str,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """The objects as a COCO data set of one photo: `bbox` is x, y, width, height in px.

    Each annotation has its `score` besides, so that the list serves as COCO results too.
    """
    annotations = []
    for number, each in enumerate(objects, start=1):
        left, top, right, bottom = each.box
        width, height = right - left, bottom - top
        annotations.append(
            {
                "id": number,
                "image_id": 1,
                "category_id": each.label + 1,
                "bbox": [round(value, 2) for value in (left, top, width, height)],
                "area": round(width * height, 2),
                "iscrowd": 0,
                "score": each.score,
            }
        )
    image = {"id": 1, "file_name": file_name, "width": found.width, "height": found.height}
    return {
        "info": dict(about),
        "images": [image],
        "categories": [{"id": i, "name": name} for i, name in enumerate(found.classes, start=1)],
        "annotations": annotations,
    }


def detection_npz(found: Detection, about: Mapping[str, Any]) -> bytes:
    """Every proposal with every score and refined box; `numpy.load` reads it without pickle."""
    provenance = {**asdict(found.provenance), "versions": dict(found.provenance.versions)}
    whole = {
        **about,
        "classes": found.classes,
        "photo": [found.width, found.height],
        "way": found.way,
        "heads": found.heads,
        "seconds": {"search": found.search_seconds, "network": found.seconds},
        "provenance": provenance,
    }
    out = io.BytesIO()
    np.savez_compressed(
        out,
        boxes=found.boxes,
        scores=found.scores,
        refined=found.refined,
        about=np.array(json.dumps(whole)),
    )
    return out.getvalue()
