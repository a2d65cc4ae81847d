"""View "Where costs go": parameters, MACs and bytes of two networks, from their tables alone."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import service
from dashboard.charts import chart, csv_button, look
from dashboard.computation_settings import (
    MACS_HELP,
    METRICS,
    ComputationSettings,
    caption,
    described,
    info_of,
    network_row,
    setting,
    totals,
)
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection
from vgg_viz import figures
from vgg_viz.architecture import Architecture, NetworkMemory, memory_of
from vgg_viz.results import ModelInfo, ServiceDescription

SOURCE = "Computed from the layer table; no network was run."
TITLES = {
    "parameters": "parameters",
    "macs": "MACs",
    "inference": "bytes alive",
    "training": "bytes kept",
}
EXPLANATIONS = {
    "parameters": "Weights and biases; a batch norm has two for each channel.",
    "macs": f"{MACS_HELP} Convolutions and fully-connected layers have them, nothing else does.",
    "inference": "What is alive while one layer computes: the images, its input and its output "
    "(ReLU does not work in place here), and scratch space of poolings and LRN. The peak is what "
    "a device has to have beside the parameters. fp32, 4 bytes a value.",
    "training": "What has to stay until the backward pass: outputs of ReLU, inputs of "
    "convolutions and poolings (the same maps), 8-byte indices of maxima, dropout masks. fp32. "
    "Not counted: libraries' workspaces, the loss, and the two gradients of maps alive at a time.",
}
HALVES_HELP = (
    "Convolutions reuse few weights at every position; fully-connected layers use each weight "
    "once. So the ones do nearly all of the work and the others hold nearly all of the weights."
)
MEMORY_HELP = (
    "**Inference**: parameters, and the maps alive at the busiest layer. **Training**: parameters, "
    "their gradients, the momentum of SGD, and the maps that the backward pass needs. fp32, "
    "4 bytes a value."
)


def panel(selection: Selection, settings: ComputationSettings, offered: ServiceDescription) -> None:
    """Bars per layer of both networks, shares, memory, and a table on request."""
    network_row(selection, settings, offered)
    _metric_row(settings)
    infos = [info_of(where, selection, offered) for where in WHERE]
    shown: list[tuple[ModelInfo, Architecture]] = []
    for info in infos:
        with service.messages():
            shown.append((info, described(info, settings)))
    if not shown:
        return
    _bars(shown, settings)
    _sums(shown, settings)
    _tables(shown, settings)


def _metric_row(settings: ComputationSettings) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="computation_metric_row"):
        setting(
            st.segmented_control,
            "Per layer",
            list(METRICS),
            name="metric",
            value=settings.metric,
            format_func=METRICS.__getitem__,
            label_visibility="collapsed",
            required=True,
        )
        setting(
            st.toggle,
            "Cumulated",
            name="cumulated",
            value=settings.cumulated,
            disabled=settings.metric == "inference",
            help="A dotted line: the share of everything up to each layer. A peak has no sum.",
        )
    st.caption(EXPLANATIONS[settings.metric])


def _bars(shown: Sequence[tuple[ModelInfo, Architecture]], settings: ComputationSettings) -> None:
    metric, batch = settings.metric, settings.batch
    bars = [figures.cost_bars(a, metric, batch) for _, a in shown]  # type: ignore[arg-type]
    top = max(bar.value for network in bars for bar in network)
    for number, column in enumerate(st.columns(len(shown), gap="medium")):
        info, architecture = shown[number]
        with column, st.container(gap="xsmall"):
            st.markdown(totals(architecture, batch), help=MACS_HELP)
            figure = figures.layer_cost_figure(
                bars[number],
                metric,  # type: ignore[arg-type]
                look(),
                title=_chart_title(architecture, settings),
                top=top,
                cumulated=settings.cumulated,
            )
            chart(
                figure,
                key=f"computation_bars_{number}",
                alt=_alt(architecture, bars[number], metric),
                rows=rows(architecture, memory_of(architecture, batch)),
                source=f"{caption(info, architecture, settings)}. {SOURCE}",
            )


def _chart_title(architecture: Architecture, settings: ComputationSettings) -> str:
    images = "1 image" if settings.batch == 1 else f"{settings.batch} images"
    of = "" if settings.metric == "parameters" else f", {images}"
    return f"{architecture.title}: {TITLES[settings.metric]} per layer{of}"


def _alt(architecture: Architecture, bars: Sequence[figures.CostBar], metric: str) -> str:
    largest = sorted(bars, key=lambda bar: -bar.value)[:3]
    unit = "" if metric in ("parameters", "macs") else "B"
    words = ", ".join(f"{bar.layer} {figures.amount(bar.value, unit)}" for bar in largest)
    return f"Bars: {METRICS[metric]} of each layer of {architecture.title}. Largest: {words}."


def _sums(shown: Sequence[tuple[ModelInfo, Architecture]], settings: ComputationSettings) -> None:
    """Convolutions against fully-connected layers; bytes of an inference and of a training."""
    architectures = [a for _, a in shown]
    memories = [memory_of(a, settings.batch) for a in architectures]
    left, right = st.columns(2, gap="medium")
    with left, st.container(gap="xsmall"):
        st.markdown("**The two halves of a network**", help=HALVES_HELP)
        words = "; ".join(
            f"{a.title}: FC layers hold {100 * a.fc_parameter_share:.1f} % of the parameters, "
            f"convolutions do {100 * a.conv_mac_share:.1f} % of the MACs"
            for a in architectures
        )
        chart(
            figures.share_figure(architectures, look()),
            key="computation_shares",
            alt=f"Stacked bars. {words}.",
            rows=[_share_row(a) for a in architectures],
            source=SOURCE,
        )
    with right, st.container(gap="xsmall"):
        st.markdown("**Inference and training**", help=MEMORY_HELP)
        titled = [(a.title, m) for a, m in zip(architectures, memories, strict=True)]
        batch = "1 image" if settings.batch == 1 else f"{settings.batch} images"
        chart(
            figures.memory_figure(titled, look(), f"Memory for {batch}, fp32"),
            key="computation_memory",
            alt="Stacked bars. " + "; ".join(map(_memory_words, titled)) + ".",
            rows=[_memory_row(title, memory) for title, memory in titled],
            source="Computed from the layer table. Most maps are alive at "
            + ", ".join(f"{memory.peak.name} ({title})" for title, memory in titled)
            + ".",
        )


def _memory_words(titled: tuple[str, NetworkMemory]) -> str:
    title, memory = titled
    return (
        f"{title}: inference {figures.amount(memory.inference, 'B')} (peak at "
        f"{memory.peak.name}), training {figures.amount(memory.training, 'B')}"
    )


def _tables(shown: Sequence[tuple[ModelInfo, Architecture]], settings: ComputationSettings) -> None:
    """All rows as numbers; made when the expander is opened."""
    expander = st.expander("Tables of all layers", key="computation_tables", on_change="rerun")
    if not expander.open:
        return
    with expander:
        for number, column in enumerate(st.columns(len(shown), gap="medium")):
            info, architecture = shown[number]
            made = rows(architecture, memory_of(architecture, settings.batch))
            with column:
                st.markdown(
                    f"**{architecture.title}**, {escaped(caption(info, architecture, settings))}, "
                    f"batch {settings.batch}"
                )
                st.dataframe(made, hide_index=True, key=f"computation_table_{number}")
                csv_button(
                    made,
                    key=f"computation_table_csv_{number}",
                    name=f"costs-{architecture.config.network}",
                    source=f"{caption(info, architecture, settings)}. {SOURCE}",
                )


def rows(architecture: Architecture, memory: NetworkMemory) -> list[dict[str, Any]]:
    """Every row of the table with its costs for the batch, unrounded."""
    found = []
    parameters = macs = 0
    for row in architecture.rows:
        of_row = memory.row(row.name)
        parameters += row.parameters
        macs += memory.batch * row.macs
        found.append(
            {
                "layer": row.name,
                "kind": row.kind,
                "channels": row.out_channels,
                "side px": row.out_side,
                "parameters": row.parameters,
                "parameters cumulated": parameters,
                "MACs": memory.batch * row.macs,
                "MACs cumulated": macs,
                "bytes alive, inference": of_row.alive,
                "bytes kept, training": of_row.kept,
            }
        )
    return found


def _share_row(a: Architecture) -> dict[str, Any]:
    return {
        "network": a.title,
        "conv parameters": a.conv_parameters,
        "fc parameters": a.fc_parameters,
        "conv MACs": a.conv_macs,
        "fc MACs": a.macs - a.conv_macs,
    }


def _memory_row(title: str, memory: NetworkMemory) -> dict[str, Any]:
    return {
        "network": title,
        "batch": memory.batch,
        "parameter bytes": memory.parameters,
        "peak of maps, inference": memory.peak.alive,
        "peak at": memory.peak.name,
        "inference": memory.inference,
        "gradient bytes": memory.parameters,
        "momentum bytes": memory.parameters,
        "maps kept, training": memory.kept,
        "training": memory.training,
    }
