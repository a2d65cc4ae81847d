"""Page "Detection": one box looked into: its crop, its features, where its score comes from."""

from collections.abc import Sequence

import streamlit as st

from dashboard import components, service, session
from dashboard.charts import chart, look
from dashboard.detection_panels import Work
from dashboard.detection_settings import DetectionSettings
from dashboard.network_column import escaped
from dashboard.selection import WHERE
from vgg_viz import figures
from vgg_viz.figures import DETECTION_WAYS
from vgg_viz.requests import BoxScore, DetectedRegionRequest, ExplainedRequest
from vgg_viz.results import Attribution, DetectedRegion

MAPS = {"grad_cam": "Grad-CAM", "occlusion": "Occlusion"}
NOTHING = "Click a box in a photo, or a name below it, to see what the network sees there."
SCORE = (
    "score = Σ value × weight + bias over all fc7 units: a linear SVM. 1 is the edge of its "
    "margin; below 0 it says no. A distance, no probability."
)


def panel(works: Sequence[Work], settings: DetectionSettings) -> None:
    """The box in both networks, for one class."""
    chosen = settings.chosen
    if chosen is None:
        st.caption(NOTHING)
        return
    box, name = chosen
    with st.container(horizontal=True, vertical_alignment="center", key="detection_box_head"):
        left, top, right, bottom = box
        st.subheader(f"Why {escaped(name)}?", anchor=False, width="content")
        st.caption(
            f"Proposal at {left:.0f}, {top:.0f}, {right - left:.0f} × {bottom - top:.0f} px, as "
            "both networks read it: warped to their input, with some context.",
            width="content",
        )
        st.button("Close", key="detection_box_close", on_click=_close)
    for work, column in zip(works, st.columns(2, gap="medium"), strict=False):
        with column, st.container(key=f"detection_box_{work.where}"), service.messages():
            _side(work, box, name)


def _close() -> None:
    session.set_settings(box="", object="")


def _side(work: Work, box: tuple[float, float, float, float], name: str) -> None:
    asked = DetectedRegionRequest(work.job.model, work.job.image, box, 0, work.job.way)
    region = service.run(asked)
    if name not in region.classes:
        st.caption(f"{work.info.title} has no class {escaped(name)}.")
        return
    label = region.classes.index(name)
    if label:
        region = service.run(
            DetectedRegionRequest(work.job.model, work.job.image, box, label, work.job.way)
        )
    _verdict(work, region)
    crop, grad_cam, occlusion = st.columns(3, gap="small")
    with crop:
        st.markdown("**What it reads**")
        st.image(region.picture.jpeg, width="stretch")
        side = region.crop.shape[0]
        st.caption(f"{side} × {side} px, {region.context} px of context on each side")
    for method, column in (("grad_cam", grad_cam), ("occlusion", occlusion)):
        with column:
            st.markdown(f"**{MAPS[method]}**")
            with service.messages():
                found = service.run(
                    ExplainedRequest(
                        work.job.model, work.job.image, BoxScore(box, label), method=method
                    )
                )
                _overlay(work, region, found, method)
    st.markdown(f"**The fc7 units that speak for or against {escaped(name)}**", help=SCORE)
    chart(
        figures.feature_shares_figure(region, look(), series=WHERE.index(work.where)),
        key=f"detection_features_{work.where}",
        alt=f"Bars: shares of the score {region.scores[label]:.2f} of {name}: "
        + ", ".join(f"unit {each.unit} {each.share:+.2f}" for each in region.features)
        + f", all others {region.others:+.2f}, bias {region.bias:+.2f}.",
        rows=[
            {"unit": each.unit, "value": each.value, "weight": each.weight, "share": each.share}
            for each in region.features
        ],
        source=f"{work.source}; features by {DETECTION_WAYS[region.way]}.",
    )


def _verdict(work: Work, region: DetectedRegion) -> None:
    """All classes' scores, the asked one first."""
    order = sorted(range(len(region.classes)), key=lambda i: -region.scores[i])
    words = [f"{region.classes[i]} {region.scores[i]:.2f}".replace("-", "−") for i in order[:4]]
    dx, dy, dw, dh = region.moves
    st.markdown(
        f"**{escaped(work.info.title)}** · " + escaped(" · ".join(words)),
        help=f"{SCORE} The regression of {region.classes[region.label]} moves the box by "
        f"{100 * dx:+.0f} % of its width and {100 * dy:+.0f} % of its height, and scales it by "
        f"{2.718281828**dw:.2f} × {2.718281828**dh:.2f}.",
    )


def _overlay(work: Work, region: DetectedRegion, found: Attribution, method: str) -> None:
    frame = figures.overlay_frame(
        region.picture,
        found,
        label=work.source,
        title=f"{MAPS[method]} of R-CNN's {found.target_name}",
        enlarges=True,
    )
    components.overlay(frame, key=f"detection_{method}_{work.where}")
    place = found.layer if method == "grad_cam" else "fall of the score under a square"
    # The map is over the warped box, which Fast R-CNN does not read.
    whose = "R-CNN's score" if region.way == "fast" else "score"
    st.caption(f"{place}, {whose} {found.score:.2f}".replace("-", "−"))
