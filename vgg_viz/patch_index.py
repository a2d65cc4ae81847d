"""The file of an index of patches: for every channel, the units of many images that excite it most.

A file is an .npz without pickle: "about", a JSON text with the key and the images seen, and four
arrays (C, K) a layer. It is written beside itself first and then renamed, so that whoever reads it
finds the old one or the new one, never half of one.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from vgg_viz.errors import InputError
from vgg_viz.results import Float32

FORMAT = 1
NONE = -1  # image number of an entry that is not there
_ARRAYS = {"values": np.float32, "images": np.int32, "rows": np.int16, "columns": np.int16}


@dataclass(frozen=True)
class IndexKey:
    """What an index is of. Another one is never used in its place."""

    weights: str  # sha256 of the weights file, or of random parameters
    preprocessing: str  # in words, with all its numbers
    source: str  # "samples", or the folder's path


@dataclass(frozen=True)
class ImageStamp:
    """An image as it was when it was looked at."""

    name: str  # within its source
    size: int  # bytes
    changed: int  # time of its last change in ns, or a checksum: another one is another image


@dataclass(frozen=True, eq=False)
class LayerTop:
    """The units of each channel of a layer with the largest values, largest first; all (C, K).

    A channel with fewer than K has entries with value -inf and image NONE at its end.
    """

    values: Float32  # before the ReLU, behind the batch norm where there is one
    images: NDArray[np.int32]  # number of the image in `PatchIndex.images`
    rows: NDArray[np.int16]
    columns: NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class PatchIndex:
    """What was found in the images seen so far."""

    key: IndexKey
    images: tuple[ImageStamp, ...]  # seen, in the order of their names
    broken: tuple[ImageStamp, ...]  # could not be read
    layers: Mapping[str, LayerTop]  # every convolution


def read(path: Path) -> PatchIndex | None:
    """The index in a file; None when there is no such file. InputError when it is damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            return _checked(json.loads(str(data["about"])), data)
    except FileNotFoundError:
        return None
    # What numpy, zipfile and zlib raise on damaged files.
    except (
        *(OSError, ValueError, KeyError, IndexError, TypeError, EOFError, NotImplementedError),
        *(zipfile.BadZipFile, zlib.error, MemoryError),
    ) as error:
        raise InputError(f"The index {path.name} is damaged ({error}).") from error


def write(path: Path, index: PatchIndex, *, compressed: bool = False) -> None:
    """Put `index` in the place of the file, at once. InputError when that fails."""
    about = {
        "format": FORMAT,
        "key": asdict(index.key),
        "images": [[image.name, image.size, image.changed] for image in index.images],
        "broken": [[image.name, image.size, image.changed] for image in index.broken],
        "layers": list(index.layers),
    }
    arrays = {
        f"{layer}.{name}": getattr(top, name)
        for layer, top in index.layers.items()
        for name in _ARRAYS
    }
    out = BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(out, about=np.array(json.dumps(about, separators=(",", ":"))), **arrays)
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(out.getvalue())
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"The index {path} cannot be written: {error.strerror or error}. Check who may write "
            "there and how much room is left."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def renumbered(index: PatchIndex, names: Mapping[str, int]) -> dict[str, LayerTop]:
    """The layers with image numbers of another list: `names` maps every image to its number."""
    # One more at the end, which NONE (-1) finds.
    numbers = np.array([*(names[image.name] for image in index.images), NONE], np.int32)
    return {
        layer: LayerTop(top.values, numbers[top.images], top.rows, top.columns)
        for layer, top in index.layers.items()
    }


def _checked(about: Mapping[str, object], data: Mapping[str, np.ndarray]) -> PatchIndex:
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']}")
    images, broken = (_stamps(about[name]) for name in ("images", "broken"))
    layers = {str(name): _layer(str(name), len(images), data) for name in about["layers"]}  # type: ignore[attr-defined]
    return PatchIndex(IndexKey(**about["key"]), images, broken, layers)  # type: ignore[arg-type]


def _stamps(rows: object) -> tuple[ImageStamp, ...]:
    return tuple(ImageStamp(str(name), int(size), int(at)) for name, size, at in rows)  # type: ignore[attr-defined]


def _layer(name: str, images: int, data: Mapping[str, np.ndarray]) -> LayerTop:
    top = LayerTop(**{part: data[f"{name}.{part}"] for part in _ARRAYS})
    shape = top.values.shape
    for part, kind in _ARRAYS.items():
        array = getattr(top, part)
        if array.dtype != kind or array.shape != shape or array.ndim != 2:
            raise ValueError(f"{name}.{part} is {array.dtype} {array.shape}")
    if shape[1] and not (int(top.images.min()) >= NONE and int(top.images.max()) < images):
        raise ValueError(f"{name} names images that are not listed")
    return top
