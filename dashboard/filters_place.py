"""The photo on page "Filters": a click chooses the place, and with it the unit nearest to it."""

from functools import partial

import streamlit as st

from dashboard import components, session
from dashboard.selection import Where, layer_info, with_place
from vgg_viz.figures import reconstruction_pictures as pictures
from vgg_viz.figures.reconstruction_pictures import Region
from vgg_viz.results import ModelInfo, Reconstruction

HINT = "Click to send back the unit at this place; arrow keys move it."


def photo(
    sent_by: ModelInfo, where: Where, png: bytes, found: Reconstruction, region: Region
) -> None:
    """The photo's `region`, drawn in `png`, with the frame of the unit that is sent back."""
    x, y = 0.5, 0.5
    if found.fields:
        (top, bottom), (left, right) = found.fields[0]
        x = ((left + right) / 2 - region.left) / region.side
        y = ((top + bottom) / 2 - region.top) / region.side
    frame = pictures.photo_place_frame(
        png,
        alt=f"The photo; a frame around the receptive field of {found.layer}, channel "
        f"{found.channel} of {sent_by.title}",
        hint=HINT,
        place=(x, y),
        step=layer_info(sent_by, found.layer).jump / region.side,
    )
    key = f"{where}_filters_photo"
    apply = partial(_on_place, key, region, found.provenance.input_size)
    components.photo_place(frame, key=key, on_place=apply)


def _on_place(key: str, region: Region, size: int) -> None:
    placed = st.session_state[key].placed
    x = (region.left + float(placed["x"]) * region.side) / size
    y = (region.top + float(placed["y"]) * region.side) / size
    session.change(lambda chosen, _: with_place(chosen, x, y))
    session.set_settings(units="place")
