"""Panels of page "Receptive fields": pickers, the two pictures, growth over depth, the table."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import components, service, session
from dashboard.charts import chart, csv_button, look, picture_format
from dashboard.controls import add_photo, model_picker, pairing_picker, photo_picker
from dashboard.fetching import fetch_panel
from dashboard.network_column import escaped
from dashboard.receptive_field_settings import (
    LARGEST_INPUT,
    FieldSettings,
    Shown,
    matched,
    offered_layers,
    request,
)
from dashboard.selection import WHERE, Selection, Where, model_info
from dashboard.side_layers import choose_layer, keep_unit, layer_of, map_of
from dashboard.widgets import controlled
from vgg_viz import figures
from vgg_viz.figures import FieldGrowth, FieldLabels
from vgg_viz.requests import EffectiveFieldRequest, PictureRequest
from vgg_viz.results import EffectiveField, ModelInfo, ServiceDescription

ASKED = "effective_fields_asked"  # session state: side -> the question a person asked last
OWN_SIZE = "Its own"
SIZES = ("64", "96", "128", "224", "256", "288", "384", "448")  # px; any other can be typed
AVERAGE = {"samples": "All samples", "photo": "This photo"}
SOURCE = (
    "From the networks' tables: r ← r + (k − 1) j, j ← j s (Araujo, Norris & Sim, Distill 2019)."
)
FIELD = (
    "**Receptive field**: the part of the input that can change a unit. **Stride**: how far the "
    "fields of neighbouring units lie apart. Both are in px of the input."
)
EFFECTIVE = (
    "**Effective field** (Luo et al. 2016): how strongly each px of the input moves this unit, "
    "|dS / d input| summed over the three colours, with S the sum of the layer's channels at the "
    "unit, averaged over photos. Measuring runs both networks; nothing else on this page does."
)


# --- controls ------------------------------------------------------------------------------------


def measure_controls(settings: FieldSettings, sides: Sequence[Shown], selection: Selection) -> None:
    """Over which photos, and the button: the only thing on this page that runs a network."""
    controlled(
        st.segmented_control,
        "Average over",
        list(AVERAGE),
        key="field_average",
        value=settings.average,
        apply=lambda picked: session.set_settings(average=picked),
        format_func=AVERAGE.__getitem__,
        label_visibility="collapsed",
        required=True,
    )
    st.button(
        "Measure the effective field",
        key="measure",
        type="primary",
        icon=":material/flare:",
        help=EFFECTIVE,
        disabled=not any(seen.info.available for seen in sides),
        on_click=_on_measure,
        args=(settings, sides, selection.image),
    )


def top_row(selection: Selection, offered: ServiceDescription, settings: FieldSettings) -> None:
    """Photo, pairing of layers, input size."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            photo_picker(selection, offered)
        add_photo()
        pairing_picker(selection)
        size_picker(settings)


def size_picker(settings: FieldSettings) -> None:
    """Px of the input: a ready size, any other one typed, or each network's own."""
    value = str(settings.input_size) if settings.input_size else OWN_SIZE
    options = [OWN_SIZE, *SIZES]
    if value not in options:
        options.append(value)
    controlled(
        st.selectbox,
        "Input size, px",
        options,
        key="field_input_size",
        value=value,
        apply=_on_size,
        accept_new_options=True,
        width=130,
        help=f"Side of the picture the networks get; type any number up to {LARGEST_INPUT}. "
        "**Its own**: the size each network's weights were made for.",
    )


def head(
    where: Where, selection: Selection, offered: ServiceDescription, settings: FieldSettings
) -> None:
    """Network and layer of one side."""
    info = model_info(offered, selection.side(where).model)
    network, layer = st.columns([5, 3])
    with network:
        model_picker(where, selection, offered)
    with layer:
        fields = {each.name: each.receptive_field for each in offered_layers(info)}
        controlled(
            st.selectbox,
            f"Layer of the {where} network",
            list(fields),
            key=f"{where}_map",
            value=layer_of(where, info, selection, settings, offered_layers),
            apply=lambda name: choose_layer(where, info, name, settings, offered_layers),
            format_func=lambda name: f"{name} · {fields.get(name, 0)} px",
            help=FIELD,
            label_visibility="collapsed",
        )
    own = map_of(settings, where)
    if own and own not in fields:
        layer_now = layer_of(where, info, selection, settings, offered_layers)
        st.caption(f"{info.title} has no `{own}`; showing {layer_now}.")


