"""Where an output of another task comes from: a box's or a region's score, a Gram entry."""

from dataclasses import dataclass

from vgg_viz.requests.base import Precision, Request
from vgg_viz.requests.photos import AttributionRequest
from vgg_viz.results import Attribution, ParameterValue


@dataclass(frozen=True)
class BoxScore:
    """R-CNN's score of a class for a box of the photo; the map is over the warped box.

    `box` is left, top, right, bottom in px of the photo; `label` is the class's number among those
    of the network's detection head.
    """

    box: tuple[float, float, float, float]
    label: int

    @property
    def target(self) -> int:
        """Which of the scores of the network with its head is asked for."""
        return self.label


@dataclass(frozen=True)
class RegionScore:
    """FCN-32s' score of a class, averaged over a region of the photo; the map is over the photo.

    `region` is left, top, right, bottom in shares of the photo as it is labelled; without extent
    it is one pixel. `label` is the class's number among those of the segmentation head. Of the
    three nets 32s alone is a chain of layers, which is what every method asks for.
    """

    region: tuple[float, float, float, float]
    label: int

    @property
    def target(self) -> int:
        """Which of the scores of the network with its head is asked for."""
        return self.label


@dataclass(frozen=True)
class GramEntry:
    """How strongly two maps of a convolution answer together: the mean over places of F_i F_j.

    F are the maps behind the ReLU, as in style transfer; the attribution is over the photo, at
    `layer` unless the question names an earlier one.
    """

    layer: str
    first: int
    second: int

    @property
    def target(self) -> int:
        """The network with its head has this score alone."""
        return 0


Output = BoxScore | RegionScore | GramEntry


@dataclass(frozen=True)
class ExplainedRequest(Request[Attribution]):
    """Where does `output` come from? The rest as in AttributionRequest.

    The map lies over what the network reads for this output: for a box, the warped box, for a
    region or a Gram entry, the whole photo. `versus` is another number of the same output's
    classes.
    """

    model: str
    image: str
    output: Output
    layer: str | None = None
    method: str = "grad_cam"
    precision: Precision = "fp32"
    versus: int | None = None
    parameters: tuple[tuple[str, ParameterValue], ...] = ()
    seed: int = 0

    @property
    def attribution(self) -> AttributionRequest:
        """The same question, as if the output were a class."""
        return AttributionRequest(
            self.model,
            self.image,
            self.layer,
            self.output.target,
            self.method,
            self.precision,
            self.versus,
            self.parameters,
            self.seed,
        )
