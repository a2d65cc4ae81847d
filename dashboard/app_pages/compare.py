"""Two networks, one photo: classes, Grad-CAM, feature maps and costs side by side."""

import streamlit as st

from dashboard import controls, network_column, service, session
from dashboard.downloads import downloads
from dashboard.fetching import fetch_panel
from dashboard.network_column import Answers
from dashboard.selection import WHERE, class_labels, model_info
from vgg_viz import figures

LOADING = "Loading the networks. The first time this takes about 10 seconds."

offered = service.get_service().describe()
selection = session.selection(offered)
infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}
same_classes = class_labels(infos["left"].classes) == class_labels(infos["right"].classes)

controls.notes()
more = controls.top_row(selection, offered, infos["left"] if same_classes else None)
loading = st.empty()
if not service.get_service().health().ready:
    loading.info(LOADING, icon=":material/hourglass_top:")

slots = {}
for where, column in zip(WHERE, st.columns(2, gap="medium"), strict=True):
    with column, st.container(gap="xsmall"):
        network_column.head(where, selection, offered, own_class=not same_classes)
        slots[where] = st.container(gap="xsmall")

answers: list[Answers] = []
for where, slot in slots.items():
    with slot, service.messages():
        if not infos[where].available:
            fetch_panel(where, infos[where])
            continue
        with slot.skeleton(height=560):
            answers.append(network_column.ask(where, selection, infos[where]))
loading.empty()

shared = selection.scale == "shared" and len(answers) == len(WHERE)
cam_limit = figures.shared_limit(a.attribution for a in answers) if shared else None
map_limit = figures.shared_activation_limit(a.activations for a in answers) if shared else None
for answer in answers:
    with slots[answer.where], service.messages():
        network_column.body(answer, cam_limit, map_limit)
with more, service.messages():
    downloads(answers, selection, offered)