# --- one network's picture -----------------------------------------------------------------------


def picture(
    seen: Shown,
    selection: Selection,
    settings: FieldSettings,
    samples: Sequence[str],
    margin: float,
) -> None:
    """The photo with the field of the kept unit; its effective field when it was asked for."""
    info = seen.info
    asked = request(seen, settings, selection.image, samples)
    effective = _effective(asked, seen) if _asked().get(seen.where) == asked else None
    frame = figures.field_frame(
        service.run(PictureRequest(selection.image, info.name)),
        seen.row,
        seen.fields,
        seen.unit,
        place=selection.shown_place,
        margin=margin,
        series=WHERE.index(seen.where),
        labels=FieldLabels(info.title, _weights(seen), _averaged(asked)),
        effective=effective,
    )
    components.receptive_field(frame, key=f"{seen.where}_field", on_unit=lambda: _on_unit(seen))
    if not info.available:
        with st.expander("Measuring needs its weights", icon=":material/cloud_download:"):
            fetch_panel(seen.where, info)


def _effective(asked: EffectiveFieldRequest, seen: Shown) -> EffectiveField | None:
    """The measured field; a message in its place when it cannot be measured."""
    note = f"Measuring {seen.title}, {_photos(asked)} ..."
    with service.messages(), st.spinner(note, show_time=True):
        return service.run(asked)
    return None


def _photos(asked: EffectiveFieldRequest) -> str:
    count = len(asked.images)
    return f"{count} photos" if count > 1 else "this photo"


def _averaged(asked: EffectiveFieldRequest) -> str:
    return f"{'averaged over' if len(asked.images) > 1 else 'on'} {_photos(asked)}"


def _weights(seen: Shown) -> str:
    """Where the weights come from, and for which size they were made when it is another one."""
    own = seen.info.input_size
    elsewhere = "" if seen.fields.input_size == own else f", made for an input of {own} px"
    return f"{seen.info.weights_title}{elsewhere}"


def _asked() -> dict[Where, EffectiveFieldRequest]:
    asked: dict[Where, EffectiveFieldRequest] = st.session_state.setdefault(ASKED, {})
    return asked


def _on_measure(settings: FieldSettings, sides: Sequence[Shown], image: str) -> None:
    samples = [sample.name for sample in service.get_service().describe().samples]
    st.session_state[ASKED] = {
        seen.where: request(seen, settings, image, samples) for seen in sides if seen.info.available
    }


def _on_unit(seen: Shown) -> None:
    unit: Any = st.session_state[f"{seen.where}_field"].unit
    row, column = int(unit["row"]), int(unit["column"])
    if max(row, column) < seen.fields.side and min(row, column) >= 0:
        keep_unit(seen.fields, (row, column))


def _on_size(text: str) -> None:
    if text == OWN_SIZE:
        session.set_settings(input_size=0)
        return
    digits = text.strip().removesuffix("px").strip()
    if digits.isascii() and digits.isdecimal() and 1 <= int(digits[:9]) <= LARGEST_INPUT:
        session.set_settings(input_size=int(digits))
    else:
        service.tell(f"An input size is a number of px from 1 to {LARGEST_INPUT}.")


# --- growth over depth ---------------------------------------------------------------------------


