"""A channel through a clip as one picture: frames above, their maps on one scale below."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.clip_frames import scaled, signed
from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.kernel_slices import captioned_png
from vgg_viz.results import ClipMaps, Picture

TILE, GAP, LINE, MOST = 128, 6, 18, 12  # px; tiles in a row


def clip_sheet_png(
    pictures: Sequence[Picture],
    seconds: Sequence[float],
    maps: ClipMaps,
    channel: int,
    caption: str,
) -> bytes:
    """Return a PNG of every frame with the map of `channel` below it; `caption` at the end.

    `pictures` are what the network saw of the frames, in their order.
    """
    at = maps.channels.index(channel)
    colours = lookup_table("red_blue" if signed(maps) else "viridis")
    drawn = scaled(maps)[:, at]
    columns = min(MOST, len(pictures))
    cell = (TILE + GAP, 2 * TILE + LINE + 3 * GAP)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * cell[0] - GAP, rows * cell[1]), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for i, (picture, second) in enumerate(zip(pictures, seconds, strict=True)):
        left, top = i % columns * cell[0], i // columns * cell[1]
        photo = Image.fromarray(np.ascontiguousarray(picture.pixels)).resize((TILE, TILE))
        tile = Image.fromarray(colours[drawn[i]]).resize((TILE, TILE), Image.Resampling.NEAREST)
        sheet.paste(photo, (left, top))
        sheet.paste(tile, (left, top + TILE + GAP))
        words = f"{second:.2f} s, mean {maps.means[i, at]:.3g}"
        draw.text((left, top + 2 * TILE + GAP + 2), words, "black", font)
    out = BytesIO()
    sheet.save(out, "PNG")
    end = float(maps.limits[at])
    low = -end if signed(maps) else 0.0
    return captioned_png(
        out.getvalue(), f"{caption}\nColours: {low:.3g} to {end:.3g}, one scale for all frames."
    )
