"""A training on the server: set it up, watch it grow, steer it, keep what it recorded."""

from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from dashboard import components, replay, service
from dashboard.run_files import downloads, keeping, notes, plain
from dashboard.run_words import outcome
from dashboard.training_form import training_form
from vgg_viz import figures
from vgg_viz.errors import JobError, VggVizError
from vgg_viz.requests import RecordingRequest, Steering, TrainingJob
from vgg_viz.results import JobEvent, Recording, RunInfo

POLL = 1.0  # s between two pictures
SHOWN = 2  # runs at a time
NOTHING = "No second run"
PAUSED = "Paused"  # how messages of a paused training begin
GONE = "The server no longer knows this training (it was restarted); its recording is as it was."


class Followed(NamedTuple):
    """A training of the address: its job, and the run it records."""

    job: str
    run: str


def panel() -> None:
    """The page's part: the form, then what runs."""
    followed = _followed()
    form = st.expander(
        "Set up a training",
        expanded=not followed,
        icon=":material/tune:",
        key=f"set_up_{followed[-1].job if followed else ''}",  # a new one is folded after a start
    )
    with form, service.messages():
        training_form(service.get_service().describe(), on_start=_start)
    if not followed:
        st.info(
            "Nothing runs here yet. Choose settings and press **Start**: loss, gradient flow "
            "and first-layer kernels appear here while the network learns.",
            icon=":material/info:",
        )
        return
    with service.messages():
        compare = _compare_picker(followed)
        going = any(not _last_event(each.job).final for each in followed)
        told = len(st.session_state.setdefault("notes", []))
        st.fragment(_watch, run_every=POLL if going else None)(followed, compare, going, told)


def _followed() -> list[Followed]:
    jobs, runs = st.query_params.get_all("job"), st.query_params.get_all("run")
    return [Followed(*pair) for pair in zip(jobs, runs, strict=False)][-SHOWN:]


def _follow(followed: list[Followed], compare: str | None = None) -> None:
    address: dict[str, str | list[str]] = {"view": "live"}
    if followed:
        address["job"] = [each.job for each in followed]
        address["run"] = [each.run for each in followed]
    if compare:
        address["compare"] = compare
    st.query_params.from_dict(address)
    st.session_state.live_sent = {}


def _start(job: TrainingJob) -> None:
    name = service.get_service().submit(job)
    _follow([*_followed(), Followed(name, job.run)][-SHOWN:])


def _compare_picker(followed: list[Followed]) -> str | None:
    """A recording to lay under a single training; two trainings are compared with each other."""
    if len(followed) > 1:
        return None
    infos = {i.run: i for i in service.get_service().runs() if i.run != followed[0].run}
    asked = st.query_params.get("compare")
    compare = asked if asked in infos else None
    st.session_state.live_compare = compare or NOTHING
    st.selectbox(
        "Compared with",
        [NOTHING, *infos],
        key="live_compare",
        format_func=lambda run: f"vs. {replay.run_title(infos[run])}" if run in infos else run,
        on_change=_on_compare,
        label_visibility="collapsed",
        width=380,
    )
    return compare


def _on_compare() -> None:
    compare = st.session_state.live_compare
    _follow(_followed(), None if compare == NOTHING else compare)


# --- while it runs -------------------------------------------------------------------------------


def _watch(followed: list[Followed], compare: str | None, going: bool, told: int) -> None:
    """Status and picture; once a second, until nothing runs any more."""
    events = {each: _last_event(each.job) for each in followed}
    still_going = any(not event.final for event in events.values())
    moved = st.query_params.get("view") != "live" or _followed() != followed
    if (going and not still_going) or len(st.session_state.notes) != told or moved:
        st.rerun()  # the whole page: to stop asking, to show what went wrong, to go elsewhere
    infos = {info.run: info for info in service.get_service().runs()}
    for each, event in events.items():
        with service.messages():
            _status(each, event, infos.get(each.run))
    with service.messages():
        _picture([each.run for each in followed] + ([compare] if compare else []), events)


def _status(each: Followed, event: JobEvent, info: RunInfo | None) -> None:
    title = plain(info.title if info else each.run)
    if not event.final:
        with st.container(horizontal=True, vertical_alignment="center", key=f"steer_{each.run}"):
            st.progress(event.progress or 0.0, text=f"**{title}** · {plain(event.message)}")
            _steering(each, event, info)
        return
    if info is None:
        st.warning(f"The recording {plain(each.run)} is not here any more.")
        return
    recording = service.run(RecordingRequest(each.run))
    words, replayed, kept = st.columns([8, 1.5, 1.5], vertical_alignment="center")
    words.markdown(f"**{title}** {_ending(event, recording)}")
    replayed.button("Open in replay", key=f"replay_{each.run}", on_click=_replay, args=(each.run,))
    with kept.popover("Name, files, delete", key=f"keep_box_{each.run}"):
        keeping(info, on_delete=lambda: _drop(each))
        downloads([recording], key=f"file_{each.run}")


