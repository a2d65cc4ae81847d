"""An attribution over the photo: as a frame for the browser, and as a PNG to keep.

Positive evidence is drawn (plasma, 0 to the limit); a method with signs gets a diverging scale
centred at 0. The first quarter of the scale fades in, so that the photo stays visible where there
is no evidence; FADE in overlay.js is the same ramp.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.colours import ColourMap, lookup_table
from vgg_viz.figures.frames import pack
from vgg_viz.results import Attribution, Picture

Scale = Literal["shared", "own"]

FADE = 4.0  # opacity grows linearly over the first quarter of the scale
NO_EVIDENCE = "No positive evidence for this class at this layer"
NOTHING = "The map is 0 everywhere: nothing is drawn"
NOT_NUMBERS = "Some values are not numbers: these weights are damaged"
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_TEXT, _LINE, _MARGIN, _BAR = 16, 22, 12, 14  # px


def shared_limit(attributions: Iterable[Attribution], quantile: float = 1.0) -> float:
    """Return the end of a scale that fits all: their largest drawn magnitude, 0 when all are 0.

    With a `quantile` below 1 the largest of those quantiles.
    """
    return max((drawn_limit(attribution, quantile) for attribution in attributions), default=0.0)


def drawn_limit(attribution: Attribution, quantile: float = 1.0) -> float:
    """The largest magnitude that is drawn of one attribution, or a quantile of them.

    A quantile of 0 ends no scale: the largest magnitude then takes its place.
    """
    raw = _finite(attribution.grid)
    drawn = np.maximum(raw, 0) if attribution.relu else np.abs(raw)
    largest = float(drawn.max(initial=0))
    return largest if quantile >= 1 else float(np.quantile(drawn, quantile)) or largest


def overlay_frame(
    picture: Picture,
    attribution: Attribution,
    *,
    limit: float | None = None,
    quantile: float = 1.0,
    label: str = "",
    title: str | None = None,
    box: tuple[float, float, float, float] | None = None,
    enlarges: bool = False,
) -> bytes:
    """Return the frame of component `overlay`.

    `limit` is the end of a scale shared with other pictures; None: the attribution's own, at this
    `quantile` of its magnitudes. `title` says what the map is; None: Grad-CAM of its class at its
    layer. `box` is drawn: left, top, right, bottom in shares of the picture. With `enlarges` a
    click shows it larger. The grid travels as float16 of value / unit, so that magnitudes outside
    float16's range keep 3 digits.
    """
    own = drawn_limit(attribution)
    raw = _finite(attribution.grid)
    unit = float(np.abs(raw).max(initial=0)) or 1.0
    height, width = raw.shape
    header = {
        "grid": [height, width],
        "unit": unit,
        "limit": drawn_limit(attribution, quantile) if limit is None else limit,
        "own": own,
        "scale": "own" if limit is None else "shared",
        "signed": not attribution.relu,
        "empty": _remark(attribution),
        "layer": attribution.layer,
        "target": attribution.target_name,
        "label": label,
        "box": box,
        "enlarges": enlarges,
        "title": title or f"Grad-CAM of {attribution.target_name} at {attribution.layer}",
    }
    values = (raw / unit).astype("<f2")
    colours = lookup_table(_colour_map(attribution))
    parts = {"grid": values.tobytes(), "colours": colours.tobytes(), "photo": picture.jpeg}
    return pack(header, parts)


def upsample(grid: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Bilinear, align_corners=False: the value of a cell stands at the cell's centre."""
    rows, cols = _positions(grid.shape[0], height), _positions(grid.shape[1], width)
    (top, bottom, down), (left, right, across) = rows, cols
    upper = grid[top][:, left] * (1 - across) + grid[top][:, right] * across
    lower = grid[bottom][:, left] * (1 - across) + grid[bottom][:, right] * across
    weight = down[:, None]
    blended: NDArray[np.float32] = (upper * (1 - weight) + lower * weight).astype(np.float32)
    return blended


