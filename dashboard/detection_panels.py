"""Page "Detection": the photo with what a network finds in it, step by step."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from dashboard import components, service, session
from dashboard.detection_settings import DetectionSettings
from dashboard.network_column import escaped
from dashboard.selection import Selection, Where
from dashboard.study_panel import study_panel
from vgg_viz import figures
from vgg_viz.figures import DETECTION_WAYS
from vgg_viz.requests import DetectionCardRequest, DetectionJob, PictureRequest
from vgg_viz.results import DetectedObject, Detection, ModelInfo

CHOSEN = "detection_chosen"  # a box was, since the whole page was drawn
PHOTO = 960  # px, long side
HIGH = 432  # px of the photo on the page; HIGH of detection_photo.js is as many rem


@dataclass(frozen=True, eq=False)
class Work:
    """One network's job, and what is needed to show it."""

    where: Where
    info: ModelInfo
    job: DetectionJob
    credit: str

    @property
    def source(self) -> str:
        """Network and weights, for captions."""
        return f"{self.info.title}, {self.info.weights_title}"


def newest(work: Work) -> Detection | None:
    """What the work has so far."""
    name = service.get_service().find(work.job)
    found = service.get_service().result(name) if name else None
    return found if isinstance(found, Detection) else None


def panel(work: Work, selection: Selection, settings: DetectionSettings) -> None:
    """One network's photo; before anything runs, the photo alone."""
    service.run(DetectionCardRequest(work.job.model))  # says so when there are no heads for it
    if service.get_service().find(work.job) is None:
        picture = service.run(PictureRequest(selection.image, size=PHOTO))
        height, width = picture.pixels.shape[:2]
        # As large as the component shows it afterwards: nothing jumps.
        st.image(picture.jpeg, width=max(1, round(HIGH * width / height)))
        return
    study_panel(
        work.job,
        partial(_draw, work, settings),
        key=f"detection_{work.where}",
    )


def _draw(work: Work, settings: DetectionSettings, found: Detection) -> None:
    if st.session_state.pop(CHOSEN, False):
        st.rerun()  # a click reruns the panel alone, and the box is looked into below it
    picture = service.run(PictureRequest(work.job.image, size=PHOTO))
    frame = figures.detection_frame(
        picture,
        found,
        work.source,
        step=settings.step,
        least=settings.least,
        overlap=settings.overlap,
        chosen=settings.chosen,
    )
    key = f"detection_photo_{work.where}"
    components.detection_photo(frame, key=key, on_choose=partial(_on_choose, key))
    _foot(work, settings, found)


def _on_choose(key: str) -> None:
    chosen = st.session_state[key].chosen
    if chosen:
        box = "_".join(f"{float(value):.1f}" for value in chosen["box"])
        session.set_settings(box=box, object=str(chosen["name"]))
        st.session_state[CHOSEN] = True


def _foot(work: Work, settings: DetectionSettings, found: Detection) -> None:
    """Where it comes from, what it took, and files."""
    key = f"detection_foot_{work.where}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=key):
        passes = "once on the photo" if found.way == "fast" else f"on {found.passes} crops"
        st.caption(
            f"{escaped(work.source)}. Search {found.search_seconds:.2f} s, network {passes} "
            f"{found.seconds:.2f} s on {found.provenance.device}.",
            width="content",
        )
        for label, make, suffix, mime, about in (
            ("PNG", partial(png, work, settings, found), "png", "image/png", "The objects drawn"),
            (
                "COCO",
                partial(coco, work, settings, found),
                "json",
                "application/json",
                "The objects at these thresholds, in COCO's format",
            ),
            ("npz", partial(npz, work, found), "npz", None, "Every proposal, unthresholded"),
        ):
            st.download_button(
                label,
                data=make,
                file_name=f"detection-{work.info.network}.{suffix}",
                mime=mime,
                key=f"{work.where}_detection_{suffix}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
                help=about,
            )


def _objects(settings: DetectionSettings, found: Detection) -> tuple[DetectedObject, ...]:
    return found.objects(settings.least, settings.overlap)


def caption(work: Work, settings: DetectionSettings, found: Detection) -> str:
    """Lines that make the picture understood alone."""
    return (
        f"{DETECTION_WAYS[found.way]} on {work.source}; {len(found.boxes)} proposals of selective "
        f"search\nSVM scores of at least {settings.least:.2f}, suppressed above IoU "
        f"{settings.overlap:.2f}, boxes refined by regression\n{work.credit}"
    )


def png(work: Work, settings: DetectionSettings, found: Detection) -> bytes:
    """The photo with the objects at the sliders' thresholds."""
    picture = service.run(PictureRequest(work.job.image, size=PHOTO))
    objects = _objects(settings, found)
    return figures.detection_png(picture.pixels, found, objects, caption(work, settings, found))


def coco(work: Work, settings: DetectionSettings, found: Detection) -> bytes:
    """The same objects as numbers."""
    about: dict[str, Any] = {
        "description": caption(work, settings, found),
        "weights": found.provenance.digest,
        "heads": found.heads,
    }
    document = figures.detection_coco(found, _objects(settings, found), work.job.image, about)
    return json.dumps(document, indent=1).encode()


def npz(work: Work, found: Detection) -> bytes:
    """Everything, so that other thresholds can be tried."""
    return figures.detection_npz(found, {"photo": work.credit, "model": work.job.model})
