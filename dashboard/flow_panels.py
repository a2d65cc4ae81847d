"""Charts of the panel "At initialisation": three quantities over depth, histograms of a layer."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.charts import config, look
from dashboard.flow_controls import change, controlled
from dashboard.flow_settings import FlowSelection
from vgg_viz import figures
from vgg_viz.figures import Curve, Depth
from vgg_viz.results import GradientFlow, LayerFlow

EXPLANATIONS = {
    "z_std": "How large the layer's output is, before batch norm and ReLU.",
    "activation_std": "How large the output is behind the ReLU.",
    "gradient_std": "What reaches the layer's output from the loss.",
    "weight_gradient_norm": "What reaches the weights: size of the whole gradient.",
    "bias_gradient_norm": "What reaches the biases: size of the whole gradient.",
    "update_ratio": "How far one step moves the weights, relative to their size.",
    "weight_norm": "Euclidean size of all weights of the layer.",
    "zero_share": "Values that the ReLU sets to 0.",
    "dead_share": "Channels that are 0 everywhere, for every input of the batch.",
}
WORDS = (
    "**z**: output of a convolution or linear layer before batch norm and ReLU. **std**: standard "
    "deviation over all its values. **dL/dz**: derivative of the loss by z. **|x|**: Euclidean "
    "norm."
)
THEORY = (
    "**Dashed**: what the product of √(fan · Var[w] / 2) predicts (He et al. 2015), from the "
    "measured first z and the last dL/dz. Batch norm and LRN have no such line; pooling makes the "
    "measured curve leave it."
)
NO_LAYER = "Click a marker, or choose a layer, to see how its numbers are spread."
QUANTITY_HELP = (
    "Shares of all values by their size, log10|x|. Exact zeros are in no bar; what is smaller or "
    "larger than the axis of 24 decades counts at its ends."
)


def chart_boxes(chosen: FlowSelection) -> list[DeltaGenerator]:
    """Three places for charts, each under the picker of its quantity."""
    boxes = []
    for number, column in enumerate(st.columns(len(chosen.quantities), gap="medium")):
        with column, st.container(gap="xsmall"):
            quantity = chosen.quantities[number]
            controlled(
                st.selectbox,
                f"Quantity of chart {number + 1}",
                list(figures.QUANTITY_TITLES),
                key=f"flow_quantity_{number}",
                value=quantity,
                apply=partial(_with_quantity, number),
                format_func=figures.QUANTITY_TITLES.__getitem__,
                label_visibility="collapsed",
            )
            st.caption(EXPLANATIONS[quantity], help=WORDS)
            boxes.append(st.empty())
    return boxes


def charts(
    boxes: Sequence[DeltaGenerator], curves: Sequence[Curve], chosen: FlowSelection, *, draft: bool
) -> None:
    """The curves there are; a `draft` is drawn while more are computed, and is not clickable."""
    height = max(figures.decades(curves, quantity) for quantity in chosen.quantities)
    for number, (box, quantity) in enumerate(zip(boxes, chosen.quantities, strict=True)):
        figure = figures.flow_figure(
            curves, quantity, look(), height_in_decades=height, layer=chosen.layer
        )
        key = f"flow_chart_{number}"
        clicks: dict[str, Any] = (
            {"key": f"flow_draft_{number}_{len(curves)}"}
            if draft
            else {
                "key": key,
                "on_select": partial(_on_marker, key),
                "selection_mode": "points",
            }
        )
        box.plotly_chart(
            figure,
            config=config(f"gradient-flow-{quantity}"),
            alt=_alt(quantity, curves),
            **clicks,
        )


def legend_line(curves: Sequence[Curve], chosen: FlowSelection) -> None:
    """What dashed, dotted and grey lines are, where there are any."""
    parts = []
    if any(quantity in figures.PREDICTIONS for quantity in chosen.quantities):
        parts.append("Dashed: theory of He et al.")
    if any(quantity in figures.PER_VALUE for quantity in chosen.quantities):
        parts.append("Dotted: limits of 16-bit floats (6.1e-5 and 6.0e-8).")
    logarithmic = [q for q in chosen.quantities if q not in figures.SHARES]
    if len(logarithmic) > 1:
        parts.append("Logarithmic axes span the same number of decades, so slopes compare.")
    if any("_" not in curve.flow.layers[0].layer for curve in curves) and any(
        "_" in curve.flow.layers[0].layer for curve in curves
    ):
        parts.append("The five convolutions of AlexNet and ZFNet are spread over VGG's depth.")
    st.caption(" ".join(parts), help=THEORY)


def histograms(curves: Sequence[Curve], chosen: FlowSelection) -> None:
    """How the numbers of one layer are spread, all settings overlaid."""
    depth = Depth(curve.flow for curve in curves)
    with st.container(horizontal=True, vertical_alignment="center", key="flow_layer_row"):
        known = chosen.layer is not None and depth.place(chosen.layer) is not None
        _layer_picker(depth, chosen.layer if known else None)
        if known:
            st.caption("How its numbers are spread, by size.", help=QUANTITY_HELP)
        elif chosen.layer is None:
            st.caption(NO_LAYER)
        else:
            st.caption(f"None of these networks has a layer `{chosen.layer}`. {NO_LAYER}")
    if not known:
        return
    layers = [(curve, depth.nearest(curve.flow, str(chosen.layer))) for curve in curves]
    elsewhere = [
        f"{curve.flow.title}: {row.layer}" for curve, row in layers if row.layer != chosen.layer
    ]
    if elsewhere:
        st.caption(f"Nearest layer of other networks: {'; '.join(dict.fromkeys(elsewhere))}.")
    for number, column in enumerate(st.columns(len(figures.HISTOGRAM_TITLES), gap="small")):
        with column:
            _histogram(list(figures.HISTOGRAM_TITLES)[number], layers)


def _histogram(quantity: str, layers: Sequence[tuple[Curve, LayerFlow]]) -> None:
    title = figures.HISTOGRAM_TITLES[quantity]
    if not any(row.histograms[quantity].any() for _, row in layers):
        st.caption(f"No sizes of {title} to draw. {_zeros(quantity, layers)}")
        return
    st.plotly_chart(
        figures.histogram_figure(layers, quantity, look()),
        key=f"flow_histogram_{quantity}",
        config=config(f"histogram-{quantity}"),
        alt=f"Histogram of the sizes of {title}.",
    )
    st.caption(_zeros(quantity, layers))


def _zeros(quantity: str, layers: Sequence[tuple[Curve, LayerFlow]]) -> str:
    """ "Exact zeros: ● 52 %  ■ 48 %" """
    parts = []
    for curve, layer in layers:
        share = figures.zero_share(layer, quantity)
        if share is not None and curve.number is not None:
            sign = figures.MARKERS[curve.number % len(figures.MARKERS)][1]
            parts.append((share, f"{sign} {100 * share:.2g} %"))
    if not parts:
        return "No ReLU follows this layer."
    if not any(share for share, _ in parts):
        return "No exact zeros."
    return f"Exact zeros: {' · '.join(text for _, text in parts)}"


def _layer_picker(depth: Depth, layer: str | None) -> None:
    names = list(depth.names)
    if layer is not None and layer not in names:
        names.append(layer)
    controlled(
        st.selectbox,
        "Layer",
        names,
        key="flow_layer",
        value=layer,
        apply=lambda now, name: replace(now, layer=name),
        placeholder="Choose a layer",
        label_visibility="collapsed",
        width=220,
    )


def _with_quantity(at: int, now: FlowSelection, name: str) -> FlowSelection:
    quantities = list(now.quantities)
    quantities[at] = name
    return replace(now, quantities=tuple(quantities))


def _on_marker(key: str) -> None:
    points = st.session_state[key].selection.points
    if points:  # empty when a click next to the markers lifts plotly's own selection
        data = points[0].get("customdata")
        layer = data[0] if isinstance(data, (list, tuple)) else data
        if layer:
            change(lambda now: replace(now, layer=str(layer)))


def _alt(quantity: str, curves: Sequence[Curve]) -> str:
    ends = "; ".join(f"{curve.label}: {_ends(curve.flow, quantity)}" for curve in curves)
    return f"{figures.QUANTITY_TITLES[quantity]} over depth. {ends}."


def _ends(flow: GradientFlow, quantity: str) -> str:
    first, last = flow.layers[0], flow.layers[-1]
    return (
        f"{figures.digits(first.values[quantity])} at {first.layer}, "
        f"{figures.digits(last.values[quantity])} at {last.layer}"
    )