def overlay_png(
    picture: Picture,
    attribution: Attribution,
    caption: str,
    *,
    limit: float | None = None,
    opacity: float = 0.6,
) -> bytes:
    """Return a PNG of the overlay with a colour bar and `caption` below it, each line wrapped."""
    end = drawn_limit(attribution) if limit is None else limit
    blended = _blend(picture.pixels, attribution, end, opacity)
    height, width = blended.shape[:2]
    font = ImageFont.load_default(_TEXT)
    remark = _remark(attribution)
    text = f"{remark}.\n{caption}" if remark else caption
    lines = [line for part in text.splitlines() for line in wrapped(part, font, width - 24)]
    sheet_height = height + 3 * _MARGIN + _BAR + _LINE * (len(lines) + 1)
    sheet = Image.new("RGB", (width, sheet_height), "white")
    sheet.paste(Image.fromarray(blended), (0, 0))
    _draw_bar(sheet, height + _MARGIN, attribution, end, font)
    draw = ImageDraw.Draw(sheet)
    y = height + 2 * _MARGIN + _BAR + _LINE
    for line in lines:
        draw.text((_MARGIN, y), line, fill="black", font=font)
        y += _LINE
    out = BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _finite(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """The grid with 0 where a damaged checkpoint made something that is no number."""
    return np.where(np.isfinite(grid), grid, np.float32(0))


def _remark(attribution: Attribution) -> str:
    """What the picture cannot say, in words."""
    if not np.isfinite(attribution.grid).all():
        return NOT_NUMBERS
    if attribution.relu and drawn_limit(attribution) <= 0:
        return NO_EVIDENCE
    return "" if attribution.grid.any() else NOTHING


def _positions(
    source: int, target: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Lower and upper source index of every target index, and the weight of the upper."""
    at = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    low = np.floor(at).astype(np.intp)
    high = np.minimum(low + 1, source - 1)
    return low, high, (at - low).astype(np.float32)


def _colour_map(attribution: Attribution) -> ColourMap:
    return "plasma" if attribution.relu else "red_blue"


def _blend(
    pixels: NDArray[np.uint8], attribution: Attribution, end: float, opacity: float
) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if end <= 0:
        return pixels
    # The paper's map is ReLU(grid), upsampled: negative cells do not pull down their neighbours.
    raw = _finite(attribution.grid)
    grid = np.maximum(raw, 0) if attribution.relu else raw
    shown = np.clip(upsample(grid, height, width) / end, -1, 1)
    strength = np.minimum(1, np.abs(shown) * FADE)[..., None] * opacity
    position = shown if attribution.relu else (shown + 1) / 2
    colours = lookup_table(_colour_map(attribution))[(position * 255).round().astype(np.intp)]
    blended: NDArray[np.uint8] = (
        (pixels * (1 - strength) + colours * strength).round().astype(np.uint8)
    )
    return blended


def _draw_bar(
    sheet: Image.Image, top: int, attribution: Attribution, end: float, font: Font
) -> None:
    """The colour bar with its two numbers."""
    colours = lookup_table(_colour_map(attribution))
    length = sheet.width - 2 * _MARGIN
    ramp = colours[np.linspace(0, 255, length).round().astype(np.intp)]  # (length, 3)
    bar = np.repeat(ramp[None], _BAR, axis=0)
    sheet.paste(Image.fromarray(bar), (_MARGIN, top))
    draw = ImageDraw.Draw(sheet)
    low, high = ("0", f"{end:.3g}") if attribution.relu else (f"-{end:.3g}", f"{end:.3g}")
    draw.text((_MARGIN, top + _BAR + 2), low, fill="black", font=font)
    right = sheet.width - _MARGIN
    draw.text((right, top + _BAR + 2), high, fill="black", font=font, anchor="ra")


def wrapped(text: str, font: Font, width: int) -> list[str]:
    """`text` in lines of at most `width` px; a longer word stands alone."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
