"""Measured times: the roofline of the device with every layer on it, and milliseconds per layer."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vgg_viz.figures.chart_style import HEIGHT, MARKERS, Look, digits, style
from vgg_viz.results import LayerTiming, LayerTimings

if TYPE_CHECKING:
    import plotly.graph_objects as go

POOLING = "pooling, flatten"
STACK = {  # kind of layer -> name in the legend, in the order of stacking
    "conv": "convolution",
    "linear": "fully connected",
    "max_pool": POOLING,
    "avg_pool": POOLING,
    "relu": "ReLU",
    "lrn": "LRN",
    "batch_norm": "batch norm",
    "flatten": POOLING,
    "dropout": POOLING,
}
COLOURS = {
    "convolution": (0, ""),
    "fully connected": (1, "/"),
    POOLING: (3, "."),
    "ReLU": (5, "\\"),
    "LRN": (4, "x"),
    "batch norm": (2, "+"),
}
# Decades: a name stands LIFT above or below its point, and not where it would cover another name
# (NAMES) or another point (POINTS).
LIFT, NAMES, POINTS = 0.1, (0.42, 0.12), (0.22, 0.06)
LEADS = ("conv", "linear", "max_pool", "avg_pool")


def roofline_figure(timings: Sequence[LayerTimings], look: Look) -> "go.Figure":
    """Achieved GFLOP/s over FLOPs per byte, both logarithmic, under the device's two roofs.

    Layers without MACs (ReLU, pooling, normalisation) have no place on a log axis: their
    intensity is 0. Of several measurements of one device the best roofs are drawn.
    """
    import plotly.graph_objects as go

    peak = max(timing.peak_flops for timing in timings)
    bandwidth = max(timing.bandwidth for timing in timings)
    points = [(layer, at) for at, t in enumerate(timings) for layer in t.layers if layer.macs]
    low, high = _ends(points, peak, bandwidth)
    figure = go.Figure()
    _roofs(figure, look, peak, bandwidth, low, high)
    names = _names(timings)
    for at, timing in enumerate(timings):
        shown = [layer for layer in timing.layers if layer.macs]
        figure.add_scatter(
            x=[layer.intensity for layer in shown],
            y=[layer.flops_per_second / 1e9 for layer in shown],
            name=timing.title,
            mode="markers+text",
            marker={
                "color": look.colours[at],
                "symbol": MARKERS[at][0],
                "size": 12,
                "line": {"color": look.background, "width": 1},
            },
            text=[layer.layer if (at, layer.layer) in names else "" for layer in shown],
            textposition="bottom center" if at else "top center",
            textfont={"size": 13, "color": look.text},
            customdata=[_spoken(layer, timing) for layer in shown],
            hovertemplate="%{customdata}<extra></extra>",
            cliponaxis=False,
        )
    style(figure, look, "GFLOP/s achieved")
    lowest = min(layer.flops_per_second for layer, _ in points) / 1e9
    top = max([peak, *(layer.flops_per_second for layer, _ in points)]) / 1e9
    figure.update_layout(
        height=HEIGHT + 60,
        margin={"t": 40},
        title={
            "text": f"Roofline: {timings[0].device_title}, {timings[0].provenance.precision}",
            "font": {"size": 15, "color": look.text},
            "x": 0,
        },
    )
    figure.update_xaxes(
        type="log",
        range=[math.log10(low), math.log10(high)],
        title={"text": "FLOPs per byte moved", "font": {"size": 14, "color": look.text}},
        showgrid=True,
        gridcolor=look.grid,
        dtick=1,
    )
    figure.update_yaxes(
        type="log", range=[math.log10(lowest) - 0.5, math.log10(top) + 0.3], dtick=1
    )
    return figure


def time_figure(timing: LayerTimings, look: Look, *, title: str, top: float = 0.0) -> "go.Figure":
    """Milliseconds of each layer, with two marks: what its MACs alone and its bytes alone take.

    The higher mark is the roof the layer is under. `top`: ms, the end of a shared axis.
    """
    import plotly.graph_objects as go

    groups = _groups(timing.layers)
    figure = go.Figure()
    for name in dict.fromkeys(STACK.values()):
        shares = [
            1000 * sum(row.seconds for row in group if STACK[row.kind] == name) for group in groups
        ]
        if any(shares):
            colour, pattern = COLOURS[name]
            solid = look.colours[colour]
            figure.add_bar(
                x=[group[0].layer for group in groups],
                y=shares,
                name=name,
                marker={
                    "color": solid,
                    "pattern": {
                        "shape": pattern,
                        "bgcolor": solid,
                        "fgcolor": look.background,
                        "solidity": 0.2,
                    },
                    "line": {"color": solid, "width": 1},
                },
                customdata=[_parts(group, timing) for group in groups],
                hovertemplate="%{customdata}<extra></extra>",
            )
    _marks(figure, [group[0] for group in groups if group[0].macs], timing, look)
    style(figure, look, "ms")
    largest = max(top, highest(timing))
    figure.update_layout(
        barmode="stack",
        bargap=0.15,
        margin={"t": 40},
        legend={"traceorder": "normal"},
        title={"text": title, "font": {"size": 15, "color": look.text}, "x": 0},
    )
    figure.update_xaxes(
        categoryorder="array",
        categoryarray=[group[0].layer for group in groups],
        tickangle=-90,
        dtick=1,
    )
    figure.update_yaxes(range=[0, 1.05 * largest])
    return figure


def highest(timing: LayerTimings) -> float:
    """ms: the end of an axis that holds a chart of `timing`."""
    return 1000 * max(
        max(sum(row.seconds for row in group), timing.roof(group[0]))
        for group in _groups(timing.layers)
    )


def _marks(
    figure: "go.Figure", rows: Sequence[LayerTiming], timing: LayerTimings, look: Look
) -> None:
    marks = (
        ("MACs at the peak", "diamond", [2 * row.macs / timing.peak_flops for row in rows]),
        ("bytes at full bandwidth", "cross", [r.moved_bytes / timing.bandwidth for r in rows]),
    )
    for name, symbol, seconds in marks:
        figure.add_scatter(
            x=[row.layer for row in rows],
            y=[1000 * value for value in seconds],
            name=name,
            mode="markers",
            marker={
                "symbol": symbol,
                "size": 11,
                "color": look.text,
                "line": {"color": look.background, "width": 1.5},
            },
            hovertemplate="%{x}: %{y:.3g} ms, its " + name + "<extra></extra>",
        )


def _roofs(
    figure: "go.Figure", look: Look, peak: float, bandwidth: float, low: float, high: float
) -> None:
    """The two roofs, and the ridge where they meet."""
    ridge = peak / bandwidth
    x = [low, ridge, high]
    figure.add_scatter(
        x=x,
        y=[min(peak, at * bandwidth) / 1e9 for at in x],
        mode="lines",
        line={"color": look.text, "width": 3},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_vline(ridge, line={"color": look.muted, "width": 1.5, "dash": "dot"})
    # Beside the ridge, where no layer lies: convolutions crowd at the far end of the upper roof.
    for text, at, value, anchor in (
        (f"peak {digits(peak / 1e9)} GFLOP/s", ridge * 1.1, peak, "left"),
        (f"memory {digits(bandwidth / 1e9)} GB/s ", ridge / 2.5, peak / 2.5, "right"),
    ):
        figure.add_annotation(
            x=math.log10(at),
            y=math.log10(value / 1e9),
            text=text,
            xanchor=anchor,
            yanchor="bottom",
            yshift=4,
            showarrow=False,
            font={"size": 14, "color": look.text},
        )
    figure.add_annotation(
        x=math.log10(ridge),
        y=0,
        yref="paper",
        text=f"ridge {digits(ridge)} FLOPs/byte",
        xanchor="left",
        yanchor="bottom",
        xshift=4,
        showarrow=False,
        font={"size": 13, "color": look.muted},
    )


def _ends(
    points: Sequence[tuple[LayerTiming, int]], peak: float, bandwidth: float
) -> tuple[float, float]:
    intensities = [layer.intensity for layer, _ in points] + [peak / bandwidth]
    return min(intensities) / 2.5, max(intensities) * 3


def _names(timings: Sequence[LayerTimings]) -> set[tuple[int, str]]:
    """(network, layer) whose names fit beside one another; ends and the slowest come first."""
    wanted = []
    for at, timing in enumerate(timings):
        shown = [layer for layer in timing.layers if layer.macs]
        ends = {shown[0].layer, shown[-1].layer, max(shown, key=lambda one: one.seconds).layer}
        wanted += [(layer.layer not in ends, at, layer) for layer in shown]
    points = [_place(layer) for _, _, layer in wanted]
    taken: list[tuple[float, float]] = []
    names = set()
    for _, at, layer in sorted(wanted, key=lambda one: one[0]):
        x, y = _place(layer)
        name = x, y + (-LIFT if at else LIFT)
        if not _near(name, taken, NAMES) and not _near(name, points, POINTS):
            taken.append(name)
            names.add((at, layer.layer))
    return names


def _place(layer: LayerTiming) -> tuple[float, float]:
    return math.log10(layer.intensity), math.log10(layer.flops_per_second / 1e9)


def _near(
    place: tuple[float, float], others: Sequence[tuple[float, float]], within: tuple[float, float]
) -> bool:
    return any(abs(place[0] - x) < within[0] and abs(place[1] - y) < within[1] for x, y in others)


def _spoken(layer: LayerTiming, timing: LayerTimings) -> str:
    by = "arithmetic" if timing.bound(layer) == "compute" else "memory"
    return (
        f"<b>{layer.layer}</b> · {timing.title}<br>{1000 * layer.seconds:.3g} ms, "
        f"{digits(layer.macs / 1e6)} M MACs, {digits(layer.moved_bytes / 1e6)} MB<br>"
        f"{digits(layer.flops_per_second / 1e9)} GFLOP/s, "
        f"{digits(layer.bytes_per_second / 1e9)} GB/s<br>bound by {by}, at "
        f"{100 * timing.roof_share(layer):.0f} % of the roof"
    )


def _groups(layers: Sequence[LayerTiming]) -> list[list[LayerTiming]]:
    groups: list[list[LayerTiming]] = []
    for layer in layers:
        if layer.kind in LEADS or not groups:
            groups.append([])
        groups[-1].append(layer)
    return groups


def _parts(group: Sequence[LayerTiming], timing: LayerTimings) -> str:
    rows = [f"{row.layer}: {1000 * row.seconds:.3g} ms" for row in group]
    first = _spoken(group[0], timing) if group[0].macs else f"<b>{group[0].layer}</b>"
    return "<br>".join([first, *(rows if len(rows) > 1 or not group[0].macs else [])])
