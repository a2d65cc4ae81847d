"""Signal and gradient over depth as plotly charts: one curve for each setting, absolute values.

plotly is imported by the functions that draw, so that pages without charts never wait for it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vgg_viz.figures.chart_style import HEIGHT, MARKERS, Look, digits, style
from vgg_viz.figures.flow_depth import Depth
from vgg_viz.results import GradientFlow

if TYPE_CHECKING:
    import plotly.graph_objects as go

QUANTITY_TITLES = {
    "z_std": "Signal: std of z",
    "activation_std": "Signal: std of the activation",
    "gradient_std": "Gradient: std of dL/dz",
    "weight_gradient_norm": "Weight gradient: |dL/dW|",
    "bias_gradient_norm": "Bias gradient: |dL/db|",
    "update_ratio": "Expected update ratio: lr |dL/dW| / |W|",
    "weight_norm": "Weights: |W|",
    "zero_share": "Share of zeros after ReLU",
    "dead_share": "Share of dead channels",
}
SHARES = ("zero_share", "dead_share")
PREDICTIONS = {"z_std": "predicted_z_std", "gradient_std": "predicted_gradient_std"}
PER_VALUE = ("z_std", "activation_std", "gradient_std")  # sizes of single numbers: float16 counts

FLOAT16_NORMAL = 2.0**-14  # below it float16 loses digits
FLOAT16_SMALLEST = 2.0**-24  # its smallest number
FLOAT16_ZERO = 2.0**-25  # up to here it rounds to 0
LEGEND_ROW = 22  # px
MARGIN = 0.4  # decades beyond the outermost value


@dataclass(frozen=True, eq=False)
class Curve:
    """A result and how it is drawn; `number` picks colour and marker, None is the reference."""

    flow: GradientFlow
    number: int | None

    @property
    def label(self) -> str:
        """Network and initialisation."""
        return f"{self.flow.title}, {self.flow.initialization_title}"

    def colour(self, look: Look) -> str:
        """The setting's colour; a reference is grey."""
        return look.muted if self.number is None else look.colours[self.number % len(look.colours)]


def non_finite(flow: GradientFlow) -> str:
    """Where infinite or undefined numbers begin, in words; "" when there are none."""
    for row in flow.layers:
        if not math.isfinite(row.values["z_std"]):
            return f"The signal is no longer a finite number from {row.layer} on: it overflows."
    for row in reversed(flow.layers):
        if not math.isfinite(row.values["gradient_std"]):
            return f"The gradient is no longer a finite number from {row.layer} down: it overflows."
    if not math.isfinite(flow.loss):
        return "The loss is not a finite number."
    for row in flow.layers:
        if not math.isfinite(row.values["weight_gradient_norm"]):
            return f"The weight gradient of {row.layer} is not a finite number: it overflows."
    return ""


# --- ranges --------------------------------------------------------------------------------------


def decades(curves: Sequence[Curve], quantity: str) -> float:
    """Height of the logarithmic axis that holds `quantity`, in decades; 0 for shares."""
    if quantity in SHARES:
        return 0.0
    low, high = _log_range(curves, quantity)
    return high - low


def _log_range(curves: Sequence[Curve], quantity: str) -> tuple[float, float]:
    values = np.concatenate(
        [curve.flow.curve(quantity).astype(float) for curve in curves]
        + [_prediction(curve.flow, quantity) for curve in curves]
    )
    drawn = values[np.isfinite(values) & (values > 0)]
    if not drawn.size:
        return -1.0, 1.0
    low, high = np.log10(drawn.min()) - MARGIN, np.log10(drawn.max()) + MARGIN
    return float(low), float(max(high, low + 2))  # a flat curve is not magnified to noise


def _prediction(flow: GradientFlow, quantity: str) -> NDArray[np.float64]:
    name = PREDICTIONS.get(quantity)
    if name is None:
        return np.empty(0)
    return np.array([getattr(layer, name) for layer in flow.layers], float)


# --- curves over depth ---------------------------------------------------------------------------


