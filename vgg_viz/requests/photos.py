"""Questions about one photo and a model."""

from dataclasses import dataclass

from vgg_viz.requests.base import Precision, Request
from vgg_viz.results import Activations, Attribution, Classification, Picture


@dataclass(frozen=True)
class ClassifyRequest(Request[Classification]):
    """Which classes does the model see?"""

    model: str
    image: str
    precision: Precision = "fp32"


@dataclass(frozen=True)
class AttributionRequest(Request[Attribution]):
    """Where does the score come from? `layer` None: last convolution; `target` None: top-1."""

    model: str
    image: str
    layer: str | None = None
    target: int | None = None
    method: str = "grad_cam"
    precision: Precision = "fp32"


@dataclass(frozen=True)
class ActivationsRequest(Request[Activations]):
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
class PictureRequest(Request[Picture]):
    """The photo itself; with a `model`, the square region of it that this model sees."""

    image: str
    model: str | None = None
    size: int = 448
