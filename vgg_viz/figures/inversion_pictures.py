"""Photos rebuilt from a layer's code: pictures, and a sheet to keep.

A deep layer's code hardly depends on contrast, so what is rebuilt from it is pale. `contrasted`
gives a picture the photo's contrast, for the eye; by how much is printed beside it.
"""

import math
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.chart_style import digits
from vgg_viz.figures.overlay import wrapped
from vgg_viz.results import Inversion, LayerInversion

Pixels = NDArray[np.uint8]
LEAST_SIDE = 384  # px of a picture: small inputs are enlarged by whole px, for the eye to see them
ENDS = (0.5, 99.5)  # percentiles: the ends of a picture's range
MOST_GAIN = 16.0
NO_GAIN = 1.15  # a stretch up to here is not worth its words
TILE = 256  # px of a picture on the sheet
ACROSS = 4  # at most
_MARGIN, _TEXT, _LINE = 12, 16, 22  # px


def contrasted(pixels: Pixels, photo: Pixels) -> tuple[Pixels, float]:
    """Return (H, W, 3) with the photo's contrast, one factor for all colours, and the factor.

    Range and middle of the values become those of the photo. A picture that has nearly the photo's
    contrast, or more, comes back unchanged, with a factor of 1.
    """
    low, high = np.percentile(pixels, ENDS)
    black, white = np.percentile(photo, ENDS)
    gain = min(MOST_GAIN, (white - black) / max(1.0, high - low))
    if gain < NO_GAIN:
        return pixels, 1.0
    stretched = (black + white) / 2 + gain * (pixels.astype(np.float64) - (low + high) / 2)
    return np.clip(stretched.round(), 0, 255).astype(np.uint8), float(gain)


def rebuilt_png(found: Inversion, layer: LayerInversion, *, stretched: bool) -> bytes:
    """A layer's picture, px kept as squares."""
    return plain_png(contrasted(layer.pixels, found.photo)[0] if stretched else layer.pixels)


def plain_png(pixels: Pixels) -> bytes:
    """A picture (H, W, 3) as it is, px kept as squares."""
    factor = max(1, -(-LEAST_SIDE // max(pixels.shape[:2])))
    return _png(Image.fromarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1)))


def rebuilt_words(found: Inversion, layer: LayerInversion, *, stretched: bool) -> str:
    """What is printed below a picture: "code distance 0.0093, r 0.83, contrast × 2.1"."""
    words = [f"code distance {digits(layer.distance)}"]
    if math.isfinite(layer.correlation):
        words.append(f"r\u00a0{layer.correlation:.2f}".replace("-", "−"))
    gain = contrasted(layer.pixels, found.photo)[1] if stretched else 1.0
    if gain > 1:
        words.append(f"contrast\u00a0×\u00a0{gain:.1f}")  # unbroken in a narrow column
    return ", ".join(words)


def inversion_sheet_png(
    found: Inversion, caption: str, *, stretched: bool, across: int = ACROSS
) -> bytes:
    """The photo and what was rebuilt of it, layers and numbers beside them, `caption` below."""
    tiles = [("Photo", "as the network sees it", found.photo)]
    for layer in found.layers:
        pixels = contrasted(layer.pixels, found.photo)[0] if stretched else layer.pixels
        tiles.append((layer.layer, rebuilt_words(found, layer, stretched=stretched), pixels))
    columns = min(len(tiles), across)
    font, small = ImageFont.load_default(_TEXT + 2), ImageFont.load_default(_TEXT)
    width = columns * (TILE + _MARGIN) + _MARGIN
    lines = [x for part in caption.splitlines() for x in wrapped(part, small, width - 2 * _MARGIN)]
    said = [wrapped(words, small, TILE) for _, words, _ in tiles]
    most = max(len(words) for words in said)
    step = _LINE + TILE + most * _LINE + _MARGIN
    below = _MARGIN + -(-len(tiles) // columns) * step
    sheet = Image.new("RGB", (width, below + _LINE * len(lines) + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for number, ((title, _, pixels), words) in enumerate(zip(tiles, said, strict=True)):
        left = _MARGIN + number % columns * (TILE + _MARGIN)
        top = _MARGIN + number // columns * step
        draw.text((left, top), title, fill="black", font=font)
        tile = Image.fromarray(pixels).resize((TILE, TILE), _filter(pixels))
        sheet.paste(tile, (left, top + _LINE))
        _write(draw, words, left, top + _LINE + TILE + 4, small)
    _write(draw, lines, _MARGIN, below, small)
    return _png(sheet)


def _write(
    draw: ImageDraw.ImageDraw, lines: Sequence[str], left: int, top: int, font: object
) -> None:
    for number, line in enumerate(lines):
        draw.text((left, top + _LINE * number), line, fill="black", font=font)  # type: ignore[arg-type]


def _filter(pixels: Pixels) -> Image.Resampling:
    return Image.Resampling.NEAREST if TILE % pixels.shape[0] == 0 else Image.Resampling.BICUBIC


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
