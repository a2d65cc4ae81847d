"""Page "Attribution": the box that a person draws around what a map should point at."""

from typing import Any

import streamlit as st

from dashboard import components, service, session
from dashboard.attribution_settings import AttributionSettings, Box
from dashboard.selection import WHERE, Selection, Where
from vgg_viz import figures
from vgg_viz.requests import PictureRequest
from vgg_viz.results import Attribution, ModelInfo, Pointing, Trust
from vgg_viz.service.pointing import pointing_of, with_box

KEY = "attribution_drawn_box"
WIDE = 320  # px
HELP = (
    "Drag a box around what the maps should point at: under each map then stands whether its peak "
    "lies in it (the pointing game) and how much of the map does."
)


def box_picker(
    selection: Selection, settings: AttributionSettings, infos: dict[Where, ModelInfo]
) -> None:
    """The photo to draw on, in a popover; drawn when it is open."""
    there = [infos[where] for where in WHERE if infos[where].available]
    if not there:
        return
    popover = st.popover(
        "Box",  # always: with another label it would be another popover, and closed
        icon=":material/crop_free:",
        key="attribution_box",
        on_change="rerun",
        help=HELP,
    )
    if not popover.open:
        return
    with popover, st.container(width=WIDE), service.messages():
        picture = service.run(PictureRequest(selection.image, there[0].name))
        frame = figures.drawn_box_frame(
            picture, settings.rectangle, "The square that the networks see"
        )
        components.drawn_box(frame, key=KEY, on_draw=_on_draw)
        st.caption("Inside the box a drag moves it, at a corner it resizes it.")


def _on_draw() -> None:
    box = st.session_state[KEY].drawn["box"]
    session.set_settings(box=box_text(box))


def box_text(box: "list[Any] | None") -> str:
    """How the link writes it, in shares with four digits; "" for none."""
    if not box:
        return ""
    return ",".join(f"{float(share):.4f}".rstrip("0").rstrip(".") for share in box)


def pointed(found: Attribution, box: Box | None) -> Pointing | None:
    """Whether a map points into the box; None without one. No pass of the network."""
    if box is None:
        return None
    side = found.provenance.input_size
    return pointing_of(found, figures.upsample(found.grid, side, side), box)


def trust_with_box(found: Trust, box: Box | None) -> Trust:
    """The tests of a map, with those of the box that is there now."""
    return with_box(found, pointed(found.attribution, box))
