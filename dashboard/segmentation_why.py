"""Page "Segmentation": where the class of one pixel comes from."""

from functools import partial

import streamlit as st

from dashboard import components, service, session
from dashboard.segmentation_panels import network_head
from dashboard.segmentation_settings import (
    METHODS,
    SegmentationSettings,
    labels_request,
    why_request,
)
from dashboard.selection import WHERE, Selection, Where
from vgg_viz import figures
from vgg_viz.architecture import describe_model
from vgg_viz.requests import SegmentationHeadsRequest
from vgg_viz.results import ModelInfo, SegmentationHeads, ServiceDescription

ABOUT = (
    "FCN-32s is a chain of layers with one score for each class as its end, so every method of "
    "page Attribution can be asked where the score at a pixel comes from. Grad-CAM weights whole "
    "channels, LayerCAM every cell, the gradient is of the pixels of the photo. 100 % is the "
    "largest value of each map."
)


def panel(
    selection: Selection,
    settings: SegmentationSettings,
    offered: ServiceDescription,
    infos: dict[Where, ModelInfo],
) -> None:
    """Click a pixel: the maps of its class, in both networks."""
    heads = service.run(SegmentationHeadsRequest())
    st.caption("Click a pixel of a left picture: where does its class come from?", help=ABOUT)
    for where in WHERE:
        with service.messages():
            _row(where, selection, settings, offered, infos[where], heads)


def _row(
    where: Where,
    selection: Selection,
    settings: SegmentationSettings,
    offered: ServiceDescription,
    info: ModelInfo,
    heads: SegmentationHeads,
) -> None:
    if not network_head(where, selection, offered, info, heads):
        return
    found = service.run(labels_request(where, selection))
    place, net = settings.place, found.net(32)
    height, width = net.labels.shape
    row, column = min(height - 1, int(place[1] * height)), min(width - 1, int(place[0] * width))
    chosen = settings.shown_class
    label = int(net.labels[row, column]) if chosen is None else chosen
    pictures = [figures.marked(figures.stride_picture(found, 32), place)]
    scores = []
    for method, title in METHODS.items():
        explained = service.run(why_request(where, selection, settings, label, method))
        scores.append(explained.score)
        pictures.append(figures.evidence_picture(found, explained, title, place))
    key = f"segmentation_{where}_why"
    components.label_maps(
        figures.label_frame(pictures, info.title, slider=where == "left", places=True),
        key=key,
        on_place=partial(_choose, key),
    )
    field = describe_model(info).row("fc6").receptive_field.size
    st.caption(
        f"{info.title}, {info.weights_title}: score {scores[0]:.2f} of "
        f"**{found.classes[label]}** at pixel ({column}, {row}) of {width} × {height}, probability "
        f"{100 * net.probabilities[label, row, column]:.0f} %. One score of 32s sees {field} px, "
        f"{'more than' if field > max(height, width) else 'a part of'} this photo."
    )


def _choose(key: str) -> None:
    placed = st.session_state[key].placed
    if placed:
        x, y = (f"{float(placed[name]):.4g}" for name in ("x", "y"))
        session.set_settings(at=f"{x},{y}")
