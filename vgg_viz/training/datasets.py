"""What a live training can learn from: generated pictures, handwritten digits, a person's folders.

The table and the folders' names are for pages and cost nothing; torch is loaded with the pictures.
"""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.models.configs import build
from vgg_viz.results import DatasetInfo
from vgg_viz.training import procedural

if TYPE_CHECKING:
    from vgg_viz.training.data import PhotoSet

logger = logging.getLogger(__name__)

FOLDER = "folder:"
TRAINING_PICTURES, VALIDATION_PICTURES = 4000, 800  # generated; 1.5 s on one core
VALIDATION_SHARE = 0.2  # of what comes without a validation set
LEAST_OF_A_CLASS = 2  # one to train on, one to validate with
LEAST_PHOTOS = 8
MOST_PHOTOS = 20_000  # 245 MB at 64 px
LISTED = 20  # broken files named one by one
SIDES = (64, 96, 128)  # px, tried in turn where a network asks for more than a data set's own

_GENERATED = DatasetInfo(
    "shapes",
    procedural.TITLE,
    f"{TRAINING_PICTURES} generated pictures of {len(procedural.CLASSES)} classes "
    f"({', '.join(procedural.CLASSES)}), {procedural.SIDE} px. Colour, light, place, size and "
    "angle are random, so that a linear model of the pixels stays near chance.",
)
_DIGITS = DatasetInfo(
    "digits",
    "handwritten digits",
    "1,797 digits of scikit-learn (UCI, 8 x 8 px), enlarged to 32 px. Easy: what fails here fails "
    "because of its initialisation or learning rate.",
)


@dataclass(frozen=True, eq=False)
class Split:
    """Pictures to train on and to validate with, and what a reader must hear about them."""

    training: "PhotoSet"
    validation: "PhotoSet"
    notes: tuple[str, ...] = ()
    mirrored: bool = True  # a mirrored picture is still of its class


def offered_folders(paths: Iterable[Path]) -> dict[str, Path]:
    """Name the folders a server offers: {"folder:flowers": /data/flowers}, each name once.

    Raises InputError for what is no folder.
    """
    named: dict[str, Path] = {}
    for path in paths:
        folder = path.expanduser().resolve()
        if not folder.is_dir():
            raise InputError(f"There is no folder {path}; give one that holds <class>/<image>.")
        name, number = f"{FOLDER}{folder.name}", 2
        while named.get(name, folder) != folder:
            name, number = f"{FOLDER}{folder.name}-{number}", number + 1
        named[name] = folder
    return named


def listed_folders(variable: str) -> tuple[Path, ...]:
    """Folders in a text like $PATH's; those that do not exist (any more) are left out."""
    paths = [Path(name) for name in variable.split(os.pathsep) if name]
    for path in paths:
        if not path.is_dir():
            logger.warning("there is no folder %s to train on", path)
    return tuple(path for path in paths if path.is_dir())


def dataset_infos(folders: Mapping[str, Path]) -> tuple[DatasetInfo, ...]:
    """What there is to train on: the built-in sets, then the offered folders."""
    own = (
        DatasetInfo(name, name.removeprefix(FOLDER), "Photos of a folder on this server, by class.")
        for name in folders
    )
    return (_GENERATED, _DIGITS, *own)


def check_dataset(name: str, folders: Mapping[str, Path]) -> None:
    """Raise UnknownNameError when there is no such data set here."""
    names = [info.name for info in dataset_infos(folders)]
    if name not in names:
        raise UnknownNameError.among("data set", name, names)


def input_side(data: str, network: str) -> int:
    """Side in px of the pictures `network` gets: the data set's own, or the least it can take."""
    own = 32 if data == _DIGITS.name else procedural.SIDE
    for side in (own, *(side for side in SIDES if side > own)):
        try:
            build(network, classes=2, input_size=side)
        except InputError:
            if side == SIDES[-1]:
                raise
        else:
            return side
    raise AssertionError(f"no side for {network}")


def load_dataset(name: str, *, side: int, folders: Mapping[str, Path], seed: int = 0) -> Split:
    """Return the pictures of a data set as squares of `side` px.

    `seed` splits what has no validation set of its own; the generated pictures are always the
    same. Raises UnknownNameError, or InputError for a folder that cannot be trained on.
    """
    check_dataset(name, folders)
    if name == _GENERATED.name:
        return _generated(side)
    if name == _DIGITS.name:
        return _digits(side, seed)
    return _folder(folders[name], side, seed)


def _generated(side: int) -> Split:
    training = procedural.shapes_and_textures(TRAINING_PICTURES, seed=0)
    validation = procedural.shapes_and_textures(VALIDATION_PICTURES, seed=1)
    return Split(
        _photo_set(*training, procedural.CLASSES, side),
        _photo_set(*validation, procedural.CLASSES, side),
    )