def growth(sides: Sequence[Shown]) -> None:
    """The field over depth for both networks, what stands out, and the table."""
    with st.container(horizontal=True, vertical_alignment="center", key="field_growth_head"):
        st.subheader("How the field grows with depth", help=FIELD)
        with st.popover("Download", icon=":material/download:", key="field_download"):
            picture_format()
    networks = [
        FieldGrowth(seen.architecture, seen.row.name, WHERE.index(seen.where)) for seen in sides
    ]
    pairs = matched(*(seen.architecture for seen in sides)) if len(sides) > 1 else ()
    curves, words = st.columns([5, 3], gap="medium")
    with curves:
        chart(
            figures.growth_figure(networks, look(), pairs=pairs),
            key="field_growth",
            alt=_alt(networks),
            rows=table(networks, pairs),
            source=SOURCE,
        )
    with words:
        st.markdown("\n".join(f"- {fact}" for fact in facts(networks, pairs)))
    expander = st.expander("All fields as a table", key="field_table", on_change="rerun")
    if expander.open:
        with expander:
            _table(networks, pairs)


def facts(networks: Sequence[FieldGrowth], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """What the curves show, computed from the tables."""
    found = []
    lasts = [network.architecture.convs[-1] for network in networks]
    named = [
        f"**{row.name}** of {escaped(network.architecture.title)} sees "
        f"**{row.receptive_field.size} px**"
        for network, row in zip(networks, lasts, strict=True)
    ]
    found.append(", ".join(named) + ".")
    found += [_first_to_see_all(network) for network in networks]
    if pairs:
        sizes = [
            {row.name: row.receptive_field.size for row in network.rows} for network in networks
        ]
        listed = [f"{one} ({sizes[0][one]}) ≈ {other} ({sizes[1][other]})" for one, other in pairs]
        found.append(f"Matched by equal field, px: {', '.join(listed)}.")
    found.append("Behind every pool (open marker) the stride doubles, and with it the slope.")
    return found


def _first_to_see_all(network: FieldGrowth) -> str:
    size, title = network.architecture.input_size, escaped(network.architecture.title)
    first = next((row for row in network.rows if row.receptive_field.size >= size), None)
    if first is None:
        return f"{title}: no layer has a field as wide as the input, {size} px."
    return (
        f"{title}: **{first.name}** ({first.receptive_field.size} px) is the first layer whose "
        f"field is as wide as the input, {size} px."
    )


def table(
    networks: Sequence[FieldGrowth], pairs: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """A row for every layer that makes the field grow."""
    partners = [dict(pairs), {other: one for one, other in pairs}]
    return [
        {
            "network": network.architecture.title,
            "layer": row.name,
            "field_px": row.receptive_field.size,
            "stride_px": row.receptive_field.jump,
            "padding_px": row.receptive_field.padding,
            "first_centre_px": row.receptive_field.center(0),
            "units": row.out_side,
            "input_px": network.architecture.input_size,
            "equal_field_in_the_other": partners[i % 2].get(row.name, ""),
        }
        for i, network in enumerate(networks)
        for row in network.rows
    ]


def _table(networks: Sequence[FieldGrowth], pairs: Sequence[tuple[str, str]]) -> None:
    rows = table(networks, pairs)
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "network": "Network",
            "layer": "Layer",
            "field_px": st.column_config.NumberColumn("Field, px", help=FIELD),
            "stride_px": st.column_config.NumberColumn("Stride, px"),
            "padding_px": st.column_config.NumberColumn(
                "Padding, px", help="How far the first unit's field begins before the input"
            ),
            "first_centre_px": st.column_config.NumberColumn(
                "First centre, px", help="Of unit 0; px 0 has its centre at 0"
            ),
            "units": st.column_config.NumberColumn("Units on a side"),
            "input_px": st.column_config.NumberColumn("Input, px"),
            "equal_field_in_the_other": "Equal field in the other network",
        },
    )
    csv_button(rows, key="field_table_csv", name="receptive-fields", source=SOURCE)


def _alt(networks: Sequence[FieldGrowth]) -> str:
    parts = [
        f"{network.architecture.title}: "
        + ", ".join(f"{row.name} {row.receptive_field.size} px" for row in network.rows)
        for network in networks
    ]
    return f"Receptive field over depth. {'; '.join(parts)}."


def model_infos(selection: Selection, offered: ServiceDescription) -> dict[Where, ModelInfo]:
    """Both networks of the selection."""
    return {where: model_info(offered, selection.side(where).model) for where in WHERE}
