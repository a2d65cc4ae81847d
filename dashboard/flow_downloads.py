"""What a visitor takes away from the panel "At initialisation": numbers as CSV and JSON, charts."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from dashboard.charts import picture_format
from dashboard.flow_settings import SCALES, FlowSelection, as_params
from vgg_viz import figures
from vgg_viz.figures import Curve
from vgg_viz.results import MAGNITUDES, QUANTITIES, GradientFlow


def downloads(
    curves: Sequence[Curve], selection: FlowSelection, lines: Mapping[str, str], version: str
) -> None:
    """Buttons; a file is made when its button is clicked, not on every run."""
    flows = [curve.flow for curve in curves]
    chart_page = partial(
        figures.flow_page, curves, selection.quantities, lines, layer=selection.layer
    )
    files = (
        ("Numbers (CSV)", "csv", "text/csv", partial(numbers_csv, flows, selection, version)),
        (
            "Numbers and histograms (JSON)",
            "json",
            "application/json",
            partial(numbers_json, flows, selection, version),
        ),
        ("Charts (HTML, works offline)", "html", "text/html", chart_page),
    )
    for label, ending, mime, make in files:
        st.download_button(
            label,
            data=make,
            file_name=f"gradient-flow.{ending}",
            mime=mime,
            key=f"flow_{ending}",
            on_click="ignore",
            disabled=not curves,
            width="stretch",
        )
    picture_format()


def numbers_csv(flows: Sequence[GradientFlow], selection: FlowSelection, version: str) -> bytes:
    """One row for each layer of each setting; every row says what made it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    measured = [*QUANTITIES, "euler", "predicted_z_std", "predicted_gradient_std"]
    for number, flow in enumerate(flows):
        made_by = _conditions(flow, selection, version)
        if number == 0:
            writer.writerow(["network", "initialization", "layer", "kind", *measured, *made_by])
        for layer in flow.layers:
            values = [*(layer.values[name] for name in QUANTITIES), layer.euler]
            values += [layer.predicted_z_std, layer.predicted_gradient_std]
            where = [flow.network, flow.initialization, layer.layer, layer.kind]
            writer.writerow([*where, *map(repr, map(float, values)), *made_by.values()])
    return out.getvalue().encode()


def numbers_json(flows: Sequence[GradientFlow], selection: FlowSelection, version: str) -> bytes:
    """Everything that is drawn or said. JSON has no NaN: null; infinities are "inf" and "-inf"."""
    document = {
        "program": f"vgg-viz {version}",
        "selection": as_params(selection),
        "histogram_edges_log10": MAGNITUDES.tolist(),
        "settings": [
            {
                **_conditions(flow, selection, version),
                "network": flow.network,
                "initialization": flow.initialization,
                "euler_spread": flow.euler_spread,
                "copied": flow.copied,
                "verdict": flow.verdict,
                "layers": [_layer(flow, number) for number in range(len(flow.layers))],
            }
            for flow in flows
        ],
    }
    return json.dumps(_plain(document), indent=1, allow_nan=False).encode()


def _conditions(flow: GradientFlow, selection: FlowSelection, version: str) -> dict[str, Any]:
    used, scale = flow.provenance, SCALES[selection.size]
    return {
        "title": flow.title,
        "initialization_title": flow.initialization_title,
        "weights": used.weights,
        "weights_digest": used.digest,
        "seed": selection.seed,
        "width": scale.width,
        "input_size": used.input_size,
        "input": flow.input_title,
        "batch": flow.batch,
        "learning_rate": flow.learning_rate,
        "loss": flow.loss,
        "logit_std": flow.logit_std,
        "device": used.device,
        "precision": used.precision,
        "versions": " ".join(
            f"{name} {number}" for name, number in (*used.versions, ("vgg-viz", version))
        ),
    }


def _layer(flow: GradientFlow, number: int) -> dict[str, Any]:
    layer = flow.layers[number]
    return {
        "layer": layer.layer,
        "kind": layer.kind,
        **{name: layer.values[name] for name in QUANTITIES},
        "euler": layer.euler,
        "predicted_z_std": layer.predicted_z_std,
        "predicted_gradient_std": layer.predicted_gradient_std,
        "histograms": {name: counts.tolist() for name, counts in layer.histograms.items()},
        "totals": dict(layer.totals),
    }


def _plain(value: Any) -> Any:
    """Lists, dicts, texts and numbers that JSON can say."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return None if math.isnan(number) else number if math.isfinite(number) else str(number)
    return value
