"""Kernels and maps as PNG pictures: square cells, one scale each, nothing smoothed.

Signed values are red (positive) and blue (negative), 0 is nearly white; kernels of the first layer
are drawn as colours, with grey for 0.
"""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.colours import lookup_table
from vgg_viz.results import Float32

Pixels = NDArray[np.uint8]
GAP = 2  # px between kernels
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def limit_of(*arrays: Float32) -> float:
    """The end of a scale that holds all of `arrays`: their largest magnitude, 1 for zeros."""
    return max((float(np.abs(array).max(initial=0)) for array in arrays), default=0.0) or 1.0


def kernel_png(kernel: Float32, limit: float, *, cell: int = 44) -> bytes:
    """One kernel (k, k), each value written in its cell."""
    height, width = kernel.shape
    image = Image.fromarray(_enlarged(_signed(kernel, limit), cell))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(round(cell * 0.32))
    for y in range(height):
        for x in range(width):
            value = float(kernel[y, x])
            dark = abs(value) > 0.6 * limit  # both ends of the scale are dark
            draw.text(
                ((x + 0.5) * cell, (y + 0.5) * cell),
                _number(value, limit),
                fill="white" if dark else "black",
                font=font,
                anchor="mm",
            )
    return _png(np.asarray(image))


def map_png(values: Float32, limit: float, *, side: int = 448) -> bytes:
    """A signed map (h, w), about `side` px wide."""
    cell = max(1, side // max(values.shape))
    return _png(_enlarged(_signed(values, limit), cell))


def pixels_png(pixels: Pixels, *, side: int = 448) -> bytes:
    """A picture as the network reads it, (h, w, 3), its px enlarged."""
    return _png(_enlarged(pixels, max(1, side // max(pixels.shape[:2]))))


def colour_grid_png(
    weights: Float32,
    *,
    dead: NDArray[np.bool_],
    pairs: Sequence[tuple[int, int, float]] = (),
    size: tuple[int, int] = (720, 480),
) -> bytes:
    """First-layer kernels (N, 3, k, k) as colours on one scale: grey is 0, ends are +-max|w|.

    Dead ones are crossed out; kernels that are alike carry the same letter. The picture has the
    same `size` for every layer, so that layers stand beside one another.
    """
    count, _, k, _ = weights.shape
    columns, cell = _layout(count, k, size)
    rows, step = -(-count // columns), cell * k + GAP
    sheet = Image.new("RGBA", size)  # transparent between the kernels: for light and dark pages
    draw = ImageDraw.Draw(sheet)
    scaled = np.clip(127.5 + 127.5 * weights / limit_of(weights), 0, 255)
    colours = scaled.round().astype(np.uint8).transpose(0, 2, 3, 1)  # (N, k, k, 3)
    margin = (size[0] - columns * step) // 2, (size[1] - rows * step) // 2
    marks = _letters(pairs)
    for number in range(count):
        left = margin[0] + number % columns * step
        top = margin[1] + number // columns * step
        sheet.paste(Image.fromarray(_enlarged(colours[number], cell)), (left, top))
        box = (left, top, left + cell * k - 1, top + cell * k - 1)
        if dead[number]:
            draw.line(box, fill="white", width=3)
            draw.line((box[0], box[3], box[2], box[1]), fill="white", width=3)
        if number in marks:
            _mark(draw, box, marks[number])
    return _png(np.asarray(sheet))


def _layout(count: int, k: int, size: tuple[int, int]) -> tuple[int, int]:
    """Columns, and px per weight: as large as fits, then with as few empty places as can be."""
    ways = []
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        cell = min((size[0] // columns - GAP) // k, (size[1] // rows - GAP) // k)
        ways.append((max(1, cell), columns * rows - count, columns))
    cell, _, columns = max(ways, key=lambda way: (way[0], -way[1]))
    return columns, cell


def _mark(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], letter: str) -> None:
    draw.rectangle(box, outline="white", width=2)
    font = ImageFont.load_default(max(11, (box[2] - box[0]) // 4))
    at = (box[0] + 5, box[1] + 3)
    draw.text(at, letter, fill="white", font=font, stroke_width=2, stroke_fill="black")


def _letters(pairs: Sequence[tuple[int, int, float]]) -> dict[int, str]:
    """A letter for every group of kernels that pairs connect."""
    group: dict[int, int] = {}
    for i, j, _ in pairs:
        a, b = group.setdefault(i, i), group.setdefault(j, j)
        group.update({member: a for member, g in group.items() if g == b})
    names = {g: LETTERS[n % len(LETTERS)] for n, g in enumerate(sorted(set(group.values())))}
    return {member: names[g] for member, g in group.items()}


def _signed(values: Float32, limit: float) -> Pixels:
    place = (np.clip(values / limit, -1, 1) + 1) / 2 * 255
    return np.asarray(lookup_table("red_blue")[place.round().astype(np.intp)])


def _enlarged(pixels: Pixels, cell: int) -> Pixels:
    return pixels.repeat(cell, axis=0).repeat(cell, axis=1)


def _number(value: float, limit: float) -> str:
    """Two digits of the scale's end: .13 on a scale to 0.4, 12 on one to 40."""
    places = max(0, min(4, 2 - int(np.floor(np.log10(limit))) - 1)) if limit < 100 else 0
    text = f"{value:.{places}f}"
    if not float(text):
        return "0"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text  # the font has no minus sign


def _png(pixels: Pixels) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
