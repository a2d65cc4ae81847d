"""What one large kernel costs beside a stack of 3x3, as plotly charts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vgg_viz.architecture import Architecture, LayerRow, StackComparison, break_even
from vgg_viz.figures.chart_style import MARKERS, Look, style

if TYPE_CHECKING:
    import plotly.graph_objects as go

PATTERNS = ("", "/")  # of bars: the second series is hatched, so that no colour is needed
STAGES = 5
CURVE = np.linspace(0.02, 1.5, 75)  # C_in / C


def stack_figure(comparisons: Sequence[StackComparison], chosen: int, look: Look) -> "go.Figure":
    """Weights of one k x k layer and of its stack, for each k; `chosen` k is drawn strongly."""
    import plotly.graph_objects as go

    figure = go.Figure()
    sides = [f"{each.one.kernel} x {each.one.kernel}" for each in comparisons]
    strength = [1.0 if each.one.kernel == chosen else 0.45 for each in comparisons]
    for number, (name, parts) in enumerate(
        (
            ("one k x k layer", [each.one for each in comparisons]),
            ("stack of 3 x 3", [each.stack for each in comparisons]),
        )
    ):
        figure.add_bar(
            x=sides,
            y=[part.weights for part in parts],
            name=name,
            marker={
                "color": look.colours[number],
                "opacity": strength,
                "pattern": _pattern(number, look),
            },
            hovertext=[
                f"<b>{side}, {name}</b><br>{part.formula} = {part.weights:,} weights"
                f"<br>{part.macs:,} MACs, {part.nonlinearities} ReLU"
                for side, part in zip(sides, parts, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
        # The two labels lean outwards from the middle of the pair, so that they never meet.
        at = [part.kernel == chosen for part in (each.one for each in comparisons)].index(True)
        figure.add_annotation(
            x=sides[at],
            y=parts[at].weights,
            text=f"<b>{parts[at].formula}</b>",
            xanchor=("right", "left")[number],
            xshift=(-3, 3)[number],
            yanchor="bottom",
            showarrow=False,
            font={"size": 14, "color": look.text},
        )
    style(figure, look, "Weights")
    figure.update_layout(height=400, barmode="group", bargap=0.25, bargroupgap=0.05)
    figure.update_xaxes(
        title={
            "text": "Field, px; below: one layer / stack",
            "font": {"size": 14, "color": look.text},
        },
        tickvals=sides,
        ticktext=[
            f"{side}<br>x {each.ratio:.2f}" for side, each in zip(sides, comparisons, strict=True)
        ],
    )
    figure.update_yaxes(rangemode="tozero", tickformat="~s")
    return figure


def ratio_figure(
    kernels: Sequence[int], chosen: int, share: float | None, look: Look
) -> "go.Figure":
    """Weights of one layer over those of the stack, by how many channels come in per channel out.

    Below 1 the stack costs more. `share` marks the C_in / C that is looked at.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, kernel in enumerate(kernels):
        depth = (kernel - 1) // 2
        ratio = kernel**2 * CURVE / (9 * (CURVE + depth - 1))
        even = float(break_even(kernel))
        figure.add_scatter(
            x=CURVE,
            y=ratio,
            mode="lines",
            name=f"{MARKERS[number][1]} {kernel} x {kernel}",
            line={"color": look.colours[number], "width": 4 if kernel == chosen else 2},
            hovertemplate=f"<b>{kernel} x {kernel}</b><br>C_in / C = %{{x:.2f}}"
            "<br>one layer / stack = %{y:.2f}<extra></extra>",
        )
        figure.add_scatter(
            x=[even],
            y=[1],
            mode="markers",
            showlegend=False,
            marker={"symbol": MARKERS[number][0], "size": 12, "color": look.colours[number]},
            hovertemplate=f"{kernel} x {kernel}: equal at C_in = {even:.3g} C<extra></extra>",
        )
    style(figure, look, "Weights: one layer / stack")
    figure.add_hrect(0, 1, fillcolor=look.muted, opacity=0.12, line_width=0, layer="below")
    for at, text in ((0.5, "C/2 → C"), (1.0, "C → C")):
        figure.add_vline(at, line={"color": look.muted, "width": 1.5, "dash": "dot"})
        figure.add_annotation(
            x=at,
            y=2.75,
            xanchor="right",
            text=f"<b>{text}</b>" if share == at else text,
            showarrow=False,
            font={"size": 13, "color": look.text},
        )
    figure.add_annotation(
        x=1.48,
        y=0.06,
        xanchor="right",
        yanchor="bottom",
        text="here the stack costs more",
        showarrow=False,
        font={"size": 13, "color": look.text},
    )
    figure.update_layout(height=400)
    figure.update_xaxes(
        title={"text": "Channels in / channels out", "font": {"size": 14, "color": look.text}},
        range=[0, 1.5],
    )
    figure.update_yaxes(range=[0, 2.9], dtick=0.5)
    return figure


def stage_figure(nets: Sequence[Architecture], quantity: str, look: Look) -> "go.Figure":
    """MACs or weights ("macs", "parameters") of the convolutions of each of VGG's five stages."""
    import plotly.graph_objects as go

    figure = go.Figure()
    names = [f"stage {stage}" for stage in range(1, STAGES + 1)]
    for number, net in enumerate(nets):
        sums = stage_sums(net, quantity)
        figure.add_bar(
            x=names,
            y=sums,
            name=net.title,
            text=[_short(value) for value in sums],
            textposition="outside",
            textfont={"size": 13, "color": look.text},
            cliponaxis=False,
            marker={
                "color": look.colours[number],
                "pattern": _pattern(number, look),
            },
            hovertext=[
                f"<b>{net.title}, {name}</b><br>{value:,}"
                for name, value in zip(names, sums, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    title = "MACs for one photo" if quantity == "macs" else "Parameters"
    style(figure, look, title)
    figure.update_layout(height=320, barmode="group", bargap=0.25, bargroupgap=0.05)
    figure.update_yaxes(rangemode="tozero", tickformat="~s")
    return figure


def stage_sums(net: Architecture, quantity: str) -> list[int]:
    """MACs or parameters of the convolutions, by stage."""

    def of(row: LayerRow) -> int:
        return row.macs if quantity == "macs" else row.parameters

    return [
        sum(of(row) for row in net.convs if row.name.startswith(f"conv{stage}_"))
        for stage in range(1, STAGES + 1)
    ]


def _pattern(number: int, look: Look) -> dict[str, Any]:
    shape = PATTERNS[number % len(PATTERNS)]
    return {"shape": shape, "fillmode": "overlay", "fgcolor": look.background, "size": 8}


def _short(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"
