"""The gallery that ships with the program: a picture for every channel, made by optimisation.

    assets/gallery/<network>.json            what it is, of which weights, with which settings
    assets/gallery/<network>/<layer>.webp    the layer's pictures, row by row in one atlas

`vgg_viz.feature_vis.gallery` writes it; this reads it. Nothing here imports torch. A gallery
belongs to one weights file: whoever shows it asks `matches` first.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vgg_viz.errors import UnknownNameError, VggVizError
from vgg_viz.models.registry import assets_folder
from vgg_viz.results import single

FORMAT = 1
COLUMNS = 16  # of tiles in an atlas

Pictures = NDArray[np.uint8]  # (..., side, side, 3)


@dataclass(frozen=True, eq=False)
class GalleryLayer:
    """The pictures of a layer: what they were made to excite, and how far they got.

    `objective` "channel" is the mean of the channel's map before its ReLU, "class" the logit.
    """

    layer: str
    row: str  # whose output it was: the convolution's, or its batch norm's
    objective: Literal["channel", "class"]
    size: int  # px of the pictures when they were made
    side: int  # px of the tiles, at most `size`
    channels: int
    values: NDArray[np.float32]  # (channels,): the objective of each picture, not transformed
    # The best of `photos` patches of photos, of the same size, for each channel; None: not compared
    photo_values: NDArray[np.float32] | None
    photos: int


@dataclass(frozen=True, eq=False)
class Gallery:
    """The gallery of one network with one set of weights."""

    network: str
    digest: str  # sha256 of the weights file
    settings: Mapping[str, Any]  # steps, learning_rate, seed, ...
    layers: Mapping[str, GalleryLayer]  # in order of computation
    folder: Path = field(repr=False)
    _sheets: dict[str, Pictures] = field(default_factory=dict, repr=False)

    def matches(self, digest: str) -> bool:
        """Whether these are pictures of the weights with this digest."""
        return self.digest == digest

    def has(self, layer: str) -> bool:
        """Whether there are pictures of `layer`."""
        return layer in self.layers

    def layer_sheet(self, layer: str) -> Pictures:
        """All pictures of a layer, uint8 (channels, side, side, 3), read-only.

        UnknownNameError for a layer without pictures, VggVizError for a damaged file.
        """
        if layer not in self.layers:
            raise UnknownNameError.among("layer of the gallery", layer, self.layers)
        if layer not in self._sheets:
            self._sheets[layer] = _tiles(self.folder / f"{layer}.webp", self.layers[layer])
        return self._sheets[layer]

    def tile(self, layer: str, channel: int) -> Pictures:
        """The picture of a channel, uint8 (side, side, 3); UnknownNameError when there is none."""
        sheet = self.layer_sheet(layer)
        if not 0 <= channel < len(sheet):
            raise UnknownNameError(
                f"The gallery of {layer} has channels 0 to {len(sheet) - 1}, not {channel}."
            )
        picture: Pictures = sheet[channel]
        return picture


def gallery_of(network: str, folder: Path | None = None) -> Gallery | None:
    """The gallery of `network` in `folder`, assets/gallery by default; None when there is none.

    Raises VggVizError when it cannot be read.
    """
    folder = folder or assets_folder() / "gallery"
    path = folder / f"{network}.json"
    if not path.is_file():
        return None
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> Gallery:  # noqa: ARG001 - a file that was rewritten is read
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}")
        return Gallery(
            network=document["network"],
            digest=document["digest"],
            settings=document["settings"],
            layers={name: _layer(name, entry) for name, entry in document["layers"].items()},
            folder=path.parent / document["network"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VggVizError(
            f"The gallery {path} cannot be read ({type(error).__name__}: {error}); reinstall "
            "vgg-viz, or make it again with `make gallery`."
        ) from error


def _layer(name: str, entry: Mapping[str, Any]) -> GalleryLayer:
    photo_values = entry["photo_values"]
    return GalleryLayer(
        layer=name,
        row=entry["row"],
        objective=entry["objective"],
        size=int(entry["size"]),
        side=int(entry["side"]),
        channels=len(entry["values"]),
        values=single(entry["values"]),
        photo_values=None if photo_values is None else single(photo_values),
        photos=int(entry["photos"]),
    )


def _tiles(path: Path, layer: GalleryLayer) -> Pictures:
    side, rows = layer.side, -(-layer.channels // COLUMNS)
    try:
        with Image.open(path, formats=["WEBP"]) as image:
            atlas = np.asarray(image.convert("RGB"))
        # (rows side, columns side, 3) -> (rows columns, side, side, 3)
        tiles = atlas.reshape(rows, side, -1, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    except (OSError, ValueError) as error:
        raise VggVizError(
            f"The gallery's picture {path} cannot be read ({error}); reinstall vgg-viz, or make "
            "it again with `make gallery`."
        ) from error
    if len(tiles) < layer.channels:
        raise VggVizError(f"{path} holds too few pictures; make it again with `make gallery`.")
    tiles = np.ascontiguousarray(tiles[: layer.channels])
    tiles.flags.writeable = False
    return tiles
