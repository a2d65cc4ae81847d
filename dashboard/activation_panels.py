"""Panels of page "Activations": pickers, and one network's layers, channels and unit."""

from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
import streamlit as st

from dashboard import activation_code, components, service, session
from dashboard.activation_settings import (
    ActivationSettings,
    Shown,
    channels_request,
    choose_channel,
    choose_layer,
    chosen_channel,
    keep_unit,
    map_request,
    offered_layers,
    strip_request,
)
from dashboard.charts import csv_file, picture_format
from dashboard.controls import (
    DIFFERENT_CLASSES,
    add_photo,
    class_picker,
    model_picker,
    pairing_picker,
    photo_picker,
    scale_picker,
)
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection, Where, model_info
from dashboard.widgets import controlled
from vgg_viz import figures
from vgg_viz.requests import LayerMapsRequest, PictureRequest
from vgg_viz.results import LayerChannels, LayerStrip, ModelInfo, Picture, ServiceDescription

PHOTO_SIDE = 320  # px; it is drawn in about 200, and travels with every click
MOST_MARGIN = 0.2  # of the photo: how much of a field beyond it is drawn
STAGES = {False: "Before ReLU", True: "After ReLU"}
SCORE = (
    "**Speaks for** a class: gradient × activation, the sum over the channel's units of "
    "d logit / d value × value. Positive: more of this channel, more of the class."
)
ORDERS = (
    f"Sort by any number of the channels, in the browser. **Fewest zeros**: share of units that "
    f"are exactly 0. {SCORE} **Similarity**: cosine to the chosen channel's map."
)


@dataclass(frozen=True, eq=False)
class Answers:
    """What the service says about one side."""

    seen: Shown
    strip: LayerStrip
    channels: LayerChannels
    picture: Picture


# --- controls ------------------------------------------------------------------------------------


def stage_picker(settings: ActivationSettings) -> None:
    """Values before or after ReLU."""
    controlled(
        st.segmented_control,
        "Values",
        list(STAGES),
        key="activation_stage",
        value=settings.relu,
        apply=lambda picked: session.set_settings(relu=picked),
        format_func=STAGES.__getitem__,
        label_visibility="collapsed",
        required=True,
        help="**ReLU** sets negative values to 0. Networks do so in place; the values before it "
        "are the layer's true output all the same. Layers that no ReLU follows show what they are.",
    )


