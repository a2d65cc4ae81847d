"""Questions about a photo with a square over part of it."""

from dataclasses import dataclass
from typing import Literal

from vgg_viz.requests.base import Precision, Request
from vgg_viz.results import Occluded, Occlusion

SquareFill = Literal["mean", "black", "blurred"]


@dataclass(frozen=True)
class OcclusionRequest(Request[Occlusion]):
    """ZFNet's experiment: what does the network say with a square at every place of the photo?

    `square` and `stride` in px of what the network sees, `target` None: top-1. As a job it shows
    the maps while they grow.
    """

    model: str
    image: str
    target: int | None = None
    versus: int | None = None
    square: int = 32
    stride: int = 16
    fill: SquareFill = "mean"
    precision: Precision = "fp32"


@dataclass(frozen=True)
class OccludedRequest(Request[Occluded]):
    """And with the square at one place, its middle at (x, y), shares of what the network sees."""

    model: str
    image: str
    x: float
    y: float
    square: int = 32
    fill: SquareFill = "mean"
    precision: Precision = "fp32"
