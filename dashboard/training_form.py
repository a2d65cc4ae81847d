"""The settings of a live training, with defaults that show something within minutes."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard import service
from vgg_viz.requests import TrainingJob, new_run
from vgg_viz.results import ServiceDescription

WIDTHS = (0.125, 0.25, 0.5, 1.0)
BATCHES = (8, 16, 32, 64, 128)
STAGED = "staged"  # needs a trained A, which a training from scratch has not
DEFAULT = TrainingJob(run="", title="")


def training_form(offered: ServiceDescription, *, on_start: Callable[[TrainingJob], None]) -> None:
    """Draw it; `on_start` gets the job when it is submitted."""
    with st.form("training", border=False):
        _network_row(offered)
        _optimisation_row()
        _data_row(offered)
        st.form_submit_button(
            "Start",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_submit,
            args=(on_start,),
        )
    st.caption("  \n".join(f"**{data.title}**: {data.explanation}" for data in offered.datasets))


def _network_row(offered: ServiceDescription) -> None:
    networks = {n.name: n.title for n in offered.networks if not n.name.endswith("_bn")}
    schemes = {i.name: i for i in offered.initializations if i.name != STAGED}
    network, width, scheme, norm = st.columns([3, 2, 3, 2], vertical_alignment="bottom")
    network.selectbox(
        "Network",
        list(networks),
        index=_index(networks, DEFAULT.network),
        format_func=networks.__getitem__,
        key="train_network",
    )
    width.selectbox(
        "Width",
        WIDTHS,
        index=WIDTHS.index(DEFAULT.width),
        format_func=lambda width: f"{width:g} x channels",
        key="train_width",
        help="Share of the paper's channels in every layer. Cost falls with its square.",
    )
    scheme.selectbox(
        "Initialisation",
        list(schemes),
        index=_index(schemes, DEFAULT.initialization),
        format_func=lambda name: schemes[name].title,
        key="train_initialization",
        help="  \n".join(f"**{i.title}**: {i.formula}. {i.explanation}" for i in schemes.values()),
    )
    norm.toggle("Batch normalisation", value=DEFAULT.batch_norm, key="train_batch_norm")


def _optimisation_row() -> None:
    optimizer, rate, batch, steps, minutes, every = st.columns(6, vertical_alignment="bottom")
    optimizer.selectbox(
        "Optimiser",
        ("sgd", "adam"),
        format_func={"sgd": "SGD, momentum 0.9", "adam": "Adam"}.__getitem__,
        key="train_optimizer",
    )
    rate.number_input(
        "Learning rate",
        min_value=1e-6,
        max_value=100.0,
        value=DEFAULT.learning_rate,
        format="%g",
        step=None,
        key="train_learning_rate",
        help="Too large a rate ends as a result with a name: diverged at step so and so.",
    )
    batch.selectbox("Batch", BATCHES, index=BATCHES.index(DEFAULT.batch), key="train_batch")
    steps.number_input("Steps", 10, 20_000, DEFAULT.steps, key="train_steps")
    minutes.number_input("Minutes at most", 1.0, 120.0, DEFAULT.minutes, key="train_minutes")
    every.number_input(
        "Measure every",
        1,
        1000,
        DEFAULT.every,
        key="train_every",
        help="Steps between two measurements of gradient flow, kernels and Grad-CAM.",
    )


def _data_row(offered: ServiceDescription) -> None:
    datasets = {data.name: data for data in offered.datasets}
    data, title, seed = st.columns([3, 5, 2], vertical_alignment="bottom")
    data.selectbox(
        "Data",
        list(datasets),
        format_func=lambda name: datasets[name].title,
        key="train_data",
    )
    title.text_input(
        "Name of the recording",
        placeholder="made from the settings when empty",
        max_chars=80,
        key="train_title",
    )
    seed.number_input("Seed", 0, 2**31 - 1, DEFAULT.seed, key="train_seed")


def _submit(on_start: Callable[[TrainingJob], None]) -> None:
    service.attempt(lambda: on_start(_job()))


def _job() -> TrainingJob:
    """The job of the form's values; a title when none was given."""
    names = (
        *("network", "width", "batch_norm", "initialization", "data", "optimizer"),
        *("learning_rate", "batch", "steps", "minutes", "every", "seed"),
    )
    values: dict[str, Any] = {name: st.session_state[f"train_{name}"] for name in names}
    title = st.session_state.train_title.strip() or _title(values)
    return TrainingJob(run=new_run(title), title=title, **values)


def _title(values: dict[str, Any]) -> str:
    """For example "VGG-11 (A), He, fan-in, SGD 0.01"; numbered when there is one already."""
    offered = service.get_service().describe()
    networks = {n.name: n.title for n in offered.networks}
    schemes = {i.name: i.title for i in offered.initializations}
    norm = " + batch norm" if values["batch_norm"] else ""
    title = (
        f"{networks[values['network']]}{norm}, {schemes[values['initialization']]}, "
        f"{values['optimizer'].upper()} {values['learning_rate']:g}"
    )
    taken = sum(info.title.startswith(title) for info in service.get_service().runs())
    return f"{title} ({taken + 1})" if taken else title


def _index(names: dict[str, Any], wanted: str) -> int:
    return list(names).index(wanted) if wanted in names else 0
