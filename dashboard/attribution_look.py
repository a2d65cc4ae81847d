"""Page "Attribution": opacity, threshold and colours, which the browser keeps in its address."""

from typing import Any

import streamlit as st

from dashboard import components, service
from dashboard.attribution_settings import AttributionSettings
from dashboard.selection import Selection
from vgg_viz import figures

NOTE = (
    "The address asks for the look {!r}, but it has to be opacity,threshold,colours, such as "
    "60,20,viridis; showing what is usual."
)


def note_bad_look() -> None:
    """Say it, once, when the address the page was opened with has a look that there is not."""
    asked = st.query_params.get("look")
    if asked is None or figures.is_look(asked) or st.session_state.get("noted_look") == asked:
        return
    st.session_state["noted_look"] = asked
    service.tell(NOTE.format(asked[:40]))


def look_bar(selection: Selection, settings: AttributionSettings) -> None:
    """One bar for all maps of the page."""
    view: tuple[Any, ...] = (selection, settings)
    components.map_look(figures.look_frame(repr(view)), key="attribution_look")
