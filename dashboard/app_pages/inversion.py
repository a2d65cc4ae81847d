"""The photo rebuilt from a layer's code: what each depth keeps of it."""

import streamlit as st

from dashboard import controls, inversion_controls, inversion_panels, service, session
from dashboard.downloads import photo_credit
from dashboard.fetching import fetch_panel
from dashboard.inversion_code import inversion_code
from dashboard.inversion_panels import Work
from dashboard.inversion_settings import InversionSettings, job_of
from dashboard.selection import WHERE, model_info

offered = service.get_service().describe()
selection, settings = session.view(offered, InversionSettings)

infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}
credit = photo_credit(selection, offered)
works = [
    Work(where, infos[where], job_of(where, infos[where], selection, settings), credit)
    for where in WHERE
    if infos[where].available
]

controls.notes()
inversion_controls.head(settings, offered)
inversion_controls.photo_row(selection, offered, settings, [work.job for work in works])
columns = st.columns(2, gap="medium") if settings.view == "layer" else [st.container()] * 2
by_side = {work.where: work for work in works}
for where, column in zip(WHERE, columns, strict=True):
    with column, st.container(gap="xsmall", key=f"inversion_side_{where}"), service.messages():
        inversion_controls.side_head(where, selection, offered, infos[where], settings)
        if where in by_side:
            inversion_panels.panel(by_side[where], settings)
        else:
            fetch_panel(where, infos[where])
if settings.view == "depths":
    with service.messages():
        inversion_panels.kept(works)
code = st.expander(
    "Show the code", icon=":material/code:", on_change="rerun", key="inversion_program"
)
if code.open:
    with code:
        for work in works:
            st.code(inversion_code(work.job, stretched=settings.stretched), language="python")
