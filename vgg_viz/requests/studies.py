"""Long work on the device that a page watches: pictures by optimisation, an index of patches.

Jobs are frozen like requests: the same job is the same work. Submitted again after a stop it goes
on where it stood; one that differs only in `steps` goes on too.
"""

from dataclasses import dataclass, fields
from typing import Literal

from vgg_viz.requests.base import Precision, Request
from vgg_viz.requests.detection import DetectionJob
from vgg_viz.requests.explained import ExplainedRequest
from vgg_viz.requests.occlusion import OcclusionRequest
from vgg_viz.requests.photos import AttributionRequest
from vgg_viz.requests.style import StyleJob
from vgg_viz.results import BenchedPhoto, GalleryPictures, ParameterValue, TopPatches, Trust

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
    """Rebuild a photo from its code at layers (Mahendran & Vedaldi, arXiv 1412.0035).

    `layers` are rows of the network's table, rebuilt one after another, each from the same noise;
    (): the last convolution. `total_variation` and `alpha_norm` multiply the authors' weights of
    the two priors, which grow with the layer's depth.
    """

    model: str
    image: str
    layers: tuple[str, ...] = ()
    steps: int = 200  # for each layer
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


@dataclass(frozen=True)
class GalleryRequest(Request[GalleryPictures]):
    """The pictures made before for the channels of a layer: of one, or with None of all of them.

    `layer` is a convolution, or the last linear layer for the classes.
    """

    model: str
    layer: str
    channel: int | None = None


@dataclass(frozen=True)
class TrustJob(Request[Trust]):
    """How far can a map of attribution be trusted? The map is that of `attribution`.

    `box` is x0, y0, x1, y1 as shares of the square the network sees, drawn around what the map
    should point at. `points` of a curve, `random_maps` beside it and `seeds` of a method that draws
    random numbers are how much is measured.
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
    box: tuple[float, float, float, float] | None = None
    points: int = 32
    random_maps: int = 3
    seeds: int = 3

    @classmethod
    def of(
        cls,
        request: AttributionRequest,
        box: tuple[float, float, float, float] | None = None,
        *,
        points: int = 32,
        random_maps: int = 3,
        seeds: int = 3,
    ) -> "TrustJob":
        """About the map that answers `request`."""
        extent = {"box": box, "points": points, "random_maps": random_maps, "seeds": seeds}
        return cls(**vars(request), **extent)  # type: ignore[arg-type] # each under its own name

    @property
    def attribution(self) -> AttributionRequest:
        """The question the map answers."""
        names = (field.name for field in fields(AttributionRequest))
        return AttributionRequest(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class BenchJob(Request[BenchedPhoto]):
    """Measure `methods` on one photo: deletion and insertion, drop, and pointing where boxes are.

    Methods are at their defaults. `boxes` are x0, y0, x1, y1 as shares of the whole photo; `target`
    None: the most probable class.
    """

    model: str
    image: str
    methods: tuple[str, ...]
    layer: str | None = None
    target: int | None = None
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    points: int = 32
    seed: int = 0


# A map of many passes is a study; the question is the same as when a page waits for it.
StudyJob = (
    AttributionRequest
    | BenchJob
    | DetectionJob
    | ExplainedRequest
    | FeatureVisJob
    | InversionJob
    | OcclusionRequest
    | StyleJob
    | TopPatchesJob
    | TrustJob
)