def flow_figure(
    curves: Sequence[Curve],
    quantity: str,
    look: Look,
    *,
    height_in_decades: float = 0.0,
    layer: str | None = None,
) -> "go.Figure":
    """One of QUANTITIES over depth, on a log axis (shares: linear), `layer` marked.

    `height_in_decades`: at least as high; with the same number slopes compare between charts.
    Exact zeros and infinities have no place on a log axis: open triangles at its ends.
    """
    import plotly.graph_objects as go

    depth = Depth(curve.flow for curve in curves)
    figure = go.Figure()
    limits = _limits(curves, quantity, height_in_decades)
    common, names = _names(curves)
    # The reference lies below the settings, and stands behind them in the legend.
    order = sorted(zip(curves, names, strict=True), key=lambda pair: pair[0].number is not None)
    for curve, name in order:
        figure.add_traces(_traces(curve, name, quantity, look, depth, limits))
    style(figure, look, QUANTITY_TITLES[quantity].rpartition(": ")[2])
    rows = math.ceil(len(curves) / 3) if common else len(curves)  # of the legend
    figure.update_layout(height=HEIGHT + LEGEND_ROW * (rows - 1))
    figure.update_layout(title={"text": common, "font": {"size": 14, "color": look.text}, "x": 0})
    figure.update_xaxes(
        tickvals=list(range(len(depth.names))),
        ticktext=depth.names,
        tickangle=-90,
        range=[-0.6, len(depth.names) - 0.4],
    )
    if quantity in SHARES:
        figure.update_yaxes(range=list(limits), tickformat=".0%")
    else:
        _log_axis(figure, limits)
        if quantity in PER_VALUE:
            _float16(figure, look, quantity, limits)
    place = depth.place(layer) if layer else None
    if place is not None:
        figure.add_vline(place, line={"color": look.muted, "width": 10}, opacity=0.25)
    return figure


def _limits(curves: Sequence[Curve], quantity: str, height: float) -> tuple[float, float]:
    """Ends of the axis, in the axis' own units: log10 for all but shares."""
    if quantity in SHARES:
        return -0.04, 1.04
    low, high = _log_range(curves, quantity)
    more = max(0.0, height - (high - low)) / 2
    return low - more, high + more


def _names(curves: Sequence[Curve]) -> tuple[str, list[str]]:
    """What all curves share, for the title; what tells them apart, for the legend."""
    networks = {curve.flow.title for curve in curves}
    schemes = {curve.flow.initialization_title for curve in curves}
    if len(curves) == 1 or (len(networks) > 1 and len(schemes) > 1):
        common, names = "", [curve.label for curve in curves]
    elif len(networks) == 1:
        (common,), names = networks, [curve.flow.initialization_title for curve in curves]
    else:
        (common,), names = schemes, [curve.flow.title for curve in curves]
    grey = [curve.number is None for curve in curves]
    return common, [
        f"Reference: {name}" if at else name for name, at in zip(names, grey, strict=True)
    ]


def _traces(
    curve: Curve,
    name: str,
    quantity: str,
    look: Look,
    depth: Depth,
    limits: tuple[float, float],
) -> list["go.Scatter"]:
    values = curve.flow.curve(quantity).astype(float)  # (layers,)
    linear = quantity in SHARES
    drawn = np.isfinite(values) & (linear | (values > 0))
    traces = [_line(curve, name, look, depth, quantity, drawn, values)]
    if not linear:
        ends = (
            (values == 0, limits[0], "triangle-down-open"),
            (np.isinf(values), limits[1], "triangle-up-open"),
        )
        traces += [
            _line(curve, name, look, depth, quantity, at, values, end=end, symbol=symbol)
            for at, end, symbol in ends
            if at.any()
        ]
    predicted = _prediction(curve.flow, quantity)
    if curve.number is not None and np.isfinite(predicted).any():
        traces.insert(0, _theory(curve, look, depth, predicted))
    return traces


