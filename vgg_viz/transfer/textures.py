"""Style pictures of the program's own: drawn by rule, the same in every run, free to use.

No torch: numpy draws fields, Pillow strokes. Each is square, SIDE px, and repeats one kind of mark,
since that is what a Gram matrix keeps of a picture.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vgg_viz.errors import UnknownNameError

Pixels = NDArray[np.uint8]
Field = NDArray[np.float64]  # (SIDE, SIDE)

SIDE = 512  # px
AUTHOR, LICENCE = "drawn by vgg-viz", "CC0 1.0"
_STEP = 8  # px between two points of a bent stroke


@dataclass(frozen=True)
class Texture:
    """A name for requests, a title for people, and what draws it."""

    name: str
    title: str
    draw: Callable[[np.random.Generator], Image.Image]


def texture(name: str) -> Pixels:
    """The pixels, (SIDE, SIDE, 3), read-only; UnknownNameError when there is no such texture."""
    if name not in TEXTURES:
        raise UnknownNameError.among("texture", name, TEXTURES)
    return _drawn(name)


@lru_cache(maxsize=16)
def _drawn(name: str) -> Pixels:
    seed = int.from_bytes(name.encode()[-8:], "little")
    pixels = np.array(TEXTURES[name].draw(np.random.default_rng(seed)).convert("RGB"), np.uint8)
    pixels.flags.writeable = False
    return pixels


# --- fields --------------------------------------------------------------------------------------


def _smooth(rng: np.random.Generator, cells: int) -> Field:
    """Noise between 0 and 1 that changes over SIDE / cells px."""
    coarse = Image.fromarray(rng.random((cells + 3, cells + 3)).astype(np.float32))
    large = coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    field = np.asarray(large, np.float64)
    return np.asarray((field - field.min()) / max(float(np.ptp(field)), 1e-9), np.float64)


def _cloudy(rng: np.random.Generator, first: int = 3, octaves: int = 5) -> Field:
    """Noise of several scales, each half as strong as the one before."""
    parts = [_smooth(rng, first * 2**k) / 2**k for k in range(octaves)]
    field = np.sum(parts, axis=0)
    return np.asarray((field - field.min()) / np.ptp(field), np.float64)


def _coloured(field: Field, stops: str) -> Image.Image:
    """A field of 0 to 1 in the colours of `stops`, evenly spread, as hex numbers."""
    colours = np.array([_rgb(stop) for stop in stops.split()], np.float64)
    at = np.linspace(0, 1, len(colours))
    channels = [np.interp(field, at, colours[:, c]) for c in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))


def _rgb(stop: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(stop)
    return red, green, blue


def _axes() -> tuple[Field, Field]:
    """Row and column of every px."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    return rows, columns


def _cells(rng: np.random.Generator, count: int) -> tuple[NDArray[np.intp], Field]:
    """For every px the nearest of `count` points, and how much nearer it is than the next one."""
    jitter = rng.random((count, count, 2))
    grid = np.stack(np.meshgrid(np.arange(count), np.arange(count), indexing="ij"), axis=-1)
    points = ((grid + jitter) * SIDE / count).reshape(-1, 2)
    rows, columns = _axes()
    nearest = np.full((SIDE, SIDE), np.inf)
    second = np.full((SIDE, SIDE), np.inf)
    owner = np.zeros((SIDE, SIDE), np.intp)
    for number, (y, x) in enumerate(points):
        # Only px around a point can be its own.
        reach = 3 * SIDE // count
        top, left = max(0, int(y) - reach), max(0, int(x) - reach)
        part = np.s_[top : int(y) + reach, left : int(x) + reach]
        distance = np.hypot(rows[part] - y, columns[part] - x)
        closer = distance < nearest[part]
        second[part] = np.where(closer, nearest[part], np.minimum(second[part], distance))
        owner[part] = np.where(closer, number, owner[part])
        nearest[part] = np.minimum(nearest[part], distance)
    return owner, second - nearest


# --- marks ---------------------------------------------------------------------------------------


