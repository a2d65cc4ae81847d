"""Questions about one photo and a model."""

from dataclasses import dataclass

from vgg_viz.requests.base import Precision, Request
from vgg_viz.results import (
    Activations,
    Attribution,
    Classification,
    LayerSweep,
    MethodCost,
    ParameterValue,
    Picture,
)


@dataclass(frozen=True)
class ClassifyRequest(Request[Classification]):
    """Which classes does the model see?"""

    model: str
    image: str
    precision: Precision = "fp32"


@dataclass(frozen=True)
class AttributionRequest(Request[Attribution]):
    """Where does the score come from? `layer` None: last convolution; `target` None: top-1.

    With `versus`, of the difference of the two logits: why `target` and not that class. What
    `parameters` leaves out is at the method's default.
    """

    model: str
    image: str
    layer: str | None = None
    target: int | None = None
    method: str = "grad_cam"
    precision: Precision = "fp32"
    versus: int | None = None
    parameters: tuple[tuple[str, ParameterValue], ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class LayerSweepRequest(Request[LayerSweep]):
    """The same map at every layer: for no further pass, all come from one look at the photo.

    `method` is one whose table says `at_every_layer`; `layers` () are all convolutions. The rest as
    in AttributionRequest.
    """

    model: str
    image: str
    method: str = "grad_cam"
    target: int | None = None
    versus: int | None = None
    layers: tuple[str, ...] = ()
    precision: Precision = "fp32"
    parameters: tuple[tuple[str, ParameterValue], ...] = ()


@dataclass(frozen=True)
class MethodCostRequest(Request[MethodCost]):
    """What does a method take at a layer? Answered from tables: no network runs."""

    model: str
    method: str
    layer: str | None = None
    parameters: tuple[tuple[str, ParameterValue], ...] = ()


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
