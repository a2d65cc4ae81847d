"""The gallery on page "Optimised": a channel's picture and its layer's, made before."""

from functools import partial

import streamlit as st

from dashboard import components, service, session
from dashboard.feature_vis_controls import choose_channel
from dashboard.feature_vis_settings import FeatureVisSettings, Goal
from dashboard.network_column import escaped
from dashboard.selection import Selection, Where, label_of, model_info, with_label
from dashboard.small_filters_first import weights_line
from vgg_viz import figures
from vgg_viz.requests import GalleryRequest
from vgg_viz.results import GalleryPictures, ModelInfo, ServiceDescription

VALUES = {
    "channel": "mean of the map, before the ReLU",
    "class": "logit, before the softmax",
}
HINT = "Click a picture to choose its channel."
SILENT = (
    "Even here the mean of its map stays ≤ 0 before the ReLU: this channel fires for next to "
    "nothing, and its picture shows no preference."
)


def ask(goal: Goal, settings: FeatureVisSettings) -> GalleryPictures:
    """The whole layer's pictures."""
    return service.run(GalleryRequest(goal.info.name, goal.gallery_layer(settings)))


def panel(goal: Goal, found: GalleryPictures, settings: FeatureVisSettings) -> None:
    """The picture of what is chosen beside all others of its layer."""
    if found.missing:
        weights_line(goal.info)
        st.info(escaped(found.missing), icon=":material/auto_awesome:")
        return
    number = goal.gallery_channel(settings)
    at = found.place(number)
    picture, grid = st.columns([4, 9], gap="small")
    with picture, st.container(gap="xxsmall"):
        if at is not None:
            title = name_of(number, found, goal.info)
            st.image(
                figures.picture_png(found.pixels[at], side=288),
                width="stretch",
                alt=f"Optimised picture of {title} of {found.layer} of {goal.info.title}, "
                f"{goal.info.weights_title}",
            )
            weights_line(goal.info)
            st.caption(f"**{title}** {value_words(found, at)}", help=made_words(found))
    with grid:
        names = [name_of(each, found, goal.info) for each in found.channels]
        kind = "classes" if found.objective == "class" else "channels"
        frame = figures.picture_grid_frame(
            found,
            title=f"All {len(names)} {kind} of {found.layer}",
            names=names,
            hint=HINT,
            selected=number,
        )
        key = f"{goal.where}_gallery"
        components.picture_grid(frame, key=key, on_pick=partial(_on_pick, goal.where, key, found))
    if at is not None and found.objective == "channel" and found.values[at] <= 0:
        st.info(SILENT, icon=":material/volume_off:")


def name_of(number: int, found: GalleryPictures, info: ModelInfo) -> str:
    """A channel's or class's name for people."""
    if found.objective == "class":
        return label_of(number, info)
    return f"channel {number}"


def value_words(found: GalleryPictures, at: int) -> str:
    """What one picture reaches, and the best photo patch."""
    words = f"reaches {figures.digits(float(found.values[at]))}"
    if found.photo_values is None or not found.photos:
        return words
    best = figures.digits(float(found.photo_values[at]))
    return f"{words}; the best of {found.photos:,} photo patches {best}"


def made_words(found: GalleryPictures) -> str:
    """How the gallery was made."""
    settings = "; ".join(f"{name} {value}" for name, value in found.settings)
    return (
        f"The {VALUES[found.objective]}. Made before, ships with the program: "
        f"{escaped(found.weights)}; {found.size} px; {escaped(settings)}."
    )


def _on_pick(where: Where, key: str, found: GalleryPictures) -> None:
    number = int(st.session_state[key].picked)
    if found.place(number) is None:
        return
    if found.objective == "channel":
        choose_channel(where, number)
        return

    def choose(chosen: Selection, known: ServiceDescription) -> Selection:
        info = model_info(known, chosen.side(where).model)
        return with_label(chosen, where, label_of(number, info), known)

    session.change(choose)
