"""Questions to the model service: frozen, hashable, small. No arrays inside.

A `model` is "<network>:<weights>", for example "vgg16:bundled" or "zfnet_b:imagenet". An `image` is
the name of a bundled sample ("cat") or the sha256 hex digest that `put_image` returned.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from vgg_viz.results import (
    Activations,
    Aliasing,
    Attribution,
    Classification,
    DenseMap,
    EffectiveField,
    Factorisation,
    GradientFlow,
    Kernels,
    KernelStudy,
    LayerFactorisation,
    LayerTimings,
    Picture,
    Recording,
    SharedFactorisation,
)

Precision = Literal["fp32", "bf16"]
Design = Literal["gaussian", "edge", "stripes", "one_px"]
Answer = TypeVar("Answer")


class Request(Generic[Answer]):
    """A question; its type says what the answer is."""


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


@dataclass(frozen=True)
class EffectiveFieldRequest(Request[EffectiveField]):
    """Which px of its field does unit (row, column) of `layer` depend on, averaged over `images`?

    `channel` None: the sum of all channels. `input_size` None: the model's own; at another size
    the adaptive pool brings the last map to the grid its weights know.
    """

    model: str
    layer: str
    row: int
    column: int
    images: tuple[str, ...]
    channel: int | None = None
    input_size: int | None = None


@dataclass(frozen=True)
class LayerTimingsRequest(Request[LayerTimings]):
    """How long does each layer take on this device, and how fast could the device be?

    "<network>:random" is the paper's network at full width, built for this and forgotten: times do
    not depend on what the weights are. `input_size` None: the model's own. Another `attempt` is
    another measurement of the same.
    """

    model: str
    batch: int = 1
    input_size: int | None = None
    precision: Precision = "fp32"
    attempt: int = 0


@dataclass(frozen=True)
class DenseMapRequest(Request[DenseMap]):
    """Which classes are where? The fully-connected layers slid over the whole photo in one pass.

    `side` is the photo's short side in px. With `crops` the network is also run crop by crop, for
    comparison: as many passes as there are positions.
    """

    model: str
    image: str
    side: int
    crops: bool = False
    precision: Precision = "fp32"


@dataclass(frozen=True)
class KernelsRequest(Request[Kernels]):
    """The weights of a convolution; `layer` None: the first one."""

    model: str
    layer: str | None = None


@dataclass(frozen=True)
class KernelStudyRequest(Request[KernelStudy]):
    """What do the kernels of the first convolution pass, which are dead, which are alike?"""

    model: str


@dataclass(frozen=True)
class FactorisationRequest(Request[Factorisation]):
    """Can `channels` pairs of 3x3 kernels make this 5x5 kernel, its 25 values row by row?"""

    kernel: tuple[float, ...]
    channels: int = 1


@dataclass(frozen=True)
class LayerFactorisationRequest(Request[LayerFactorisation]):
    """Which kernels of a 5x5 layer could a pair of 3x3 make? `layer` None: the first such layer."""

    model: str
    layer: str | None = None


@dataclass(frozen=True)
class SharedFactorisationRequest(Request[SharedFactorisation]):
    """How well does a pair of 3x3 layers make a whole 5x5 layer, by the channels between them?"""

    model: str
    layer: str | None = None


@dataclass(frozen=True)
class AliasingRequest(Request[Aliasing]):
    """What does the stride of the first convolution do to a picture?

    `image` "" is the zone plate. `channel` None: by `which`, the one of median alias share
    ("typical"), of the largest ("most"), or with the strongest map ("strongest").
    """

    model: str
    image: str = ""
    channel: int | None = None
    which: Literal["typical", "most", "strongest"] = "typical"


@dataclass(frozen=True)
class DesignedAliasingRequest(Request[Aliasing]):
    """What does a stride do to a picture, with a kernel made by formula instead of learned?"""

    design: Design
    kernel: int  # px
    stride: int
    image: str = ""


@dataclass(frozen=True)
class GradientFlowRequest(Request[GradientFlow]):
    """How do signal and gradient pass a network that has not been trained yet?

    `initialization` is a name of `vgg_viz.initialization.INITIALIZATIONS`; "staged" copies layers
    from the trained A `source` and takes its width, input size and classes. `input` is "noise",
    "samples", or the id of a photo. `learning_rate` only scales the expected updates.
    """

    network: str
    initialization: str
    input: str = "noise"
    width: float = 1.0
    input_size: int = 224
    classes: int = 1000
    source: str = "vgg11:bundled"
    learning_rate: float = 0.01
    seed: int = 0


@dataclass(frozen=True)
class RecordingRequest(Request[Recording]):
    """The recording of a training; with `after`, only what came later than that step."""

    run: str
    after: int = -1


@dataclass(frozen=True)
class FetchWeightsJob:
    """Fetch ImageNet weights from their publisher into the user's cache, hash checked."""

    model: str


@dataclass(frozen=True)
class TrainingJob:
    """A training on the server, recorded under `run`.

    `data` is "shapes" (generated, 64 px), "digits" (scikit-learn's) or "folder:<name>" of a folder
    the server offers. `initialization` as in GradientFlowRequest, without "staged".
    """

    run: str  # name of its recording, from `new_run`
    title: str
    network: str = "vgg11"
    width: float = 0.25
    batch_norm: bool = False  # the same network with batch normalisation
    initialization: str = "he_fan_in"
    data: str = "shapes"
    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: float = 0.01
    batch: int = 32
    steps: int = 400
    minutes: float = 15.0
    every: int = 10  # steps between two measurements of the gradient flow
    seed: int = 0


Job = FetchWeightsJob | TrainingJob


@dataclass(frozen=True)
class Steering:
    """What a person changes about a running training; None leaves it as it is."""

    paused: bool | None = None
    learning_rate: float | None = None


def new_run(title: str) -> str:
    """Return a fresh name for a recording: letters of its title and a random ending."""
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40]
    return f"{slug or 'run'}-{secrets.token_hex(4)}"
