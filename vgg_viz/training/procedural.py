"""Generated pictures of eight shapes and textures, in which no pixel's colour gives a class away.

Every picture draws its own two colours, polarity, position, size, angle, light and noise, so that
the average picture of each class is the same grey: a linear model of the pixels stays near chance,
a convolutional network does not. numpy only; a seed gives the same pictures on every machine.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 64  # px
TITLE = "shapes and textures"

Float32 = NDArray[np.float32]
Coverage = Callable[[Float32, Float32, Float32, np.random.Generator], Float32]

_CHUNK = 128  # pictures drawn at once: 2 MB an array, which stays in the processor's cache
_LEAST_CONTRAST = 0.5  # Euclidean distance of the two colours; the diagonal of the cube is 1.73
_LEAST_SHADE = 0.3  # difference of their means: a picture in grey still shows its shape


def _inside(distance: NDArray[np.floating[Any]]) -> Float32:
    """Signed distance to an edge, in px -> coverage in [0, 1], one pixel of blur."""
    covered: Float32 = np.clip(0.5 - distance, 0, 1)
    return covered


def _radius(u: Float32, v: Float32) -> Float32:
    radius: Float32 = np.hypot(u, v)
    return radius


def _disc(u: Float32, v: Float32, size: Float32, _rng: np.random.Generator) -> Float32:
    return _inside(_radius(u, v) - size)


def _ring(u: Float32, v: Float32, size: Float32, _rng: np.random.Generator) -> Float32:
    return _inside(np.abs(_radius(u, v) - 0.8 * size) - 0.2 * size)


def _square(u: Float32, v: Float32, size: Float32, _rng: np.random.Generator) -> Float32:
    edge = np.maximum(np.abs(u), np.abs(v)) - 0.9 * size
    return _inside(edge)


def _triangle(u: Float32, v: Float32, size: Float32, _rng: np.random.Generator) -> Float32:
    slanted = np.maximum(0.866 * u - 0.5 * v, -0.866 * u - 0.5 * v)  # normals at 120 degrees
    edge = np.maximum(slanted, v) - 0.6 * size
    return _inside(edge)


def _cross(u: Float32, v: Float32, size: Float32, _rng: np.random.Generator) -> Float32:
    a, b, arm = np.abs(u), np.abs(v), 0.3 * size
    edge = np.minimum(np.maximum(a - arm, b - size), np.maximum(a - size, b - arm))
    return _inside(edge)


def _stripes(u: Float32, v: Float32, size: Float32, rng: np.random.Generator) -> Float32:
    period, (shift, _) = 0.7 * size, _shifts(u, rng)
    return _inside(_to_grid(u, period, shift) - period / 4) + 0 * v


def _checks(u: Float32, v: Float32, size: Float32, rng: np.random.Generator) -> Float32:
    period, (right, down) = size, _shifts(u, rng)
    a = _inside(_to_grid(u, period, right) - period / 4)
    b = _inside(_to_grid(v, period, down) - period / 4)
    return a + b - 2 * a * b


def _dots(u: Float32, v: Float32, size: Float32, rng: np.random.Generator) -> Float32:
    period, (right, down) = 0.8 * size, _shifts(u, rng)
    distance = _radius(_to_grid(u, period, right), _to_grid(v, period, down))
    return _inside(distance - 0.35 * period)


def _shifts(like: Float32, rng: np.random.Generator) -> Float32:
    """Where the grid begins, in periods, (2, n, 1, 1)."""
    return rng.random((2, len(like), 1, 1), np.float32)


def _to_grid(x: Float32, period: Float32, shift: Float32) -> Float32:
    """Distance in px to the nearest line of a grid with this period."""
    phase = x / period + shift
    distance: Float32 = np.abs(phase - np.round(phase)) * period
    return distance


_DRAWN: dict[str, Coverage] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
}
CLASSES = tuple(_DRAWN)


@cache
def shapes_and_textures(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return `count` pictures, uint8 (count, 3, SIDE, SIDE), and their labels, int64 (count,).

    Classes are as equal in number as can be and in random order. Both arrays are read-only; the
    same call gives the same arrays.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % len(CLASSES))
    pictures = np.empty((count, 3, SIDE, SIDE), np.uint8)
    for label, coverage in enumerate(_DRAWN.values()):
        members = np.flatnonzero(labels == label)
        for start in range(0, len(members), _CHUNK):
            chosen = members[start : start + _CHUNK]
            pictures[chosen] = _pictures(coverage, len(chosen), rng)
    pictures.flags.writeable = labels.flags.writeable = False
    return pictures, labels


def _pictures(coverage: Coverage, n: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    u, v, size = _frame(n, rng)
    shape = coverage(u, v, size, rng)[:, None]
    ground, figure = _two_colours(n, rng)
    picture = ground + (figure - ground) * shape
    picture *= _light(n, rng)
    noise = rng.standard_normal((n, 3, SIDE, SIDE), np.float32)
    picture += noise * rng.uniform(0, 0.05, (n, 1, 1, 1)).astype(np.float32)
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _frame(n: int, rng: np.random.Generator) -> tuple[Float32, Float32, Float32]:
    """Coordinates (n, SIDE, SIDE) in px, turned about a centre of each picture's own; sizes."""
    size = rng.uniform(11, 22, (n, 1, 1)).astype(np.float32)
    reach = SIDE / 2 - size  # the whole shape, but for a corner, lies inside
    x, y = (rng.uniform(-1, 1, (2, n, 1, 1)) * reach).astype(np.float32)
    angle = rng.uniform(-0.4, 0.4, (n, 1, 1)).astype(np.float32)
    line = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    right, down = line[None, None, :] - x, line[None, :, None] - y
    cos, sin = np.cos(angle), np.sin(angle)
    return right * cos + down * sin, down * cos - right * sin, size


def _two_colours(n: int, rng: np.random.Generator) -> tuple[Float32, Float32]:
    """Colours of ground and figure, (n, 3, 1, 1) each, far enough apart to be told from noise.

    Pairs come from one distribution in either order, so neither is the brighter on average.
    """
    first, second = rng.random((2, n, 3), np.float32)
    while len(close := np.flatnonzero(_alike(first, second))):
        first[close], second[close] = rng.random((2, len(close), 3), np.float32)
    return first[:, :, None, None], second[:, :, None, None]


def _alike(first: Float32, second: Float32) -> NDArray[np.bool_]:
    gap = first - second
    near = np.linalg.norm(gap, axis=1) < _LEAST_CONTRAST
    alike: NDArray[np.bool_] = near | (np.abs(gap.mean(axis=1)) < _LEAST_SHADE)
    return alike


def _light(n: int, rng: np.random.Generator) -> Float32:
    """A slope of light across each picture, (n, 1, SIDE, SIDE), between 0.55 and 1.45."""
    slope = rng.uniform(-0.225, 0.225, (2, n, 1, 1, 1)).astype(np.float32)
    line = np.linspace(-1, 1, SIDE, dtype=np.float32)
    light: Float32 = 1 + slope[0] * line[None, None, None, :] + slope[1] * line[None, None, :, None]
    return light
