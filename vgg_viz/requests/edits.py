"""What happens when something is changed?"""

from dataclasses import dataclass
from typing import Literal

from vgg_viz.requests.base import Precision, Request
from vgg_viz.results import CarryingChannels, Correspondence, Edited, Invariance, RectangleShares


@dataclass(frozen=True)
class EditRequest(Request[Edited]):
    """What changes when a layer's output is changed, behind its ReLU?

    In this order: `swap_channels` come from the photo `swap` (all channels when none is named),
    each (channel, factor) of `channels` is multiplied, and `region` (left, top, right, bottom in
    shares of the square the network sees) is set to 0; with `outside`, all but the region.
    `cam_layer` None: the last convolution. `watch` names the layer whose maps come back; None: the
    convolution behind the edited layer, or the edited one itself.
    """

    model: str
    image: str
    layer: str
    channels: tuple[tuple[int, float], ...] = ()
    region: tuple[float, float, float, float] | None = None
    outside: bool = False
    swap: str | None = None
    swap_channels: tuple[int, ...] = ()
    target: int | None = None
    cam_layer: str | None = None
    watch: str | None = None
    precision: Precision = "fp32"

    @property
    def images(self) -> tuple[str, ...]:
        """The photos it needs, its own first."""
        return (self.image,) if self.swap is None else (self.image, self.swap)


@dataclass(frozen=True)
class CarryingChannelsRequest(Request[CarryingChannels]):
    """Which `count` channels of a layer carry a class: what is left of it without them?

    "gradient": those of the largest gradient x activation, by one backward pass. "greedy": one
    after another, each time the one whose removal lowers the logit most. "random": for comparison.
    """

    model: str
    image: str
    layer: str
    target: int | None = None
    count: int = 5
    method: Literal["gradient", "greedy", "random"] = "gradient"
    seed: int = 0


@dataclass(frozen=True)
class InvarianceRequest(Request[Invariance]):
    """How far do features move, and the class's probability, when the photo does?

    `steps` values, an odd number: translations of -1/4 to 1/4 of the side, scales of 1/2 to 2,
    rotations of -180 to 180 degrees. `fill` is what stands where the photo is gone.
    """

    model: str
    image: str
    transform: Literal["translate", "scale", "rotate"] = "translate"
    steps: int = 13
    target: int | None = None
    fill: Literal["mean", "edge"] = "mean"


@dataclass(frozen=True)
class CorrespondenceRequest(Request[Correspondence]):
    """Is the same part of several photos the same to a layer?

    `parts` has a rectangle for each photo: left, top, right, bottom in shares of the square the
    network sees. `draws` times, rectangles of the same sizes anywhere are the comparison.
    """

    model: str
    images: tuple[str, ...]
    parts: tuple[RectangleShares, ...]
    draws: int = 10
    seed: int = 0
