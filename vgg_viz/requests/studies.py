"""Long work on the device that a page watches: pictures by optimisation, an index of patches.

Jobs are frozen like requests: the same job is the same work. Submitted again after a stop it goes
on where it stood; one that differs only in `steps` goes on too.
"""

from dataclasses import dataclass
from typing import Literal

from vgg_viz.requests.base import Request
from vgg_viz.results import TopPatches

TermKind = Literal["neuron", "channel", "layer", "direction", "class"]


@dataclass(frozen=True)
class Term:
    """One part of an objective; the objective is the sum of `weight` times each part.

    neuron      the value of one unit; `row` and `column` None: the middle of the map
    channel     the mean of a channel's map
    layer       the mean square of all values of a layer
    direction   the mean over places of the dot product with `direction`, pairs (channel, weight)
    class       the logit of class number `channel`; `layer` is not used
    """

    kind: TermKind
    layer: str = ""
    channel: int | None = None
    row: int | None = None
    column: int | None = None
    direction: tuple[tuple[int, float], ...] = ()
    weight: float = 1.0


@dataclass(frozen=True)
class FeatureVisJob:
    """Change a picture until it excites what `terms` name.

    `size` in px, 0: the network's input. `image` "" starts from noise, else from that photo.
    `pictures` are made together; `diversity` weighs how different they have to be.
    """

    model: str
    terms: tuple[Term, ...]
    parametrization: Literal["fourier", "pixels"] = "fourier"
    decorrelated: bool = True  # colours
    transforms: Literal["none", "standard"] = "standard"
    size: int = 0
    pictures: int = 1
    diversity: float = 0.0
    image: str = ""
    steps: int = 256
    learning_rate: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class InversionJob:
    """Rebuild a photo from its code at a layer (Mahendran & Vedaldi, arXiv 1412.0035).

    `layer` None: the last convolution. `total_variation` and `alpha_norm` weigh the priors.
    """

    model: str
    image: str
    layer: str | None = None
    steps: int = 200
    total_variation: float = 1.0
    alpha_norm: float = 1.0
    learning_rate: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class TopPatchesJob:
    """Index which patches of a folder excite every channel of every convolution most.

    `source` is "samples" (the bundled photos at several scales and crops) or "folder:<name>" of a
    folder the server offers. The index is kept: a second run adds what is new in the folder.
    """

    model: str
    source: str = "samples"
    limit: int = 5000  # images at most


@dataclass(frozen=True)
class TopPatchesRequest(Request[TopPatches]):
    """The patches that excite a channel most, from the index as it is now.

    `layer` None: the last convolution; `channel` None: the one with the largest value.
    """

    model: str
    source: str = "samples"
    layer: str | None = None
    channel: int | None = None


StudyJob = FeatureVisJob | InversionJob | TopPatchesJob
