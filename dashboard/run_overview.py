"""All recordings at a glance: which trainings left the plateau, and which did not."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import service
from dashboard.run_files import plain
from dashboard.run_words import last, learnt
from vgg_viz.requests import RecordingRequest
from vgg_viz.results import Recording, RunInfo, ServiceDescription

WORDS = {True: "learnt", False: "stayed on the plateau", None: "diverged or unknown"}
PLATEAU = (
    "**Plateau**: the loss of guessing, that is of saying the classes' frequencies for every "
    "photo. A training counts as having left it below 97 % of that loss."
)


def overview(infos: Sequence[RunInfo]) -> None:
    """A table of all recordings, and in words what rescued a network that does not train."""
    box = st.expander("All recorded trainings", on_change="rerun", key="run_overview")
    with box:
        if not box.open:
            return
        with service.messages():
            offered = service.get_service().describe()
            recordings = [service.run(RecordingRequest(info.run)) for info in infos]
            for line in rescues(recordings, offered):
                st.markdown(line)
            st.dataframe(
                [row(recording) for recording in recordings],
                hide_index=True,
                column_config={
                    "Validation accuracy": st.column_config.NumberColumn(format="%.1f %%"),
                    "Validation loss": st.column_config.NumberColumn(format="%.3f", help=PLATEAU),
                    "Loss of guessing": st.column_config.NumberColumn(format="%.3f"),
                    "dL/dz at the first layer": st.column_config.NumberColumn(
                        format="scientific", help="std of dL/dz, first and last measurement"
                    ),
                    "at the end": st.column_config.NumberColumn(format="scientific"),
                },
            )


def row(recording: Recording) -> dict[str, Any]:
    """A recording in one line; None where something was not recorded."""
    info = recording.info
    accuracy = last(recording.scalars.get("validation_accuracy"))
    first = recording.flow["gradient_std"][:, 0] if len(recording.flow_steps) else []
    return {
        "Training": info.title,
        "Outcome": WORDS[learnt(recording)],
        "Validation accuracy": None if accuracy is None else 100 * accuracy,
        "Validation loss": last(recording.scalars.get("validation_loss")),
        "Loss of guessing": info.settings.get("chance_loss"),
        "dL/dz at the first layer": float(first[0]) if len(first) else None,
        "at the end": float(first[-1]) if len(first) else None,
        "Steps": info.steps,
    }


def what_helped(
    shown: Sequence[Recording], infos: Sequence[RunInfo], offered: ServiceDescription
) -> list[str]:
    """For each network shown that stayed on the plateau: which other first weights let it leave."""
    titles = {each.name: each.title for each in offered.networks}
    stuck = {_alike(r.info) for r in shown if learnt(r) is False}
    lines = []
    for alike in sorted(stuck, key=str):
        others = [service.run(RecordingRequest(i.run)) for i in infos if _alike(i) == alike]
        helped = [plain(other.info.title) for other in others if learnt(other)]
        network = titles.get(alike[0], alike[0])
        lines.append(
            f"What let {network} leave it, all else equal: {', '.join(helped)}."
            if helped
            else f"No other recorded training of {network} left it either."
        )
    return lines


def rescues(recordings: Sequence[Recording], offered: ServiceDescription) -> list[str]:
    """For each network with trainings of both outcomes: which first weights let it learn.

    Only trainings on the same data with the same optimiser and number of steps are compared.
    """
    titles = {each.name: each.title for each in offered.networks}
    groups: dict[tuple[Any, ...], list[Recording]] = {}
    for recording in recordings:
        if learnt(recording) is not None:
            groups.setdefault(_alike(recording.info), []).append(recording)
    lines = []
    for (network, *_), group in groups.items():
        good = [plain(r.info.title) for r in group if learnt(r)]
        bad = [plain(r.info.title) for r in group if not learnt(r)]
        if good and bad:
            lines.append(
                f"**{titles.get(network, network)}**: left the plateau: {', '.join(good)}; "
                f"did not: {', '.join(bad)}."
            )
    return lines


def _alike(info: RunInfo) -> tuple[Any, ...]:
    wanted = ("data", "optimizer", "learning_rate", "width", "input_size")
    network = str(info.settings.get("network", "")).removesuffix("_bn")
    return (network, *(info.settings.get(name) for name in wanted), info.planned_steps)
