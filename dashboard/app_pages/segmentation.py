"""A class for every pixel: the classifier as convolutions, then FCN-32s, 16s and 8s."""

from dashboard import (
    controls,
    segmentation_controls,
    segmentation_panels,
    segmentation_scores,
    segmentation_why,
    service,
    session,
)
from dashboard.segmentation_settings import SegmentationSettings
from dashboard.selection import WHERE, model_info

PANELS = {
    "labels": segmentation_panels.labels,
    "skips": segmentation_panels.skips,
    "why": segmentation_why.panel,
    "scores": segmentation_scores.panel,
}

offered = service.get_service().describe()
selection, settings = session.view(offered, SegmentationSettings)
infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}

controls.notes()
segmentation_controls.head(settings, offered)
if settings.view != "scores":
    segmentation_controls.photo_row(selection, settings, offered)
with service.messages():
    PANELS[settings.view](selection, settings, offered, infos)
