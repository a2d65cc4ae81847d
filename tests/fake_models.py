"""What the fake service offers: models with real tables and no weights, photos that are drawn."""

import hashlib
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from vgg_viz import architecture
from vgg_viz.models.configs import build, spec
from vgg_viz.results import ModelInfo, Provenance

BUNDLED = [
    "airplane",
    "buildings",
    "cat",
    "dog",
    "elephant",
    "face",
    "flower",
    "forest",
    "giraffe",
    "glacier",
    "guitar",
    "horse",
    "leopard",
    "motorbike",
    "mountain",
    "sailboat",
    "sea",
    "street",
    "watch",
]
IMAGENET = ["tench", "cat", "crane", "crane", *(f"class {i}" for i in range(4, 1000))]
SAMPLES = ("cat", "dog", "horse", "guitar", "mountain", "coffee", "rocket", "dahlia")
TEXTURES = ("texture-swirls", "texture-mosaic")
MEBI = 2**20


def rng(*words: object) -> np.random.Generator:
    """Numbers that depend on the words alone, in every process."""
    digest = hashlib.sha256("|".join(map(str, words)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


@cache
def sample_photo(name: str) -> Image.Image:
    """A landscape picture: a disc on a gradient, different for every name."""
    noise = rng("photo", name)
    a, b = noise.integers(40, 230, (2, 3))
    t = np.linspace(0, 1, 640)[None, :, None]
    pixels = np.repeat(a * (1 - t) + b * t, 480, axis=0).astype(np.uint8)
    image = Image.fromarray(pixels)
    x, y = noise.integers(180, 400), noise.integers(140, 300)
    draw = ImageDraw.Draw(image)
    draw.ellipse((x - 90, y - 90, x + 90, y + 90), fill=tuple(noise.integers(0, 255, 3).tolist()))
    draw.rectangle((60, 380, 580, 400), fill=(240, 240, 240))
    return image


def provenance(info: ModelInfo, precision: str) -> Provenance:
    return Provenance(
        info.name,
        info.weights_title,
        "0" * 64,
        "cpu",
        precision,
        info.input_size,
        (("torch", "2.14.1"),),
    )


@cache
def fake_model(network: str, weights: str, *, available: bool = True) -> ModelInfo:
    classes, width = (BUNDLED, 0.25) if weights == "bundled" else (IMAGENET, 1.0)
    config = build(network, width=width, classes=len(classes))
    described = architecture.describe(config)
    titles = {
        "bundled": "bundled weights, 19 classes, 0.25 x width",
        "imagenet": "ImageNet weights of torchvision",
        "random": "random weights, seed 0",
    }
    return ModelInfo(
        f"{network}:{weights}",
        network,
        spec(network).title,
        weights,
        titles[weights],
        available,
        0 if available else 528 * MEBI,
        224,
        described.parameters,
        described.macs,
        tuple(classes),
        architecture.layer_infos(config),
        0.87 if weights == "bundled" else None,
        "MIT",
    )


def fake_models() -> tuple[ModelInfo, ...]:
    return (
        fake_model("zfnet_b", "bundled"),
        fake_model("vgg16", "bundled"),
        fake_model("alexnet", "imagenet"),
        fake_model("vgg16", "imagenet", available=False),
        fake_model("vgg11", "random"),
    )
