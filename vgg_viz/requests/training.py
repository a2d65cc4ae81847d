"""Signal before a training, recordings, and long work."""

import re
import secrets
from dataclasses import dataclass
from typing import Literal

from vgg_viz.requests.base import Request
from vgg_viz.results import GradientFlow, Recording


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


@dataclass(frozen=True)
class Steering:
    """What a person changes about a running training; None leaves it as it is."""

    paused: bool | None = None
    learning_rate: float | None = None


def new_run(title: str) -> str:
    """Return a fresh name for a recording: letters of its title and a random ending."""
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40]
    return f"{slug or 'run'}-{secrets.token_hex(4)}"
