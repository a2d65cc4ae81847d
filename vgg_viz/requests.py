"""Questions to the model service: frozen, hashable, small. No arrays inside.

A `model` is "<network>:<weights>", for example "vgg16:bundled" or "zfnet_b:imagenet". An `image` is
the name of a bundled sample ("cat") or the sha256 hex digest that `put_image` returned.
"""

from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class ClassifyRequest:
    """Which classes does the model see?"""

    model: str
    image: str
    precision: Precision = "fp32"


@dataclass(frozen=True)
class AttributionRequest:
    """Where does the score come from? `layer` None: last convolution; `target` None: top-1."""

    model: str
    image: str
    layer: str | None = None
    target: int | None = None
    method: str = "grad_cam"
    precision: Precision = "fp32"


@dataclass(frozen=True)
class ActivationsRequest:
    """The maps of a layer after its ReLU, its `count` strongest channels (highest mean) first.

    `channels`, when given, asks for exactly these channels instead.
    """

    model: str
    image: str
    layer: str | None = None
    count: int = 32
    channels: tuple[int, ...] = ()
    precision: Precision = "fp32"


@dataclass(frozen=True)
class PictureRequest:
    """The photo itself; with a `model`, the square region of it that this model sees."""

    image: str
    model: str | None = None
    size: int = 448


Request = ClassifyRequest | AttributionRequest | ActivationsRequest | PictureRequest


@dataclass(frozen=True)
class FetchWeightsJob:
    """Fetch ImageNet weights from their publisher into the user's cache, hash checked."""

    model: str


Job = FetchWeightsJob
