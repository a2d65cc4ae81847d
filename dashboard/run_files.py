"""What a visitor does with recordings: take their numbers away, name them, delete them."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial

import streamlit as st

from dashboard import service, session
from vgg_viz.results import Recording, RunInfo


def downloads(recordings: Sequence[Recording], *, key: str) -> None:
    """Buttons; a file is made when its button is clicked, not on every run."""
    kinds: tuple[tuple[str, str, str, Callable[[Recording], bytes]], ...] = (
        ("Loss and accuracy (CSV)", "scalars.csv", "text/csv", scalars_file),
        ("Layers (CSV)", "layers.csv", "text/csv", layers_file),
        ("Settings and findings (JSON)", "settings.json", "application/json", settings_file),
    )
    for i, recording in enumerate(recordings):
        st.caption(f"**{plain(recording.info.title)}**")
        for label, ending, mime, make in kinds:
            st.download_button(
                label,
                data=partial(make, recording),
                file_name=f"{recording.info.run}-{ending}",
                mime=mime,
                key=f"{key}_{i}_{ending}",
                on_click="ignore",
                width="stretch",
            )


def checkpoints(info: RunInfo) -> None:
    """The weights kept during the training: to look into on Compare, or to take away."""
    if not info.weights:
        return
    kept = f"weights_{info.run}"
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"kept_{info.run}"):
        step = st.selectbox(
            f"Weights of {info.title}",
            info.weights,
            index=len(info.weights) - 1,
            key=kept,
            format_func=lambda step: f"after step {step}",
            help="Kept during the training, in 16 bits. A checkpoint like any other.",
            width=380,
        )
        if st.button("Open on Compare", key=f"open_{info.run}", icon=":material/compare:"):
            _open(info, step)
        st.download_button(
            "Download",
            data=partial(service.get_service().run_weights, info.run, step),
            file_name=f"{info.run}-{step}.safetensors",
            mime="application/octet-stream",
            key=f"file_{info.run}",
            on_click="ignore",
            icon=":material/download:",
        )


def _open(info: RunInfo, step: int) -> None:
    """Show the weights in the right half of Compare."""
    with service.messages():
        data = service.get_service().run_weights(info.run, step)
        model = service.get_service().put_weights(data, f"{info.run}, step {step}")
        address = session.with_right_model(model.name)
        st.switch_page("app_pages/compare.py", query_params=address)


def scalars_file(recording: Recording) -> bytes:
    """A row per step, a column per number; empty where it was not measured at that step."""
    names = list(recording.scalars)
    values = {
        name: dict(zip(series.steps.tolist(), series.values.tolist(), strict=True))
        for name, series in recording.scalars.items()
    }
    steps = sorted({step for column in values.values() for step in column})
    rows = ([step, *(values[name].get(step, "") for name in names)] for step in steps)
    return _csv(["step", *names], rows)


def layers_file(recording: Recording) -> bytes:
    """A row per measured step and layer, a column per quantity."""
    names = list(recording.flow)
    rows = (
        [int(step), layer, *(float(recording.flow[name][i, j]) for name in names)]
        for i, step in enumerate(recording.flow_steps)
        for j, layer in enumerate(recording.info.layers)
    )
    return _csv(["step", "layer", *names], rows)


def settings_file(recording: Recording) -> bytes:
    """What was asked for, with what, and what was found."""
    info = recording.info
    document = {
        **asdict(info),
        "settings": dict(info.settings),
        "versions": dict(info.versions),
    }
    return json.dumps(document, indent=2, default=str).encode()


def keeping(info: RunInfo, *, on_delete: Callable[[], None]) -> None:
    """Name or delete a recording of one's own; bundled ones stay as they are."""
    if info.bundled:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"keep_{info.run}"):
        st.text_input("Name", value=info.title, key=f"title_{info.run}", max_chars=80, width=280)
        st.button("Rename", key=f"rename_{info.run}", on_click=_rename, args=(info.run,))
    # Not a popover with a question: this stands in a popover, and a click into an inner one would
    # close the outer.
    with st.container(horizontal=True, vertical_alignment="center", key=f"delete_box_{info.run}"):
        sure = st.checkbox("Delete it for good", key=f"sure_{info.run}")
        st.button(
            "Delete",
            key=f"delete_{info.run}",
            icon=":material/delete:",
            disabled=not sure,
            on_click=_delete,
            args=(info.run, on_delete),
        )


def plain(text: str) -> str:
    """A person's text, so that Markdown does not read anything into it."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>$:#~|" else letter for letter in text)


def _rename(run: str) -> None:
    title = st.session_state[f"title_{run}"].strip()
    if title:
        service.attempt(lambda: service.get_service().rename_run(run, title))


def _delete(run: str, on_delete: Callable[[], None]) -> None:
    def delete() -> None:
        service.get_service().delete_run(run)
        on_delete()

    service.attempt(delete)


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue().encode()


def notes(recording: Recording) -> None:
    """What a reader has to know of the data, such as files that could not be read."""
    told = [f.message for f in recording.info.findings if f.kind == "note"]
    if told:
        title = plain(recording.info.title)
        st.caption(f"{title}: " + "; ".join(plain(message) for message in told) + ".")
