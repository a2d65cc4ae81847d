"""Page "Detection": what torchvision's SSD300 finds, where its weights are on this machine."""

from functools import partial

import streamlit as st

from dashboard import components, service
from dashboard.detection_controls import setting
from dashboard.detection_panels import PHOTO
from dashboard.detection_settings import DetectionSettings
from dashboard.downloads import photo_credit
from dashboard.fetching import fetch_panel
from dashboard.selection import Selection
from vgg_viz import figures
from vgg_viz.errors import WeightsUnavailableError
from vgg_viz.requests import PictureRequest, SSDRequest
from vgg_viz.results import DetectorInfo, ServiceDescription, SSDObjects

KEY = "detection_coco"
IDEA = (
    "**SSD** (Liu et al., arXiv 1512.02325) has no proposals: one pass over the photo, stretched "
    "to 300 × 300 px, scores default boxes on six maps from conv4_3 on, and suppression follows."
)
OTHER = (
    "full-size VGG-16, read at 300 px, trained as a whole on COCO's photos and classes: not "
    "comparable to our heads above"
)
ABSENT = (
    "SSD300 on VGG-16 (torchvision's COCO weights) finds objects without proposals, in one pass. "
    "It is shown here as well once its weights are on this machine."
)


def panel(selection: Selection, settings: DetectionSettings, offered: ServiceDescription) -> None:
    """Its boxes on demand; without its weights one line and a button."""
    for info in offered.detectors:
        with st.container(key=KEY), service.messages():
            if not info.available:
                fetch_panel("ssd", info, quiet=ABSENT)
                continue
            _controls(settings)
            if settings.ssd:
                _shown(selection, settings, offered, info)


def _controls(settings: DetectionSettings) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"{KEY}_controls"):
        setting(st.toggle, "SSD300 on this photo", name="ssd", value=settings.ssd, help=IDEA)
        if settings.ssd:
            setting(
                st.slider,
                "Least score (softmax)",
                0.05,
                1.0,
                name="sure",
                value=settings.sure,
                step=0.05,
                width=260,
            )


def _shown(
    selection: Selection,
    settings: DetectionSettings,
    offered: ServiceDescription,
    info: DetectorInfo,
) -> None:
    try:
        with st.spinner("SSD300 looks at the photo"):
            found = service.run(SSDRequest(selection.image))
    except WeightsUnavailableError as error:  # the file is there but damaged, or has gone
        st.error(str(error), icon=":material/error:")
        fetch_panel("ssd", info, quiet=ABSENT)
        return
    picture = service.run(PictureRequest(selection.image, size=PHOTO))
    source = f"{info.title}, {info.weights_title}"
    components.detection_photo(
        figures.ssd_frame(picture, found, source, least=settings.sure),
        key=f"{KEY}_photo",
        on_choose=components.nothing,
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"{source}: {OTHER}. Box mAP {info.box_map:g} on {info.measured_on} "
            f"({info.source}). Its pass took {found.seconds:.2f} s on {found.provenance.device}.",
            width="stretch",
        )
        credit = photo_credit(selection, offered)
        st.download_button(
            "PNG",
            data=partial(_png, selection.image, settings.sure, found, source, credit),
            file_name="detection-ssd300.png",
            mime="image/png",
            key=f"{KEY}_png",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
            help="The objects drawn",
        )


def _png(image: str, least: float, found: SSDObjects, source: str, credit: str) -> bytes:
    picture = service.run(PictureRequest(image, size=PHOTO))
    caption = f"{source}: {OTHER}\nScores (softmax) of at least {least:.2f}\n{credit}"
    return figures.detection_png(picture.pixels, found, found.objects(least), caption)
