"""Statistics of activations as plotly charts: one layer's values, all layers, two photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vgg_viz.figures.chart_style import MARKERS, Look, digits, style
from vgg_viz.results import Histogram, LayerStrip, LayerSummary, PhotoDifferences

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 320  # px
DASHES = ("solid", "dash", "dot")
WEIGHTED = ("conv", "linear")  # layers that a ReLU follows


@dataclass(frozen=True, eq=False)
class NamedLayer:
    """A layer in a chart: whose it is, and its place among the series."""

    label: str  # "conv5_3, VGG-16 (D)"
    summary: LayerSummary
    series: int

    def colour(self, look: Look) -> str:
        """Of this network in every chart."""
        return look.colours[self.series % len(look.colours)]


@dataclass(frozen=True, eq=False)
class NamedStrip:
    """All layers of a network in a chart."""

    label: str  # "VGG-16 (D)"
    strip: LayerStrip
    series: int


@dataclass(frozen=True, eq=False)
class NamedDifferences:
    """Two photos in one network's layer in a chart."""

    label: str
    differences: PhotoDifferences
    series: int


def value_shares(
    summary: LayerSummary, *, relu: bool, width: float = 0.0
) -> tuple[Histogram, list[float]]:
    """A layer's histogram in bins of at least `width`, and each bin's share of all values.

    After ReLU the exact zeros are left out of the bins (they are `after.zeros`), not of the total.
    """
    values = summary.values(relu=relu)
    total = summary.channels * summary.side**2
    merged = _coarser(values.histogram, width)
    counts = merged.counts.astype(float)
    if relu and 0 <= -merged.start < len(counts):
        counts[-merged.start] -= round(values.zeros * total)
    return merged, (counts / total).tolist()


def value_histogram_figure(layers: Sequence[NamedLayer], look: Look, *, relu: bool) -> "go.Figure":
    """Shares of the values of both networks' layers, in bins of one width."""
    import plotly.graph_objects as go

    figure = go.Figure()
    width = max(each.summary.values(relu=relu).histogram.width for each in layers)
    for number, each in enumerate(layers):
        bins, heights = value_shares(each.summary, relu=relu, width=width)
        edges = bins.edges
        figure.add_scatter(
            x=edges.tolist(),
            y=[*heights, 0.0],
            text=[
                f"{100 * height:.3g} % from {digits(low)} to {digits(high)}<br>{each.label}"
                for height, low, high in zip(heights, edges, edges[1:], strict=False)
            ],
            hovertemplate="%{text}<extra></extra>",
            mode="lines",
            line={
                "color": each.colour(look),
                "width": 2.5,
                "shape": "hv",
                "dash": DASHES[number % len(DASHES)],
            },
            name=each.label,
        )
    style(figure, look, f"share of values, bins of {digits(width)}")
    if not relu:
        figure.add_vline(x=0, line={"color": look.muted, "width": 1.5})
        figure.add_annotation(
            x=0,
            yref="paper",
            y=1.0,
            xanchor="right",
            showarrow=False,
            text="ReLU makes these 0 ",
            font={"size": 13, "color": look.muted},
        )
    figure.update_layout(height=HEIGHT, margin={"b": 78})
    figure.update_xaxes(title={"text": "value", "font": {"size": 14}, "standoff": 4})
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure


def depth_rows(strip: LayerStrip) -> tuple[LayerSummary, ...]:
    """The layers that a ReLU follows."""
    return tuple(each for each in strip.layers if each.kind in WEIGHTED and each.relu)


def sparsity_figure(strips: Sequence[NamedStrip], look: Look) -> "go.Figure":
    """Zeros, dead and saturated channels of every layer with a ReLU, over relative depth."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for each in strips:
        rows = depth_rows(each.strip)
        depth = np.linspace(0, 1, len(rows)).tolist()
        symbol = MARKERS[each.series % len(MARKERS)][0]
        colour = look.colours[each.series % len(look.colours)]
        for name, dash, values in _quantities(rows):
            figure.add_scatter(
                x=depth,
                y=values,
                name=f"{name}, {each.label}",
                mode="lines+markers",
                line={"color": colour, "width": 2, "dash": dash},
                marker={"symbol": symbol, "size": 8, "color": colour},
                text=[row.layer for row in rows],
                hovertemplate=f"%{{text}}: %{{y:.1%}} {name}<br>{each.label}<extra></extra>",
            )
    style(figure, look, "share")
    figure.update_layout(height=HEIGHT + 60, margin={"b": 118})
    figure.update_xaxes(
        tickvals=[0, 1],
        ticktext=["first layer", "last with a ReLU"],
        range=[-0.06, 1.06],
    )
    figure.update_yaxes(tickformat=".0%", range=[-0.03, 1.03])
    return figure


def _quantities(
    rows: Sequence[LayerSummary],
) -> tuple[tuple[str, str, list[float | None]], ...]:
    return (
        ("zeros after ReLU", "solid", [row.after.zeros for row in rows]),
        ("dead channels", "dash", [row.dead / row.channels for row in rows]),
        (
            "saturated channels",
            "dot",
            [None if row.saturated is None else row.saturated / row.channels for row in rows],
        ),
    )


def photo_differences_figure(
    sides: Sequence[NamedDifferences], look: Look, titles: tuple[str, str]
) -> "go.Figure":
    """Mean of every channel on the first photo against the second; on the line nothing changes."""
    import plotly.graph_objects as go

    figure = go.Figure()
    values = [np.nan_to_num(each.differences.means) for each in sides]
    ends = [
        min((float(each.min()) for each in values), default=0.0),
        max((float(each.max()) for each in values), default=1.0),
    ]
    figure.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": look.muted, "width": 1.5, "dash": "dash"},
        name="no change",
        hoverinfo="skip",
    )
    for each, means in zip(sides, values, strict=True):
        figure.add_scatter(
            x=means[0].tolist(),
            y=means[1].tolist(),
            mode="markers",
            marker={
                "symbol": MARKERS[each.series % len(MARKERS)][0],
                "size": 8,
                "color": look.colours[each.series % len(look.colours)],
                "opacity": 0.75,
            },
            name=each.label,
            text=[f"channel {i}" for i in range(means.shape[1])],
            hovertemplate=f"%{{text}} of {each.label}<br>{titles[0]}: %{{x:.3g}}<br>"
            f"{titles[1]}: %{{y:.3g}}<extra></extra>",
        )
    style(figure, look, f"mean on {titles[1]}")
    figure.update_layout(height=HEIGHT + 40, margin={"b": 78})
    figure.update_xaxes(title={"text": f"mean on {titles[0]}", "font": {"size": 14}, "standoff": 4})
    return figure


def most_changed(differences: PhotoDifferences, count: int = 10) -> NDArray[np.int64]:
    """Channels by how much their mean changes, most first; ties by number."""
    change = np.abs(differences.means[1] - differences.means[0])
    order: NDArray[np.int64] = np.argsort(-np.nan_to_num(change), kind="stable")[:count]
    return order


def _coarser(found: Histogram, width: float) -> Histogram:
    """The same counts in wider bins; widths are powers of two, so that bins fit into bins."""
    factor = max(1, round(width / found.width))
    if factor == 1:
        return found
    bins = (found.start + np.arange(len(found.counts))) // factor
    start = int(bins[0])
    counts = np.bincount(bins - start, weights=found.counts).astype(np.int64)
    return Histogram(start, found.width * factor, counts)
