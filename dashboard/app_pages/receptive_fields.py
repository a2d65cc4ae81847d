"""What one unit can see of the photo, and what it really looks at."""

import streamlit as st

from dashboard import controls, receptive_field_panels, service, session
from dashboard.receptive_field_settings import FieldSettings, Shown, shown
from dashboard.selection import WHERE
from vgg_viz import figures

offered = service.get_service().describe()
selection, settings = session.view(offered, FieldSettings)
infos = receptive_field_panels.model_infos(selection, offered)
samples = [sample.name for sample in offered.samples]

controls.notes()
with st.container(horizontal=True, vertical_alignment="center", key="field_head"):
    st.title("Receptive fields")
    measuring = st.container(horizontal=True, vertical_alignment="center", width="content")
receptive_field_panels.top_row(selection, offered, settings)

sides: list[Shown] = []
slots = {}
for where, column in zip(WHERE, st.columns(2, gap="medium"), strict=True):
    with column, st.container(gap="xsmall"):
        receptive_field_panels.head(where, selection, offered, settings)
        slots[where] = st.container(gap="xsmall")
        with slots[where], service.messages():
            sides.append(shown(where, infos[where], selection, settings))
with measuring:
    receptive_field_panels.measure_controls(settings, sides, selection)
if sides:
    margin = figures.margin_share(*(seen.fields for seen in sides))
    with service.messages():
        receptive_field_panels.growth(sides)
    for seen in sides:  # last: measuring takes a while, and everything else is there already
        with slots[seen.where], service.messages():
            receptive_field_panels.picture(seen, selection, settings, samples, margin)
