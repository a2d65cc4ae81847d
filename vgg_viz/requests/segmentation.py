"""Which class has every pixel?"""

from dataclasses import dataclass

from vgg_viz.requests.base import Precision, Request
from vgg_viz.results import Segmentation, SegmentationHeads


@dataclass(frozen=True)
class SegmentationRequest(Request[Segmentation]):
    """Label a photo with FCN-32s, 16s and 8s on `model`, a network with a head that ships.

    The photo is scaled until its longest side has `longest` px; None: as the head was trained.
    """

    model: str
    image: str
    longest: int | None = None
    precision: Precision = "fp32"


@dataclass(frozen=True)
class SegmentationHeadsRequest(Request[SegmentationHeads]):
    """Which networks can label pixels, and how well? Answered from model cards alone."""
