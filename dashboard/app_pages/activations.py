"""Every layer's maps on a photo; one unit, its value, what it sees, and the numbers of a layer."""

import streamlit as st

from dashboard import (
    activation_numbers,
    activation_panels,
    controls,
    service,
    session,
    unit_panel,
)
from dashboard.activation_panels import Answers
from dashboard.activation_settings import ActivationSettings, shown
from dashboard.fetching import fetch_panel
from dashboard.selection import WHERE, class_labels, model_info
from vgg_viz import figures

offered = service.get_service().describe()
selection, settings = session.view(offered, ActivationSettings)
infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}
same_classes = class_labels(infos["left"].classes) == class_labels(infos["right"].classes)

controls.notes()
with st.container(horizontal=True, vertical_alignment="center", key="activation_head"):
    st.title("Activations", anchor=False, width="content")
    activation_panels.stage_picker(settings)
    popover = st.popover("Download", icon=":material/download:", key="activation_files")
activation_panels.top_row(selection, offered, infos["left"] if same_classes else None)

slots = {}
for where, column in zip(WHERE, st.columns(2, gap="medium"), strict=True):
    with column, st.container(gap="xsmall"):
        activation_panels.head(where, selection, offered, settings, own_class=not same_classes)
        slots[where] = st.container(gap="xsmall")

answers: list[Answers] = []
for where, slot in slots.items():
    with slot, service.messages():
        if not infos[where].available:
            fetch_panel(where, infos[where])
            continue
        with slot.skeleton(height=560):
            seen = shown(where, infos[where], selection, settings)
            answers.append(activation_panels.ask(seen, selection, settings))

shared = selection.scale == "shared" and len(answers) == len(WHERE)
limit = figures.shared_map_limit(each.channels for each in answers) if shared else None
for each in answers:
    with slots[each.seen.where], service.messages():
        activation_panels.body(each, selection, settings, limit)
if answers:
    activation_numbers.panel(answers, selection, settings, offered)
    st.subheader("The unit's arithmetic", anchor=False, help=unit_panel.STEPS)
    columns = dict(zip(WHERE, st.columns(2, gap="medium"), strict=True))
    for each in answers:
        with columns[each.seen.where], service.messages():
            unit_panel.panel(
                each.seen.where,
                selection,
                offered,
                layer=each.seen.row.name,
                channel=activation_panels.drawn_channel(each, selection, settings),
            )
    with popover, service.messages():
        activation_panels.downloads(answers, selection, settings)
