"""What a visitor takes away: the overlays as PNG, the numbers as JSON, the view as a link."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import streamlit as st

from dashboard.network_column import Answers
from dashboard.page_head import link_to_view
from dashboard.selection import WHERE, Selection, layer_info
from vgg_viz import figures
from vgg_viz.results import Provenance, ServiceDescription


def downloads(
    answers: Sequence[Answers], selection: Selection, offered: ServiceDescription
) -> None:
    """Buttons; a file is made when its button is clicked, not on every run."""
    shared = selection.scale == "shared" and len(answers) == len(WHERE)
    limit = figures.shared_limit(a.attribution for a in answers) if shared else None
    credit = photo_credit(selection, offered)
    for answer in answers:
        st.download_button(
            f"Picture of {answer.info.title} (PNG)",
            data=partial(picture_file, answer, limit, credit),
            file_name=f"grad-cam-{answer.info.network}-{answer.attribution.layer}.png",
            mime="image/png",
            key=f"{answer.where}_png",
            on_click="ignore",
            width="stretch",
        )
    st.download_button(
        "Numbers of both (JSON)",
        data=partial(numbers_file, answers, selection, credit, offered.version),
        file_name="vgg-viz.json",
        mime="application/json",
        key="numbers_json",
        on_click="ignore",
        disabled=not answers,
        width="stretch",
    )
    link_to_view(offered)


def picture_file(answer: Answers, limit: float | None, credit: str) -> bytes:
    """The overlay with a caption that names weights, class, layer and scale."""
    shown, info = answer.attribution, answer.info
    field = layer_info(info, shown.layer).receptive_field
    caption = (
        f"{info.title}, {info.weights_title}\n"
        f"Grad-CAM of {shown.target_name} at {shown.layer} (receptive field {field} px), "
        f"logit {shown.score:.3g}; scale {'own' if limit is None else 'shared by both networks'}\n"
        f"{credit}"
    )
    return figures.overlay_png(answer.picture, shown, caption, limit=limit)


def numbers_file(
    answers: Sequence[Answers], selection: Selection, credit: str, version: str
) -> bytes:
    """Everything that is printed or drawn, unrounded."""
    document = {
        "program": f"vgg-viz {version}",
        "photo": credit,
        "selection": asdict(selection),
        "networks": {answer.where: _numbers(answer) for answer in answers},
    }
    return json.dumps(document, indent=2, default=float).encode()


def photo_credit(selection: Selection, offered: ServiceDescription) -> str:
    """Title, author and licence of a sample."""
    for sample in offered.samples:
        if sample.name == selection.image:
            return f"Photo: {sample.title}, {sample.author}, {sample.licence}"
    return f"Photo: uploaded, sha256 {selection.image[:12]}"


def _numbers(answer: Answers) -> dict[str, Any]:
    info, result, shown, maps = (
        answer.info,
        answer.classification,
        answer.attribution,
        answer.activations,
    )
    return {
        "provenance": _provenance(result.provenance),
        "title": info.title,
        "parameters": info.parameters,
        "macs": info.macs,
        "forward_seconds": result.forward_seconds,
        "top5": [
            {"index": i, "class": name, "probability": p, "logit": float(result.logits[i])}
            for i, name, p in result.top()
        ],
        "attribution": {
            "method": shown.method,
            "layer": shown.layer,
            "class": shown.target_name,
            "logit": shown.score,
            "upsampling": shown.upsampling,
            "grid": shown.grid.tolist(),
        },
        "activations": {
            "layer": maps.layer,
            "mean": maps.means.tolist(),
            "maximum": maps.maxima.tolist(),
            "dead_share": maps.dead_shares.tolist(),
        },
    }


def _provenance(made_by: Provenance) -> dict[str, Any]:
    return {**asdict(made_by), "versions": dict(made_by.versions)}
