"""Pictures by optimisation that ship with the program: read from disk, no torch, no waiting."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vgg_viz.errors import UnknownNameError
from vgg_viz.models.gallery import Gallery, gallery_of
from vgg_viz.models.registry import bundled_cards
from vgg_viz.requests import GalleryRequest
from vgg_viz.results import GalleryPictures, ModelInfo

YOURSELF = "optimise it yourself below"
# In the order in which a reader wants to know them; (name in the file, in words).
WORDS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("steps", "steps", str),
    ("learning_rate", "learning rate", "{:g}".format),
    ("parametrization", "parametrisation", str),
    ("decorrelated", "colours decorrelated", lambda on: "yes" if on else "no"),
    ("transforms", "transformations", str),
    ("precision", "precision", str),
    ("seed", "seed", str),
)


def gallery_pictures(request: GalleryRequest, info: ModelInfo) -> GalleryPictures:
    """The pictures of a layer of `info`, or why there are none.

    UnknownNameError for a layer or channel that the network does not have.
    """
    layers = {layer.name: layer for layer in info.layers}
    if request.layer not in layers:
        choices = [layer.name for layer in info.convs]
        raise UnknownNameError.among(f"layer of {info.network}", request.layer, choices)
    channels = layers[request.layer].channels
    if request.channel is not None and not 0 <= request.channel < channels:
        raise UnknownNameError(
            f"{request.layer} has channels 0 to {channels - 1}; {request.channel} is none of them."
        )
    gallery = gallery_of(info.network) if info.weights == "bundled" else None
    if gallery is None:
        return _none(request, info, f"There is no gallery for {info.weights_title}; {YOURSELF}.")
    card = bundled_cards()[info.network]
    if not gallery.matches(card.sha256):
        return _none(
            request, info, f"The gallery was made for other weights than these; {YOURSELF}."
        )
    if not gallery.has(request.layer):
        return _none(request, info, f"The gallery has no pictures of {request.layer}; {YOURSELF}.")
    return _found(request, info, gallery)


def _found(request: GalleryRequest, info: ModelInfo, gallery: Gallery) -> GalleryPictures:
    row = gallery.layers[request.layer]
    shown = tuple(range(row.channels)) if request.channel is None else (request.channel,)
    if request.channel is None:
        pixels = gallery.layer_sheet(request.layer)
    else:
        pixels = gallery.tile(request.layer, request.channel)[None]
    picked = list(shown)
    return GalleryPictures(
        model=info.name,
        weights=info.weights_title,
        layer=request.layer,
        channels=shown,
        objective=row.objective,
        pixels=pixels,
        values=row.values[picked],
        photo_values=None if row.photo_values is None else row.photo_values[picked],
        photos=row.photos,
        size=row.size,
        settings=_settings(gallery.settings),
        missing="",
    )


def _none(request: GalleryRequest, info: ModelInfo, why: str) -> GalleryPictures:
    return GalleryPictures(
        model=info.name,
        weights=info.weights_title,
        layer=request.layer,
        channels=(),
        objective="channel",
        pixels=np.zeros((0, 1, 1, 3), np.uint8),
        values=np.zeros(0, np.float32),
        photo_values=None,
        photos=0,
        size=0,
        settings=(),
        missing=why,
    )


def _settings(written: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((title, word(written[name])) for name, title, word in WORDS if name in written)
