"""What the service says about the two sides of page "Activations", and what follows from it."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from dashboard import service
from dashboard.activation_settings import (
    ActivationSettings,
    Shown,
    channels_request,
    chosen_channel,
    strip_request,
)
from dashboard.selection import WHERE, Selection
from vgg_viz import figures
from vgg_viz.requests import PictureRequest
from vgg_viz.results import LayerChannels, LayerStrip, Picture

PHOTO_SIDE = 224  # px; it is drawn in about 200, and travels with every click


@dataclass(frozen=True, eq=False)
class Answers:
    """What the service says about one side."""

    seen: Shown
    strip: LayerStrip
    channels: LayerChannels
    picture: Picture


def ask(seen: Shown, selection: Selection, settings: ActivationSettings) -> Answers:
    """One forward pass answers for every layer; the class needs one backward pass."""
    return Answers(
        seen,
        service.run(strip_request(seen, selection)),
        service.run(channels_request(seen, selection, settings)),
        service.run(PictureRequest(selection.image, seen.info.name, PHOTO_SIDE)),
    )


def keep(answers: list[Answers]) -> None:
    """For the parts of the page that are drawn after the maps, in this run or in a later one."""
    st.session_state.activation_answers = answers


def kept() -> list[Answers]:
    """The sides whose maps are shown now."""
    found: list[Answers] = st.session_state.get("activation_answers", [])
    return found


def shared_limit(answers: list[Answers], selection: Selection) -> float | None:
    """The end of the scale of both networks; None: each has its own."""
    if selection.scale != "shared" or len(answers) != len(WHERE):
        return None
    return figures.shared_map_limit(each.channels for each in answers)


def drawn_channel(answers: Answers, selection: Selection, settings: ActivationSettings) -> int:
    """The channel chosen, else the one of the highest mean."""
    channel = chosen_channel(answers.seen, selection, settings)
    if channel is None:
        return int(np.nan_to_num(answers.channels.numbers.means).argmax())
    return channel


def source(answers: Answers) -> str:
    """What made a number: network, weights, photo's part, precision."""
    made = answers.channels.provenance
    return (
        f"{answers.seen.info.title}, {made.weights}, input {made.input_size} px, {made.precision}"
    )
