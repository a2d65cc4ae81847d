"""Every layer's maps on a photo; one unit, its value, what it sees, and the numbers of a layer."""

import streamlit as st

from dashboard import (
    activation_clip,
    activation_numbers,
    activation_panels,
    activation_units,
    controls,
    service,
    session,
)
from dashboard.activation_settings import ActivationSettings
from dashboard.selection import WHERE, class_labels, model_info

offered = service.get_service().describe()
selection, settings = session.view(offered, ActivationSettings)
infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}
same_classes = class_labels(infos["left"].classes) == class_labels(infos["right"].classes)

controls.notes()
with st.container(horizontal=True, vertical_alignment="center", key="activation_head"):
    st.title("Activations", anchor=False, width="content")
    activation_panels.stage_picker(settings)
    files = st.popover(
        "Download", icon=":material/download:", key="activation_files", on_change="rerun"
    )
activation_panels.top_row(selection, offered, infos["left"] if same_classes else None)

pickers = {}
for where, column in zip(WHERE, st.columns(2, gap="medium"), strict=True):
    with column:
        pickers[where] = activation_panels.head(
            where, selection, offered, own_class=not same_classes
        )
activation_panels.maps(pickers)
activation_numbers.numbers(files)
activation_units.arithmetic()
activation_clip.clip()
