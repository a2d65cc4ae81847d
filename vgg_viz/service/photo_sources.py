"""Where many pictures come from: a folder, or the bundled photos whole and in crops. No torch.

A source lists its pictures with a stamp of each, so that a later look tells what is new, changed or
gone, and prepares one picture at a time for a network.
"""

import math
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Protocol

from vgg_viz.errors import ImageError, InputError, UnknownNameError
from vgg_viz.images import MAX_BYTES, Photo, Sample, decode, load_samples
from vgg_viz.models.registry import assets_folder
from vgg_viz.patch_index import ImageStamp
from vgg_viz.preprocessing import Preprocessing, crop_box, prepare
from vgg_viz.results import Float32

SAMPLES = "samples"
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")  # as for trainings
MOST_FILES = 100_000
SIDES = (1.0, 0.7, 0.5)  # of a crop, as shares of the photo's short side
STEP = 0.75  # of a crop's side, at most, between two crops beside one another
WHOLE = "whole"
_DIGITS = re.compile(r"(\d+)")

Place = tuple[float, float]  # x and y as shares of the square that a network sees of a photo


class PhotoSource(Protocol):
    """Many pictures by name. `read` may be called from several threads."""

    key: str  # "samples", or the folder's path
    title: str
    noun: str  # what its pictures are called

    def listed(self) -> tuple[ImageStamp, ...]:
        """Every picture as it is now, in the order of names. InputError when that fails."""
        ...

    def group(self, name: str) -> str:
        """Pictures of one group show the same: at most one of them is kept for a channel."""
        ...

    def stamp(self, name: str) -> ImageStamp | None:
        """The picture as it is now; None when it is gone."""
        ...

    def read(self, name: str, wanted: Preprocessing) -> Float32:
        """What the network reads: float32 (3, crop, crop). ImageError when it cannot be read."""
        ...

    def sample(self, name: str) -> str:
        """The bundled photo behind a picture; "" for any other."""
        ...

    def place(self, name: str, wanted: Preprocessing, y: float, x: float) -> Place | None:
        """Where a point of the network's input, in px, lies in the bundled photo as a whole."""
        ...


def photo_source(name: str, folders: Mapping[str, Path], *, allow_paths: bool) -> PhotoSource:
    """The source called "samples" or "folder:<name>", or the folder at a path where allowed.

    UnknownNameError for any other name, InputError for a path that is no folder.
    """
    if name == SAMPLES:
        return sample_crops(assets_folder() / "images")
    if name in folders:
        return PhotoFolder(folders[name], name.removeprefix("folder:"))
    if not allow_paths:
        raise UnknownNameError.among("source of photos", name, (SAMPLES, *folders))
    folder = Path(source_key(name, folders))
    if not folder.is_dir():
        raise InputError(f"There is no folder {name}; give one that holds pictures, or samples.")
    return PhotoFolder(folder, folder.name)


def source_key(name: str, folders: Mapping[str, Path]) -> str:
    """The key of the source called `name`, without looking at it."""
    if name == SAMPLES:
        return SAMPLES
    try:
        return str(folders[name] if name in folders else Path(name).expanduser().resolve())
    except (OSError, RuntimeError, ValueError):  # no path at all
        return name


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """What to sort names by: photo 2 comes before photo 10."""
    # Text and digits alternate, so the tuples compare number with number and text with text; the
    # end comes before either.
    parts = _DIGITS.split(name.casefold())
    return (*((i % 2, int(p) if i % 2 else p) for i, p in enumerate(parts)), (-1, name))


# --- a folder ------------------------------------------------------------------------------------


class PhotoFolder:
    """The pictures in a folder and its sub-folders, named by their path within it."""

    noun = "images"

    def __init__(self, folder: Path, title: str) -> None:
        self.folder, self.key, self.title = folder, str(folder), title

    def listed(self) -> tuple[ImageStamp, ...]:
        """Each one with its size and time of change; hidden folders and files are passed over."""
        found = []
        for path in _files(self.folder):
            stamp = self.stamp(path.relative_to(self.folder).as_posix())
            if stamp is not None:
                found.append(stamp)
            if len(found) > MOST_FILES:
                raise InputError(
                    f"The folder {self.title} holds more than {MOST_FILES:,} pictures; offer a "
                    "part of it."
                )
        if not found:
            raise InputError(
                f"The folder {self.title} holds no picture ({', '.join(EXTENSIONS)}); put some "
                "into it, or choose another."
            )
        return tuple(sorted(found, key=lambda stamp: natural(stamp.name)))

    def group(self, name: str) -> str:
        """Each picture is one of its own."""
        return name

    def stamp(self, name: str) -> ImageStamp | None:
        """Size and time of change."""
        try:
            name.encode()  # a name in another encoding could not be shown
            found = (self.folder / name).stat()
        except (OSError, ValueError):
            return None
        return ImageStamp(name, found.st_size, found.st_mtime_ns)

    def read(self, name: str, wanted: Preprocessing) -> Float32:
        """Decoded with all checks of an upload."""
        try:
            with (self.folder / name).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ImageError(f"{name} cannot be read: {error.strerror or error}.") from error
        return prepare(decode(data).pixels, wanted)

    def sample(self, _: str) -> str:
        """None of them is bundled."""
        return ""

    def place(self, _name: str, _wanted: Preprocessing, _y: float, _x: float) -> Place | None:
        """Nowhere."""
        return None


