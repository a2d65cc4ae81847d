"""Controls of page "Detection"."""

from collections.abc import Sequence

import streamlit as st

from dashboard import components, controls, service, session
from dashboard.detection_settings import VIEWS, DetectionSettings
from dashboard.network_column import escaped
from dashboard.page_head import page_head, settings_of
from dashboard.selection import Selection, Where
from dashboard.study_panel import start_all
from vgg_viz.figures import DETECTION_WAYS
from vgg_viz.requests import DetectionJob
from vgg_viz.results import ModelInfo, ServiceDescription

IDEA = """
**R-CNN** (Girshick et al., arXiv 1311.2524). A classifier says what is in a photo; to say *where*,
it looks at regions. **1** Selective search proposes regions that may be objects, from colours and
textures alone. **2** Each is warped to the network's input and becomes fc7 features; a linear SVM
for each class scores them. **3** Of proposals of a class that overlap by more than the IoU, the
best stays (non-maximum suppression). **4** A linear regression moves each box.

**Fast R-CNN** (arXiv 1504.08083) runs the convolutions once on the whole photo and cuts each
region's features out of the last map (RoI pooling). Ours keeps R-CNN's SVMs and regression on those
features; the paper trains network, classes and boxes together.

**Ours**: the bundled networks, trained to classify, are not changed; only SVMs and regressions were
trained. The photo is searched at 200 px, and regions that overlap a larger one by more than 0.75
are left out.
"""
WAY_HELP = (
    "**R-CNN**: the network runs on every warped proposal. **Fast R-CNN**: on the photo once; each "
    "proposal's features come from the last map by RoI pooling, then fc6 and fc7."
)

setting = settings_of("detection")


def head(settings: DetectionSettings, offered: ServiceDescription) -> None:
    """Title, view, explanation."""
    page_head("detection", "Detection", VIEWS, settings.view, offered, idea=IDEA)


def photo_row(
    selection: Selection,
    offered: ServiceDescription,
    settings: DetectionSettings,
    jobs: Sequence[DetectionJob],
) -> None:
    """Photo, way, and the button that starts every job that has not run."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            controls.photo_picker(selection, offered)
        controls.add_photo()
        if settings.view == "objects":
            way_picker(settings)
        start_all(
            "Find objects" if settings.view == "objects" else "Measure both ways",
            jobs,
            key="detection_start",
            about="Both networks, in small steps: one to three seconds each with the bundled "
            "weights on two CPU cores.",
        )


def way_picker(settings: DetectionSettings) -> None:
    """A pass for each proposal, or one for the photo."""
    setting(
        st.segmented_control,
        "Features by",
        list(DETECTION_WAYS),
        name="way",
        value=settings.way,
        format_func=DETECTION_WAYS.__getitem__,
        required=True,
        help=WAY_HELP,
    )


def side_head(
    where: Where, selection: Selection, offered: ServiceDescription, info: ModelInfo
) -> None:
    """Network and weights."""
    network, words = st.columns([2, 3], vertical_alignment="center")
    with network:
        controls.model_picker(where, selection, offered)
    with words:
        st.caption(escaped(info.weights_title), width="content")


def bar(settings: DetectionSettings) -> None:
    """Steps and thresholds of both photos."""
    components.detection_bar(
        settings.step, settings.least, settings.overlap, key="detection_bar", on_look=_on_look
    )


def _on_look() -> None:
    looked = st.session_state["detection_bar"].looked
    if looked:
        session.set_settings(
            step=str(looked["step"]),
            least=round(float(looked["least"]), 2),
            overlap=round(float(looked["overlap"]), 2),
        )
