"""All channels of a layer on one sheet, as a PNG to keep."""

import math
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.map_frames import map_limit
from vgg_viz.results import LayerChannels

GAP, MARGIN, LINE, TEXT = 2, 12, 22, 16  # px
WIDE = 1200  # px of the sheet, about
CELLS = range(8, 113)  # px of a map


def map_sheet_png(channels: LayerChannels, caption: str, *, limit: float | None = None) -> bytes:
    """Return a PNG of every map in the order of the channels, `caption` below.

    Colours run from 0 (or -limit, where there are negative values) to `limit`, None: the layer's
    largest magnitude; the last line says so.
    """
    end = map_limit(channels) if limit is None else limit
    count = len(channels.maps)
    columns = max(4, math.ceil(math.sqrt(count * 1.6)))
    cell = max(CELLS.start, min(CELLS.stop - 1, WIDE // columns))
    width = columns * (cell + GAP) - GAP + 2 * MARGIN
    rows = math.ceil(count / columns)
    signed = bool((channels.lows < 0).any())
    lines = [*caption.splitlines(), _scale(channels, end, signed=signed)]
    font = ImageFont.load_default(TEXT)
    wide = max(width, *(int(font.getlength(line)) + 2 * MARGIN for line in lines))
    height = MARGIN + rows * (cell + GAP) + MARGIN + LINE * len(lines) + MARGIN // 2
    sheet = Image.new("RGB", (wide, height), "white")
    for i, pixels in enumerate(_coloured(channels, end, signed=signed)):
        tile = Image.fromarray(pixels).resize((cell, cell), _filter(pixels, cell))
        at = (MARGIN + i % columns * (cell + GAP), MARGIN + i // columns * (cell + GAP))
        sheet.paste(tile, at)
    draw = ImageDraw.Draw(sheet)
    for i, line in enumerate(lines):
        draw.text((MARGIN, height - MARGIN // 2 - LINE * (len(lines) - i)), line, "black", font)
    out = BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _coloured(channels: LayerChannels, end: float, *, signed: bool) -> NDArray[np.uint8]:
    """(C, h, w, 3)."""
    spans = (channels.highs - channels.lows)[:, None, None]
    values = channels.lows[:, None, None] + channels.maps / 255 * spans
    shares = values / (end or 1.0)
    if signed:
        shares = (shares + 1) / 2
    colours = lookup_table("red_blue" if signed else "viridis")
    pixels: NDArray[np.uint8] = colours[np.clip((255 * shares).round(), 0, 255).astype(np.uint8)]
    return pixels


def _filter(pixels: NDArray[np.uint8], cell: int) -> Image.Resampling:
    return Image.Resampling.NEAREST if cell >= pixels.shape[0] else Image.Resampling.BOX


def _scale(channels: LayerChannels, end: float, *, signed: bool) -> str:
    pooled = f"; drawn max-pooled {channels.pooled} x {channels.pooled}" * (channels.pooled > 1)
    return f"Colours: {-end if signed else 0:.3g} to {end:.3g}, one scale for all maps{pooled}."
