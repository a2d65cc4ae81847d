"""Pictures made to excite a unit, a channel, a layer, a direction or a class."""

import streamlit as st

from dashboard import (
    controls,
    feature_vis_controls,
    feature_vis_gallery,
    feature_vis_study,
    service,
    session,
)
from dashboard.downloads import photo_credit
from dashboard.feature_vis_code import optimised_code
from dashboard.feature_vis_settings import FeatureVisSettings, job_of
from dashboard.fetching import fetch_panel
from dashboard.selection import WHERE, model_info

offered = service.get_service().describe()
selection, settings = session.view(offered, FeatureVisSettings)

controls.notes()
feature_vis_controls.head(settings)
feature_vis_controls.photo_row(selection, offered)
works: list[feature_vis_study.Work] = []
for where, column in zip(WHERE, st.columns(2, gap="medium"), strict=True):
    with column, st.container(gap="xsmall", key=f"vis_{where}"):
        info = model_info(offered, selection.side(where).model)
        numbers = feature_vis_controls.side_head(where, selection, offered, settings)
        with service.messages():
            if not info.available:
                fetch_panel(where, info)
                continue
            goal = feature_vis_controls.goal_of(where, selection, offered, settings)
            feature_vis_controls.goal_pickers(goal, selection, settings, numbers)
            gallery = feature_vis_gallery.ask(goal, settings)
            feature_vis_gallery.panel(goal, gallery, settings)
            job = job_of(goal, selection, settings)
            credit = photo_credit(selection, offered) if job.image else ""
            works.append(feature_vis_study.Work(goal, job, gallery, credit))

feature_vis_controls.study_head(settings)
columns = dict(zip(WHERE, st.columns(2, gap="medium"), strict=True))
for work in works:
    with columns[work.goal.where], st.container(gap="xsmall"), service.messages():
        feature_vis_study.panel(work)
code = st.expander("Show the code", icon=":material/code:", on_change="rerun", key="vis_code")
if code.open:
    with code:
        for work in works:
            st.code(optimised_code(work.job), language="python")
            if work.gallery.channels:
                st.code(work.gallery_code(settings), language="python")
