"""The gallery of the fake service: bundled networks have one, coloured noise a channel."""

import zlib

import numpy as np

from vgg_viz.errors import UnknownNameError
from vgg_viz.requests import GalleryRequest
from vgg_viz.results import GalleryPictures, ModelInfo

SIDE, SIZE, STEPS, PHOTOS = 24, 96, 256, 10_000
DEAD = 5  # this channel never fires
NONE = "There is no gallery for {}; optimise it yourself below."


def gallery_pictures(request: GalleryRequest, info: ModelInfo) -> GalleryPictures:
    row = next((layer for layer in info.layers if layer.name == request.layer), None)
    if row is None:
        raise UnknownNameError.among("layer", request.layer, [x.name for x in info.convs])
    here = info.weights == "bundled"
    shown = range(row.channels) if request.channel is None else (request.channel,)
    shown = tuple(shown) if here else ()
    seed = zlib.crc32(f"{info.name} {request.layer}".encode())
    noise = np.random.default_rng(seed)
    pixels = noise.integers(0, 255, (row.channels, SIDE, SIDE, 3), dtype=np.uint8)
    values = noise.uniform(0.5, 9, row.channels).astype(np.float32)
    values[DEAD % row.channels] = -0.25
    photo_values = values / 4
    return GalleryPictures(
        model=info.name,
        weights=info.weights_title,
        layer=row.name,
        channels=shown,
        objective="class" if row.kind == "linear" else "channel",
        pixels=pixels[list(shown)],
        values=values[list(shown)],
        photo_values=photo_values[list(shown)],
        photos=PHOTOS,
        size=SIZE,
        settings=(("steps", str(STEPS)), ("parametrisation", "fourier"), ("seed", "0")),
        missing="" if here else NONE.format(info.weights_title),
    )
