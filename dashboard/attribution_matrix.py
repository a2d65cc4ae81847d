"""Page "Attribution": many methods, two networks."""

import streamlit as st

from dashboard import service, session
from dashboard.attribution_cells import Cell, cells_of, finished, row_limit, show
from dashboard.attribution_controls import method_help, method_settings
from dashboard.attribution_evidence import evidence_button
from dashboard.attribution_look import look_bar
from dashboard.attribution_settings import AttributionSettings
from dashboard.attribution_strips import Shown, strip, test_all
from dashboard.selection import Selection, Where
from vgg_viz.results import Attribution, MethodInfo, ModelInfo, ServiceDescription

BESIDE = 2  # methods beside one another on a wide screen


def matrix(
    selection: Selection,
    settings: AttributionSettings,
    offered: ServiceDescription,
    infos: dict[Where, ModelInfo],
) -> None:
    """A card for each method; above them what holds for all."""
    chosen = settings.chosen(offered.methods)
    with st.container(horizontal=True, vertical_alignment="center", key="attribution_all"):
        with st.container(width="content", key="attribution_look_row"):
            look_bar(selection, settings)
        above = st.container(width="content", key="attribution_test_all_place")
        beside = st.container(width="content", key="attribution_bundle_place")
    shown: list[Shown] = []
    for start in range(0, len(chosen), BESIDE):
        columns = st.columns(BESIDE, gap="medium")
        for method, column in zip(chosen[start : start + BESIDE], columns, strict=False):
            with column, st.container(key=f"attribution_card_{method.name}", gap="xsmall"):
                cells = cells_of(selection, settings, infos, method)
                shown += _card(cells, method, selection, settings)
    if not shown:
        return
    with above:
        test_all(shown)
    with beside, service.messages():
        evidence_button(
            shown, selection, settings, offered, name="attribution", key="attribution_bundle_all"
        )


def _card(
    cells: list[Cell], method: MethodInfo, selection: Selection, settings: AttributionSettings
) -> list[Shown]:
    """One method; the maps that are whole."""
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"attribution_head_{method.name}"
    ):
        kind = "signed" if method.signed_with(settings.values(method)) else "magnitude"
        drawn = ", positive part drawn" if method.relu_when_drawn else ""
        st.markdown(
            f"**{method.title}** :gray[{kind}{drawn}]", help=method_help(method), width="content"
        )
        method_settings(method, settings)
        st.button(
            "Details",
            key=f"attribution_open_{method.name}",
            type="tertiary",
            icon=":material/open_in_full:",
            on_click=session.set_settings,
            kwargs={"view": "method", "method": method.name},
            help="Larger, with the tests of whether it can be trusted, and files",
        )
    columns = st.columns(max(len(cells), 1), gap="small")
    maps: list[Attribution | None] = []
    for cell, column in zip(cells, columns, strict=False):
        maps.append(None)
        with column, service.messages():
            maps[-1] = finished(cell)
    limit = row_limit(cells, maps, selection.scale)
    shown = []
    for cell, found, column in zip(cells, maps, columns, strict=False):
        if found is None and not method.stepwise:
            continue
        with column, st.container(gap="xxsmall"), service.messages():
            show(cell, found, limit, lambda _: None)
            if found is not None:
                shown.append(Shown(cell, found, limit))
                strip(shown[-1], settings.rectangle)
    return shown
