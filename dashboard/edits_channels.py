"""View "Channels": switch channels off, scale them, mask a region, swap the photo at a layer."""

import streamlit as st

from dashboard import components, edits_code, edits_region, service
from dashboard.charts import config, csv_button, look
from dashboard.edits_settings import (
    ORDERS,
    EditsSettings,
    edit_channel,
    edit_request,
    factors_of,
    keep_factors,
    setting,
    side_head,
    target_of,
    top_row,
    typed,
)
from dashboard.edits_side import Side, class_rows, described, source_line, spoken
from dashboard.edits_travel import travel
from dashboard.fetching import fetch_panel
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection, Where, layer_info, model_info
from dashboard.widgets import controlled
from vgg_viz import figures
from vgg_viz.requests import (
    ActivationsRequest,
    CarryingChannelsRequest,
    PictureRequest,
)
from vgg_viz.results import Activations, ModelInfo, ServiceDescription

TILES = 12
UNEDITED = "nothing edited; click a channel below"
EDIT_HELP = (
    "An **edit** changes the output of this layer, behind its ReLU, and the rest of the network "
    "runs again from there. A channel set to 0 answers as if its weights and bias were 0. Nothing "
    "is written to the network."
)
CAM_HELP = (
    "**Grad-CAM** (Selvaraju et al. 2017) at the last convolution, behind its ReLU: maps weighted "
    "by the mean gradient of the class's logit, summed. After the edit, values and gradients are "
    "those of the edited pass. Both pictures have one colour scale."
)
SHOWN = """\
for i in answer.top():
    print(answer.classes[i], answer.probabilities_before[i], answer.probabilities_after[i])
print(answer.cam_after.grid)"""


def panel(selection: Selection, settings: EditsSettings, offered: ServiceDescription) -> None:
    """Two networks, each with its layer, pictures before and after, and channels to edit."""

    def pickers() -> None:
        edits_region.region_picker(selection, settings)
        edits_region.swap_picker(settings, offered)
        st.button("Reset", key="edits_reset", icon=":material/undo:", on_click=edits_region.reset)

    top_row(selection, offered, pickers)
    sides: list[Side] = []
    slots = {}
    for where, column in zip(WHERE, st.columns(2, gap="medium"), strict=True):
        with column, st.container(gap="xsmall"):
            side_head(where, selection, offered)
            slots[where] = st.container(gap="xsmall")
            with slots[where], service.messages():
                info = model_info(offered, selection.side(where).model)
                if not info.available:
                    fetch_panel(where, info)
                    continue
                with st.skeleton(height=420):
                    sides.append(_ask(where, selection, settings, info))
    for side in sides:
        with slots[side.where], service.messages():
            _pictures(side, settings, selection)
            _channels(side, settings, selection)
    if sides:
        with service.messages():
            travel(sides)
        edits_code.show_code([side.request for side in sides], SHOWN, key="edits_code")


def _ask(where: Where, selection: Selection, settings: EditsSettings, info: ModelInfo) -> Side:
    request = edit_request(where, selection, settings, info)
    picture = service.run(PictureRequest(selection.image, info.name))
    return Side(where, info, request, service.run(request), picture)


# --- what the edit did ---------------------------------------------------------------------------


