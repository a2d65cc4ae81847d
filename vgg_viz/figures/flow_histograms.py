"""How the numbers of one layer are spread over orders of magnitude, settings overlaid."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vgg_viz.figures.chart_style import Look, digits, style
from vgg_viz.figures.flow_charts import Curve
from vgg_viz.results import MAGNITUDES, LayerFlow

if TYPE_CHECKING:
    import plotly.graph_objects as go

HISTOGRAM_TITLES = {
    "z": "z",
    "activation": "activation",
    "gradient": "dL/dz",
    "weight_gradient": "dL/dW",
}
HEIGHT = 270  # px


def histogram_figure(
    layers: Sequence[tuple[Curve, LayerFlow]], quantity: str, look: Look
) -> "go.Figure":
    """Shares of one of HISTOGRAMS by magnitude, log10|x|: one outline for each setting's layer."""
    import plotly.graph_objects as go

    figure = go.Figure()
    centres = (MAGNITUDES[:-1] + MAGNITUDES[1:]) / 2  # (60,)
    first, last = len(centres), 0
    for curve, layer in layers:
        counts = layer.histograms[quantity]
        filled = np.flatnonzero(counts)
        if not filled.size:
            continue
        first, last = min(first, int(filled[0])), max(last, int(filled[-1]))
        shares = counts / max(1, layer.totals[quantity])
        figure.add_trace(
            go.Scatter(
                x=centres.tolist(),
                y=shares.tolist(),
                text=[
                    f"{100 * share:.3g} % near {digits(10**at)}<br>{layer.layer}, {curve.label}"
                    for share, at in zip(shares, centres, strict=True)
                ],
                hovertemplate="%{text}<extra></extra>",
                mode="lines",
                line={"color": curve.colour(look), "width": 2, "shape": "hvh"},
                fill="tozeroy",
                fillcolor=_faint(curve.colour(look)),
                name=f"{layer.layer}, {curve.label}",
                showlegend=False,
            )
        )
    style(figure, look, f"share of {HISTOGRAM_TITLES[quantity]}")
    _magnitudes(figure, first, last)
    figure.update_layout(height=HEIGHT, margin={"b": 40})
    return figure


def zero_share(layer: LayerFlow, quantity: str) -> float | None:
    """Share of exact zeros among the values of one of HISTOGRAMS; None where there are no values.

    Values that are not finite are in no histogram either, so they count here; pages name them.
    """
    total = layer.totals[quantity]
    return 1 - float(layer.histograms[quantity].sum()) / total if total else None


def _faint(colour: str) -> str:
    """#RRGGBB so thin that six of them on top of each other can be told apart."""
    return f"rgba({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))}, 0.15)"


def _magnitudes(figure: "go.Figure", first: int, last: int) -> None:
    """Whole decades below the bins `first` to `last`."""
    if last < first:
        first, last = 0, len(MAGNITUDES) - 2
    low, high = float(MAGNITUDES[first]) - 0.4, float(MAGNITUDES[last + 1]) + 0.4
    step = max(1, round((high - low) / 5))
    ticks = list(range(int(np.ceil(low)), int(np.floor(high)) + 1, step))
    figure.update_xaxes(
        range=[low, high],
        tickvals=ticks,
        ticktext=[f"10<sup>{tick}</sup>".replace("-", "−") for tick in ticks],
    )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
