"""Why deep VGG did not train: at initialisation, in recorded trainings, and live."""

import streamlit as st

from dashboard import controls, initial_flow, live_training, replay

VIEWS = {
    "init": ("At initialisation", initial_flow.panel),
    "replay": ("Training replay", replay.panel),
    "live": ("Live training", live_training.panel),
}


def on_view() -> None:
    """Another view has another address."""
    st.query_params.from_dict({"view": st.session_state.flow_view})


asked = st.query_params.get("view", "init")
view = asked if asked in VIEWS else "init"
st.session_state.flow_view = view
told = st.container()
with st.container(horizontal=True, vertical_alignment="center", key="flow_head"):
    st.title("Gradient flow")
    st.segmented_control(
        "View",
        list(VIEWS),
        key="flow_view",
        format_func=lambda name: VIEWS[name][0],
        label_visibility="collapsed",
        on_change=on_view,
        required=True,
    )
VIEWS[view][1]()
with told:  # last: a panel may have found something wrong in the address
    controls.notes()
