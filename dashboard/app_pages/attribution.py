"""Where a class score comes from: many methods, two networks, and whether to trust them."""

import streamlit as st

from dashboard import (
    attribution_controls,
    attribution_layers,
    attribution_look,
    attribution_matrix,
    attribution_method,
    attribution_occlusion,
    controls,
    service,
    session,
)
from dashboard.attribution_settings import AttributionSettings
from dashboard.fetching import fetch_panel
from dashboard.selection import WHERE, model_info

PANELS = {
    "methods": attribution_matrix.matrix,
    "layers": attribution_layers.sweep,
    "method": attribution_method.panel,
    "occlusion": attribution_occlusion.panel,
}

offered = service.get_service().describe()
selection, settings = session.view(offered, AttributionSettings)
infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}

attribution_look.note_bad_look()
controls.notes()
attribution_controls.head(settings, offered)
attribution_controls.photo_row(selection, settings, offered, infos)
attribution_controls.side_heads(
    selection, offered, infos, layered=settings.view in ("methods", "method")
)
for where in WHERE:
    if not infos[where].available:
        with st.container(key=f"attribution_fetch_{where}"), service.messages():
            fetch_panel(where, infos[where])
with service.messages():
    PANELS[settings.view](selection, settings, offered, infos)
