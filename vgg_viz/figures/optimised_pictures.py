"""Pictures by optimisation: a layer's gallery for component `picture_grid`, sheets, the curve.

Pictures are what was optimised, px for px; nothing is stretched in contrast.
"""

import math
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from vgg_viz.figures.chart_style import MARKERS, Look, digits, style
from vgg_viz.figures.frames import pack
from vgg_viz.figures.overlay import wrapped
from vgg_viz.results import FeatureVis, GalleryPictures

if TYPE_CHECKING:
    import plotly.graph_objects as go

Pixels = NDArray[np.uint8]
CELL = 64  # px of a picture in the grid's sheet; it is drawn in about 56
SHEET_QUALITY = 88  # of the JPEG: 128 pictures are about 150 kB
LEAST_SIDE = 448  # px of a picture in a file: smaller ones are enlarged by a whole factor
GAP = 8  # px between pictures
CURVE_HEIGHT = 250  # px
_MARGIN, _TEXT, _LINE = 12, 16, 22  # px


def picture_grid_frame(
    found: GalleryPictures, *, title: str, names: Sequence[str], hint: str, selected: int | None
) -> bytes:
    """Return the frame of component `picture_grid`.

    `names` are those of the pictures ("channel 12", "dog"); `selected` is a channel or class.
    """
    across = max(1, math.ceil(math.sqrt(len(found.channels))))
    header = {
        "id": f"{found.model} {found.layer}",
        "title": title,
        "names": list(names),
        "hint": hint,
        "channels": list(found.channels),
        "values": _rounded(found.values),
        "photo_values": None if found.photo_values is None else _rounded(found.photo_values),
        "side": CELL,
        "across": across,
        "selected": None if selected is None else found.place(selected),
    }
    return pack(header, {"sheet": _jpeg(_atlas(found.pixels, across))})


def picture_png(pixels: Pixels, *, side: int = LEAST_SIDE) -> bytes:
    """One picture (H, W, 3), enlarged to at least `side` px as a photo is."""
    return _png(np.asarray(_enlarged(pixels, side)))


def pictures_png(pixels: Pixels, *, background: str = "white") -> bytes:
    """Pictures (N, H, W, 3) side by side, about square."""
    return _png(_mosaic(pixels, background))


def preview_url(pixels: Pixels, *, background: str = "white") -> str:
    """The same as a data URL, a JPEG, for previews that follow fast.

    A picture with an address of its own can be gone from the server before a browser asks for it.
    """
    return "data:image/jpeg;base64," + b64encode(_jpeg(_mosaic(pixels, background))).decode()


def optimised_sheet_png(found: FeatureVis, caption: str) -> bytes:
    """All pictures with `caption` below: a file that can be understood alone."""
    side = -(-LEAST_SIDE // _columns(len(found.pixels)))
    mosaic = _mosaic(np.stack([np.asarray(_enlarged(each, side)) for each in found.pixels]))
    font = ImageFont.load_default(_TEXT)
    width = max(LEAST_SIDE, mosaic.shape[1]) + 2 * _MARGIN
    lines = [
        line for part in caption.splitlines() for line in wrapped(part, font, width - 2 * _MARGIN)
    ]
    below = mosaic.shape[0] + 2 * _MARGIN
    sheet = Image.new("RGB", (width, below + _LINE * len(lines) + _MARGIN), "white")
    sheet.paste(Image.fromarray(mosaic), (_MARGIN, _MARGIN))
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, below + _LINE * number), line, fill="black", font=font)
    return _png(np.asarray(sheet))


def objective_figure(
    found: FeatureVis, look: Look, *, series: int = 0, reference: float | None = None
) -> "go.Figure":
    """The objective at every step; `reference` is the gallery's value, dashed."""
    import plotly.graph_objects as go

    steps = np.arange(1, len(found.history) + 1)
    finite = np.where(np.isfinite(found.history), found.history, np.nan)
    figure = go.Figure(
        go.Scatter(
            x=steps,
            y=finite,
            mode="lines" if len(steps) > 1 else "markers",
            line={"color": look.colours[series % len(look.colours)], "width": 2},
            marker={"symbol": MARKERS[series % len(MARKERS)][0]},
            name="objective",
            hovertemplate="step %{x}: %{y:.4g}<extra></extra>",
        )
    )
    style(figure, look, "objective")
    figure.update_layout(height=CURVE_HEIGHT, showlegend=False, uirevision="objective")
    figure.update_xaxes(title={"text": "step", "font": {"size": 14, "color": look.text}})
    figure.update_xaxes(range=[0, max(found.steps, len(steps), 1)])
    if reference is not None:
        figure.add_hline(
            y=reference,
            line={"dash": "dash", "color": look.muted, "width": 2},
            annotation={
                "text": f"gallery {digits(reference)}",
                "font": {"size": 13, "color": look.text},
                "xanchor": "left",
                "x": 0.02,
            },
        )
    return figure


# --- pixels --------------------------------------------------------------------------------------


def _columns(count: int) -> int:
    return max(1, math.ceil(math.sqrt(count)))


def _atlas(pixels: Pixels, across: int) -> Pixels:
    rows = max(1, -(-len(pixels) // across))
    atlas = np.zeros((rows * CELL, across * CELL, 3), np.uint8)
    for i, each in enumerate(pixels):
        top, left = CELL * (i // across), CELL * (i % across)
        atlas[top : top + CELL, left : left + CELL] = np.asarray(
            Image.fromarray(each).resize((CELL, CELL), Image.Resampling.LANCZOS)
        )
    return atlas


def _mosaic(pixels: Pixels, background: str = "white") -> Pixels:
    count, height, width, _ = pixels.shape
    if count == 1:
        return np.asarray(pixels[0], np.uint8)
    columns = _columns(count)
    rows = -(-count // columns)
    shape = (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3)
    mosaic = np.empty(shape, np.uint8)
    mosaic[:] = ImageColor.getrgb(background)[:3]
    for i, each in enumerate(pixels):
        top, left = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        mosaic[top : top + height, left : left + width] = each
    return mosaic


def _enlarged(pixels: Pixels, side: int) -> Image.Image:
    factor = max(1, -(-side // max(pixels.shape[:2])))
    image = Image.fromarray(pixels)
    size = (image.width * factor, image.height * factor)
    return image if factor == 1 else image.resize(size, Image.Resampling.BICUBIC)


def _rounded(values: NDArray[np.float32]) -> list[float]:
    """Five digits; JSON has no NaN."""
    return [float(f"{value:.5g}") for value in np.nan_to_num(values).tolist()]


def _jpeg(pixels: Pixels) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=SHEET_QUALITY, subsampling=0)
    return out.getvalue()


def _png(pixels: Pixels) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
