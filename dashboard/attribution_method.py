"""Page "Attribution": one method, large, with the tests of trust, files and the code."""

from functools import partial

import streamlit as st

from dashboard import components, service
from dashboard.attribution_box import box_picker, pointed
from dashboard.attribution_cells import Cell, cells_of, finished, row_limit, show, unknown_class
from dashboard.attribution_controls import method_help
from dashboard.attribution_evidence import evidence_button
from dashboard.attribution_look import look_bar
from dashboard.attribution_settings import AttributionSettings
from dashboard.attribution_strips import Shown, state_of
from dashboard.attribution_trust import trust_strip
from dashboard.edits_code import show_code
from dashboard.selection import Selection, Where
from vgg_viz import figures
from vgg_viz.results import Attribution, ModelInfo, ServiceDescription

LARGE = 440  # px; the tests of trust stand on the same screen
SHOWN = "print(answer.target_name, answer.score, answer.grid.shape, answer.grid.sum())"


def panel(
    selection: Selection,
    settings: AttributionSettings,
    offered: ServiceDescription,
    infos: dict[Where, ModelInfo],
) -> None:
    """Both networks' maps, and below each whether to trust it."""
    method = next(info for info in offered.methods if info.name == settings.method)
    cells = cells_of(selection, settings, infos, method)
    with st.container(gap="xxsmall", key="attribution_about"):
        st.markdown(f"**{method.title}**: {method.about}", help=method_help(method))
        with st.container(horizontal=True, vertical_alignment="center", key="attribution_look_row"):
            with st.container(width="content"):
                look_bar(selection, settings)
            box_picker(selection, settings, infos)
    if method.caution:
        st.caption(f"**Careful:** {method.caution}")
    maps: list[Attribution | None] = []
    for cell in cells:
        maps.append(None)
        with service.messages():
            maps[-1] = finished(cell)
    limit = row_limit(cells, maps, selection.scale)
    for cell, found, column in zip(cells, maps, st.columns(2, gap="medium"), strict=False):
        with column, st.container(gap="small", key=f"attribution_one_{cell.where}"):
            with st.container(width=LARGE, gap="xsmall"), service.messages():
                show(cell, found, limit, partial(_below, cell, limit, selection, settings, offered))
            if unknown_class(settings, cell.info):
                st.caption("This network does not know the second class: its score alone.")
            if found is not None:
                with service.messages():
                    trust_strip(cell, settings.rectangle)
    show_code([cell.request for cell in cells], SHOWN, key="attribution_program")


def _below(
    cell: Cell,
    limit: float | None,
    selection: Selection,
    settings: AttributionSettings,
    offered: ServiceDescription,
    found: Attribution,
) -> None:
    """Everything about a map in one file; what a box says of it, before anything was measured."""
    shown = Shown(cell, found, limit if found.complete else None)
    evidence_button(
        [shown],
        selection,
        settings,
        offered,
        name=f"{cell.method.name}-{cell.info.network}",
        key=f"attribution_bundle_{cell.where}",
    )
    items = figures.strip_items(None, found, pointed(found, settings.rectangle))
    if items and state_of(shown.job).name is None:
        key = f"{cell.key}_strip"
        components.trust_strip("none", "", items, key=key, on_open=components.nothing)