def _pictures(side: Side, settings: EditsSettings, selection: Selection) -> None:
    edited = side.edited
    changes = settings.edits_anything(side.where, selection, side.info)
    # One line on both sides (style.css), or their pictures would not stand at one height.
    with st.container(key=f"edits_title_{side.where}"):
        words = f"edited at {side.edited.layer}" if changes else UNEDITED
        st.markdown(f"**{side.info.title}** · {words}", help=f"{EDIT_HELP}\n\n{CAM_HELP}")
    if side.info.weights == "random":
        st.caption(":material/warning: Untrained: random weights know no class.")
    limit = figures.shared_limit((edited.cam_before, edited.cam_after))
    with st.container(key=f"edits_shown_{side.where}"):
        columns = st.columns([4, 4, 5], gap="small")
    for column, name, cam in (
        (columns[0], "before", edited.cam_before),
        (columns[1], "after", edited.cam_after),
    ):
        with column, st.container(gap="xsmall"):
            index, target = edited.target, escaped(cam.target_name)
            odds = edited.probabilities_before if name == "before" else edited.probabilities_after
            st.markdown(f"{name.capitalize()}: {100 * odds[index]:.1f} % **{target}**")
            label = f"{side.info.title}, {side.info.weights_title}, {name} the edit"
            frame = figures.overlay_frame(side.picture, cam, limit=limit, label=label)
            components.overlay(frame, key=f"{side.where}_cam_{name}")
    name = f"{side.where}_classes"
    with columns[2]:
        st.plotly_chart(
            figures.class_change_figure(edited, look(), side.series),
            key=name,
            config=config(name.replace("_", "-")),
            alt=spoken(side),
        )
    if changes:
        st.caption(escaped(described(side)))
    row = f"edits_source_{side.where}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=row):
        st.caption(escaped(source_line(side)))
        rows, source = class_rows(edited), source_line(side)
        csv_button(rows, key=f"{name}_csv", name=f"edit-{edited.layer}", source=source)
        st.download_button(
            "PNG",
            data=lambda: _after_png(side, limit),
            file_name=f"edit-{side.info.network}-{edited.layer}.png",
            mime="image/png",
            key=f"{side.where}_after_png",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
            help="Grad-CAM after the edit, with what was edited",
        )


def _after_png(side: Side, limit: float) -> bytes:
    """The picture after the edit with a caption that says what made it."""
    caption = f"{described(side)}\nGrad-CAM after the edit. {source_line(side)}"
    return figures.overlay_png(side.picture, side.edited.cam_after, caption, limit=limit)


# --- channels ------------------------------------------------------------------------------------


def _channels(side: Side, settings: EditsSettings, selection: Selection) -> None:
    where = side.where
    factors = factors_of(settings, where, selection, side.info)
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{where}_channel_row"):
        channels = layer_info(side.info, selection.side(where).layer).channels
        controlled(
            st.text_input,
            f"Channels off (3) or scaled (17x2), 0 to {channels - 1}",
            key=f"{where}_typed",
            value=", ".join(f"{c}" if f == 0 else f"{c}x{f:g}" for c, f in factors.items()),
            apply=lambda text: _on_typed(where, str(text), channels),
            placeholder="3, 17x2",
        )
        if where == "left":
            setting(
                st.segmented_control,
                "Tiles",
                list(ORDERS),
                name="order",
                value=settings.order,
                format_func=ORDERS.__getitem__,
                required=True,
                help="**Strongest**: highest mean on this photo. **Gradient × activation**: what "
                "the class's logit would lose, to first order, without the channel.",
            )
    maps = _tiles(side, settings, selection, tuple(factors))
    components.channel_tiles(
        figures.channel_tiles_frame(maps, factors, label=side.info.title),
        key=f"{where}_tiles",
        on_edit=lambda: _on_tile(where),
    )


def _tiles(
    side: Side, settings: EditsSettings, selection: Selection, listed: tuple[int, ...]
) -> Activations:
    """The channels to show: the first ones by the order chosen, then those that are edited."""
    model, layer = side.info.name, selection.side(side.where).layer
    chosen = selection.side(side.where).channel
    if settings.order == "carrying":
        target = target_of(side.where, selection, side.info)
        most = min(TILES, side.edited.channels)
        first = service.run(
            CarryingChannelsRequest(model, selection.image, layer, target, count=most)
        ).channels
    else:
        first = service.run(ActivationsRequest(model, selection.image, layer, TILES)).channels
    extra = (*listed, *(() if chosen is None else (chosen,)))
    shown = tuple(dict.fromkeys((*first, *extra)))[: 2 * TILES]
    return service.run(ActivationsRequest(model, selection.image, layer, channels=shown))


def _on_tile(where: Where) -> None:
    made = st.session_state[f"{where}_tiles"].edited
    edit_channel(where, int(made["channel"]), float(made["factor"]))


def _on_typed(where: Where, text: str, channels: int) -> None:
    try:
        keep_factors(where, typed(text, channels))
    except ValueError as error:
        service.tell(str(error))
