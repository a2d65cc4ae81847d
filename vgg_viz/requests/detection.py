"""Questions about objects in a photo: R-CNN and Fast R-CNN on a network of the lecture."""

from dataclasses import dataclass

from vgg_viz.requests.base import Request
from vgg_viz.results import DetectedRegion, Detection, DetectionCard, DetectionWay, SSDObjects

MOST_PROPOSALS = 500


@dataclass(frozen=True)
class DetectionJob(Request[Detection]):
    """Find objects: proposals by selective search, then a score and a refined box for every class.

    `way` "rcnn" runs the network on every warped proposal, "fast" once on the photo, with RoI
    pooling. `proposals` at most, largest first.
    """

    model: str
    image: str
    way: DetectionWay = "rcnn"
    proposals: int = MOST_PROPOSALS


@dataclass(frozen=True)
class DetectedRegionRequest(Request[DetectedRegion]):
    """What does the network see in one box, and which fc7 units speak for the class?

    `box` is left, top, right, bottom in px of the photo; `label` a class of the network's head;
    `count` units are named.
    """

    model: str
    image: str
    box: tuple[float, float, float, float]
    label: int
    way: DetectionWay = "rcnn"
    count: int = 8


@dataclass(frozen=True)
class DetectionCardRequest(Request[DetectionCard]):
    """How good are the heads of this network? Read from the model card; no network runs."""

    model: str


@dataclass(frozen=True)
class SSDRequest(Request[SSDObjects]):
    """What does torchvision's SSD300 find in a photo? Its COCO weights must be on this machine."""

    image: str
