"""Charts of page "Activations": the layer's values, all layers, and a second photo."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import activation_code, service, session
from dashboard.activation_answers import Answers, kept, source
from dashboard.activation_files import downloads
from dashboard.activation_panels import NUMBERS
from dashboard.activation_settings import ActivationSettings, photo_title, second_photo
from dashboard.charts import chart, look
from dashboard.controls import another_photo
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection
from dashboard.widgets import controlled
from vgg_viz import figures
from vgg_viz.figures import NamedDifferences, NamedLayer, NamedStrip
from vgg_viz.requests import PhotoDifferencesRequest
from vgg_viz.results import PhotoDifferences, ServiceDescription

VIEWS = {"layer": "These layers", "depth": "All layers", "photos": "A second photo"}
ZEROS = "**Zeros**: share of units whose value after ReLU is exactly 0 (the layer's sparsity)."
DEAD = "**Dead** channel: 0 at every unit after ReLU on this photo; no signal, no gradient."
SATURATED = (
    "**Saturated** channel: above 0 at every unit. ReLU has no upper end; a channel that never "
    "reaches its bend passes unchanged on this photo, as if there were no ReLU."
)
TERMS = f"{ZEROS} {DEAD} {SATURATED}"


@st.fragment(key=NUMBERS)
def numbers(files: DeltaGenerator) -> None:
    """The statistics chosen, both networks in one chart; downloads go to `files`, a popover."""
    answers = kept()
    if not answers:
        return
    offered = service.get_service().describe()
    selection, settings = session.view(offered, ActivationSettings)
    if files.open:
        with files, service.messages():
            downloads(answers, selection, settings)
    with st.container(horizontal=True, vertical_alignment="center", key="activation_numbers"):
        st.subheader("Numbers", help=TERMS, anchor=False, width="content")
        controlled(
            st.segmented_control,
            "Numbers of",
            list(VIEWS),
            key="activation_view",
            value=settings.numbers,
            apply=lambda picked: session.set_settings(numbers=picked),
            format_func=VIEWS.__getitem__,
            label_visibility="collapsed",
            required=True,
        )
        if settings.numbers == "photos":
            photo_pickers(selection, settings, offered)
    with service.messages():
        match settings.numbers:
            case "layer":
                layer_panel(answers, selection, settings)
            case "depth":
                depth_panel(answers, selection)
            case _:
                photos_panel(answers, selection, settings, offered)


# --- the layers shown ----------------------------------------------------------------------------


def layer_panel(
    answers: Sequence[Answers], selection: Selection, settings: ActivationSettings
) -> None:
    """How the values of both layers are spread, and their statistics."""
    layers = named_layers(answers)
    figure, words = st.columns([3, 2], gap="medium")
    with figure:
        chart(
            figures.value_histogram_figure(layers, look(), relu=settings.relu),
            key="activation_histogram",
            alt=_alt(layers, settings),
            rows=histogram_rows(layers, settings),
            source=_sources(answers),
        )
    with words:
        st.dataframe(
            statistics_table(layers, settings),
            hide_index=True,
            column_config={"": st.column_config.TextColumn("", help=TERMS)},
        )
        st.caption(_note(layers, settings))
    activation_code.expander(
        *((a.seen.title, activation_code.layer_code(a.seen, selection, settings)) for a in answers),
        key="layer_code",
    )


def named_layers(answers: Sequence[Answers]) -> list[NamedLayer]:
    """The layers shown, as charts name them."""
    found = []
    for each in answers:
        summary = each.strip.layer(each.seen.row.name)
        if summary is not None:
            label = f"{each.seen.row.name}, {network_label(each, answers)}"
            found.append(NamedLayer(label, summary, WHERE.index(each.seen.where)))
    return found


def network_label(answer: Answers, answers: Sequence[Answers]) -> str:
    """The network's title; with its weights where both networks are of one name."""
    title = answer.seen.info.title
    if sum(each.seen.info.title == title for each in answers) == 1:
        return title
    name = f"{title} {answer.seen.info.weights}"
    if len({each.seen.info.weights for each in answers}) == 1:
        name += f", {answer.seen.where}"
    return name


def statistics_table(
    layers: Sequence[NamedLayer], settings: ActivationSettings
) -> list[dict[str, str]]:
    """A row for each statistic, a column for each layer."""
    columns = {}
    for layer in layers:
        each, values = layer.summary, layer.summary.values(relu=settings.relu)
        straight = "–" if each.saturated is None else f"{each.saturated} of {each.channels}"
        columns[layer.label] = {
            "zeros after ReLU": f"{100 * each.after.zeros:.1f} %",
            "dead channels": f"{each.dead} of {each.channels}",
            "saturated channels": straight,
            "mean": figures.digits(values.mean),
            "standard deviation": figures.digits(values.std),
            "smallest": figures.digits(values.least),
            "largest": figures.digits(values.largest),
        }
    names = next(iter(columns.values()), {})
    return [
        {"": name, **{label: column[name] for label, column in columns.items()}} for name in names
    ]


def histogram_rows(
    layers: Sequence[NamedLayer], settings: ActivationSettings
) -> list[dict[str, Any]]:
    """One row a bin."""
    rows = []
    for layer in layers:
        bins, heights = figures.value_shares(layer.summary, relu=settings.relu)
        for low, high, share in zip(bins.edges, bins.edges[1:], heights, strict=False):
            rows.append({"layer": layer.label, "from": low, "to": high, "share": share})
    return rows


def _note(layers: Sequence[NamedLayer], settings: ActivationSettings) -> str:
    if not settings.relu:
        return "Values before ReLU; zeros, dead and saturated are counted after it."
    zeros = ", ".join(f"{100 * each.summary.after.zeros:.1f} % of {each.label}" for each in layers)
    return f"Exact zeros are not drawn: {zeros}."


