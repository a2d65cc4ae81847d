"""Where parameters, MACs and bytes go, as plotly charts: per layer, by kind, and in memory.

Layers without weights that follow a convolution or a fully-connected layer (ReLU, normalisation,
flatten, dropout) are drawn as a part of it; poolings have bars of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vgg_viz.architecture import Architecture, LayerRow
from vgg_viz.architecture.memory import COPIES, NetworkMemory, memory_of
from vgg_viz.figures.chart_style import HEIGHT, Look, style
from vgg_viz.figures.quantities import amount

if TYPE_CHECKING:
    import plotly.graph_objects as go

Metric = Literal["parameters", "macs", "inference", "training"]
Part = Literal["conv", "fc", "pool"]

METRICS: dict[Metric, str] = {
    "parameters": "Parameters",
    "macs": "MACs",
    "inference": "Bytes alive",
    "training": "Bytes kept",
}
SUMMED: tuple[Metric, ...] = ("parameters", "macs", "training")  # the other one is a peak
PARTS: dict[Part, str] = {"conv": "convolution", "fc": "fully connected", "pool": "pooling, image"}
SEGMENTS = ("parameters", "gradients", "momentum", "maps")
HEADROOM = 1.2  # of the axis over the highest bar, for its label
CROWDED = 12  # bars; more are too narrow for words across
WORTH_A_LABEL = 0.06  # of the whole: smaller bars say it on hover


@dataclass(frozen=True)
class CostBar:
    """One bar: a layer with what belongs to it."""

    layer: str
    part: Part
    value: int
    share: float  # of the sum, or of the peak for "inference"
    cumulated: float  # shares of this and all bars before, in [0, 1]; 0 for "inference"


def leads(rows: Sequence[LayerRow]) -> list[list[LayerRow]]:
    """Rows in groups: a layer with weights or a pooling, and what belongs to it."""
    groups: list[list[LayerRow]] = []
    for row in rows:
        if row.kind in ("conv", "linear", "max_pool", "avg_pool") or not groups:
            groups.append([])
        groups[-1].append(row)
    return groups


def part_of(kind: str) -> Part:
    """The part of a network a group belongs to, by the kind of its first layer."""
    return "conv" if kind == "conv" else "fc" if kind == "linear" else "pool"


def cost_bars(architecture: Architecture, metric: Metric, batch: int = 1) -> tuple[CostBar, ...]:
    """Return the bars of one network: sums over what belongs together, peaks for "inference"."""
    memory = memory_of(architecture, batch)
    named = [] if metric != "training" else [("image", "pool", memory.image)]
    for group in leads(architecture.rows):
        values = [_value(row, metric, batch, memory) for row in group]
        value = max(values) if metric == "inference" else sum(values)
        named.append((group[0].name, part_of(group[0].kind), value))
    total = max(v for *_, v in named) if metric == "inference" else sum(v for *_, v in named)
    if metric in ("parameters", "macs"):  # poolings have none
        named = [each for each in named if each[1] != "pool"]
    bars, seen = [], 0
    for name, part, value in named:
        seen += value
        cumulated = 0.0 if metric == "inference" else seen / total
        bars.append(CostBar(name, part, value, value / total, cumulated))  # type: ignore[arg-type]
    return tuple(bars)


def _value(row: LayerRow, metric: Metric, batch: int, memory: NetworkMemory) -> int:
    match metric:
        case "parameters":
            return row.parameters
        case "macs":
            return batch * row.macs
        case "inference":
            return memory.row(row.name).alive
        case "training":
            return memory.row(row.name).kept


def layer_cost_figure(
    bars: Sequence[CostBar],
    metric: Metric,
    look: Look,
    *,
    title: str,
    top: float = 0.0,
    cumulated: bool = False,
) -> "go.Figure":
    """One network's bars; `top`: the largest value of all charts that share a scale."""
    import plotly.graph_objects as go

    figure = go.Figure()
    upright = len(bars) > CROWDED
    for number, (part, name) in enumerate(PARTS.items()):
        of_part = [bar for bar in bars if bar.part == part]
        if not any(bar.value for bar in of_part):
            continue
        figure.add_bar(
            x=[bar.layer for bar in of_part],
            y=[bar.value for bar in of_part],
            name=name,
            marker=_marker(look, (0, 1, 3)[number], "." if part == "pool" else ""),
            text=[_percent(bar, metric) for bar in of_part],
            textposition="outside",
            textangle=-90 if upright else 0,
            cliponaxis=False,
            customdata=[_hover(bar, metric) for bar in of_part],
            hovertemplate="%{customdata}<extra></extra>",
        )
    style(figure, look, METRICS[metric])
    largest = max(top, *(bar.value for bar in bars))
    figure.update_layout(
        barmode="overlay",
        bargap=0.15,
        uniformtext={"minsize": 12, "mode": "show"},
        title={"text": title, "font": {"size": 15, "color": look.text}, "x": 0},
        margin={"t": 40},
    )
    figure.update_xaxes(
        categoryorder="array",
        categoryarray=[bar.layer for bar in bars],
        tickangle=-90,
        dtick=1,
    )
    figure.update_yaxes(range=[0, HEADROOM * largest], tickformat="~s", ticksuffix=_suffix(metric))
    if cumulated and metric in SUMMED:
        _cumulated(figure, bars, look)
    return figure


