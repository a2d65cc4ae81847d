"""Recorded trainings: choose one or two, see what came out, and move through their steps."""

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import components, service
from dashboard.run_files import checkpoints, downloads, keeping, notes, plain
from dashboard.run_overview import overview, what_helped
from dashboard.run_words import differences, duration, in_words, outcome
from vgg_viz import figures
from vgg_viz.errors import VggVizError
from vgg_viz.requests import PictureRequest, RecordingRequest
from vgg_viz.results import Picture, Recording, RunInfo, ServiceDescription

NOTHING = "No second run"
EMPTY = (
    "There is no recording here yet. Start one under **Live training**, or record your own loop "
    "with `vgg_viz.training.Recorder` and import it."
)


def panel() -> None:
    """The page's part: pickers, outcome, replay, settings."""
    with service.messages():
        infos = {info.run: info for info in service.get_service().runs()}
        if not infos:
            st.info(EMPTY, icon=":material/info:")
            return
        run, compare = _asked(infos)
        more = _pickers(infos, run, compare)
        chosen = [run, compare] if compare else [run]
        recordings = [service.run(RecordingRequest(name)) for name in chosen]
        _show(recordings, tuple(infos.values()))
        with more:
            downloads(recordings, key="replay_file")
            for recording in recordings:
                keeping(recording.info, on_delete=_forget)
        for recording in recordings:
            checkpoints(recording.info)
        overview(tuple(infos.values()))


def run_title(info: RunInfo) -> str:
    """In pickers: its title, and how it ended when that is not the usual way."""
    state = "" if info.state == "complete" else f" ({info.state})"
    return f"{info.title}{state}" + ("" if info.bundled else " · own")


def sample_photo(recording: Recording) -> Picture | None:
    """The photo under the recorded Grad-CAMs; None where there are none or it is gone."""
    sample = recording.info.settings.get("sample")
    if not sample or "cam" not in recording.pictures:
        return None
    try:
        return service.run(PictureRequest(str(sample)))
    except VggVizError:
        return None


def settings_table(infos: Sequence[RunInfo], offered: ServiceDescription) -> None:
    """Settings in words, a column per run; what differs is bold."""
    columns = [in_words(info, offered) for info in infos]
    different = set(differences(columns[0], columns[-1]))
    head = "| | " + " | ".join(plain(info.title) for info in infos) + " |"
    rows = [head, "|---|" + "---|" * len(infos)]
    for label in dict.fromkeys(label for column in columns for label in column):
        cells = [plain(column.get(label, "not recorded")) for column in columns]
        if label in different:
            label, cells = f"**{label}**", [f"**{cell}**" for cell in cells]  # noqa: PLW2901
        rows.append(f"| {label} | " + " | ".join(cells) + " |")
    st.markdown("\n".join(rows))


def provenance(recording: Recording, offered: ServiceDescription) -> str:
    """Where the numbers under a picture come from."""
    info, words = recording.info, in_words(recording.info, offered)
    versions = ", ".join(f"{name} {version}" for name, version in info.versions.items())
    parts = [
        "weights of this training itself",
        f"data: {words['Data']}" if "Data" in words else "",
        f"seed {words['Seed']}" if "Seed" in words else "",
        f"{info.steps} steps in {duration(info.seconds)}",
        f"recorded {info.created[:10]}",
        versions,
    ]
    return f"**{plain(info.title)}**: " + plain("; ".join(filter(None, parts))) + "."


def _asked(infos: Mapping[str, RunInfo]) -> tuple[str, str | None]:
    """Run and second run of the address; without one, the first two, which belong together."""
    run, compare = st.query_params.get("run"), st.query_params.get("compare")
    for name in filter(None, (run, compare)):
        if name not in infos:
            service.tell(f"The link asks for recording `{name}`, which is not here (any more).")
    names = list(infos)
    if run is None:
        return names[0], next(iter(names[1:]), None)
    if run not in infos:
        return names[0], None
    return run, compare if compare in infos and compare != run else None


def _pickers(infos: Mapping[str, RunInfo], run: str, compare: str | None) -> DeltaGenerator:
    st.session_state.replay_run = run
    st.session_state.replay_compare = compare or NOTHING
    with st.container(horizontal=True, key="replay_pickers"):
        st.selectbox(
            "Recording",
            list(infos),
            key="replay_run",
            format_func=lambda name: run_title(infos[name]),
            on_change=_on_pick,
            label_visibility="collapsed",
            width=380,
        )
        st.selectbox(
            "Compared with",
            [NOTHING, *(name for name in infos if name != run)],
            key="replay_compare",
            format_func=lambda name: f"vs. {run_title(infos[name])}" if name in infos else name,
            on_change=_on_pick,
            label_visibility="collapsed",
            width=380,
        )
        return st.popover("More", help="Downloads; names of your own recordings", key="replay_more")


def _on_pick() -> None:
    """The address holds the choice."""
    run, compare = st.session_state.replay_run, st.session_state.replay_compare
    address = {"view": "replay", "run": run}
    if compare not in (NOTHING, run):
        address["compare"] = compare
    st.query_params.from_dict(address)


def _forget() -> None:
    st.query_params.from_dict({"view": "replay"})


def _show(recordings: Sequence[Recording], every: Sequence[RunInfo]) -> None:
    offered = service.get_service().describe()
    infos = [recording.info for recording in recordings]
    lines = [f"**{plain(r.info.title)}** {outcome(r)}" for r in recordings]
    if len(infos) > 1:
        first, second = (in_words(info, offered) for info in infos)
        differ = [label for label in differences(first, second) if label != "State"]
        told = "; ".join(
            f"{label}: {first.get(label, 'not recorded')} / {second.get(label, 'not recorded')}"
            for label in differ
        )
        lines.append(f"They differ in {plain(told)}." if told else "Their settings are equal.")
    lines += what_helped(recordings, every, offered)
    st.markdown("  \n".join(lines))
    frame = figures.recording_frame(recordings, photos=[sample_photo(r) for r in recordings])
    components.training_replay(frame, key="replay_picture", on_resend=_nothing_missing)
    for recording in recordings:
        notes(recording)
    st.caption("  \n".join(provenance(recording, offered) for recording in recordings))
    with st.expander("Settings"):
        settings_table(infos, offered)


def _nothing_missing() -> None:
    """Whole runs are sent here every time."""
