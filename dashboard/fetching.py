"""Weights that are not on this machine yet: a button, then a bar that stops polling by itself."""

import streamlit as st

from dashboard import service
from dashboard.controls import megabytes
from dashboard.selection import Where
from vgg_viz.errors import VggVizError
from vgg_viz.requests import FetchWeightsJob
from vgg_viz.results import DetectorInfo, JobEvent, ModelInfo

POLL = 0.5  # s


def fetch_panel(where: Where | str, info: ModelInfo | DetectorInfo, *, quiet: str = "") -> None:
    """In place of a network's pictures; `quiet` is said instead of a note, for an extra."""
    jobs: dict[str, str] = st.session_state.setdefault("jobs", {})
    if quiet:
        st.caption(quiet)
    else:
        st.info(
            f"{info.title} with {info.weights_title} is not on this machine yet.",
            icon=":material/cloud_download:",
        )
    if info.name not in jobs:
        st.button(
            f"Fetch its weights ({megabytes(info)})" if quiet else f"Fetch {megabytes(info)}",
            key=f"{where}_fetch",
            type="secondary" if quiet else "primary",
            on_click=_submit,
            args=(info.name,),
            help="From the publisher into this computer's cache, once. The file is verified by "
            "its hash before it is used.",
        )
        return
    running = not _last(jobs[info.name]).final
    st.fragment(_progress, run_every=POLL if running else None)(where, info)


def _progress(where: Where | str, info: ModelInfo | DetectorInfo) -> None:
    """The state of one fetch; ends the polling with one full run."""
    jobs: dict[str, str] = st.session_state.jobs
    if info.name not in jobs:
        return
    job = jobs[info.name]
    event = _last(job)
    if event.state == "done":
        del jobs[info.name]
        st.rerun()
    if event.state in ("failed", "cancelled"):
        show = st.error if event.state == "failed" else st.warning
        show(event.message)
        st.button("Try again", key=f"{where}_retry", on_click=_submit, args=(info.name,))
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(event.progress or 0.0, text=event.message)
        st.button("Cancel", key=f"{where}_cancel", on_click=_cancel, args=(job,))


def _submit(model: str) -> None:
    def submit() -> None:
        st.session_state.setdefault("jobs", {})[model] = service.get_service().submit(
            FetchWeightsJob(model)
        )

    service.attempt(submit)


def _cancel(job: str) -> None:
    service.attempt(lambda: service.get_service().cancel(job))


def _last(job: str) -> JobEvent:
    """The newest event; a job the server has forgotten counts as failed."""
    try:
        return service.get_service().events(job)[-1]
    except VggVizError as error:
        return JobEvent(0, "failed", None, str(error))
