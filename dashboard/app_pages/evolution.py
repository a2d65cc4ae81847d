"""From ZFNet to VGG: two networks to scale, and what every change between them costs."""

import streamlit as st

from dashboard import (
    controls,
    evolution_controls,
    evolution_panels,
    evolution_story,
    service,
    session,
)
from dashboard.evolution_controls import EvolutionSettings
from dashboard.selection import WHERE, model_info
from vgg_viz.architecture import diff
from vgg_viz.errors import InputError

offered = service.get_service().describe()
selection, settings = session.view(offered, EvolutionSettings)
infos = [model_info(offered, selection.side(where).model) for where in WHERE]

controls.notes()
evolution_controls.top_row(selection, settings, offered)
evolution_story.panel(selection, offered)
with service.messages():
    try:
        pair = [evolution_controls.described(info, settings) for info in infos]
    except InputError as error:
        evolution_controls.too_small(error, infos, settings)
        st.stop()
    ledger = diff(*pair)
    picture, numbers = st.columns([13, 8], gap="medium")
    with picture:
        evolution_panels.columns(ledger, selection, infos, settings)
    with numbers:
        evolution_panels.totals(ledger)
        evolution_panels.waterfall(ledger, settings)
    evolution_panels.ledger_table(ledger, settings)
