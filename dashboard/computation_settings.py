"""What the page "Parameters and computation" lets a person set, and its pickers."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dashboard import controls
from dashboard.page_head import page_head, settings_of
from dashboard.page_settings import one_of, real, switch, whole
from dashboard.selection import WHERE, Selection, Where, model_info
from vgg_viz import figures
from vgg_viz.architecture import Architecture, describe, describe_model, describe_network
from vgg_viz.results import ModelInfo, ServiceDescription

VIEWS = {"costs": "Where costs go", "measured": "Measured", "dense": "Dense evaluation"}
OWN = "own"  # input size: the one the network is declared for
SIZES = (OWN, "32", "64", "96", "128", "160", "192", "224", "256", "320", "384", "448", "512")
MOST_BATCH = 256
METRICS = {
    "parameters": "Parameters",
    "macs": "MACs",
    "inference": "Memory, inference",
    "training": "Memory, training",
}
SHOWN = {"paper": "Paper's size", "loaded": "As loaded"}
MACS_HELP = "**MACs**: multiply-accumulates. One MAC is two operations (FLOPs)."
setting = settings_of("computation")


@dataclass(frozen=True)
class ComputationSettings:
    """Everything the address bar holds besides the selection."""

    view: str = one_of("costs", *VIEWS)
    networks: str = one_of("paper", *SHOWN)
    size: str = one_of(OWN, *SIZES)  # px
    batch: int = whole(1, least=1, most=MOST_BATCH)
    metric: str = one_of("parameters", *METRICS)
    cumulated: bool = switch(False)
    times: float = real(2.0, least=1.0, most=4.0)  # a photo's short side over the input size
    crops: bool = switch(False)


def head(settings: ComputationSettings, offered: ServiceDescription) -> None:
    """Title, view, and what to take away."""
    page_head("computation", "Parameters and computation", VIEWS, settings.view, offered)


def network_row(
    selection: Selection,
    settings: ComputationSettings,
    offered: ServiceDescription,
    *extra: Callable[[], None],
) -> None:
    """The two networks, at which size; `extra` pickers stand behind."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="computation_row"):
        for where in WHERE:
            with st.container(width=212):
                controls.model_picker(where, selection, offered)
        setting(
            st.segmented_control,
            "Networks",
            list(SHOWN),
            name="networks",
            value=settings.networks,
            format_func=SHOWN.__getitem__,
            required=True,
            help="**Paper's size**: full width, 1000 classes, 224 px. **As loaded**: what the "
            "chosen weights belong to; bundled weights are of a quarter of the width.",
        )
        setting(
            st.selectbox,
            "Input",
            list(SIZES),
            name="size",
            value=settings.size,
            format_func=lambda size: "declared" if size == OWN else f"{size} px",
            width=120,
            help="Side of the input. At another size the weights stay the same: an average pool "
            "brings the last map to the grid that fc6 knows.",
        )
        setting(
            st.number_input,
            "Batch",
            min_value=1,
            max_value=MOST_BATCH,
            step=1,
            name="batch",
            value=settings.batch,
            width=130,
            help="Images at a time. Parameters do not depend on it; MACs and maps grow with it.",
        )
        for picker in extra:
            picker()


def info_of(where: Where, selection: Selection, offered: ServiceDescription) -> ModelInfo:
    """The model on a side."""
    return model_info(offered, selection.side(where).model)


def described(info: ModelInfo, settings: ComputationSettings) -> Architecture:
    """The network of `info` at the size that is set; InputError when that is too small."""
    size = None if settings.size == OWN else int(settings.size)
    if settings.networks == "loaded":
        return describe_model(info, size)
    return describe(describe_network(info.network).config, size)


def caption(info: ModelInfo, architecture: Architecture, settings: ComputationSettings) -> str:
    """Which network this is: "full width, 1000 classes, 224 px"."""
    if settings.networks == "loaded":
        return f"{info.weights_title}, {architecture.input_size} px"
    return f"full width, 1000 classes, {architecture.input_size} px"


def duration(seconds: float) -> str:
    """ "38.4 ms", "5.46 s"."""
    shown = (1000 * seconds, "ms") if seconds < 1 else (seconds, "s")
    return f"{shown[0]:.3g} {shown[1]}"


def totals(architecture: Architecture, batch: int) -> str:
    """One line of Markdown with the sums."""
    macs = batch * architecture.macs
    images = "1 image" if batch == 1 else f"{batch} images"
    return (
        f"**{architecture.title}** · **{figures.amount(architecture.parameters)}** parameters · "
        f"**{figures.amount(macs)}** MACs ({figures.amount(2 * macs)} FLOPs) for {images}"
    )
