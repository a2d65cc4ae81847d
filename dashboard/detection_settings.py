"""What page "Detection" keeps besides the selection, and the jobs that follow from both."""

import re
from dataclasses import dataclass

from dashboard.page_settings import checked, one_of, real, switch
from dashboard.selection import Selection
from vgg_viz.figures import DETECTION_STEPS, DETECTION_WAYS
from vgg_viz.requests import DetectionJob
from vgg_viz.results import DetectionWay, ModelInfo

VIEWS = {"objects": "Objects", "speed": "R-CNN or Fast R-CNN", "measured": "How good"}
NUMBER = r"\d{1,4}(\.\d)?"
BOX = re.compile(rf"{NUMBER}(_{NUMBER}){{3}}")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,39}")
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class DetectionSettings:
    """Which view, which way to features, where the sliders stand, and the box looked into."""

    view: str = one_of("objects", *VIEWS)
    way: str = one_of("rcnn", *DETECTION_WAYS)
    step: str = one_of("refined", *DETECTION_STEPS)
    least: float = real(0.0, least=-1.5, most=2.5)
    overlap: float = real(0.3, least=0.0, most=1.0)
    box: str = checked("", lambda text: bool(BOX.fullmatch(text)), "a box: left_top_right_bottom")
    object: str = checked("", lambda text: bool(NAME.fullmatch(text)), "a class's name")
    ssd: bool = switch(False)
    sure: float = real(0.5, least=0.05, most=1.0)  # least score of SSD's boxes

    @property
    def chosen(self) -> tuple[Box, str] | None:
        """The box looked into and its class."""
        if not self.box or not self.object:
            return None
        left, top, right, bottom = map(float, self.box.split("_"))
        return (left, top, right, bottom), self.object


def job_of(info: ModelInfo, selection: Selection, way: str) -> DetectionJob:
    """One network's work."""
    return DetectionJob(info.name, selection.image, way_of(way))


def way_of(name: str) -> DetectionWay:
    """The way a setting names."""
    return "fast" if name == "fast" else "rcnn"
