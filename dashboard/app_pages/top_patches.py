"""The patches of many photos that excite a channel most, beside what the deconvnet sends back."""

import streamlit as st

from dashboard import controls, service, session, top_patches_controls, top_patches_side
from dashboard.selection import WHERE
from dashboard.top_patches_code import top_patches_code
from dashboard.top_patches_settings import TopPatchesSettings, checked_source

offered = service.get_service().describe()
selection, settings = session.view(offered, TopPatchesSettings)
settings = checked_source(settings, offered)

controls.notes()
top_patches_controls.head(selection, settings, offered)
sides = []
for where, column in zip(WHERE, st.columns(2, gap="medium"), strict=True):
    with column:
        sides.append(top_patches_side.side(where, selection, offered, settings))
st.markdown(top_patches_controls.ABOUT)
code = st.expander("Show the code", icon=":material/code:", on_change="rerun")
if code.open:
    with code:
        for shown in filter(None, sides):
            st.code(top_patches_code(shown.request, limit=settings.limit))
