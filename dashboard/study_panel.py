"""Long work on the server as a page shows it: a start button, a bar with Stop, a way to go on.

The job follows from the page's settings alone, so a reload and a link find it again.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboard import service
from dashboard.network_column import escaped
from vgg_viz.errors import VggVizError
from vgg_viz.requests import StudyJob
from vgg_viz.results import JobEvent

POLL = 0.7  # s between two looks
GONE = "The server no longer knows this work (it was restarted, or newer work took its room)."
Draw = Callable[[Any], None]


def study_panel(
    job: StudyJob,
    draw: Draw,
    *,
    key: str,
    start: str = "Start",
    about: str = "",
    again: str = "",
    icon: str = ":material/play_arrow:",
) -> None:
    """The state of `job` and its newest result, which `draw` shows.

    `start` is what the button says before anything runs, `about` the words beside it: what will
    be done, and how long it takes. `again` is what a button says once it is through, for work
    that another time may find something new. Wrap it in `service.messages()`.
    """
    name = service.get_service().find(job)
    if name is None:
        with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_idle"):
            _button(start, job, key=f"{key}_start", icon=icon, kind="primary")
            if about:
                st.caption(about, width="content")
        return
    going = not _last(name).final
    st.fragment(_watch, run_every=POLL if going else None)(job, name, draw, going, key, again)


def start_all(
    label: str,
    jobs: Sequence[StudyJob],
    *,
    key: str,
    about: str,
    icon: str = ":material/play_arrow:",
) -> None:
    """One button that starts every one of `jobs` that has not run; nothing left: it is dead."""
    waiting = [job for job in jobs if service.get_service().find(job) is None]
    st.button(
        label,
        key=key,
        type="primary",
        icon=icon,
        disabled=not waiting,
        on_click=partial(_submit_each, waiting),
        help=about,
    )


def _submit_each(jobs: Sequence[StudyJob]) -> None:
    for job in jobs:
        service.attempt(partial(_submit, job))


def _submit(job: StudyJob) -> None:
    service.get_service().submit(job)


def _watch(job: StudyJob, name: str, draw: Draw, going: bool, key: str, again: str) -> None:
    """Bar or message, then the result; the first look after the end runs the whole page once."""
    with service.messages():
        event = _last(name)
        # After "Go on" a newer job has the same work; only the whole page learns its name.
        if (going and event.final) or service.get_service().find(job) != name:
            st.rerun()
        with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_state"):
            _state(job, name, event, key)
            if again and event.state == "done":
                _button(again, job, key=f"{key}_again", icon=":material/refresh:")
        found = None if event.message == GONE else service.get_service().result(name)
        if found is not None:
            draw(found)


def _state(job: StudyJob, name: str, event: JobEvent, key: str) -> None:
    match event.state:
        case "queued" | "running":
            st.progress(event.progress or 0.0, text=escaped(event.message))
            st.button(
                "Stop",
                key=f"{key}_stop",
                icon=":material/stop:",
                on_click=partial(service.attempt, lambda: service.get_service().cancel(name)),
                help="Ends after the current step; what there is stays, and can go on later.",
            )
        case "cancelled":
            st.caption(escaped(event.message), width="content")
            _button("Go on", job, key=f"{key}_go_on", icon=":material/play_arrow:")
        case "failed":
            st.error(escaped(event.message), icon=":material/error:")
            _button("Try again", job, key=f"{key}_retry", icon=":material/refresh:")
        case _:
            st.caption(escaped(event.message), width="content")


def _button(label: str, job: StudyJob, *, key: str, icon: str, kind: str = "secondary") -> None:
    st.button(
        label,
        key=key,
        icon=icon,
        type=kind,  # type: ignore[arg-type]
        on_click=partial(service.attempt, partial(_submit, job)),
    )


def _last(name: str) -> JobEvent:
    """The newest event; a job the server has forgotten counts as failed."""
    try:
        return service.get_service().events(name)[-1]
    except VggVizError:
        return JobEvent(0, "failed", None, GONE)
