"""Controls of page "Segmentation"."""

import streamlit as st

from dashboard import controls, service
from dashboard.page_head import page_head, settings_of
from dashboard.segmentation_settings import CLASSES, EVERY, VIEWS, SegmentationSettings
from dashboard.selection import Selection
from vgg_viz.results import ServiceDescription

setting = settings_of("segmentation")


def head(settings: SegmentationSettings, offered: ServiceDescription) -> None:
    """Title, view, what to take away."""
    page_head("segmentation", "Segmentation", VIEWS, settings.view, offered)


def photo_row(
    selection: Selection, settings: SegmentationSettings, offered: ServiceDescription
) -> None:
    """Photo, and which class is drawn."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            controls.photo_picker(selection, offered)
        controls.add_photo()
        if settings.view in ("labels", "why"):
            usual = "that of the pixel" if settings.view == "why" else "every class"
            setting(
                st.selectbox,
                "Class",
                [EVERY, *CLASSES],
                name="shown",
                value=settings.shown,
                format_func=lambda name: usual if name == EVERY else name,
                width=160,
                help=None
                if settings.view == "why"
                else "**Every class**: each pixel in the colour of its most probable class. **One "
                "class**: the stronger the colour, the more probable it is there.",
            )
        if len(offered.precisions) > 1:
            with st.popover("Settings", icon=":material/tune:", key="segmentation_settings"):
                controls.precision_picker(selection, offered)
