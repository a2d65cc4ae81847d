"""What the changes of a ledger add up to, as a waterfall.

plotly is imported by the function that draws, so that pages without charts never wait for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vgg_viz.architecture import Ledger
from vgg_viz.figures.chart_style import Look, style
from vgg_viz.figures.quantities import COSTS, signed

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST = 12  # bars; what is smaller goes into one
BAR, FRAME = 24, 64  # px
SUM = "Sum"


@dataclass(frozen=True)
class WaterfallBar:
    """One bar: a layer, or the rest of them."""

    label: str  # "conv1 → conv1_1"
    amount: int


def waterfall_bars(ledger: Ledger, quantity: str) -> tuple[WaterfallBar, ...]:
    """Return what changes `quantity`, in the order of computation; the smallest are one bar."""
    bars = [
        WaterfallBar(change.name.replace("->", "→"), amount)
        for change in ledger.changes
        if (amount := getattr(change.costs, quantity))
    ]
    if len(bars) <= MOST + 1:
        return tuple(bars)
    large = sorted(bars, key=lambda bar: -abs(bar.amount))[:MOST]
    rest = [bar for bar in bars if bar not in large]
    others = WaterfallBar(f"{len(rest)} others", sum(bar.amount for bar in rest))
    return (*(bar for bar in bars if bar in large), others)


def waterfall_figure(ledger: Ledger, quantity: str, look: Look) -> "go.Figure":
    """Every change of `quantity`, one bar beginning where the one above it ends, and their sum."""
    import plotly.graph_objects as go

    bars = waterfall_bars(ledger, quantity)
    unit = COSTS[quantity].unit
    amounts = [*(bar.amount for bar in bars), getattr(ledger.sum, quantity)]
    labels = [*(bar.label for bar in bars), SUM]
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            measure=["relative"] * len(bars) + ["total"],
            y=list(range(len(labels))),  # two layers may share a label
            x=amounts,
            hovertext=[
                f"{label}: {amount:+,} {unit}".rstrip()
                for label, amount in zip(labels, amounts, strict=True)
            ],
            hoverinfo="text",
            increasing={"marker": {"color": look.colours[1]}},
            decreasing={"marker": {"color": look.colours[0]}},
            totals={"marker": {"color": look.muted}},
            connector={"line": {"color": look.grid, "width": 1}},
        )
    )
    style(figure, look, "")
    figure.update_layout(
        height=FRAME + BAR * len(labels),
        bargap=0.3,
        showlegend=False,
        title={"text": _title(ledger, quantity), "font": {"size": 14, "color": look.text}, "x": 0},
    )
    figure.update_yaxes(
        tickvals=list(range(len(labels))),
        # Numbers beside the names: beside the bars they would leave a narrow chart.
        ticktext=[
            f"{label}  <b>{signed(amount, unit)}</b>"
            for label, amount in zip(labels, amounts, strict=True)
        ],
        autorange="reversed",
        showgrid=False,
    )
    figure.update_xaxes(
        range=_range(amounts),
        showgrid=True,
        gridcolor=look.grid,
        zeroline=True,
        zerolinecolor=look.muted,
        nticks=4,
        exponentformat="SI",
    )
    return figure


def _title(ledger: Ledger, quantity: str) -> str:
    cost = COSTS[quantity]
    unit = {"B": " (bytes)", "px": " (px)"}.get(cost.unit, "")
    return f"{cost.title}{unit}: difference to {ledger.before.title}"


def _range(amounts: Sequence[int]) -> tuple[float, float]:
    """From the least to the largest sum on the way, and a little more."""
    at, reached = 0, [0]
    for amount in amounts[:-1]:
        at += amount
        reached.append(at)
    low, high = min(reached), max(reached)
    room = 0.03 * (high - low or 1)
    return low - room, high + room
