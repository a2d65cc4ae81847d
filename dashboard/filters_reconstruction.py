"""A network's row on page "Filters": the photo, and what three backward passes send back to it."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import streamlit as st

from dashboard import filters_place, service, session
from dashboard.controls import layer_picker, model_picker
from dashboard.downloads import photo_credit
from dashboard.fetching import fetch_panel
from dashboard.filters_settings import FilterSettings, reconstruction_request
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection, Where, model_info
from dashboard.small_filters_first import weights_line
from dashboard.widgets import controlled
from vgg_viz.figures import reconstruction_pictures as pictures
from vgg_viz.requests import PictureRequest, ReconstructionRequest
from vgg_viz.results import RULES, ModelInfo, Picture, Reconstruction, ServiceDescription

STRONGEST = -1  # in the channel picker
WIDTHS = {1: [5, 10, 10], 3: [9, 10, 10, 10, 10]}  # pickers, photo, a picture for each rule
CLASS_BLIND = "**Nearly class-insensitive** (Adebayo et al. 2018)."
CLASS_BLIND_HELP = (
    "Its picture hardly changes when the upper layers are randomised, until low ones are "
    "(Adebayo et al. 2018, tested on Inception v3): it shows what edges the network can see, not "
    "what speaks for a class."
)
VALUE = (
    "The unit's value **before** its ReLU: what the backward pass starts with. All other "
    "activations of the layer are set to 0."
)


@dataclass(frozen=True, eq=False)
class Sent:
    """One side's answer."""

    where: Where
    info: ModelInfo
    request: ReconstructionRequest
    picture: Picture
    found: Reconstruction


def row(
    where: Where, selection: Selection, offered: ServiceDescription, settings: FilterSettings
) -> Sent | None:
    """Pickers and pictures of one network; None when there is nothing to show."""
    info = model_info(offered, selection.side(where).model)
    sent = None
    with st.container(key=f"filters_{where}", gap="xsmall"):
        pickers, *tiles = st.columns(WIDTHS[len(settings.rules)], gap="small")
        with pickers, st.container(gap="xsmall"):
            model_picker(where, selection, offered)
            layer_picker(where, selection, info)
            below = st.container(gap="xsmall")
        with service.messages():
            if info.available:
                sent = _ask(where, info, selection, settings)
        if sent is None:
            if not info.available:
                with tiles[0]:
                    fetch_panel(where, info)
            return None
        with below, service.messages():
            _channel_picker(sent, selection)
            _facts(sent, selection, offered, settings)
        with service.messages():
            _tiles(sent, settings, tiles)
    return sent


def _ask(where: Where, info: ModelInfo, selection: Selection, settings: FilterSettings) -> Sent:
    request = reconstruction_request(where, info, selection, settings)
    picture = service.run(PictureRequest(selection.image, info.name))
    return Sent(where, info, request, picture, service.run(request))


def _channel_picker(sent: Sent, selection: Selection) -> None:
    """All channels, the one with the largest value on this photo first."""
    found, side = sent.found, selection.side(sent.where)
    ranked = [int(channel) for channel in found.ranked]

    def title(channel: int) -> str:
        if channel == STRONGEST:
            return f"{ranked[0]} · strongest"
        value = float(found.maxima[channel])
        return f"{channel} · {value:.3g}" if value > 0 else f"{channel} · silent"

    controlled(
        st.selectbox,
        f"Channel of the {sent.where} network",
        [STRONGEST, *ranked],
        key=f"{sent.where}_filters_channel",
        value=STRONGEST if side.channel is None else side.channel,
        apply=lambda picked: session.change(
            lambda chosen, _: chosen.with_side(
                sent.where, channel=None if picked == STRONGEST else picked
            )
        ),
        format_func=title,
        label_visibility="collapsed",
        help="**Channel** and its largest value on this photo, the largest first. **Silent**: no "
        "unit of it fires here.",
    )


def _facts(
    sent: Sent, selection: Selection, offered: ServiceDescription, settings: FilterSettings
) -> None:
    """Value and place of the units, where the weights come from, files."""
    found = sent.found
    weights_line(sent.info)
    if found.units:
        unit, more = found.units[0], len(found.units) - 1
        others = f" and {more} more" if more else ""
        st.markdown(
            f"Unit ({unit.row}, {unit.column}){others}  \nz = **{unit.value:.3g}**", help=VALUE
        )
    with st.popover("Download", icon=":material/download:", key=f"{sent.where}_filters_files"):
        name = f"filters-{sent.info.network}-{found.layer}-{found.channel}"
        credit = photo_credit(selection, offered)
        st.download_button(
            "Pictures (PNG)",
            data=partial(picture_file, sent, settings, credit),
            file_name=f"{name}.png",
            mime="image/png",
            key=f"{sent.where}_filters_png",
            on_click="ignore",
            width="stretch",
        )
        st.download_button(
            "Signals (npz)",
            data=partial(numbers_file, sent, credit),
            file_name=f"{name}.npz",
            key=f"{sent.where}_filters_npz",
            on_click="ignore",
            width="stretch",
        )


