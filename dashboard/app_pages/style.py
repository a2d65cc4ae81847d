"""Style transfer: the content of one photo, the textures of another picture."""

import streamlit as st

from dashboard import controls, service, session, style_controls, style_panels
from dashboard.downloads import photo_credit
from dashboard.fetching import fetch_panel
from dashboard.selection import WHERE, model_info
from dashboard.style_code import style_code
from dashboard.style_entry import entry_pickers
from dashboard.style_panels import Work
from dashboard.style_settings import StyleSettings, chosen_style, job_of, style_title

offered = service.get_service().describe()
selection, settings = session.view(offered, StyleSettings)

infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}
jobs = {where: job_of(infos[where], selection, settings, offered) for where in WHERE}
photo = photo_credit(selection, offered)
style = f"Style: {style_title(chosen_style(settings, offered), offered)}"
works = [
    Work(where, infos[where], jobs[where], f"{photo}\n{style}")
    for where in WHERE
    if infos[where].available
]

controls.notes()
style_controls.head(settings, offered)
style_controls.pictures_row(selection, offered, settings, [work.job for work in works])
given, *columns = st.columns([3, 5, 5], gap="medium")
with given:
    style_panels.sources(jobs["left"], (photo, style), offered)
    style_controls.shown_picker(settings)
    if settings.shown == "entry":
        entry_pickers(settings)
by_side = {work.where: work for work in works}
for where, column in zip(WHERE, columns, strict=True):
    with column, st.container(gap="xsmall", key=f"style_side_{where}"), service.messages():
        style_controls.side_head(where, selection, offered, infos[where])
        if where in by_side:
            style_panels.panel(by_side[where], settings)
        else:
            fetch_panel(where, infos[where])
code = st.expander("Show the code", icon=":material/code:", on_change="rerun", key="style_program")
if code.open:
    with code:
        for work in works:
            st.code(style_code(work.job), language="python")
