"""A style transfer as pictures: what was painted, Gram matrices, a sheet to keep."""

from base64 import b64encode
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.chart_style import digits
from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.overlay import wrapped
from vgg_viz.results import Float32, Styled, StyleLayer

Pixels = NDArray[np.uint8]
LEAST_SIDE = 512  # px of a painted picture in a file
GRAM_SIDE = 128  # px of a Gram matrix on screen, at least
PREVIEW_QUALITY = 90
TILE = 320  # px of a picture on the sheet
_MARGIN, _TEXT, _LINE = 12, 16, 22  # px
_BRIGHT = 99.0  # percentile of both matrices where the colours end: a few entries are huge


def styled_png(pixels: Pixels) -> bytes:
    """A picture (S, S, 3), enlarged as a photo is."""
    factor = max(1, -(-LEAST_SIDE // max(pixels.shape[:2])))
    image = Image.fromarray(pixels)
    size = (image.width * factor, image.height * factor)
    return _png(image if factor == 1 else image.resize(size, Image.Resampling.BICUBIC))


def styled_url(pixels: Pixels) -> str:
    """The same as a data URL, a JPEG, for previews that follow fast.

    A picture with an address of its own can be gone from the server before a browser asks for it.
    """
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=PREVIEW_QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + b64encode(out.getvalue()).decode()


def gram_order(layer: StyleLayer) -> NDArray[np.intp]:
    """Channels by their mean square in the style picture, the largest first."""
    return np.argsort(-np.diag(layer.style_gram), kind="stable")


def gram_limit(layer: StyleLayer) -> float:
    """Where the colours of a layer's Gram matrices end."""
    both = np.concatenate([layer.style_gram.ravel(), layer.content_gram.ravel()])
    return max(float(np.percentile(both, _BRIGHT)), 1e-12)


def gram_picture(matrix: Float32, layer: StyleLayer) -> Pixels:
    """A Gram matrix of a layer in colours: channels by `gram_order`, square root of the entries.

    0 is dark, `gram_limit` and all above it bright: the same for every matrix of the layer.
    """
    order = gram_order(layer)
    shares = np.sqrt(np.clip(matrix[np.ix_(order, order)] / gram_limit(layer), 0, 1))
    picture = lookup_table("viridis")[(shares * 255).round().astype(np.uint8)]
    factor = max(1, -(-GRAM_SIDE // len(picture)))
    return np.asarray(picture.repeat(factor, axis=0).repeat(factor, axis=1), np.uint8)


def gram_png(layer: StyleLayer) -> bytes:
    """A layer's matrices as a PNG, downwards: of the style, of the picture, of the photo."""
    matrices = (layer.style_gram, layer.gram, layer.content_gram)
    pictures = [gram_picture(matrix, layer) for matrix in matrices]
    side = len(pictures[0])
    gap = side // 24
    whole = np.zeros((3 * side + 2 * gap, side, 4), np.uint8)  # clear between them
    for number, picture in enumerate(pictures):
        top = number * (side + gap)
        whole[top : top + side, :, :3] = picture
        whole[top : top + side, :, 3] = 255
    return _png(Image.fromarray(whole))


def style_words(found: Styled) -> str:
    """How near it came: "style 0.031, content 0.52"."""
    return (
        f"style {digits(float(found.relative_style[-1]))}, "
        f"content {digits(float(found.relative_content[-1]))}"
    )


def style_sheet_png(found: Styled, caption: str) -> bytes:
    """Content, style and what was painted, each layer's Gram matrices below, then `caption`."""
    tiles = [("Content", found.content), ("Style", found.style), ("Painted", found.pixels)]
    width = len(tiles) * (TILE + _MARGIN) + _MARGIN
    font, small = ImageFont.load_default(_TEXT + 2), ImageFont.load_default(_TEXT)
    gram = (width - _MARGIN) // (1 + len(found.layers)) - _MARGIN
    lines = [x for part in caption.splitlines() for x in wrapped(part, small, width - 2 * _MARGIN)]
    grams = _MARGIN + _LINE + TILE + _MARGIN
    rows = (("Style", "style_gram"), ("Painted", "gram"))
    below = grams + _LINE + len(rows) * (gram + _MARGIN)
    sheet = Image.new("RGB", (width, below + _LINE * len(lines) + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (title, pixels) in enumerate(tiles):
        left = _MARGIN + number * (TILE + _MARGIN)
        draw.text((left, _MARGIN), title, fill="black", font=font)
        sheet.paste(_fitted(pixels, TILE, Image.Resampling.BICUBIC), (left, _MARGIN + _LINE))
    for number, layer in enumerate(found.layers):
        left = _MARGIN + (number + 1) * (gram + _MARGIN)
        draw.text((left, grams), layer.layer, fill="black", font=small)
        for row, (_, name) in enumerate(rows):
            tile = _fitted(gram_picture(getattr(layer, name), layer), gram, Image.Resampling.BOX)
            sheet.paste(tile, (left, grams + _LINE + row * (gram + _MARGIN)))
    for row, (title, _) in enumerate(rows):
        top = grams + _LINE + row * (gram + _MARGIN)
        draw.text((_MARGIN, top), f"{title}:\nGram\nmatrices", fill="black", font=small)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, below + _LINE * number), line, fill="black", font=small)
    return _png(sheet)


def _fitted(pixels: Pixels, side: int, way: Image.Resampling) -> Image.Image:
    return Image.fromarray(pixels).resize((side, side), way)


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
