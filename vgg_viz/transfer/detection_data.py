"""Photos with boxes around their objects: COCO's format, read from a folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vgg_viz.errors import ImageError, InputError
from vgg_viz.images import Pixels, decode
from vgg_viz.transfer.boxes import Boxes


@dataclass(frozen=True, eq=False)
class Annotated:
    """A photo's objects; its pixels are read when they are needed."""

    file: Path
    boxes: Boxes  # (n, 4): left, top, right, bottom, px
    labels: NDArray[np.intp]  # (n,): numbers of classes
    difficult: NDArray[np.bool_]  # (n,): neither asked for nor counted as wrong

    def pixels(self) -> Pixels:
        """The photo, uint8 (H, W, 3); InputError when it cannot be read."""
        try:
            return decode(self.file.read_bytes()).pixels
        except (OSError, ImageError) as error:
            raise InputError(f"The photo {self.file.name} cannot be read ({error}).") from error


@dataclass(frozen=True, eq=False)
class Annotations:
    """Photos of a split and the names of their classes."""

    classes: tuple[str, ...]
    photos: tuple[Annotated, ...]

    def some(self, count: int, seed: int) -> "Annotations":
        """`count` of the photos, drawn by `seed`, in the order of the split."""
        order = np.random.default_rng(seed).permutation(len(self.photos))[:count]
        return Annotations(self.classes, tuple(self.photos[i] for i in sorted(order.tolist())))


def load_annotations(folder: Path, split: str) -> Annotations:
    """Read `folder/<split>.json` in COCO's format, of the photos in `folder/<split>/`.

    InputError when it is not there or cannot be understood.
    """
    path = folder / f"{split}.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        classes = tuple(each["name"] for each in data["categories"])
        number = {each["id"]: i for i, each in enumerate(data["categories"])}
        objects: dict[int, list[tuple[Sequence[float], int, bool]]] = {}
        for each in data["annotations"]:
            found = each["bbox"], number[each["category_id"]], bool(each.get("difficult", 0))
            objects.setdefault(each["image_id"], []).append(found)
        photos = tuple(
            _annotated(folder / split / Path(each["file_name"]).name, objects.get(each["id"], []))
            for each in data["images"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path.name} in {folder.name} cannot be read as COCO annotations ({error}); give the "
            "folder that holds train.json and val.json with the photos in train/ and val/."
        ) from error
    if not photos:
        raise InputError(f"{path.name} names no photos.")
    return Annotations(classes, photos)


def _annotated(file: Path, objects: list[tuple[Sequence[float], int, bool]]) -> Annotated:
    corners = np.array([box for box, _, _ in objects], np.float64).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    return Annotated(
        file,
        corners,
        np.array([label for _, label, _ in objects], np.intp),
        np.array([hard for _, _, hard in objects], np.bool_),
    )
