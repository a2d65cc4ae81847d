"""Page "Attribution": one method, large, with the tests of trust, files and the code."""

from functools import partial

import streamlit as st

from dashboard import service, session
from dashboard.attribution_cells import Cell, cells_of, finished, row_limit, show, unknown_class
from dashboard.attribution_controls import method_help
from dashboard.attribution_settings import AttributionSettings
from dashboard.attribution_trust import trust_job, trust_strip
from dashboard.downloads import photo_credit
from dashboard.edits_code import show_code
from dashboard.selection import Selection, Where
from dashboard.widgets import controlled
from vgg_viz import figures
from vgg_viz.requests import PictureRequest
from vgg_viz.results import (
    Attribution,
    MapEvidence,
    ModelInfo,
    ServiceDescription,
    Trust,
)

MIDDLE = (0.25, 0.25, 0.75, 0.75)  # the first box
LARGE = 440  # px; the tests of trust stand on the same screen
LONG_SIDE = 2048  # px of the photo in a bundle
BOX_HELP = (
    "Drawn around what the map should point at: the tests then say whether its peak lies in it "
    "(the pointing game) and how much of the map. Shares of the square the network sees."
)
BUNDLE_HELP = (
    "One .zip: a page that opens alone, pictures, raw maps, settings, versions, digests, what the "
    "tests of trust found, and the Python. `vgg-viz replay` makes it again and compares."
)
SHOWN = "print(answer.target_name, answer.score, answer.grid.shape, answer.grid.sum())"


def panel(
    selection: Selection,
    settings: AttributionSettings,
    offered: ServiceDescription,
    infos: dict[Where, ModelInfo],
) -> None:
    """Both networks' maps, and below each whether to trust it."""
    method = next(info for info in offered.methods if info.name == settings.method)
    cells = cells_of(selection, settings, infos, method)
    with st.container(horizontal=True, vertical_alignment="center", key="attribution_about"):
        st.markdown(f"**{method.title}**: {method.about}", help=method_help(method))
        _box(settings)
    if method.caution:
        st.caption(f"**Careful:** {method.caution}")
    maps: list[Attribution | None] = []
    for cell in cells:
        maps.append(None)
        with service.messages():
            maps[-1] = finished(cell)
    limit = row_limit(cells, maps, selection.scale)
    credit = photo_credit(selection, offered)
    titles = {info.name: info.title for info in offered.methods}
    for cell, found, column in zip(cells, maps, st.columns(2, gap="medium"), strict=False):
        with column, st.container(gap="small", key=f"attribution_one_{cell.where}"):
            with st.container(width=LARGE, gap="xsmall"), service.messages():
                show(cell, found, limit, partial(_bundle, cell, settings, credit, titles))
            if unknown_class(settings, cell.info):
                st.caption("This network does not know the second class: its score alone.")
            if found is not None:
                with service.messages():
                    trust_strip(cell, settings.rectangle)
    show_code([cell.request for cell in cells], SHOWN, key="attribution_program")


def _bundle(
    cell: Cell,
    settings: AttributionSettings,
    credit: str,
    titles: dict[str, str],
    found: Attribution,
) -> None:
    """Everything about a map in one file, made when it is asked for."""
    st.download_button(
        "Evidence",
        data=partial(bundle, cell, settings, credit, titles, found),
        file_name=f"evidence-{cell.method.name}-{cell.info.network}.zip",
        mime="application/zip",
        key=f"attribution_bundle_{cell.where}",
        on_click="ignore",
        icon=":material/folder_zip:",
        help=BUNDLE_HELP,
    )


def bundle(
    cell: Cell,
    settings: AttributionSettings,
    credit: str,
    titles: dict[str, str],
    found: Attribution,
) -> bytes:
    """The file, with what the tests of trust have found by now."""
    asked = service.get_service()
    name = asked.find(trust_job(cell, settings.rectangle))
    trust = asked.result(name) if name else None
    picture = asked.run(PictureRequest(cell.request.image, cell.info.name))
    photo = asked.run(PictureRequest(cell.request.image, None, LONG_SIDE))
    evidence = MapEvidence(found, picture, trust if isinstance(trust, Trust) else None)
    return figures.evidence_zip([evidence], photo, credit, titles=titles)


def _box(settings: AttributionSettings) -> None:
    """Two sliders for a box, in a popover; drawn when it is open."""
    popover = st.popover(
        "Box", icon=":material/crop_free:", key="attribution_box", on_change="rerun"
    )
    if not popover.open:
        return
    with popover:
        box = settings.rectangle
        controlled(
            st.toggle,
            "A box around the object",
            key="attribution_boxed",
            value=box is not None,
            apply=lambda on: session.set_settings(box=_text(MIDDLE) if on else ""),
            help=BOX_HELP,
        )
        if box is None:
            return
        for title, at in (("Left to right, %", 0), ("Top to bottom, %", 1)):
            controlled(
                st.slider,
                title,
                0,
                100,
                key=f"attribution_box_{at}",
                value=(round(100 * box[at]), round(100 * box[at + 2])),
                apply=partial(_set_box, box, at),
                step=5,
            )


def _set_box(box: tuple[float, ...], at: int, ends: tuple[int, int]) -> None:
    """Other ends of the box; called from a slider."""
    if ends[0] == ends[1]:
        service.tell("A box needs some width and height.")
        return
    changed = list(box)
    changed[at], changed[at + 2] = ends[0] / 100, ends[1] / 100
    session.set_settings(box=_text(changed))


def _text(shares: "tuple[float, ...] | list[float]") -> str:
    return ",".join(f"{share:.4g}" for share in shares)
