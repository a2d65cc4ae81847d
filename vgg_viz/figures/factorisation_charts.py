"""How well two 3x3 convolutions make 5x5 kernels, as plotly charts."""

from typing import TYPE_CHECKING

import numpy as np

from vgg_viz.figures.chart_style import Look, style
from vgg_viz.results import Factorisation, LayerFactorisation, SharedFactorisation

if TYPE_CHECKING:
    import plotly.graph_objects as go

BINS = 20
EXACT = 1e-6  # of the norm: what is left of rounding in float32 is smaller


def residual_figure(
    layer: LayerFactorisation, chosen: tuple[int, int] | None, look: Look
) -> "go.Figure":
    """Residual of every fitted kernel over how separable it is; points can be clicked.

    `chosen` (output, input channel) gets a ring when it is among them.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=layer.rank_1_energy.astype(float),
        y=layer.residuals.astype(float),
        mode="markers",
        showlegend=False,
        customdata=layer.units.tolist(),
        marker={"size": 9, "color": look.colours[0], "opacity": 0.6},
        selected={"marker": {"opacity": 0.6}},
        unselected={"marker": {"opacity": 0.6}},
        hovertemplate="<b>output %{customdata[0]}, input %{customdata[1]}</b>"
        "<br>residual %{y:.1%}<br>rank-1 energy %{x:.1%}<extra></extra>",
    )
    if chosen is not None:
        at = np.flatnonzero((layer.units == chosen).all(axis=1))
        figure.add_scatter(
            x=layer.rank_1_energy[at].astype(float),
            y=layer.residuals[at].astype(float),
            mode="markers",
            showlegend=False,
            hoverinfo="skip",
            marker={
                "size": 18,
                "symbol": "circle-open",
                "color": look.colours[1],
                "line": {"width": 4},
            },
        )
    style(figure, look, "Residual of two 3x3")
    figure.update_layout(height=330)
    figure.update_xaxes(
        title={
            "text": "Rank-1 energy: 100 % is separable",
            "font": {"size": 14, "color": look.text},
        },
        tickformat=".0%",
        range=[0.2, 1.02],
    )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure


def residual_histogram(layer: LayerFactorisation, here: float, look: Look) -> "go.Figure":
    """How the residuals of a layer are spread; a line at the one that is looked at."""
    import plotly.graph_objects as go

    counts, edges = np.histogram(layer.residuals, bins=BINS, range=(0, 1))
    used = max(int(np.flatnonzero(counts)[-1]) + 2, round(here * BINS) + 2) if counts.any() else 1
    figure = go.Figure(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts,
            width=0.9 / BINS,
            marker={"color": look.colours[0]},
            showlegend=False,
            customdata=np.stack([edges[:-1], edges[1:]], axis=1),
            hovertemplate="%{customdata[0]:.0%} to %{customdata[1]:.0%}: %{y} kernels"
            "<extra></extra>",
        )
    )
    figure.add_vline(here, line={"color": look.colours[1], "width": 4, "dash": "dash"})
    style(figure, look, "Kernels")
    figure.update_layout(height=330)
    figure.update_xaxes(
        title={
            "text": "Residual of two 3x3; dashed: this K",
            "font": {"size": 14, "color": look.text},
        },
        tickformat=".0%",
        range=[0, min(1, used / BINS)],
    )
    return figure


def channels_figure(fit: Factorisation, look: Look) -> "go.Figure":
    """Residual of one kernel over the number of channels between the two 3x3 layers."""
    import plotly.graph_objects as go

    counts = list(range(1, len(fit.residuals) + 1))
    figure = go.Figure(
        go.Bar(
            x=counts,
            y=list(fit.residuals),
            text=["exact" if value < EXACT else f"{value:.1%}" for value in fit.residuals],
            textposition="outside",
            textfont={"size": 14, "color": look.text},
            cliponaxis=False,
            marker={
                "color": [
                    look.colours[1] if count == fit.channels else look.colours[0]
                    for count in counts
                ]
            },
            hovertemplate="%{x} channels: residual %{y:.2%}<extra></extra>",
        )
    )
    style(figure, look, "Residual")
    figure.update_layout(height=330)
    figure.update_xaxes(
        tickvals=counts,
        title={"text": "Channels between the two 3x3", "font": {"size": 14, "color": look.text}},
    )
    top = max(*fit.residuals, 0.1)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.15 * top])
    return figure


def shared_figure(fit: SharedFactorisation, look: Look) -> "go.Figure":
    """Residual of a whole layer over the channels between; lines: equal weights, VGG's choice."""
    import plotly.graph_objects as go

    figure = go.Figure(
        go.Scatter(
            x=list(fit.channels),
            y=list(fit.residuals),
            mode="lines+markers+text",
            text=[f"{value:.1%}" for value in fit.residuals],
            textposition="top right",
            textfont={"size": 13, "color": look.text},
            line={"color": look.colours[0], "width": 3},
            marker={"size": 10},
            showlegend=False,
            customdata=list(fit.weights),
            hovertemplate="%{x} channels: residual %{y:.2%}<br>%{customdata:,} weights"
            "<extra></extra>",
        )
    )
    style(figure, look, "Residual of the whole layer")
    equal = fit.layer_weights / (9 * sum(fit.fitted))
    for at, text, height in (
        (equal, "as many weights as 5x5", 0.98),
        (fit.fitted[0], "M = C: VGG", 0.86),
    ):
        figure.add_vline(at, line={"color": look.muted, "width": 2, "dash": "dot"})
        figure.add_annotation(
            x=at,
            yref="paper",
            y=height,
            xanchor="right",
            xshift=-4,
            text=text,
            showarrow=False,
            font={"size": 13, "color": look.text},
        )
    figure.update_layout(height=330)
    figure.update_xaxes(
        title={
            "text": "Channels M between the two 3x3 layers",
            "font": {"size": 14, "color": look.text},
        },
        range=[0, 1.08 * max(fit.channels)],
    )
    figure.update_yaxes(tickformat=".0%", range=[-0.03, 1.0])
    return figure
