"""Page "Attribution": many methods, two networks."""

import streamlit as st

from dashboard import service, session
from dashboard.attribution_cells import Cell, cells_of, finished, row_limit, show
from dashboard.attribution_controls import method_help, method_settings
from dashboard.attribution_settings import AttributionSettings
from dashboard.selection import Selection, Where
from vgg_viz.results import Attribution, MethodInfo, ModelInfo, ServiceDescription

BESIDE = 2  # methods beside one another on a wide screen


def matrix(
    selection: Selection,
    settings: AttributionSettings,
    offered: ServiceDescription,
    infos: dict[Where, ModelInfo],
) -> None:
    """A card for each method."""
    chosen = settings.chosen(offered.methods)
    for start in range(0, len(chosen), BESIDE):
        columns = st.columns(BESIDE, gap="medium")
        for method, column in zip(chosen[start : start + BESIDE], columns, strict=False):
            with column, st.container(key=f"attribution_card_{method.name}", gap="xsmall"):
                _card(cells_of(selection, settings, infos, method), method, selection, settings)


def _card(
    cells: list[Cell], method: MethodInfo, selection: Selection, settings: AttributionSettings
) -> None:
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
    for cell, found, column in zip(cells, maps, columns, strict=False):
        if found is not None or method.stepwise:
            with column, st.container(gap="xxsmall"), service.messages():
                show(cell, found, limit, lambda _: None)