def _digits(side: int, seed: int) -> Split:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = (bunch.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8) of 0 to 16
    pixels = np.repeat(grey[:, None], 3, axis=1)
    photos = _photo_set(pixels, bunch.target, tuple(map(str, range(10))), side)
    return replace(_split(photos, seed), mirrored=False)


def _photo_set(
    pixels: NDArray[np.uint8], labels: NDArray[np.int64], classes: tuple[str, ...], side: int
) -> "PhotoSet":
    """Arrays (N, 3, s, s) as a PhotoSet of `side` px."""
    import torch
    import torch.nn.functional as F

    from vgg_viz.training.data import PhotoSet

    photos = torch.from_numpy(pixels.copy())  # the cached arrays are read-only
    if photos.shape[-1] != side:
        scaled = F.interpolate(photos.float(), size=(side, side), mode="bilinear", antialias=True)
        photos = scaled.round().clamp(0, 255).byte()
    return PhotoSet(photos, torch.from_numpy(labels.astype(np.int64)), classes)


# --- folders -------------------------------------------------------------------------------------


def _folder(folder: Path, side: int, seed: int) -> Split:
    from vgg_viz.training.data import load_photos

    has_split = (folder / "train").is_dir() and (folder / "val").is_dir()
    source = folder / "train" if has_split else folder
    classes = _classes(source)
    photos = load_photos(source, side=side, classes=classes)
    _check_counts(folder, photos)
    if not has_split:
        split = _split(photos, seed)
        return replace(split, notes=_broken_note(photos.broken, folder))
    validation = load_photos(folder / "val", side=side, classes=classes)
    return Split(photos, validation, _broken_note(photos.broken + validation.broken, folder))


def _classes(folder: Path) -> tuple[str, ...]:
    """Sub-folders that hold photos; InputError when they are too few or the photos too many."""
    counts = _photos_by_class(folder)
    layout = f"put photos into {folder.name}/<class>/, one folder for each class"
    if not counts:
        raise InputError(f"The folder {folder.name} holds no photos; {layout}.")
    if len(counts) == 1:
        raise InputError(f"The folder {folder.name} has one class, {next(iter(counts))}; {layout}.")
    if sum(counts.values()) > MOST_PHOTOS:
        raise InputError(
            f"The folder {folder.name} holds {sum(counts.values())} photos; offer one with "
            f"{MOST_PHOTOS} at most."
        )
    return tuple(counts)


def _photos_by_class(folder: Path) -> dict[str, int]:
    from vgg_viz.training.data import EXTENSIONS

    try:
        places = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
        counts = {
            place.name: sum(path.suffix.lower() in EXTENSIONS for path in place.iterdir())
            for place in places
        }
    except OSError as error:
        why = error.strerror or error
        raise InputError(
            f"The folder {folder.name} cannot be read ({why}); see to it on the server."
        ) from error
    return {name: count for name, count in counts.items() if count}


def _check_counts(folder: Path, photos: "PhotoSet") -> None:
    counts = np.bincount(photos.labels.numpy(), minlength=len(photos.classes))
    fewest = int(counts.argmin())
    broken = f" ({len(photos.broken)} cannot be read)" if photos.broken else ""
    if counts[fewest] < LEAST_OF_A_CLASS:
        raise InputError(
            f"The class {photos.classes[fewest]} of {folder.name} has {counts[fewest]} readable "
            f"photos{broken}; give each class at least {LEAST_OF_A_CLASS}."
        )
    if len(photos) < LEAST_PHOTOS:
        raise InputError(
            f"The folder {folder.name} has {len(photos)} readable photos{broken}; training needs "
            f"at least {LEAST_PHOTOS}."
        )


def _broken_note(broken: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    if not broken:
        return ()
    names = [str(Path(path).relative_to(folder)) for path in broken]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    files = "1 photo" if len(names) == 1 else f"{len(names)} photos"
    return (f"{files} could not be read and were left out: {', '.join(names[:LISTED])}{more}.",)


def _split(photos: "PhotoSet", seed: int) -> Split:
    """Cut VALIDATION_SHARE of every class off, at least one photo, drawn with the seed."""
    rng = np.random.default_rng(seed)
    labels = photos.labels.numpy()
    chosen = np.zeros(len(labels), bool)
    for label in range(len(photos.classes)):
        members = rng.permutation(np.flatnonzero(labels == label))
        chosen[members[: max(1, round(VALIDATION_SHARE * len(members)))]] = True
    return Split(_part(photos, ~chosen), _part(photos, chosen))


def _part(photos: "PhotoSet", chosen: NDArray[np.bool_]) -> "PhotoSet":
    import torch

    index = torch.from_numpy(np.flatnonzero(chosen))
    return replace(photos, pixels=photos.pixels[index], labels=photos.labels[index])