def _cumulated(figure: "go.Figure", bars: Sequence[CostBar], look: Look) -> None:
    """The share of everything up to each layer, on an axis of its own."""
    figure.add_scatter(
        x=[bar.layer for bar in bars],
        y=[100 * bar.cumulated for bar in bars],
        yaxis="y2",
        name="up to here, %",
        mode="lines+markers",
        line={"color": look.text, "width": 2, "dash": "dot"},
        marker={"color": look.text, "symbol": "diamond", "size": 7},
        hovertemplate="up to %{x}: %{y:.1f} %<extra></extra>",
    )
    figure.update_layout(
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "range": [0, 100 * HEADROOM],
            "tickvals": [0, 25, 50, 75, 100],
            "ticksuffix": " %",
            "showgrid": False,
            "tickfont": {"size": 13, "color": look.text},
        }
    )


def share_figure(architectures: Sequence[Architecture], look: Look) -> "go.Figure":
    """Convolutions against fully-connected layers: shares of parameters and of MACs."""
    import plotly.graph_objects as go

    labels, conv = [], []
    for at, a in enumerate(architectures):
        for what, share in (
            ("MACs", a.conv_mac_share),
            ("parameters", 1 - a.fc_parameter_share),
        ):
            labels.append(f"{a.title}{' ' * at}<br>{what}")  # two of a name stay two bars
            conv.append(100 * share)
    figure = go.Figure()
    fully_connected = [100 - share for share in conv]
    for number, (name, short, shares) in enumerate(
        (("convolutions", "conv", conv), ("fully connected", "FC", fully_connected))
    ):
        figure.add_bar(
            y=labels,
            x=shares,
            orientation="h",
            name=name,
            marker=_marker(look, number, ""),
            text=[_within(short, share) for share in shares],
            textposition="inside",
            insidetextanchor="middle",
            insidetextfont={"size": 15, "color": look.background},
            textangle=0,
            hovertemplate="%{y}: %{x:.2f} % " + name + "<extra></extra>",
        )
    _horizontal(figure, look, "Convolutions against fully-connected layers")
    figure.update_xaxes(range=[0, 100], ticksuffix=" %")
    return figure


def memory_figure(
    titled: Sequence[tuple[str, NetworkMemory]], look: Look, title: str
) -> "go.Figure":
    """Bytes of an inference and of a training step, in parts."""
    import plotly.graph_objects as go

    labels: list[str] = []
    values: dict[str, list[int]] = {name: [] for name in SEGMENTS}
    for at, (network, memory) in enumerate(titled):
        for what, copies, maps in (
            ("training", COPIES, memory.kept),
            ("inference", 1, memory.peak.alive),
        ):
            total = copies * memory.parameters + maps
            labels.append(f"{network}{' ' * at}, {what}<br><b>{amount(total, 'B')}</b>")
            for number, name in enumerate(SEGMENTS[:-1]):
                values[name].append(memory.parameters if number < copies else 0)
            values["maps"].append(maps)
    longest = max(map(sum, zip(*values.values(), strict=True)))
    figure = go.Figure()
    for number, (name, sizes) in enumerate(values.items()):
        figure.add_bar(
            y=labels,
            x=sizes,
            orientation="h",
            name=name,
            marker=_marker(look, number, ""),
            text=[f"{name}<br>{amount(v, 'B')}" if v > longest * 0.13 else "" for v in sizes],
            textposition="inside",
            insidetextanchor="middle",
            insidetextfont={"size": 13, "color": look.background},
            textangle=0,
            customdata=[amount(v, "B") for v in sizes],
            hovertemplate="%{y}: %{customdata} of " + name + "<extra></extra>",
        )
    _horizontal(figure, look, title)
    figure.update_xaxes(tickformat="~s", ticksuffix="B", rangemode="tozero")
    return figure


def _horizontal(figure: "go.Figure", look: Look, title: str) -> None:
    style(figure, look, "")
    figure.update_layout(
        barmode="stack",
        bargap=0.25,
        height=HEIGHT - 75,
        margin={"t": 40, "r": 24},
        legend={"traceorder": "normal"},
        title={"text": title, "font": {"size": 15, "color": look.text}, "x": 0},
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=True, gridcolor=look.grid)


def _marker(look: Look, colour: int, pattern: str) -> dict[str, object]:
    solid = look.colours[colour]
    shape = {
        "shape": pattern,
        "bgcolor": solid,
        "fgcolor": look.background,
        "solidity": 0.2,
        "size": 8,
    }
    return {"color": solid, "pattern": shape, "line": {"color": solid, "width": 1}}


def _within(name: str, share: float) -> str:
    """What a bar of a share of the chart's width has room for."""
    if share < 8:
        return ""
    return f"{name} <b>{share:.1f} %</b>" if share >= 20 else f"<b>{share:.0f} %</b>"


def _percent(bar: CostBar, metric: Metric) -> str:
    return f"{100 * bar.share:.0f} %" if metric in SUMMED and bar.share >= WORTH_A_LABEL else ""


def _hover(bar: CostBar, metric: Metric) -> str:
    share = f"{100 * bar.share:.2g} % of {'the peak' if metric == 'inference' else 'all'}"
    exact = f" ({bar.value:,})" if metric in ("parameters", "macs") else ""
    return f"<b>{bar.layer}</b>: {amount(bar.value, _suffix(metric))}{exact}<br>{share}"


def _suffix(metric: Metric) -> str:
    return "" if metric in ("parameters", "macs") else "B"