def top_row(
    selection: Selection, offered: ServiceDescription, same_classes: ModelInfo | None
) -> None:
    """Photo, class, pairing and scale."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            photo_picker(selection, offered)
        add_photo()
        if same_classes is not None:
            class_picker("left", selection, same_classes, both=True)
        else:
            st.caption(DIFFERENT_CLASSES, width=220)
        pairing_picker(selection)
        scale_picker(selection)


def head(
    where: Where,
    selection: Selection,
    offered: ServiceDescription,
    settings: ActivationSettings,
    *,
    own_class: bool,
) -> None:
    """Network, its class where the two know different ones, and layer."""
    info = model_info(offered, selection.side(where).model)
    network, *classes, layer = st.columns([4, 3, 3] if own_class else [5, 3])
    with network:
        model_picker(where, selection, offered)
    if own_class:
        with classes[0]:
            class_picker(where, selection, info, both=False)
    fields = {each.name: each.receptive_field for each in offered_layers(info)}
    own = settings.map_of(where)
    with layer:
        controlled(
            st.selectbox,
            f"Layer of the {where} network",
            list(fields),
            key=f"{where}_any_layer",
            value=own if own in fields else selection.side(where).layer,
            apply=lambda name: choose_layer(where, info, name, settings),
            format_func=lambda name: f"{name} · {fields.get(name, 0)} px",
            help="Any layer. The number is its **receptive field**: the side in px of the part of "
            "the input that one unit sees.",
            label_visibility="collapsed",
        )
    if own and own not in fields:
        now = selection.side(where).layer
        st.caption(f"{info.title} has no `{own}`; showing {now}.")


# --- one network ---------------------------------------------------------------------------------


def ask(seen: Shown, selection: Selection, settings: ActivationSettings) -> Answers:
    """One forward pass answers for every layer; the class needs one backward pass."""
    return Answers(
        seen,
        service.run(strip_request(seen, selection)),
        service.run(channels_request(seen, selection, settings)),
        service.run(PictureRequest(selection.image, seen.info.name, PHOTO_SIDE)),
    )


def body(
    answers: Answers, selection: Selection, settings: ActivationSettings, limit: float | None
) -> None:
    """Strip, grid and unit of one side; `limit` None: a scale of its own."""
    seen = answers.seen
    where, info = seen.where, seen.info
    untrained = " · untrained: no knowledge is shown" if info.weights == "random" else ""
    st.markdown(f"**{info.title}** · {escaped(info.weights_title)}{untrained}")
    components.layer_strip(
        figures.layer_strip_frame(answers.strip, relu=settings.relu, selected=seen.row.name),
        key=f"{where}_strip",
        on_layer=lambda: choose_layer(
            where, info, str(st.session_state[f"{where}_strip"].layer), settings
        ),
    )
    frame = figures.channel_grid_frame(
        answers.channels, side=where, when=seen.when(relu=settings.relu), limit=limit
    )
    components.channel_grid(frame, key=f"{where}_grid", on_unit=lambda: _on_grid(seen))
    _unit(answers, selection, settings)


def _unit(answers: Answers, selection: Selection, settings: ActivationSettings) -> None:
    """The chosen channel in full, else the strongest; and what its unit sees."""
    seen = answers.seen
    channel = drawn_channel(answers, selection, settings)
    shown = service.run(map_request(seen, selection, settings, channel))
    frame = figures.unit_map_frame(
        answers.picture,
        shown,
        seen.row,
        seen.fields,
        seen.unit,
        side=seen.where,
        series=WHERE.index(seen.where),
        margin=min(MOST_MARGIN, figures.margin_share(seen.fields)),
        chosen=chosen_channel(seen, selection, settings) is not None,
        when=seen.when(relu=settings.relu),
        label=f"{seen.info.title}, {seen.info.weights_title}",
    )
    key = f"{seen.where}_unit"
    components.unit_map(frame, key=key, on_unit=lambda: _on_unit(seen, shown.channel))
    code = activation_code.channel_code(seen, selection, settings, shown.channel)
    activation_code.expander((seen.title, code), key=f"{seen.where}_code")


def drawn_channel(answers: Answers, selection: Selection, settings: ActivationSettings) -> int:
    """The channel chosen, else the one of the highest mean."""
    channel = chosen_channel(answers.seen, selection, settings)
    if channel is None:
        return int(np.nan_to_num(answers.channels.numbers.means).argmax())
    return channel


def _on_grid(seen: Shown) -> None:
    unit: Any = st.session_state[f"{seen.where}_grid"].unit
    choose_channel(seen, int(unit["channel"]))
    keep_unit(seen, int(unit["row"]), int(unit["column"]))


def _on_unit(seen: Shown, channel: int) -> None:
    """A unit of a channel that nobody had chosen chooses it."""
    unit: Any = st.session_state[f"{seen.where}_unit"].unit
    choose_channel(seen, channel)
    keep_unit(seen, int(unit["row"]), int(unit["column"]))


# --- downloads -----------------------------------------------------------------------------------


def downloads(answers: list[Answers], selection: Selection, settings: ActivationSettings) -> None:
    """Files of the layers shown; each is made when its button is clicked."""
    picture_format()
    shared = selection.scale == "shared" and len(answers) == len(WHERE)
    limit = figures.shared_map_limit(a.channels for a in answers) if shared else None
    for each in answers:
        seen = each.seen
        name = f"activations-{seen.info.network}-{each.channels.output}"
        files = (
            ("All maps (PNG)", "png", "image/png", partial(sheet_file, each, limit)),
            (
                "All values (NPZ)",
                "npz",
                "application/octet-stream",
                partial(npz_file, each, selection),
            ),
            ("Channel numbers (CSV)", "csv", "text/csv", partial(numbers_file, each)),
        )
        st.caption(f"{seen.title}, {seen.when(relu=settings.relu) or 'output'}")
        with st.container(horizontal=True):
            for label, kind, mime, data in files:
                st.download_button(
                    label,
                    data=data,
                    file_name=f"{name}.{kind}",
                    mime=mime,
                    key=f"{seen.where}_{kind}_file",
                    on_click="ignore",
                )


def source(answers: Answers) -> str:
    """What made a number: network, weights, photo's part, precision."""
    made = answers.channels.provenance
    return (
        f"{answers.seen.info.title}, {made.weights}, input {made.input_size} px, {made.precision}"
    )


def sheet_file(answers: Answers, limit: float | None) -> bytes:
    """Every map of the layer on one sheet."""
    return figures.map_sheet_png(
        answers.channels, f"{answers.channels.output} of {source(answers)}", limit=limit
    )


def npz_file(answers: Answers, selection: Selection) -> bytes:
    """Every value of the layer, float32 (C, h, w)."""
    shown = answers.channels
    found = service.run(
        LayerMapsRequest(
            *(answers.seen.info.name, selection.image, shown.layer, shown.relu),
            precision=selection.precision,
        )
    )
    out = BytesIO()
    np.savez_compressed(out, maps=found.maps, source=np.array(f"{found.output}, {source(answers)}"))
    return out.getvalue()


def numbers_file(answers: Answers) -> bytes:
    """One row a channel."""
    shown, numbers = answers.channels, answers.channels.numbers
    rows = [
        {
            "output": shown.output,
            "channel": channel,
            "mean": float(numbers.means[channel]),
            "std": float(numbers.stds[channel]),
            "min": float(numbers.minima[channel]),
            "max": float(numbers.maxima[channel]),
            "share_zero": float(numbers.zeros[channel]),
            "gradient_x_activation": float(shown.scores[channel]),
            "class": shown.target_name,
        }
        for channel in range(len(numbers.means))
    ]
    return csv_file(rows, source(answers))
