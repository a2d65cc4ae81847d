"""The arithmetic of both networks' units on page "Activations"."""

import streamlit as st

from dashboard import service, session, unit_panel
from dashboard.activation_answers import drawn_channel, kept
from dashboard.activation_panels import ARITHMETIC
from dashboard.activation_settings import ActivationSettings
from dashboard.selection import WHERE


@st.fragment(key=ARITHMETIC)
def arithmetic() -> None:
    """A stepper for each side whose maps are shown."""
    answers = kept()
    if not answers:
        return
    offered = service.get_service().describe()
    selection, settings = session.view(offered, ActivationSettings)
    st.subheader("The unit's arithmetic", anchor=False, help=unit_panel.STEPS)
    columns = dict(zip(WHERE, st.columns(2, gap="medium"), strict=True))
    for each in answers:
        with columns[each.seen.where], service.messages():
            unit_panel.panel(
                each.seen.where,
                selection,
                offered,
                layer=each.seen.row.name,
                channel=drawn_channel(each, selection, settings),
            )