def _line(
    curve: Curve,
    name: str,
    look: Look,
    depth: Depth,
    quantity: str,
    shown: NDArray[np.bool_],
    values: NDArray[np.float64],
    *,
    end: float | None = None,
    symbol: str = "",
) -> "go.Scatter":
    """The measured curve; with `end`, the values that lie beyond the axis, at that end of it."""
    import plotly.graph_objects as go

    rows = [row for row, at in zip(curve.flow.layers, shown, strict=True) if at]
    kept, number = values[shown], curve.number
    thin = number is None
    return go.Scatter(
        x=[depth.place(row.layer) for row in rows],
        y=kept.tolist() if end is None else [10**end] * len(rows),
        customdata=[row.layer for row in rows],
        text=[
            f"<b>{row.layer}</b>: {_spoken(value, quantity)}<br>{curve.label}"
            for row, value in zip(rows, kept, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
        name=name,
        legendgroup=curve.label,
        showlegend=end is None,
        legendrank=2000 if thin else 1000 + (number or 0),
        mode="markers" if end is not None else ("lines" if thin else "lines+markers"),
        line={"color": curve.colour(look), "width": 2 if thin else 2.5},
        marker={
            "color": curve.colour(look),
            "symbol": symbol or MARKERS[(number or 0) % len(MARKERS)][0],
            "size": 12 if end is not None else 9,
        },
        cliponaxis=end is None,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},  # a click selects a layer, it hides no other
    )


def _theory(curve: Curve, look: Look, depth: Depth, predicted: NDArray[np.float64]) -> "go.Scatter":
    import plotly.graph_objects as go

    return go.Scatter(
        x=[depth.place(row.layer) for row in curve.flow.layers],
        y=[value if math.isfinite(value) and value > 0 else None for value in predicted.tolist()],
        mode="lines",
        line={"color": curve.colour(look), "width": 1.5, "dash": "dash"},
        opacity=0.8,
        name=f"Theory: {curve.label}",
        legendgroup=curve.label,
        showlegend=False,
        hoverinfo="skip",
    )


def _spoken(value: float, quantity: str) -> str:
    if value == 0:
        return "exactly 0"
    if quantity in SHARES:
        return f"{100 * value:.3g} %"
    return digits(value)


def _log_axis(figure: "go.Figure", limits: tuple[float, float]) -> None:
    step = max(1, math.ceil((limits[1] - limits[0]) / 7))
    figure.update_yaxes(type="log", range=list(limits), dtick=step, exponentformat="power")


def _float16(figure: "go.Figure", look: Look, quantity: str, limits: tuple[float, float]) -> None:
    """Where 16-bit floats lose digits, and where they end."""
    low, high = 10 ** limits[0], 10 ** limits[1]
    # Where curves are least: a vanishing signal ends low on the right, a gradient on the left.
    left, right = ("right", "left") if quantity == "gradient_std" else ("left", "right")
    for value, text, side in (
        (FLOAT16_NORMAL, "float16 loses digits", right),
        (FLOAT16_SMALLEST, "float16 ends", left),
    ):
        if low < value < high:
            figure.add_hline(value, line={"color": look.muted, "width": 1.5, "dash": "dot"})
            _note(figure, look, math.log10(value), text, side)
    if low < FLOAT16_ZERO:
        top = min(FLOAT16_ZERO, high)
        figure.add_hrect(low, top, fillcolor=look.muted, opacity=0.12, line_width=0, layer="below")
        if math.log10(top) - limits[0] > (limits[1] - limits[0]) / 12:
            _note(figure, look, math.log10(top), "0 in float16", left, above=False)


def _note(
    figure: "go.Figure", look: Look, at: float, text: str, side: str, *, above: bool = True
) -> None:
    figure.add_annotation(
        xref="paper",
        x=0.99 if side == "right" else 0.01,
        xanchor=side,
        yref="y",
        y=at,
        yanchor="bottom" if above else "top",
        text=text,
        font={"color": look.muted, "size": 13},
        showarrow=False,
    )
