"""Page "Attribution": under every map of the matrix, how far it can be trusted; all as jobs.

A job is one map's, the same as in the view "One method": what one has found, the other shows. The
server keeps at most a few waiting, so the page submits the next when one ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from dashboard import components, service, session
from dashboard.attribution_box import pointed, trust_with_box
from dashboard.attribution_cells import Cell, cost_of, duration
from dashboard.attribution_settings import Box
from dashboard.network_column import escaped
from vgg_viz import figures
from vgg_viz.errors import JobError, VggVizError
from vgg_viz.requests import ClassifyRequest, TrustJob
from vgg_viz.results import Attribution, JobEvent, Trust

AT_ONCE = 2  # jobs of a page that are under way; the server takes turns between two
POLL = 1.0  # s between two looks
STRIP_POLL = 1.5  # s between two looks at numbers that grow
OPENED = "attribution_opened"  # of the session: a verdict was clicked
PROGRESS_WIDTH = 190  # px; the look and the file stand in the same row
QUEUE = "attribution_to_test"  # of the session: what is still to be submitted
TEST_HELP = (
    "For each map: deletion and insertion beside maps that know nothing, its own error, likeness "
    "to the map with random weights, and spread over seeds. What was measured is kept. The next "
    "map begins while this page is open."
)

OPEN_HELP = "A click on a verdict shows the whole of it; a click on a number says what it means."


@dataclass(frozen=True, eq=False)
class Shown:
    """A map on the screen."""

    cell: Cell
    map: Attribution
    limit: float | None  # the end of its scale; None: its own

    @property
    def job(self) -> TrustJob:
        """What measures its trust; the box needs no pass, so it is not part of it."""
        return TrustJob.of(self.cell.request)


@dataclass(frozen=True)
class State:
    """Where a job stands. `name` None: the server knows nothing of it."""

    name: str | None
    event: JobEvent | None

    @property
    def going(self) -> bool:
        """Whether it waits or runs."""
        return self.event is not None and not self.event.final

    @property
    def done(self) -> bool:
        """Whether it ran to its end."""
        return self.event is not None and self.event.state == "done"


def state_of(job: TrustJob) -> State:
    """Of the newest equal job."""
    asked = service.get_service()
    name = asked.find(job)
    if name is None:
        return State(None, None)
    try:
        return State(name, asked.events(name)[-1])
    except VggVizError:  # forgotten in between
        return State(None, None)


def trust_of(job: TrustJob) -> Trust | None:
    """What was found by now; None when nothing was, or when it had to make room."""
    state = state_of(job)
    try:
        found = service.get_service().result(state.name) if state.name else None
    except VggVizError:
        return None
    return found if isinstance(found, Trust) else None


# --- all maps ------------------------------------------------------------------------------------


def test_all(shown: Sequence[Shown]) -> None:
    """Button, progress and Stop for every map of the page; submits them one after the other."""
    jobs = list(dict.fromkeys(each.job for each in shown))
    queue = [job for job in st.session_state.get(QUEUE, ()) if job in jobs]
    st.session_state[QUEUE] = tuple(queue)
    states = [state_of(job) for job in jobs]
    going = bool(queue) or any(state.going for state in states)
    drawn = [state.done for state in states], [state.going for state in states]
    st.fragment(_watch, run_every=POLL if going else None)(shown, jobs, drawn, going)


def _watch(
    shown: Sequence[Shown],
    jobs: list[TrustJob],
    drawn: tuple[list[bool], list[bool]],
    going: bool,
) -> None:
    with service.messages():
        if going:
            _submit_next(jobs)
        states = [state_of(job) for job in jobs]
        if drawn != ([state.done for state in states], [state.going for state in states]):
            st.rerun()  # the strips of those that began or ended are the page's
        with st.container(
            horizontal=True, vertical_alignment="center", key="attribution_test_all_row"
        ):
            if going:
                _progress(jobs, states)
            else:
                _button(shown, jobs, states)


def _submit_next(jobs: list[TrustJob]) -> None:
    """Keep AT_ONCE under way; a server with too many waiting is asked again later."""
    queue = list(st.session_state.get(QUEUE, ()))
    under_way = sum(state_of(job).going for job in jobs)
    while queue and under_way < AT_ONCE:
        state = state_of(queue[0])
        if not state.going and not state.done:
            try:
                service.get_service().submit(queue[0])
            except JobError:
                break
            under_way += 1
        del queue[0]
    st.session_state[QUEUE] = tuple(queue)


def _progress(jobs: list[TrustJob], states: list[State]) -> None:
    wanted = set(st.session_state.get(QUEUE, ()))
    part = [
        (job, state) for job, state in zip(jobs, states, strict=True) if state.name or job in wanted
    ]
    done = sum(state.done for _, state in part)
    share = sum(
        1.0 if state.done else (state.event and state.event.progress) or 0.0 for _, state in part
    )
    with st.container(width=PROGRESS_WIDTH):
        st.progress(
            min(1.0, share / max(len(part), 1)),
            text=f"{done} of {len(part)} maps tested",
        )
    st.button(
        "Stop",
        key="attribution_test_stop",
        icon=":material/stop:",
        on_click=partial(service.attempt, partial(_stop, jobs)),
        help="Ends after the current step; what was measured stays.",
    )


def _button(shown: Sequence[Shown], jobs: list[TrustJob], states: list[State]) -> None:
    left = [job for job, state in zip(jobs, states, strict=True) if not state.done]
    if not left:
        st.caption(f"All {len(jobs)} maps tested", width="content", help=OPEN_HELP)
        return
    words = "Test all maps" if len(left) == len(jobs) else f"Test the other {len(left)}"
    seconds = sum(_seconds(each.cell) for each in shown if each.job in left)
    # Curves of maps that know nothing are measured once for a network, photo and class.
    seconds += sum(
        _reference_seconds(each.cell)
        for each in {each.cell.request.model: each for each in shown if each.job in left}.values()
    )
    st.button(
        f"{words} (about {duration(seconds)})",
        key="attribution_test_all",
        icon=":material/fact_check:",
        on_click=partial(service.attempt, partial(_start, left)),
        help=TEST_HELP,
    )


def _start(left: list[TrustJob]) -> None:
    st.session_state[QUEUE] = tuple(left)
    _submit_next(left)


def _stop(jobs: list[TrustJob]) -> None:
    st.session_state[QUEUE] = ()
    for job in jobs:
        state = state_of(job)
        if state.going and state.name:
            service.get_service().cancel(state.name)


def _seconds(cell: Cell) -> float:
    """What the tests of one map take: its curves, and maps with random weights."""
    job = TrustJob.of(cell.request)
    weighted = sum(row.kind in ("conv", "linear") for row in cell.info.layers)
    rows = 4 if cell.method.stepwise else weighted
    cost = cost_of(cell)
    own = cost.forward + 2 * cost.backward
    return (own + 2 * (job.points - 1) + rows * (1 + own)) * _pass_seconds(cell)


def _reference_seconds(cell: Cell) -> float:
    job = TrustJob.of(cell.request)
    return (2 + job.random_maps) * 2 * (job.points - 1) * _pass_seconds(cell)


def _pass_seconds(cell: Cell) -> float:
    asked = cell.request
    forward = service.run(ClassifyRequest(asked.model, asked.image, asked.precision))
    return forward.forward_seconds


# --- one map -------------------------------------------------------------------------------------


def strip(shown: Shown, box: Box | None) -> None:
    """The line under one map; a quiet button where nothing was measured."""
    state = state_of(shown.job)
    st.fragment(_strip, run_every=STRIP_POLL if state.going else None)(
        shown, box, (state.name, state.going)
    )


def _strip(shown: Shown, box: Box | None, drawn: tuple[str | None, bool]) -> None:
    cell = shown.cell
    state = state_of(shown.job)
    # Clicks in here run this function alone; another view and another state are the page's.
    if st.session_state.pop(OPENED, False) or drawn != (state.name, state.going):
        st.rerun()
    found = trust_of(shown.job)
    point = pointed(shown.map, box)
    level, verdict = "none", ""
    if found is not None:
        found = trust_with_box(found, box)
        level, verdict = found.verdict, figures.strip_words(found)
    items = figures.strip_items(found, shown.map, point)
    if items:
        components.trust_strip(
            level,
            verdict,
            items,
            key=f"{cell.key}_strip",
            on_open=partial(_open, cell.method.name),
        )
    if state.going:
        if found is None:
            st.caption("Waiting to be tested …")
        return
    if state.event is not None and state.event.state == "failed":
        st.caption(f":red[{escaped(state.event.message)}]")
    if not state.done or found is None:
        st.button(
            "Can it be trusted?" if state.name is None else "Test again",
            key=f"{cell.key}_test",
            type="tertiary",
            icon=":material/fact_check:",
            on_click=partial(service.attempt, partial(_test_one, shown.job)),
            help="Tests this map alone",
        )


def _open(method: str) -> None:
    session.set_settings(view="method", method=method)
    st.session_state[OPENED] = True


def _test_one(job: TrustJob) -> None:
    service.get_service().submit(job)