def _files(folder: Path) -> Iterator[Path]:
    """Regular files that are named like pictures; links to folders are not followed."""
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as entries:
                kept = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            if place == folder:
                raise InputError(
                    f"The folder {folder.name} cannot be read: {error.strerror or error}."
                ) from error
            continue
        for entry in kept:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif Path(entry.name).suffix.lower() in EXTENSIONS and entry.is_file():
                yield Path(entry.path)


def in_turn(stamps: tuple[ImageStamp, ...]) -> list[ImageStamp]:
    """One picture of each sub-folder after the other: a limit then takes as many of each class."""
    seen: dict[str, int] = {}
    turns = []
    for stamp in stamps:
        place = stamp.name.rpartition("/")[0]
        seen[place] = seen.get(place, -1) + 1
        turns.append((seen[place], stamp))
    return [stamp for _, stamp in sorted(turns, key=lambda turn: turn[0])]


# --- the bundled photos --------------------------------------------------------------------------


@dataclass(frozen=True)
class Crop:
    """A part of a bundled photo; `box` None: as a network usually sees it."""

    sample: Sample
    box: tuple[int, int, int, int] | None = None  # left, top, right, bottom in px


class SampleCrops:
    """Every bundled photo as a network sees it, and squares of it at several scales and places."""

    key, title, noun = SAMPLES, "bundled photos", "crops"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def listed(self) -> tuple[ImageStamp, ...]:
        """Every crop; its stamp is the photo file's size and checksum."""
        return tuple(self._stamps.values())

    def group(self, name: str) -> str:
        """The crops of one photo overlap."""
        return self._crops[name].sample.name if name in self._crops else name

    def stamp(self, name: str) -> ImageStamp | None:
        """As listed: these photos do not change while the program runs."""
        return self._stamps.get(name)

    def read(self, name: str, wanted: Preprocessing) -> Float32:
        """A crop is read as a whole: its side becomes the network's input."""
        crop = self._crops[name]
        pixels = _decoded(crop.sample.file).pixels
        if crop.box is None:
            return prepare(pixels, wanted)
        left, top, right, bottom = crop.box
        return prepare(pixels[top:bottom, left:right], replace(wanted, resize=wanted.crop))

    def sample(self, name: str) -> str:
        """The photo's own name."""
        return self._crops[name].sample.name if name in self._crops else ""

    def place(self, name: str, wanted: Preprocessing, y: float, x: float) -> Place | None:
        """Cut off at the border where the point lies outside what a network sees of the photo."""
        if name not in self._crops:
            return None
        crop = self._crops[name]
        height, width = _decoded(crop.sample.file).pixels.shape[:2]
        seen = crop_box(width, height, wanted)
        left, top, right, bottom = crop.box or seen
        across = left + (x + 0.5) / wanted.crop * (right - left)
        down = top + (y + 0.5) / wanted.crop * (bottom - top)
        shares = (across - seen[0]) / (seen[2] - seen[0]), (down - seen[1]) / (seen[3] - seen[1])
        return min(max(shares[0], 0.0), 1.0), min(max(shares[1], 0.0), 1.0)

    @cached_property
    def _crops(self) -> dict[str, Crop]:
        crops = {}
        for sample in load_samples(self._folder):
            crops[f"{sample.name}, {WHOLE}"] = Crop(sample)
            height, width = _decoded(sample.file).pixels.shape[:2]
            for share in SIDES:
                side = round(share * min(width, height))
                for row, top in enumerate(_starts(height, side)):
                    for column, left in enumerate(_starts(width, side)):
                        name = f"{sample.name}, {share:.0%} crop {row + 1}.{column + 1}"
                        crops[name] = Crop(sample, (left, top, left + side, top + side))
        return crops

    @cached_property
    def _stamps(self) -> dict[str, ImageStamp]:
        files = {crop.sample.file for crop in self._crops.values()}
        marks = {file: _mark(file) for file in files}
        names = sorted(self._crops, key=natural)
        return {name: ImageStamp(name, *marks[self._crops[name].sample.file]) for name in names}


@lru_cache(maxsize=2)
def sample_crops(folder: Path) -> SampleCrops:
    """The crops of the photos in `folder`, cut out of them once."""
    return SampleCrops(folder)


def _starts(length: int, side: int) -> list[int]:
    """First px of squares of `side` px that cover `length` px, evenly spread."""
    count = 1 + math.ceil((length - side) / (STEP * side))
    return [round(i * (length - side) / max(1, count - 1)) for i in range(count)]


@lru_cache(maxsize=32)  # a dozen small photos, each cut many times
def _decoded(file: Path) -> Photo:
    try:
        return decode(file.read_bytes())
    except OSError as error:
        raise ImageError(f"{file.name} cannot be read: {error.strerror or error}.") from error


@lru_cache(maxsize=32)
def _mark(file: Path) -> tuple[int, int]:
    data = file.read_bytes()
    return len(data), zlib.crc32(data)
