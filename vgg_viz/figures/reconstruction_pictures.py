"""What reaches back to the photo, as PNG pictures: grey is 0, red, green and blue have their signs.

A picture is 0.5 + v / (2 limit) of each value v of the signal, cut off at the ends. The limit is
the 99.8th percentile of the magnitudes that are not 0, so that single peaks do not turn everything
else grey; it is printed beside the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.frames import pack
from vgg_viz.figures.overlay import wrapped
from vgg_viz.results import RULES, Float32, Picture, Reconstruction

Pixels = NDArray[np.uint8]
PERCENTILE = 99.8
SIDE = 448  # px of a picture
LEAST_REGION = 8  # px of the input: smaller fields are shown with their surroundings
COLOURS = ("#0B6BB8", "#D9570A")  # left and right network, as in every chart
GREY = 128
_MARGIN, _TEXT, _LINE = 12, 16, 22  # px


@dataclass(frozen=True)
class Region:
    """A square of the input, in px."""

    top: int
    left: int
    side: int


def limit_of(found: Reconstruction, rules: Sequence[str]) -> float:
    """The end of a scale for the signals of `rules` together; 0 when all are 0."""
    values = np.concatenate([np.abs(found.signal(rule)).ravel() for rule in rules])
    values = values[np.isfinite(values) & (values > 0)]
    return float(np.percentile(values, PERCENTILE)) if values.size else 0.0


def region_of(found: Reconstruction, *, zoom: bool) -> Region:
    """The whole input, or the square around the units' fields that lies on it."""
    size = found.provenance.input_size
    if not zoom or not found.units:
        return Region(0, 0, size)
    spans = [(max(0, start), min(size, end)) for start, end in (found.span_y, found.span_x)]
    side = min(size, max(LEAST_REGION, *(end - start for start, end in spans)))
    top, left = (min(max(0, (start + end - side) // 2), size - side) for start, end in spans)
    return Region(top, left, side)


def signal_png(signal: Float32, limit: float, region: Region, *, side: int = SIDE) -> bytes:
    """One signal (3, H, W) within a region, about `side` px wide, px kept as squares."""
    return _png(_signal_pixels(signal, limit, region, side))


def photo_png(
    picture: Picture, found: Reconstruction, region: Region, *, series: int = 0, side: int = SIDE
) -> bytes:
    """The photo within a region, with a frame around the receptive field of each unit."""
    return _png(_photo_pixels(picture, found, region, series, side))


def photo_place_frame(
    png: bytes, *, alt: str, hint: str, place: tuple[float, float], step: float
) -> bytes:
    """Return the frame of component `photo_place`; `place` and `step` are shares of the picture."""
    header = {"alt": alt, "hint": hint, "place": list(place), "step": step}
    return pack(header, {"picture": png})


def sheet_png(
    picture: Picture,
    found: Reconstruction,
    caption: str,
    *,
    rules: Sequence[str],
    limits: Sequence[float],
    region: Region,
    series: int = 0,
) -> bytes:
    """Photo and signals beside one another, titles above, scales and `caption` below."""
    tiles = [
        ("Photo", "frame: receptive field", _photo_pixels(picture, found, region, series, SIDE))
    ]
    for rule, limit in zip(rules, limits, strict=True):
        pixels = _signal_pixels(found.signal(rule), limit, region, SIDE)
        tiles.append((RULES[rule].title, scale_words(limit), pixels))
    font, small = ImageFont.load_default(_TEXT + 4), ImageFont.load_default(_TEXT)
    width = len(tiles) * (SIDE + _MARGIN) + _MARGIN
    text = f"{found.silence}\n{caption}" if found.silence else caption
    lines = [x for part in text.splitlines() for x in wrapped(part, small, width - 2 * _MARGIN)]
    top = _MARGIN + _LINE + 6
    below = top + SIDE + _LINE + 10
    sheet = Image.new("RGB", (width, below + _LINE * len(lines) + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (title, scale, pixels) in enumerate(tiles):
        left = _MARGIN + number * (SIDE + _MARGIN)
        draw.text((left, _MARGIN), title, fill="black", font=font)
        sheet.paste(
            Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST), (left, top)
        )
        draw.text((left, top + SIDE + 4), scale, fill="black", font=small)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, below + _LINE * number), line, fill="black", font=small)
    return _png(np.asarray(sheet))


def scale_words(limit: float) -> str:
    """What the ends of the colours mean."""
    return f"grey 0, ends ±{limit:.2g}" if limit else "0 everywhere"


def _signal_pixels(signal: Float32, limit: float, region: Region, side: int) -> Pixels:
    rows = slice(region.top, region.top + region.side)
    columns = slice(region.left, region.left + region.side)
    part = np.nan_to_num(signal[:, rows, columns], nan=0, posinf=0, neginf=0)
    scaled = GREY + 127.5 * part / limit if limit else np.full(part.shape, GREY)
    pixels = np.clip(scaled, 0, 255).round().astype(np.uint8).transpose(1, 2, 0)
    cell = max(1, round(side / region.side))
    return np.asarray(pixels.repeat(cell, axis=0).repeat(cell, axis=1))


def _photo_pixels(
    picture: Picture, found: Reconstruction, region: Region, series: int, side: int
) -> Pixels:
    size = found.provenance.input_size
    across = picture.pixels.shape[1] / size  # px of the picture for one of the input
    part = (region.left, region.top, region.left + region.side, region.top + region.side)
    image = Image.fromarray(picture.pixels).resize(
        (side, side), Image.Resampling.BICUBIC, box=tuple(at * across for at in part)
    )
    draw = ImageDraw.Draw(image)
    zoom = side / region.side
    for number, ((top, bottom), (left, right)) in reversed(list(enumerate(found.fields))):
        box = tuple(
            min(max(round((at - start) * zoom), 1), side - 2)
            for at, start in (
                (left, region.left),
                (top, region.top),
                (right, region.left),
                (bottom, region.top),
            )
        )
        width = 4 if number == 0 else 2
        draw.rectangle(_grown(box, 2), outline="white", width=width + 4)
        draw.rectangle(box, outline=COLOURS[series % 2], width=width)
    return np.asarray(image)


def _grown(box: tuple[int, ...], by: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return left - by, top - by, right + by, bottom + by


def _png(pixels: Pixels) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