def _alt(layers: Sequence[NamedLayer], settings: ActivationSettings) -> str:
    said = [
        f"{each.label}: mean {each.summary.values(relu=settings.relu).mean:.3g}, "
        f"{100 * each.summary.after.zeros:.1f} % zeros after ReLU"
        for each in layers
    ]
    return f"Histograms of the values. {'; '.join(said)}."


# --- all layers ----------------------------------------------------------------------------------


def depth_panel(answers: Sequence[Answers], selection: Selection) -> None:
    """Zeros, dead and saturated channels over the depth of both networks."""
    strips = [
        NamedStrip(network_label(each, answers), each.strip, WHERE.index(each.seen.where))
        for each in answers
    ]
    rows = depth_rows(answers)
    chart(
        figures.sparsity_figure(strips, look()),
        key="activation_depth",
        alt="Zeros, dead and saturated channels of every layer with a ReLU. "
        + "; ".join(f"{row['network']} {row['layer']} {100 * row['zeros']:.0f} %" for row in rows),
        rows=rows,
        source=_sources(answers),
    )
    st.caption(TERMS)
    activation_code.expander(
        *((a.seen.info.title, activation_code.depth_code(a.seen, selection)) for a in answers),
        key="depth_code",
    )


def depth_rows(answers: Sequence[Answers]) -> list[dict[str, Any]]:
    """One row a layer."""
    return [
        {
            "network": network_label(each, answers),
            "layer": row.layer,
            "channels": row.channels,
            "zeros": row.after.zeros,
            "dead_channels": row.dead,
            "saturated_channels": row.saturated,
            "mean": row.after.mean,
            "max": row.after.largest,
        }
        for each in answers
        for row in figures.depth_rows(each.strip)
    ]


# --- a second photo ------------------------------------------------------------------------------


def photo_pickers(
    selection: Selection, settings: ActivationSettings, offered: ServiceDescription
) -> None:
    """The photo to compare with: a sample, or an upload."""
    names = [sample.name for sample in offered.samples]
    value = second_photo(settings, selection, names)
    if value and value not in names:
        names.append(value)
    controlled(
        st.selectbox,
        "Second photo",
        names,
        key="activation_second",
        value=value,
        apply=lambda picked: session.set_settings(second=picked),
        format_func=lambda name: photo_title(name, offered),
        label_visibility="collapsed",
        width=220,
    )
    with st.popover("Upload", icon=":material/upload:", key="activation_upload"):
        another_photo(
            "Upload a second photo",
            key="second_upload",
            use=lambda name: session.set_settings(second=name),
            in_fragment=True,
        )


def photos_panel(
    answers: Sequence[Answers],
    selection: Selection,
    settings: ActivationSettings,
    offered: ServiceDescription,
) -> None:
    """Every channel's mean on both photos, and the channels that change most."""
    second = second_photo(settings, selection, [sample.name for sample in offered.samples])
    titles = (photo_title(selection.image, offered), photo_title(second, offered))
    sides = []
    for each in answers:
        asked = PhotoDifferencesRequest(
            *(each.seen.info.name, (selection.image, second), each.seen.row.name),
            *(settings.relu, selection.precision),
        )
        differences = service.run(asked)
        series = WHERE.index(each.seen.where)
        label = f"{each.seen.row.name}, {network_label(each, answers)}"
        sides.append(NamedDifferences(label, differences, series))
    if titles[0] == titles[1]:
        titles = (f"{titles[0]} (first)", f"{titles[1]} (second)")
    figure, words = st.columns([3, 2], gap="medium")
    with figure:
        chart(
            figures.photo_differences_figure(sides, look(), titles),
            key="activation_photos",
            alt=f"Mean of every channel on {titles[0]} against {titles[1]}; the channels that "
            "change most are in the table.",
            rows=[
                row
                for side in sides
                for row in difference_rows(side, range(len(side.differences.distances)))
            ],
            source=f"{_sources(answers)}. Photos: {titles[0]}, {titles[1]}",
        )
    with words:
        st.markdown(
            f"Channels whose mean changes most from {escaped(titles[0])} (1st) to "
            f"{escaped(titles[1])} (2nd)"
        )
        rows = [
            row
            for side in sides
            for row in difference_rows(side, figures.most_changed(side.differences, 5))
        ]
        st.dataframe(rows, hide_index=True, column_config=_difference_columns(titles))
    codes = (activation_code.photos_code(a.seen, selection, settings, second) for a in answers)
    activation_code.expander(
        *zip((a.seen.title for a in answers), codes, strict=True), key="photos_code"
    )


def difference_rows(side: NamedDifferences, channels: Any) -> list[dict[str, Any]]:
    """One row a channel."""
    found: PhotoDifferences = side.differences
    return [
        {
            "layer": side.label,
            "channel": int(channel),
            "first": float(found.means[0, channel]),
            "second": float(found.means[1, channel]),
            "change": float(found.means[1, channel] - found.means[0, channel]),
            "rms_difference": float(found.distances[channel]),
            "cosine": float(found.similarities[channel]),
        }
        for channel in channels
    ]


def _difference_columns(titles: tuple[str, str]) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "first": number("1st", format="%.3g", help=f"Mean on {titles[0]}"),
        "second": number("2nd", format="%.3g", help=f"Mean on {titles[1]}"),
        "change": number("change", format="%+.3g"),
        "rms_difference": number(
            "RMS", format="%.3g", help="Root of the mean squared difference, unit by unit"
        ),
        "cosine": number("cosine", format="%.2f", help="Of the channel's two maps: 1 is the same"),
    }


def _sources(answers: Sequence[Answers]) -> str:
    return "; ".join(source(each) for each in answers)
