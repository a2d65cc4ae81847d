"""Page "Attribution": a square slides over the photo, and then a person drags it."""

from functools import partial
from typing import Any

import streamlit as st

from dashboard import components, service
from dashboard.attribution_cells import Cell, cells_of, cost_words
from dashboard.attribution_controls import method_help
from dashboard.attribution_settings import AttributionSettings
from dashboard.charts import csv_button
from dashboard.controls import model_title
from dashboard.network_column import escaped
from dashboard.selection import Selection, Where
from dashboard.study_panel import study_panel
from vgg_viz import figures
from vgg_viz.requests import OcclusionRequest, PictureRequest
from vgg_viz.results import ModelInfo, Occlusion, ServiceDescription

WIDE = 440  # px; with its bar on one screen
ABOUT = (
    "ZFNet's experiment (arXiv 1311.2901, section 4.2): a square covers one place after another. "
    "Every place is computed once; then dragging asks the server nothing, in both networks."
)


def panel(
    selection: Selection,
    settings: AttributionSettings,
    offered: ServiceDescription,
    infos: dict[Where, ModelInfo],
) -> None:
    """Both networks, one square."""
    method = next(info for info in offered.methods if info.name == "occlusion")
    st.caption(ABOUT, help=method_help(method))
    cells = cells_of(selection, settings, infos, method)
    for cell, column in zip(cells, st.columns(2, gap="medium"), strict=False):
        with column, st.container(width=WIDE, gap="xsmall"), service.messages():
            job = job_of(cell)
            study_panel(
                job,
                partial(_draw, cell),
                key=f"attribution_occlusion_{cell.where}",
                start="Slide the square",
                about="" if service.get_service().find(job) else cost_words(cell),
            )


def job_of(cell: Cell) -> OcclusionRequest:
    """The work of one network."""
    asked = cell.request
    values: dict[str, Any] = dict(asked.parameters)
    return OcclusionRequest(
        asked.model,
        asked.image,
        asked.target,
        asked.versus,
        precision=asked.precision,
        **values,
    )


def _draw(cell: Cell, found: Occlusion) -> None:
    picture = service.run(PictureRequest(cell.request.image, cell.info.name))
    components.occluded_photo(
        figures.occlusion_frame(picture, found, cell.source),
        key=f"attribution_square_{cell.where}",
    )
    title = escaped(model_title(cell.info))
    st.caption(
        f"**{title}** · square of {found.square} px every {found.stride} px, {found.fill} · "
        f"{found.done:,} of {found.total:,} places in {found.seconds:.1f} s",
        help=escaped(cell.source),
    )
    csv_button(
        rows(found),
        key=f"attribution_square_{cell.where}_csv",
        name=f"occlusion-{cell.info.network}",
        source=cell.source,
    )


def rows(found: Occlusion) -> list[dict[str, Any]]:
    """Every place that the square has been at, unrounded."""
    return [
        {
            "top, px": top,
            "left, px": left,
            "score": float(found.scores[i, j]),
            "probability": float(found.probabilities[i, j]),
            "most probable": found.classes[found.top[i, j]],
            f"sum of channel {found.channel} of {found.layer}": float(found.activations[i, j]),
        }
        for i, top in enumerate(found.starts)
        for j, left in enumerate(found.starts)
        if found.top[i, j] >= 0
    ]
