"""What first-layer kernels pass, and what their stride can hold, as plotly charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vgg_viz.figures.chart_style import MARKERS, Look, style
from vgg_viz.results import Float32, KernelStudy

if TYPE_CHECKING:
    import plotly.graph_objects as go


class PassesWaves(Protocol):
    """A layer's kernels together, or one of them."""

    @property
    def response(self) -> Float32:
        """(S, S), frequency 0 in the middle."""

    @property
    def frequencies(self) -> Float32:
        """(S,), cycles per px of the layer's input."""

    @property
    def nyquist(self) -> float:
        """What the layer's stride can hold, cycles per px."""


def response_figure(study: PassesWaves, look: Look) -> "go.Figure":
    """Response over frequency along x and y, with the square that the stride can hold."""
    import plotly.graph_objects as go

    top = float(study.response.max()) or 1.0
    axis = study.frequencies.astype(float)
    figure = go.Figure(
        go.Heatmap(
            x=axis,
            y=axis,
            z=(study.response / top).round(3),
            zmin=0,
            zmax=1,
            colorscale="Viridis",
            colorbar={
                "thickness": 12,
                "len": 0.8,
                "tickvals": [0, 0.5, 1],
                "tickformat": ".0%",
                "tickfont": {"size": 13, "color": look.text},
            },
            hovertemplate="x %{x:.3f}, y %{y:.3f} cycles per px<br>%{z:.0%} of the largest"
            "<extra></extra>",
        )
    )
    style(figure, look, "y, cycles per px")
    edge = study.nyquist
    if edge < 0.5:
        for colour, width in (("black", 5), ("white", 2)):  # visible on every colour below
            figure.add_shape(
                type="rect",
                x0=-edge,
                x1=edge,
                y0=-edge,
                y1=edge,
                line={"color": colour, "width": width, "dash": "solid"},
            )
    ticks = [-0.5, -0.25, 0, 0.25, 0.5]
    figure.update_layout(height=330)
    figure.update_xaxes(
        title={"text": "x, cycles per px", "font": {"size": 14, "color": look.text}},
        tickvals=ticks,
        range=[-0.508, 0.508],
        constrain="domain",
    )
    figure.update_yaxes(tickvals=ticks, range=[-0.508, 0.508], scaleanchor="x", constrain="domain")
    return figure


def peaks_figure(studies: Sequence[tuple[str, KernelStudy]], look: Look) -> "go.Figure":
    """The frequency each kernel passes best, a row per network; a line at what its stride holds."""
    strips = [
        Strip(name, study.peaks.tolist(), study.nyquist, f"1/{2 * study.kernels.stride}")
        for name, study in studies
    ]
    figure = _strip_figure(strips, "peak at %{x:.3f} cycles per px", look)
    figure.update_xaxes(
        title={
            "text": "Frequency each kernel passes best, cycles per px",
            "font": {"size": 14, "color": look.text},
        },
        range=[-0.02, 0.73],
    )
    return figure


def alias_figure(networks: Sequence[tuple[str, Sequence[float]]], look: Look) -> "go.Figure":
    """Alias share of every kernel of several first layers, a row each; a line at the median."""
    strips = []
    for name, shares in networks:
        middle = float(np.median(shares)) if len(shares) else 0.0
        strips.append(Strip(name, shares, middle, f"{100 * middle:.3g} %"))
    figure = _strip_figure(strips, "alias share %{x:.1%}", look)
    figure.update_xaxes(
        title={
            "text": "Alias share of each kernel's map; line: median",
            "font": {"size": 14, "color": look.text},
        },
        range=[-0.03, 1.08],
        tickformat=".0%",
    )
    return figure


@dataclass(frozen=True)
class Strip:
    """Values of one network's kernels, and a line with its label."""

    name: str
    values: Sequence[float]
    line: float
    label: str


def _strip_figure(strips: Sequence[Strip], spoken: str, look: Look) -> "go.Figure":
    """A row of points for each strip, the first on top."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, strip in enumerate(strips):
        at = len(strips) - 1 - number
        lanes = 0.5 * (np.arange(len(strip.values)) % 7 / 6 - 0.5)  # seven: fewer overlaps
        figure.add_scatter(
            x=list(strip.values),
            y=at + lanes,
            mode="markers",
            showlegend=False,
            marker={
                "symbol": MARKERS[number][0],
                "size": 10,
                "color": look.colours[number],
                "opacity": 0.75,
            },
            text=[f"kernel {index}" for index in range(len(strip.values))],
            hovertemplate=f"<b>{strip.name}</b>, %{{text}}<br>{spoken}<extra></extra>",
        )
        figure.add_shape(
            type="line",
            x0=strip.line,
            x1=strip.line,
            y0=at - 0.42,
            y1=at + 0.42,
            line={"color": look.text, "width": 3},
        )
        figure.add_annotation(
            x=strip.line,
            y=at + 0.42,
            text=strip.label,
            xanchor="left",
            xshift=4,
            showarrow=False,
            font={"size": 13, "color": look.text},
        )
    style(figure, look, "")
    figure.update_layout(height=110 + 75 * len(strips))
    figure.update_yaxes(
        tickvals=[len(strips) - 1 - number for number in range(len(strips))],
        ticktext=[strip.name for strip in strips],
        range=[-0.6, len(strips) - 0.4],
        showgrid=False,
    )
    return figure
