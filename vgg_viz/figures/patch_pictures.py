"""The patches that excite a channel most beside what reaches back to them, as in ZFNet's figure 2.

A reconstruction is grey where its signal is 0 and ends at its own 99.8th percentile, as every
signal of `reconstruction_pictures`; small fields are enlarged as squares.
"""

from hashlib import blake2b
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.frames import pack
from vgg_viz.figures.overlay import wrapped
from vgg_viz.figures.reconstruction_pictures import PERCENTILE
from vgg_viz.results import Float32, Patch, TopPatches

Pixels = NDArray[np.uint8]
SIDE = 160  # px of a patch on a sheet
SHOWN = 9
GREY = 128
_GAP, _MARGIN, _TEXT, _LINE = 4, 16, 16, 22  # px


def patch_frame(found: TopPatches, *, selected: int | None = None, hint: str = "") -> bytes:
    """The frame for component `patch_grid`: patches and reconstructions as PNG, words for each.

    `selected` is outlined, `hint` stands below while nothing is pointed at. A patch of a bundled
    photo can be chosen.
    """
    pairs = list(zip(_pictures(found, 0), _pictures(found, 1), strict=True))
    parts = {f"patch{number}": _png(pixels) for number, (pixels, _) in enumerate(pairs)}
    parts |= {f"signal{number}": _png(pixels) for number, (_, pixels) in enumerate(pairs)}
    header = {
        "id": blake2b(b"".join(parts.values()), digest_size=8).hexdigest(),
        "patches": [
            {
                "words": words(patch, found.layer),
                "value": f"{patch.value:.3g}",
                "pick": patch.place is not None,
            }
            for patch in found.patches
        ],
        "selected": selected,
        "hint": hint,
        "title": f"The patches that excite {found.layer}, channel {found.channel} most",
        "shown": SHOWN,
    }
    return pack(header, parts)


def words(patch: Patch, layer: str) -> str:
    """What a patch is: image, value, place."""
    return (
        f"{patch.name}: z = {patch.value:.3g} at unit ({patch.row}, {patch.column}) of {layer}; "
        f"reconstruction ±{limit_of(patch.reconstruction):.2g}"
    )


def limit_of(signal: Float32) -> float:
    """The end of a signal's scale: the 99.8th percentile of its magnitudes that are not 0."""
    values = np.abs(signal[np.isfinite(signal) & (signal != 0)])
    return float(np.percentile(values, PERCENTILE)) if values.size else 0.0


def signal_pixels(signal: Float32) -> Pixels:
    """A signal (3, h, w) as uint8 (h, w, 3): grey is 0."""
    limit = limit_of(signal)
    part = np.nan_to_num(signal, nan=0, posinf=0, neginf=0)
    scaled = GREY + 127.5 * part / limit if limit else np.full(part.shape, float(GREY))
    pixels: Pixels = np.clip(scaled, 0, 255).round().astype(np.uint8).transpose(1, 2, 0)
    return pixels


def strip_png(found: TopPatches, *, side: int = 96) -> bytes:
    """Nine patches in a row, their reconstructions below; empty places are left out."""
    count = max(1, len(found.patches))
    strip = Image.new("RGB", (count * (side + _GAP) - _GAP, 2 * side + _GAP), "white")
    for part in range(2):
        for number, pixels in enumerate(_pictures(found, part)):
            place = number * (side + _GAP), part * (side + _GAP)
            strip.paste(_enlarged(pixels, side), place)
    return _png(np.asarray(strip))


def sheet_png(found: TopPatches, caption: str, *, side: int = SIDE) -> bytes:
    """Nine patches beside nine reconstructions, as in the figure, with `caption` below."""
    font, small = ImageFont.load_default(_TEXT + 4), ImageFont.load_default(_TEXT)
    block = 3 * (side + _GAP) - _GAP
    width = 2 * block + 3 * _MARGIN
    text = "\n".join(filter(None, (found.silence, *found.notes, caption)))
    lines = [x for part in text.splitlines() for x in wrapped(part, small, width - 2 * _MARGIN)]
    top = _MARGIN + _LINE + 6
    below = top + block + _MARGIN
    sheet = Image.new("RGB", (width, below + _LINE * len(lines) + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for part, title in enumerate(("Patches", "Deconvnet")):
        left = _MARGIN + part * (block + _MARGIN)
        draw.text((left, _MARGIN), title, fill="black", font=font)
        for number, pixels in enumerate(_pictures(found, part)):
            row, column = divmod(number, 3)
            place = left + column * (side + _GAP), top + row * (side + _GAP)
            sheet.paste(_enlarged(pixels, side), place)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, below + _LINE * number), line, fill="black", font=small)
    return _png(np.asarray(sheet))


def arrays(found: TopPatches) -> dict[str, NDArray[np.generic]]:
    """Everything shown as arrays for an .npz: (n, h, w, 3), (n, 3, h, w), (n,), (C,)."""
    patches = found.patches
    empty = np.zeros((0,), np.float32)
    return {
        "patches": np.stack([patch.pixels for patch in patches]) if patches else empty,
        "reconstructions": (
            np.stack([patch.reconstruction for patch in patches]) if patches else empty
        ),
        "values": np.array([patch.value for patch in patches], np.float32),
        "rows": np.array([patch.row for patch in patches], np.int64),
        "columns": np.array([patch.column for patch in patches], np.int64),
        "maxima": found.maxima,
    }


def _pictures(found: TopPatches, part: int) -> list[Pixels]:
    """Patches (0) or reconstructions (1), uint8 (h, w, 3)."""
    size = found.provenance.input_size
    if part == 0:
        return [visible(patch, patch.pixels, size) for patch in found.patches]
    return [visible(p, signal_pixels(p.reconstruction), size) for p in found.patches]


def visible(patch: Patch, pixels: Pixels, size: int) -> Pixels:
    """Of a field larger than the input only the input: grey where the unit does not see it."""
    (top, bottom), (left, right) = patch.span_y, patch.span_x
    if max(bottom - top, right - left) <= size:
        return pixels
    whole = np.full((size, size, 3), GREY, np.uint8)
    rows, columns = slice(max(top, 0), bottom), slice(max(left, 0), right)
    seen = pixels[max(-top, 0) : size - top, max(-left, 0) : size - left]
    whole[rows, columns] = seen
    return whole


def _enlarged(pixels: Pixels, side: int) -> Image.Image:
    """A field smaller than half the side is shown px by px."""
    image = Image.fromarray(pixels)
    fine = 2 * max(image.size) > side
    kind = Image.Resampling.BICUBIC if fine else Image.Resampling.NEAREST
    return image.resize((side, side), kind)


def _png(pixels: Pixels) -> bytes:
    out = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG")
    return out.getvalue()