def _strokes(
    rng: np.random.Generator,
    ground: Image.Image,
    angle: Field,
    palette: Callable[[float], str],
    *,
    count: int,
    length: int,
    width: int,
) -> Image.Image:
    """Bent strokes along the directions of `angle`, in radians."""
    draw = ImageDraw.Draw(ground)
    shade = _smooth(rng, 5)
    for _ in range(count):
        x, y = rng.random(2) * SIDE
        row, column = int(y), int(x)
        tone = float(np.clip(shade[row, column] + rng.normal(0, 0.12), 0, 0.999))
        points = [(x, y)]
        for _ in range(max(1, length // _STEP)):
            at = angle[int(np.clip(y, 0, SIDE - 1)), int(np.clip(x, 0, SIDE - 1))]
            x, y = x + _STEP * np.cos(at), y + _STEP * np.sin(at)
            points.append((x, y))
        thick = max(1, round(width * rng.uniform(0.6, 1.3)))
        draw.line(points, fill=f"#{palette(tone)}", width=thick, joint="curve")
    return ground


def _of(*colours: str) -> Callable[[float], str]:
    """The colour for a tone between 0 and 1."""
    return lambda tone: colours[int(tone * len(colours))]


def _swirls(rng: np.random.Generator) -> Image.Image:
    ground = Image.new("RGB", (SIDE, SIDE), "#1d2f63")
    angle = 4 * np.pi * _smooth(rng, 3)
    night = _of("14224f", "1f3f86", "2e62b0", "6fa3cf", "c9d8c5", "f1d65a", "f6b93b")
    return _strokes(rng, ground, angle, night, count=3200, length=48, width=8)


def _brushwork(rng: np.random.Generator) -> Image.Image:
    ground = Image.new("RGB", (SIDE, SIDE), "#8a3b1d")
    angle = 0.6 + 1.2 * (_smooth(rng, 2) - 0.5)
    warm = _of("5b1e14", "9a2f1b", "c9572a", "e58a3c", "f0bf62", "6d7f3a", "35573c")
    return _strokes(rng, ground, angle, warm, count=1600, length=56, width=18)


def _hatching(rng: np.random.Generator) -> Image.Image:
    ground = Image.new("RGB", (SIDE, SIDE), "#f3efe4")
    shade = _cloudy(rng, 2, 3)
    draw = ImageDraw.Draw(ground)
    for _ in range(9000):
        x, y = rng.random(2) * SIDE
        tone = shade[int(y), int(x)]
        if tone < rng.random() * 0.9:
            continue
        at = (0.8 if tone < 0.55 or rng.random() < 0.5 else 2.3) + rng.normal(0, 0.06)
        dx, dy = 13 * np.cos(at), 13 * np.sin(at)
        ink = f"#{_of('16161d', '33333d', '5a5a64')(rng.random())}"
        draw.line([(x - dx, y - dy), (x + dx, y + dy)], fill=ink, width=2)
    return ground


def _dots(rng: np.random.Generator) -> Image.Image:
    ground = Image.new("RGB", (SIDE, SIDE), "#efe6cf")
    draw = ImageDraw.Draw(ground)
    shade = _cloudy(rng, 3, 2)
    hues = _of("e8c34a", "7fb069", "2a9d8f", "3a6ea5", "6a4c93", "d1495b", "f08a4b")
    for _ in range(12000):
        x, y = rng.random(2) * SIDE
        tone = float(np.clip(shade[int(y), int(x)] + rng.normal(0, 0.16), 0, 0.999))
        r = rng.uniform(2.5, 4.5)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=f"#{hues(tone)}")
    return ground


# --- patterns ------------------------------------------------------------------------------------


def _mosaic(rng: np.random.Generator) -> Image.Image:
    owner, edge = _cells(rng, 22)
    tones = rng.random(owner.max() + 1)
    picture = np.asarray(
        _coloured(tones[owner], "0b3954 087e8b 3fb8af bfd7ea f4e9cd ff5a5f c81d25")
    ).copy()
    picture[edge < 2.5] = (235, 230, 220)
    return Image.fromarray(picture)


def _stained_glass(rng: np.random.Generator) -> Image.Image:
    owner, edge = _cells(rng, 9)
    tones = rng.random(owner.max() + 1)
    light = 0.75 + 0.25 * _cloudy(rng, 4, 3)
    glass = np.asarray(
        _coloured(tones[owner], "123a9c 1d7fd1 18a558 f2c230 e8772e c4233c 6a1b78"), np.float64
    )
    picture = (glass * light[..., None]).round().astype(np.uint8)
    picture[edge < 7] = (18, 18, 22)
    return Image.fromarray(picture)


def _marble(rng: np.random.Generator) -> Image.Image:
    rows, columns = _axes()
    veins = np.sin((columns + 0.6 * rows) / 34 + 9 * _cloudy(rng, 3, 6))
    return _coloured(np.abs(veins) ** 0.55, "23313d 56707f a9b8bd dfe3df f4f2ea")


def _wood(rng: np.random.Generator) -> Image.Image:
    rows, columns = _axes()
    rings = np.hypot(columns - 620, 0.16 * (rows - 200)) / 11 + 5 * _smooth(rng, 4)
    grain = 0.75 * (rings % 1) + 0.25 * _smooth(rng, 120)
    return _coloured(grain, "4a2812 7d4a22 a9713a cf9a5c e3bd85")


def _scales(_: np.random.Generator) -> Image.Image:
    """Rows of overlapping discs with rings, each row over the one above it."""
    picture = Image.new("RGB", (SIDE, SIDE), "#f2ede1")
    draw = ImageDraw.Draw(picture)
    radius = 32
    colours = ("1c4e80", "f2ede1", "1c4e80", "f2ede1", "7fb2d9", "f2ede1")
    for number, y in enumerate(range(-radius, SIDE + 3 * radius, radius // 2)):
        for x in range(-radius + radius * (number % 2), SIDE + radius, 2 * radius):
            for ring, colour in enumerate(colours):
                r = radius * (1 - ring / len(colours))
                draw.ellipse((x - r, y - r, x + r, y + r), fill=f"#{colour}")
    return picture


def _weave(rng: np.random.Generator) -> Image.Image:
    rows, columns = _axes()
    band = 16
    over = ((rows // band + columns // band) % 2).astype(bool)
    across = np.where(over, rows % band, columns % band) / band
    along = np.where(over, rows // band, 1000 + columns // band).astype(int)
    tones = rng.random(2000)[along]
    light = 0.35 + 0.65 * np.sin(np.pi * across)
    threads = np.asarray(
        _coloured(tones, "5c1a1b 8c2f39 b23a48 e8a87c f3d9b1 41624f 1f3b4d"), np.float64
    )
    return Image.fromarray((threads * light[..., None]).round().astype(np.uint8))


TEXTURES: Mapping[str, Texture] = {
    each.name: each
    for each in (
        Texture("texture-swirls", "Swirling strokes", _swirls),
        Texture("texture-brushwork", "Broad brushwork", _brushwork),
        Texture("texture-dots", "Coloured dots", _dots),
        Texture("texture-hatching", "Ink hatching", _hatching),
        Texture("texture-mosaic", "Mosaic", _mosaic),
        Texture("texture-glass", "Stained glass", _stained_glass),
        Texture("texture-scales", "Wave scales", _scales),
        Texture("texture-weave", "Woven threads", _weave),
        Texture("texture-marble", "Marble", _marble),
        Texture("texture-wood", "Wood grain", _wood),
    )
}
