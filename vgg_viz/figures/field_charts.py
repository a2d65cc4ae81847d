"""Growth of the receptive field over depth, one curve for each network.

plotly is imported by the functions that draw, so that pages without charts never wait for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vgg_viz.architecture import Architecture, LayerRow
from vgg_viz.figures.chart_style import MARKERS, Look, style

if TYPE_CHECKING:
    import plotly.graph_objects as go

MORE_HEIGHT = 50  # px over the usual chart: two networks' layers are named in it


@dataclass(frozen=True)
class FieldGrowth:
    """A network, the layer that is chosen in it, and which of the theme's colours it has."""

    architecture: Architecture
    layer: str
    series: int

    @property
    def rows(self) -> tuple[LayerRow, ...]:
        """What makes fields grow, first to last."""
        return drawn_rows(self.architecture)


def drawn_rows(architecture: Architecture) -> tuple[LayerRow, ...]:
    """Convolutions, pools and the first fully-connected layer: the others repeat a field."""
    rows = architecture.rows
    first_linear = next((row.name for row in rows if row.kind == "linear"), None)
    return tuple(
        row for row in rows if row.kind in ("conv", "max_pool") or row.name == first_linear
    )


def growth_figure(
    networks: Sequence[FieldGrowth],
    look: Look,
    *,
    pairs: Sequence[tuple[str, str]] = (),
) -> "go.Figure":
    """Side of the field in px over depth, in layers counted as `drawn_rows` does.

    `pairs` are layers of the first and the second network that see most nearly as much; a dotted
    line joins them. The input's side is a line, and each network's chosen layer has a ring.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    if len(networks) > 1:
        figure.add_trace(_joins(networks[0], networks[1], pairs, look))
    for network in networks:
        figure.add_traces([_curve(network, look), _chosen(network, look)])
    style(figure, look, "Receptive field, px of the input")
    figure.update_layout(height=figure.layout.height + MORE_HEIGHT)
    longest = max(len(network.rows) for network in networks)
    highest = max(row.receptive_field.size for network in networks for row in network.rows)
    figure.update_xaxes(
        title={"text": "Convolutions and pools passed", "font": {"size": 14, "color": look.text}},
        range=[0.4, longest + 0.9],
        nticks=20,
    )
    figure.update_yaxes(range=[-0.04 * highest, 1.09 * highest])
    for size in sorted({network.architecture.input_size for network in networks}):
        _input_line(figure, look, size)
    return figure


def _curve(network: FieldGrowth, look: Look) -> "go.Scatter":
    import plotly.graph_objects as go

    colour = look.colours[network.series % len(look.colours)]
    # Names stand where no curve is: the steeper one's to its left, the other's to its right.
    place = "bottom right" if network.series else "top left"
    return go.Scatter(
        x=list(range(1, len(network.rows) + 1)),
        y=[row.receptive_field.size for row in network.rows],
        mode="lines+markers+text",
        text=[_label(row, network.rows) for row in network.rows],
        textposition=place,
        textfont={"size": 12, "color": colour},
        hovertext=[_spoken(row, network.architecture) for row in network.rows],
        hovertemplate="%{hovertext}<extra></extra>",
        name=network.architecture.title,
        line={"color": colour, "width": 2.5},
        marker={
            "color": colour,
            "size": 9,
            # Pools are open: they double the stride, and so the slope behind them.
            "symbol": [
                MARKERS[network.series % len(MARKERS)][0]
                + ("-open" if row.kind == "max_pool" else "")
                for row in network.rows
            ],
            "line": {"width": 2},
        },
        cliponaxis=False,
    )


def _chosen(network: FieldGrowth, look: Look) -> "go.Scatter":
    import plotly.graph_objects as go

    at = [i for i, row in enumerate(network.rows) if row.name == network.layer]
    return go.Scatter(
        x=[i + 1 for i in at],
        y=[network.rows[i].receptive_field.size for i in at],
        mode="markers",
        marker={
            "symbol": "circle-open",
            "size": 20,
            "color": look.text,
            "line": {"width": 2.5, "color": look.text},
        },
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )


def _joins(
    first: FieldGrowth, second: FieldGrowth, pairs: Sequence[tuple[str, str]], look: Look
) -> "go.Scatter":
    import plotly.graph_objects as go

    places = [{row.name: i for i, row in enumerate(each.rows)} for each in (first, second)]
    x: list[float | None] = []
    y: list[float | None] = []
    for one, other in pairs:
        for each, names, name in ((first, places[0], one), (second, places[1], other)):
            x.append(names[name] + 1)
            y.append(each.rows[names[name]].receptive_field.size)
        x.append(None)
        y.append(None)
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": look.muted, "width": 2, "dash": "dot"},
        name="layers matched by equal field",
        hoverinfo="skip",
    )


def _label(row: LayerRow, rows: Sequence[LayerRow]) -> str:
    """The name, where the next one is far enough up not to be written over."""
    following = next((r for r in rows[rows.index(row) + 1 :]), None)
    highest = rows[-1].receptive_field.size
    if following is None or row.kind != "conv":
        return row.name if following is None or row.name == "pool5" else ""
    rises = following.receptive_field.size - row.receptive_field.size
    return row.name if rises > highest / 25 else ""


def _spoken(row: LayerRow, architecture: Architecture) -> str:
    field = row.receptive_field
    return (
        f"<b>{row.name}</b>: {field.size} px, stride {field.jump} px<br>"
        f"{row.out_side} x {row.out_side} units, {architecture.title}"
    )


def _input_line(figure: "go.Figure", look: Look, size: int) -> None:
    figure.add_hline(size, line={"color": look.muted, "width": 1.5, "dash": "dash"})
    figure.add_annotation(
        x=0.45,
        y=size,
        xanchor="left",
        yanchor="bottom",
        text=f"whole input, {size} px",
        font={"color": look.muted, "size": 13},
        showarrow=False,
    )
