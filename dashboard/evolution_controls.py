"""Which two networks are drawn and at which sizes; the steps from AlexNet to VGG-19."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard import session
from dashboard.charts import picture_format
from dashboard.controls import model_title
from dashboard.page_settings import one_of, real, switch, whole
from dashboard.selection import WHERE, Selection, Where, model_info, with_model
from dashboard.widgets import controlled
from vgg_viz.architecture import Architecture, describe_model, describe_network, least_input_size
from vgg_viz.errors import InputError
from vgg_viz.results import ModelInfo, ServiceDescription


@dataclass(frozen=True)
class EvolutionSettings:
    """What the page lets a person set besides the selection."""

    size: int = whole(224, least=1, most=1024)  # px of the input
    width: float = real(1.0, least=0.05, most=4)  # times the paper's channels
    classes: int = whole(1000, least=1, most=100_000)
    loaded: bool = switch(False)  # the models' own sizes instead
    cost: str = one_of(
        "parameters", "parameters", "macs", "activation_bytes", "depth", "receptive_field"
    )
    order: str = one_of("depth", "depth", "size")


DOWNLOADS = (
    "**CSV** below a chart or beside the ledger saves its numbers. The two columns are saved by "
    "the buttons below them."
)
LOADED_HELP = (
    "Draws the networks as their weights are: own channels, classes and input size. The bundled "
    "ones are narrower than the papers'. A checkpoint of your own is always drawn as loaded."
)


# --- networks ------------------------------------------------------------------------------------


def top_row(selection: Selection, settings: EvolutionSettings, offered: ServiceDescription) -> None:
    """Title, networks, sizes and the format of pictures."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="evolution_head"):
        st.title("From ZFNet to VGG", width="content")
        for where in WHERE:
            network_picker(where, selection, offered)
        _number("Input, px", "size", settings, step=32, help_text=SIZE_HELP)
        _number("Width, ×", "width", settings, step=0.25, help_text=WIDTH_HELP)
        _number("Classes", "classes", settings, step=100, help_text="Outputs of fc8.")
        controlled(
            st.toggle,
            "As loaded",
            key="evolution_loaded",
            value=settings.loaded,
            apply=lambda on: session.set_settings(loaded=on),
            help=LOADED_HELP,
        )
        with st.popover("Download", icon=":material/download:", key="evolution_download"):
            picture_format()
            st.caption(DOWNLOADS)


SIZE_HELP = (
    "Side of the input the networks are built for. fc6 takes the whole last map, so its parameters "
    "grow with the input."
)
WIDTH_HELP = "Channels of every convolution and units of fc6 and fc7, as a factor of the paper's."


def network_picker(where: Where, selection: Selection, offered: ServiceDescription) -> None:
    """The networks of the registry that have a model here, and checkpoints of one's own."""
    info = model_info(offered, selection.side(where).model)
    titles = choices(offered)
    controlled(
        st.selectbox,
        "From" if where == "left" else "To",
        list(titles),
        key=f"evolution_{where}",
        value=choice_of(info),
        apply=lambda picked: session.change(
            lambda chosen, known: with_network(chosen, where, picked, known)
        ),
        format_func=lambda name: titles.get(name, name),
        width=160,
    )


def choices(offered: ServiceDescription) -> dict[str, str]:
    """Title by choice: a network's name, or the model's for weights from a file."""
    own = {model.name: model_title(model) for model in offered.models if model.weights == "file"}
    there = {model.network: model.title for model in offered.models if model.name not in own}
    titles = {network.name: network.title for network in offered.networks if network.name in there}
    return {**titles, **there, **own}


def choice_of(info: ModelInfo) -> str:
    """The choice that shows a model."""
    return info.name if info.weights == "file" else info.network


def with_network(
    selection: Selection, where: Where, choice: str, offered: ServiceDescription
) -> Selection:
    """The selection with another network on one side, with the best weights there are for it."""
    info = model_info(offered, selection.side(where).model)
    if choice_of(info) == choice:
        return selection
    return with_model(selection, where, best_model(choice, offered).name, offered)


def best_model(choice: str, offered: ServiceDescription) -> ModelInfo:
    """The model of a choice: bundled weights, else ImageNet's where they are, else random ones."""
    order = {"bundled": 0, "imagenet": 1, "random": 2, "file": 3}
    found = offered.model(choice)
    if found is not None:
        return found
    models = [model for model in offered.models if model.network == choice]
    return min(models, key=lambda model: (not model.available, order[model.weights]))


# --- sizes ---------------------------------------------------------------------------------------


def described(info: ModelInfo, settings: EvolutionSettings) -> Architecture:
    """The architecture to draw; InputError when nothing is left of such an input."""
    if as_loaded(info, settings):
        return describe_model(info)
    return describe_network(
        info.network, width=settings.width, classes=settings.classes, input_size=settings.size
    )


def as_loaded(info: ModelInfo, settings: EvolutionSettings) -> bool:
    """Whether a model is drawn with its own sizes."""
    return settings.loaded or info.weights == "file"


def too_small(error: InputError, infos: list[ModelInfo], settings: EvolutionSettings) -> None:
    """What is wrong with the size, and a button that mends it."""
    st.error(str(error), icon=":material/error:")
    least = max(least_input_size(info.network) for info in infos)
    if settings.size < least:
        st.button(
            f"Use {least} px",
            key="evolution_least",
            type="primary",
            help="The least input that both networks can take.",
            on_click=lambda: session.set_settings(size=least),
        )


def _number(
    label: str, name: str, settings: EvolutionSettings, *, step: float, help_text: str
) -> None:
    limits: dict[str, tuple[Any, Any]] = {
        "size": (1, 1024),
        "width": (0.05, 4.0),
        "classes": (1, 100_000),
    }
    low, high = limits[name]
    controlled(
        st.number_input,
        label,
        low,
        high,
        key=f"evolution_{name}",
        value=getattr(settings, name),
        apply=lambda value: session.set_settings(**{name: value}),
        step=step,
        format="%g" if name == "width" else "%d",
        help=help_text,
        disabled=settings.loaded,
        width=100,
    )
