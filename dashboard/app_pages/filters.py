"""What a channel answers to: what reaches back from it to the photo, and its kernels."""

import streamlit as st

from dashboard import (
    controls,
    filters_controls,
    filters_kernels,
    filters_others,
    filters_reconstruction,
    service,
    session,
)
from dashboard.filters_code import kernels_code, reconstruction_code
from dashboard.filters_settings import FilterSettings
from dashboard.selection import WHERE

offered = service.get_service().describe()
selection, settings = session.view(offered, FilterSettings)

controls.notes()
filters_controls.head(settings)
filters_controls.photo_row(selection, offered)
answers = [filters_reconstruction.row(where, selection, offered, settings) for where in WHERE]
sides = [answer for answer in answers if answer is not None]
st.subheader("What else these channels answer to", anchor=False)
for sent, column in zip(sides, st.columns(2, gap="medium"), strict=False):
    with column.container(gap="xsmall", key=f"filters_others_{sent.where}"), service.messages():
        filters_others.panel(sent, selection, offered)
filters_controls.rules_table()
code = st.expander("Show the code of the pictures", icon=":material/code:", on_change="rerun")
if code.open:
    with code:
        for sent in sides:
            st.code(
                reconstruction_code(
                    sent.request,
                    rules=settings.rules,
                    zoom=settings.zoom == "field",
                    together=settings.ends == "row",
                    series=WHERE.index(sent.where),
                )
            )
            for snippet in filters_others.code(sent):
                st.code(snippet)

filters_controls.kernels_head(settings)
for sent, column in zip(sides, st.columns(2, gap="medium"), strict=False):
    with column, st.container(gap="xsmall"), service.messages():
        filters_kernels.panel(sent, settings)
code = st.expander("Show the code of the kernels", icon=":material/code:", on_change="rerun")
if code.open:
    with code:
        for sent in sides:
            st.code(kernels_code(*filters_kernels.request(sent)))
