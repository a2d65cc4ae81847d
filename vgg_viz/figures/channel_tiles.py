"""Some channels of a layer with a factor each: bytes for component `channel_tiles`, and a sheet."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.feature_grid import max_pooled
from vgg_viz.figures.frames import pack
from vgg_viz.results import Activations, Edited, Float32, Picture, RectangleShares

LARGEST_SIDE = 112  # px of a map in a tile
SHEET_TILE, SHEET_GAP, SHEET_TEXT = 96, 4, 18  # px
SHADE = 0.25  # brightness of what a mask takes away


def channel_tiles_frame(
    activations: Activations, factors: Mapping[int, float], *, label: str
) -> bytes:
    """Return the frame of component `channel_tiles`.

    Maps share one scale, the largest value of any channel of the layer; each travels as uint8 of
    value / that limit, and the browser multiplies it by its factor.
    """
    maps = np.nan_to_num(activations.maps, posinf=0)
    limit = float(np.nan_to_num(activations.maxima, posinf=0).max(initial=0))
    pooled, _ = max_pooled(maps, LARGEST_SIDE)
    scaled = np.clip(pooled / limit, 0, 1) if limit > 0 else np.zeros_like(pooled)
    header = {
        "layer": activations.layer,
        "label": label,
        "channels": list(activations.channels),
        "factors": [float(factors.get(channel, 1.0)) for channel in activations.channels],
        "means": [float(f"{activations.means[c]:.4g}") for c in activations.channels],
        "size": list(pooled.shape[1:]),
        "limit": limit,
    }
    values: NDArray[np.uint8] = (scaled * 255).round().astype(np.uint8)
    return pack(header, {"colours": lookup_table("viridis").tobytes(), "maps": values.tobytes()})


def changed_maps_sheet(edited: Edited, text: str, background: str) -> NDArray[np.uint8]:
    """Return one picture (h, w, 3): maps before the edit above those after it, one scale."""
    both = np.nan_to_num(np.stack((edited.maps_before, edited.maps_after)), posinf=0)
    limit = max(float(both.max(initial=0)), 1e-30)
    count = len(edited.watched_channels)
    step = SHEET_TILE + SHEET_GAP
    height = SHEET_TEXT + 2 * step
    sheet = Image.new("RGB", (SHEET_GAP + count * step, height), background)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, channel in enumerate(edited.watched_channels):
        left = SHEET_GAP + column * step
        draw.text((left, 0), f"channel {channel}", fill=text, font=font)
        for row in range(2):
            tile = _coloured(both[row, column] / limit)
            place = (left, SHEET_TEXT + row * step)
            sheet.paste(tile.resize((SHEET_TILE, SHEET_TILE), Image.Resampling.NEAREST), place)
    return np.asarray(sheet)


def masked_picture(
    picture: Picture, region: RectangleShares, side: int, *, outside: bool
) -> NDArray[np.uint8]:
    """Return the photo with the units of a map of `side` x `side` that a mask takes darkened."""
    left, top, right, bottom = region
    at = (np.arange(side) + 0.5) / side
    down, across = (at >= top) & (at < bottom), (at >= left) & (at < right)
    taken = (down[:, None] & across[None]) ^ outside  # (side, side)
    height, width = picture.pixels.shape[:2]
    rows, columns = np.arange(height) * side // height, np.arange(width) * side // width
    shade = np.where(taken[rows][:, columns], SHADE, 1.0)[..., None]
    shown: NDArray[np.uint8] = (picture.pixels * shade).round().astype(np.uint8)
    return shown


def _coloured(values: Float32) -> Image.Image:
    """Values in [0, 1] through viridis; those of logits and raw maps below 0 are drawn as 0."""
    index = (np.clip(values, 0, 1) * 255).round().astype(np.intp)
    return Image.fromarray(lookup_table("viridis")[index])
