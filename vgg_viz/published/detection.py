"""Detection as the papers print it: mean average precision on the PASCAL VOC 2007 test photos."""

from dataclasses import dataclass

RCNN_PAPER = "Girshick et al., R-CNN (arXiv 1311.2524)"
FAST_PAPER = "Girshick, Fast R-CNN (arXiv 1504.08083)"
VOC_2007 = "VOC 2007 test, 20 classes, IoU 0.5"


@dataclass(frozen=True)
class PublishedDetection:
    """One row: who, on which network, how, and the number in %."""

    system: str
    network: str
    regression: bool  # boxes refined
    map: float  # %
    note: str
    protocol: str
    source: str


DETECTION = tuple(
    PublishedDetection(system, network, regression, value, note, VOC_2007, source)
    for system, network, regression, value, note, source in (
        ("R-CNN", "AlexNet", False, 54.2, "", RCNN_PAPER),
        ("R-CNN", "AlexNet", True, 58.5, "", RCNN_PAPER),
        ("R-CNN", "VGG-16 (D)", False, 62.2, "", RCNN_PAPER),
        ("R-CNN", "VGG-16 (D)", True, 66.0, "", RCNN_PAPER),
        ("SPPnet", "VGG-16 (D)", True, 63.1, "", FAST_PAPER),
        ("Fast R-CNN", "VGG-16 (D)", True, 66.9, "", FAST_PAPER),
        ("Fast R-CNN", "VGG-16 (D)", True, 68.1, "without difficult objects", FAST_PAPER),
        ("Fast R-CNN", "VGG-16 (D)", True, 70.0, "trained on VOC 2007 and 2012", FAST_PAPER),
    )
)
FAST_OVER_RCNN = 146  # times faster at test time, VGG-16 (Fast R-CNN's paper)
