"""Panels of page "Activations": pickers, and each network's layers, channels and unit.

The page is drawn in parts (`PARTS`), fragments that run again alone: a click on a layer draws the
maps first, and what follows from them after that; the pickers above stay as they are.
"""

import time
from collections.abc import Mapping
from typing import Any, NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitAPIException

from dashboard import activation_code, components, service, session
from dashboard.activation_answers import Answers, ask, drawn_channel, keep, shared_limit
from dashboard.activation_settings import (
    ActivationSettings,
    Shown,
    choose_channel,
    choose_layer,
    chosen_channel,
    keep_orders,
    map_request,
    offered_layers,
    shown,
    view_of,
)
from dashboard.controls import (
    DIFFERENT_CLASSES,
    add_photo,
    class_picker,
    model_picker,
    pairing_picker,
    photo_picker,
    scale_picker,
)
from dashboard.fetching import fetch_panel
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection, Where, model_info
from dashboard.side_layers import keep_unit, map_of
from dashboard.widgets import controlled
from vgg_viz import figures
from vgg_viz.results import ModelInfo, ServiceDescription

MAPS, NUMBERS, ARITHMETIC, CLIP = PARTS = (
    "activation_maps",
    "activation_numbers",
    "activation_units",
    "activation_clips",
)
# s. The browser draws the grids while it has nothing else to do: with the rest 0.015 s behind them
# they stood there 376 to 437 ms after a click on a layer of 512 maps, with 0.12 s 194 to 269 ms.
HEAD_START = 0.12
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
    where: Where, selection: Selection, offered: ServiceDescription, *, own_class: bool
) -> DeltaGenerator:
    """Network, and its class where the two know different ones; returns the layer's place."""
    info = model_info(offered, selection.side(where).model)
    network, *classes, layer = st.columns([4, 3, 3] if own_class else [5, 3])
    with network:
        model_picker(where, selection, offered)
    if own_class:
        with classes[0]:
            class_picker(where, selection, info, both=False)
    return layer


def _layer_picker(
    where: Where, info: ModelInfo, selection: Selection, settings: ActivationSettings
) -> None:
    fields = {each.name: each.receptive_field for each in offered_layers(info)}
    own = map_of(settings, where)
    controlled(
        st.selectbox,
        f"Layer of the {where} network",
        list(fields),
        key=f"{where}_any_layer",
        value=own if own in fields else selection.side(where).layer,
        apply=lambda name: _on_layer(where, info, name, settings),
        format_func=lambda name: f"{name} · {fields.get(name, 0)} px",
        help="Any layer. The number is its **receptive field**: the side in px of the part of "
        "the input that one unit sees.",
        label_visibility="collapsed",
    )
    if own and own not in fields:
        now = selection.side(where).layer
        st.caption(f"{info.title} has no `{own}`; showing {now}.")


# --- both networks -------------------------------------------------------------------------------


@st.fragment(key=MAPS)
def maps(pickers: Mapping[Where, DeltaGenerator]) -> None:
    """Layers, channels and unit of both networks; the layers' pickers go to their places."""
    offered = service.get_service().describe()
    selection, settings = session.view(offered, ActivationSettings)
    infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}
    columns = zip(WHERE, st.columns(2, gap="medium"), strict=True)
    # The grids are what a click waits for: they are sent first, and stand below the strips.
    above, below = {}, {}
    for where, column in columns:
        with column.container(gap="xsmall"):
            above[where], below[where] = st.container(gap="xsmall"), st.container(gap="xsmall")
    answers = []
    for where, slot in below.items():
        with slot, service.messages():
            if infos[where].available:
                seen = shown(where, infos[where], selection, settings)
                answers.append(_asked(seen, selection, settings, slot))
            else:
                fetch_panel(where, infos[where])
    keep(answers)
    limit = shared_limit(answers, selection)
    for each in answers:
        with below[each.seen.where], service.messages():
            _grid(each, selection, settings, limit)
    if answers:
        time.sleep(HEAD_START)
    for each in answers:
        with above[each.seen.where]:
            _strip(each, settings)
    for where, picker in pickers.items():
        with picker:
            _layer_picker(where, infos[where], selection, settings)
    for each in answers:
        with below[each.seen.where], service.messages():
            _unit(each, selection, settings)


def _asked(
    seen: Shown, selection: Selection, settings: ActivationSettings, slot: DeltaGenerator
) -> Answers:
    """Until the answer is there, what was drawn before stays; at first, grey stands there."""
    if f"{seen.where}_grid" in st.session_state:
        return ask(seen, selection, settings)
    with slot.skeleton(height=560):
        return ask(seen, selection, settings)


def _grid(
    answers: Answers, selection: Selection, settings: ActivationSettings, limit: float | None
) -> None:
    """All channels of a side's layer; `limit` None: a scale of its own."""
    seen = answers.seen
    frame = figures.channel_grid_frame(
        answers.channels,
        side=seen.where,
        when=seen.when(relu=settings.relu),
        limit=limit,
        view=view_of(seen, selection, settings),
    )
    components.channel_grid(frame, key=f"{seen.where}_grid", on_unit=lambda: _on_grid(seen))


def _strip(answers: Answers, settings: ActivationSettings) -> None:
    """Whose layers they are, and all of them."""
    where, info = answers.seen.where, answers.seen.info
    untrained = " · untrained: no knowledge is shown" if info.weights == "random" else ""
    st.markdown(f"**{info.title}** · {escaped(info.weights_title)}{untrained}")
    layer = answers.seen.row.name
    components.layer_strip(
        figures.layer_strip_frame(answers.strip, side=where, relu=settings.relu, selected=layer),
        key=f"{where}_strip",
        on_layer=lambda: _on_strip(where, info, settings),
    )


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
        order=settings.sort_of(seen.where),
        label=f"{seen.info.title}, {seen.info.weights_title}",
    )
    key = f"{seen.where}_unit"
    components.unit_map(frame, key=key, on_unit=lambda: _on_unit(seen, shown.channel))
    code = activation_code.channel_code(seen, selection, settings, shown.channel)
    activation_code.expander((seen.title, code), key=f"{seen.where}_code")


# --- clicks --------------------------------------------------------------------------------------


def redraw(*parts: str) -> NoReturn:
    """End a callback, and run only these parts of the page; all of it where one is missing yet."""
    try:
        st.rerun(parts)
    except StreamlitAPIException:  # clicked before the page was there as a whole
        st.rerun()


def _on_layer(where: Where, info: ModelInfo, name: str, settings: ActivationSettings) -> None:
    choose_layer(where, info, name, settings)
    redraw(*PARTS)


def _on_strip(where: Where, info: ModelInfo, settings: ActivationSettings) -> None:
    picked: Any = st.session_state[f"{where}_strip"].layer
    keep_orders(picked["orders"])
    _on_layer(where, info, str(picked["name"]), settings)


def _on_grid(seen: Shown) -> None:
    unit: Any = st.session_state[f"{seen.where}_grid"].unit
    keep_orders({seen.where: unit["order"]})
    choose_channel(seen, int(unit["channel"]))
    keep_unit(seen.fields, (int(unit["row"]), int(unit["column"])))
    redraw(MAPS, ARITHMETIC, CLIP)


def _on_unit(seen: Shown, channel: int) -> None:
    """A unit of a channel that nobody had chosen chooses it."""
    unit: Any = st.session_state[f"{seen.where}_unit"].unit
    choose_channel(seen, channel)
    keep_unit(seen.fields, (int(unit["row"]), int(unit["column"])))
    redraw(MAPS, ARITHMETIC, CLIP)