def _tiles(
    sent: Sent, settings: FilterSettings, columns: Sequence[st.delta_generator.DeltaGenerator]
) -> None:
    """The photo with the receptive field, then a picture for each rule that is shown."""
    found, region = sent.found, pictures.region_of(sent.found, zoom=settings.zoom == "field")
    title = f"{found.layer}, channel {found.channel}"
    with columns[0], st.container(gap="xxsmall"):
        st.markdown(f"**{title}**")
        png = pictures.photo_png(sent.picture, found, region, series=WHERE.index(sent.where))
        filters_place.photo(sent.info, sent.where, png, found, region)
        st.caption(_field_words(found))
    if found.silence:
        with columns[1]:
            st.info(escaped(found.silence), icon=":material/volume_off:")
        return
    for rule, limit, column in zip(
        settings.rules, limits(found, settings), columns[1:], strict=True
    ):
        with column, st.container(gap="xxsmall"):
            known = RULES[rule]
            about = f"`{known.formula}`, {known.paper}. "
            st.markdown(
                f"**{known.title}**", help=about + (CLASS_BLIND_HELP if rule == "guided" else "")
            )
            st.image(
                pictures.signal_png(found.signal(rule), limit, region),
                width="stretch",
                alt=f"{known.title} of {title} of {sent.info.title}, "
                f"{sent.info.weights_title}: {pictures.scale_words(limit)}",
            )
            words = pictures.scale_words(limit)
            st.caption(f"{words}. {CLASS_BLIND}" if rule == "guided" else words)


def limits(found: Reconstruction, settings: FilterSettings) -> list[float]:
    """The end of each picture's scale: its own, or one for all that are shown."""
    if settings.ends == "row":
        return [pictures.limit_of(found, settings.rules)] * len(settings.rules)
    return [pictures.limit_of(found, (rule,)) for rule in settings.rules]


def _field_words(found: Reconstruction) -> str:
    if not found.fields:
        return ""
    (top, bottom), _ = found.fields[0]
    fewer = (
        f" Only {len(found.units)} of {found.wanted} units fire."
        if len(found.units) < found.wanted
        else ""
    )
    return (
        f"Frame: receptive field, {bottom - top} px; the input has {found.provenance.input_size} "
        f"px.{fewer}"
    )


def caption(sent: Sent, credit: str) -> str:
    """Two lines that a picture needs to be understood alone."""
    found, info = sent.found, sent.info
    units = ", ".join(f"({u.row}, {u.column}) z = {u.value:.3g}" for u in found.units)
    lrn = "" if found.normalisation is None else f"; LRN in the deconvnet: {found.normalisation}"
    return (
        f"{info.title}, {info.weights_title}: {found.layer}, channel {found.channel}, units "
        f"{units or 'none'}{lrn}\nGuided backprop is nearly class-insensitive (Adebayo et al. "
        f"2018).\n{credit}"
    )


def picture_file(sent: Sent, settings: FilterSettings, credit: str) -> bytes:
    """Photo and pictures in one PNG, with what made them below."""
    return pictures.sheet_png(
        sent.picture,
        sent.found,
        caption(sent, credit),
        rules=settings.rules,
        limits=limits(sent.found, settings),
        region=pictures.region_of(sent.found, zoom=settings.zoom == "field"),
        series=WHERE.index(sent.where),
    )


def numbers_file(sent: Sent, credit: str) -> bytes:
    """The signed signals with units and provenance, readable by `numpy.load` without pickle."""
    found = sent.found
    about = {
        "layer": found.layer,
        "channel": found.channel,
        "units": [asdict(unit) for unit in found.units],
        "fields": found.fields,
        "lrn_in_deconvnet": found.normalisation,
        "silence": found.silence,
        "photo": credit,
        "provenance": {
            **asdict(found.provenance),
            "versions": dict(found.provenance.versions),
        },
    }
    out = io.BytesIO()
    signals = dict(zip(found.rules, found.signals, strict=True))
    np.savez(out, **signals, maxima=found.maxima, about=np.array(json.dumps(about)))
    return out.getvalue()
