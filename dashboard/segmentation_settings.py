"""What page "Segmentation" keeps besides the selection, and its questions."""

import re
from dataclasses import dataclass

from dashboard.page_settings import checked, one_of
from dashboard.selection import Selection, Where
from vgg_viz.requests import (
    DenseMapRequest,
    ExplainedRequest,
    RegionScore,
    SegmentationRequest,
)
from vgg_viz.results import ModelInfo

VIEWS = {
    "labels": "Labels",
    "skips": "What skips add",
    "why": "Why this class",
    "scores": "Scores",
}
EVERY = "every"
CLASSES = ("background", "cat", "cow", "dog", "horse", "person", "sheep")
COARSE_TIMES = 2  # the classifier's map: short side of the photo over the input size


PLACE = re.compile(r"[01](\.\d{1,4})?,[01](\.\d{1,4})?")
METHODS = {"grad_cam": "Grad-CAM", "layer_cam": "LayerCAM", "gradient": "Gradient"}


def _is_place(text: str) -> bool:
    return bool(PLACE.fullmatch(text)) and all(float(share) <= 1 for share in text.split(","))


@dataclass(frozen=True)
class SegmentationSettings:
    """Which view, and which class is drawn."""

    view: str = one_of("labels", *VIEWS)
    shown: str = one_of(EVERY, EVERY, *CLASSES)
    at: str = checked("0.5,0.5", _is_place, "x,y in shares of the photo")

    @property
    def place(self) -> tuple[float, float]:
        """The pixel that is asked about, in shares of the photo."""
        x, y = map(float, self.at.split(","))
        return x, y

    @property
    def shown_class(self) -> int | None:
        """The class whose probability is drawn; None: the most probable one of every pixel."""
        return None if self.shown == EVERY else CLASSES.index(self.shown)


def labels_request(where: Where, selection: Selection) -> SegmentationRequest:
    """The three nets on a side's network."""
    return SegmentationRequest(
        selection.side(where).model, selection.image, precision=selection.precision
    )


def coarse_request(info: ModelInfo, selection: Selection) -> DenseMapRequest:
    """The classifier as convolutions over the whole photo."""
    side = round(COARSE_TIMES * info.input_size)
    return DenseMapRequest(info.name, selection.image, side, precision=selection.precision)


def why_request(
    where: Where, selection: Selection, settings: SegmentationSettings, label: int, method: str
) -> ExplainedRequest:
    """Where the score of a class at the chosen pixel comes from."""
    x, y = settings.place
    return ExplainedRequest(
        selection.side(where).model,
        selection.image,
        RegionScore((x, y, x, y), label),
        method=method,
        precision=selection.precision,
    )
