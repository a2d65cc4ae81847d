"""Page "Attribution": everything on the screen in one file, made when it is asked for."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard import service
from dashboard.attribution_box import trust_with_box
from dashboard.attribution_settings import AttributionSettings, Box
from dashboard.attribution_strips import Shown, trust_of
from dashboard.downloads import photo_credit
from dashboard.selection import Selection
from vgg_viz import figures
from vgg_viz.requests import PictureRequest
from vgg_viz.results import MapEvidence, ServiceDescription

LONG_SIDE = 2048  # px of the photo in a bundle
BUNDLE_HELP = (
    "One .zip of the maps shown: a page that opens alone, pictures, raw maps, settings, versions, "
    "digests, what the tests of trust found by now, and the Python. `vgg-viz replay` makes it "
    "again and compares."
)


def evidence_button(
    shown: Sequence[Shown],
    selection: Selection,
    settings: AttributionSettings,
    offered: ServiceDescription,
    *,
    name: str,
    key: str,
) -> None:
    """The maps `shown`, with what is known of their trust when the button is pressed."""
    st.download_button(
        "Evidence",
        data=partial(
            bundle,
            tuple(shown),
            settings.rectangle,
            photo_credit(selection, offered),
            {info.name: info.title for info in offered.methods},
        ),
        file_name=f"evidence-{name}.zip",
        mime="application/zip",
        key=key,
        on_click="ignore",
        icon=":material/folder_zip:",
        disabled=not shown,
        help=BUNDLE_HELP,
    )


def bundle(shown: Sequence[Shown], box: Box | None, credit: str, titles: dict[str, str]) -> bytes:
    """The file."""
    asked = service.get_service()
    photo = asked.run(PictureRequest(shown[0].cell.request.image, None, LONG_SIDE))
    maps = []
    for each in shown:
        request = each.cell.request
        picture = asked.run(PictureRequest(request.image, each.cell.info.name))
        trust = trust_of(each.job)
        trust = None if trust is None else trust_with_box(trust, box)
        maps.append(MapEvidence(each.map, picture, trust, each.limit))
    return figures.evidence_zip(maps, photo, credit, titles=titles)
