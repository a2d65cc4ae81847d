"""Objects in a photo: proposals, scores, suppression, refined boxes; R-CNN and Fast R-CNN."""

import streamlit as st

from dashboard import (
    controls,
    detection_box,
    detection_controls,
    detection_measured,
    detection_panels,
    detection_speed,
    detection_ssd,
    service,
    session,
)
from dashboard.detection_panels import Work
from dashboard.detection_settings import DetectionSettings, job_of
from dashboard.downloads import photo_credit
from dashboard.fetching import fetch_panel
from dashboard.selection import WHERE, model_info
from vgg_viz.figures import DETECTION_WAYS

offered = service.get_service().describe()
selection, settings = session.view(offered, DetectionSettings)
infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}
credit = photo_credit(selection, offered)
ways = DETECTION_WAYS if settings.view == "speed" else [settings.way]
works = [
    Work(where, infos[where], job_of(infos[where], selection, way), credit)
    for where in WHERE
    if infos[where].available
    for way in ways
]

controls.notes()
detection_controls.head(settings, offered)
if settings.view != "measured":
    detection_controls.photo_row(selection, offered, settings, [work.job for work in works])
for where, column in zip(WHERE, st.columns(2, gap="medium"), strict=True):
    with column, service.messages():
        detection_controls.side_head(where, selection, offered, infos[where])
        if not infos[where].available:
            fetch_panel(where, infos[where])
with service.messages():
    if settings.view == "speed":
        detection_speed.panel(works)
    elif settings.view == "measured":
        detection_measured.panel([infos[where] for where in WHERE], settings)
    else:
        detection_controls.bar(settings)
        for work, column in zip(works, st.columns(2, gap="medium"), strict=False):
            with column, st.container(key=f"detection_side_{work.where}"), service.messages():
                detection_panels.panel(work, selection, settings)
        detection_box.panel(works, settings)
        detection_ssd.panel(selection, settings, offered)
