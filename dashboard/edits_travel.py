"""Page "Edits": how far an edit travels through the layers behind it; drawn when it is opened."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from dashboard import service
from dashboard.charts import chart, csv_button, look
from dashboard.edits_side import Side, source_line
from vgg_viz import figures


def travel(sides: Sequence[Side]) -> None:
    """How far the edit travels, later maps, and the code: made when opened."""
    expander = st.expander(
        "How far the edit travels",
        icon=":material/trending_down:",
        key="edits_travel",
        on_change="rerun",
    )
    if expander.open:
        with expander, service.messages():
            _travel(sides)


def _travel(sides: Sequence[Side]) -> None:
    chart(
        figures.travel_figure([(s.edited, s.info.title, s.series) for s in sides], look()),
        key="edits_travel_chart",
        alt="Lines: change of every layer behind the edit. "
        + "; ".join(
            f"{s.info.title} "
            + ", ".join(
                f"{layer} {100 * value:.1f} %"
                for layer, value in zip(s.edited.layers, s.edited.distances, strict=True)
            )
            for s in sides
        ),
        rows=[
            {"network": s.info.title, "layer": layer, "change": float(value)}
            for s in sides
            for layer, value in zip(s.edited.layers, s.edited.distances, strict=True)
        ],
        source="‖after − before‖ / ‖before‖, Euclidean, over all units of a layer behind its ReLU; "
        "the last layer: the logits.",
    )
    for side, column in zip(sides, st.columns(len(sides), gap="medium"), strict=True):
        with column:
            _later_maps(side)


def _later_maps(side: Side) -> None:
    edited = side.edited
    if not edited.watched_channels or not np.any(edited.maps_after != edited.maps_before):
        st.caption(f"{side.info.title}: no map of {edited.watched} changed.")
        return
    colours = look()
    st.image(
        figures.changed_maps_sheet(edited, colours.text, colours.background),
        caption=f"{side.info.title}, {side.info.weights_title}: the maps of {edited.watched} that "
        "changed most, before (top) and after, one scale",
        width="stretch",
    )
    csv_button(
        [
            {"channel": channel, "moment": moment, "row": y, "column": x, "value": float(value)}
            for moment, maps in (("before", edited.maps_before), ("after", edited.maps_after))
            for channel, grid in zip(edited.watched_channels, maps, strict=True)
            for (y, x), value in np.ndenumerate(grid)
        ],
        key=f"{side.where}_later_csv",
        name=f"maps-{edited.watched}",
        source=source_line(side),
    )
