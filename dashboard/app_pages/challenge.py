"""Who won ImageNet with which error; error against computation; where VGG's depth stops helping."""

import streamlit as st

from dashboard import challenge_panels, controls, service, session
from dashboard.challenge_panels import VIEWS, ChallengeSettings

offered = service.get_service().describe()
_, chosen = session.view(offered, ChallengeSettings)

controls.notes()
with st.container(horizontal=True, vertical_alignment="center", key="challenge_head"):
    st.title("ImageNet challenge", anchor=False, width="content")
    challenge_panels.view_picker(chosen)
    challenge_panels.controls_of(chosen)
    with st.popover("Download", icon=":material/download:", key="challenge_download"):
        challenge_panels.downloads()
with service.messages():
    VIEWS[chosen.view].panel(chosen)