def _ending(event: JobEvent, recording: Recording) -> str:
    """What came out; why it ended, where it did not end by itself."""
    forgotten = event.number == 0
    if event.state != "failed" or (forgotten and recording.info.state != "running"):
        return outcome(recording)
    return f"{plain(event.message)} So far: {outcome(recording)}"


def _steering(each: Followed, event: JobEvent, info: RunInfo | None) -> None:
    waits = event.state == "queued"
    if not waits:
        paused = event.message.startswith(PAUSED)
        st.button(
            "Continue" if paused else "Pause",
            key=f"pause_{each.run}",
            icon=":material/play_arrow:" if paused else ":material/pause:",
            on_click=_steer,
            args=(each.job, Steering(paused=not paused)),
        )
    st.button(
        "Leave the line" if waits else "Stop",
        key=f"stop_{each.run}",
        icon=":material/stop:",
        help="What was recorded is kept.",
        on_click=lambda: service.attempt(lambda: service.get_service().cancel(each.job)),
    )
    if not waits:
        _rate_picker(each, info)


def _rate_picker(each: Followed, info: RunInfo | None) -> None:
    key = f"rate_{each.run}"
    st.number_input(
        "Learning rate",
        min_value=0.0,
        value=float(info.settings.get("learning_rate", 0.01)) if info else 0.01,
        format="%g",
        step=None,
        key=key,
        label_visibility="collapsed",
        width=120,
    )
    st.button(
        "Set learning rate", key=f"apply_{each.run}", on_click=_apply_rate, args=(each.job, key)
    )


def _apply_rate(job: str, key: str) -> None:
    _steer(job, Steering(learning_rate=st.session_state[key]))


def _steer(job: str, steering: Steering) -> None:
    service.attempt(lambda: service.get_service().steer(job, steering))


def _replay(run: str) -> None:
    st.query_params.from_dict({"view": "replay", "run": run})


def _drop(gone: Followed) -> None:
    _follow([each for each in _followed() if each != gone])


def _last_event(job: str) -> JobEvent:
    """The newest event; a job the server has forgotten counts as ended."""
    try:
        events = service.get_service().events(job)
    except JobError:
        return JobEvent(0, "failed", None, GONE)
    return events[-1] if events else JobEvent(0, "queued", None, "Waiting for its turn.")


# --- the picture ---------------------------------------------------------------------------------


class Sent(NamedTuple):
    """What the browser was sent of a run: up to which step, and up to which the time before."""

    before: int
    last: int
    state: str


def _picture(runs: list[str], events: dict[Followed, JobEvent]) -> None:
    """Only what the last two pictures had not: one may be lost on the way, and is repeated."""
    sent: dict[str, Sent] = st.session_state.setdefault("live_sent", {})
    running = {each.run for each, event in events.items() if not event.final}
    recordings, after, photos = [], [], []
    for run in runs:
        recording, since = _news(run, sent, running=run in running)
        if recording is None:
            continue
        recordings.append(recording)
        after.append(since)
        photos.append(replay.sample_photo(recording) if since < 0 else None)
    if not recordings:
        st.caption("Nothing has been measured yet.")
        return
    frame = figures.recording_frame(recordings, after=after, photos=photos, live=bool(running))
    components.training_replay(frame, key="live_picture", on_resend=_send_all)
    for recording in recordings:
        notes(recording)


def _news(run: str, sent: dict[str, Sent], *, running: bool) -> tuple[Recording | None, int]:
    old = sent.get(run, Sent(-1, -1, ""))
    try:
        recording = service.run(RecordingRequest(run, after=old.before))
        recording = _as_it_is(recording, running=running)
        since = old.before
        if recording.info.state != old.state and since >= 0:  # it ended: once more, all of it
            recording, since = service.run(RecordingRequest(run)), -1
            recording = _as_it_is(recording, running=running)
    except VggVizError:
        return None, -1
    newest = figures.last_step(recording)
    if newest < 0 and old.last < 0:
        return None, -1
    if since < 0 and not running:
        sent[run] = Sent(newest, newest, recording.info.state)  # nothing will follow
    elif newest > old.last:
        sent[run] = Sent(old.last, newest, recording.info.state)
    else:
        sent[run] = old._replace(state=recording.info.state)
    return recording, since


def _as_it_is(recording: Recording, *, running: bool) -> Recording:
    """A recording that says "running" while nobody works on it was interrupted."""
    if recording.info.state == "running" and not running:
        return replace(recording, info=replace(recording.info, state="interrupted"))
    return recording


def _send_all() -> None:
    """The browser lacks steps: the next picture brings all of them."""
    st.session_state.live_sent = {}
