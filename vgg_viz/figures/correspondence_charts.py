"""How consistently layers change when one part of several photos is covered."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from vgg_viz.figures.chart_style import MARKERS, Look, style
from vgg_viz.results import Correspondence

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 300  # px
GAP = 6  # px between pictures


def correspondence_figure(
    answers: Sequence[tuple[Correspondence, str, int]], look: Look
) -> "go.Figure":
    """Mean shares of differing signs with their deviations; (answer, network, series) each.

    For every layer the part (filled, network's colour) and squares anywhere (hollow, grey).
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    ticks: list[str] = []
    for found, title, series in answers:
        places = [len(ticks) + at for at in range(len(found.layers))]
        ticks += found.layers  # the network is its colour and marker: a phone has no room for both
        colour = look.colours[series % len(look.colours)]
        for name, numbers, shade, offset, symbol in (
            ("the part", found.of_part, colour, -0.12, MARKERS[series % len(MARKERS)][0]),
            ("anywhere", found.of_anywhere, look.muted, 0.12, "diamond-open"),
        ):
            means, deviations = zip(*map(numbers, range(len(found.layers))), strict=True)
            figure.add_scatter(
                x=[place + offset for place in places],
                y=means,
                error_y={"array": deviations, "color": shade, "thickness": 2, "width": 6},
                mode="markers+text",
                text=[f" {mean:.3f} " for mean in means],
                textposition="middle left" if offset < 0 else "middle right",
                textfont={"size": 13, "color": look.text},
                marker={"color": shade, "size": 12, "symbol": symbol, "line": {"width": 2}},
                name=f"{title}: the part" if offset < 0 else "squares anywhere",
                legendgroup=name if offset > 0 else title,
                showlegend=offset < 0 or series == answers[0][2],
                customdata=[
                    (layer, deviation)
                    for layer, deviation in zip(found.layers, deviations, strict=True)
                ],
                hovertemplate=f"{title}, %{{customdata[0]}}, {name}: %{{y:.4f}} ± "
                "%{customdata[1]:.4f}<extra></extra>",
                cliponaxis=False,
            )
    style(figure, look, "Share of differing signs")
    figure.update_layout(height=HEIGHT, margin={"t": 8, "l": 64})
    figure.update_xaxes(
        tickvals=list(range(len(ticks))),
        ticktext=ticks,
        tickangle=0,
        range=[-0.7, len(ticks) - 0.3],
    )
    figure.update_yaxes(rangemode="tozero")
    return figure


def covered_photos_png(found: Correspondence) -> bytes:
    """What the network saw: the part covered above, the first squares anywhere below."""
    rows = [_row(pictures) for pictures in (found.pictures, found.elsewhere)]
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    out = BytesIO()
    Image.fromarray(np.concatenate([rows[0], gap, rows[1]])).save(out, "PNG")
    return out.getvalue()


def _row(pictures: np.ndarray) -> np.ndarray:
    gap = np.full((pictures.shape[1], GAP, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(parts, axis=1)
