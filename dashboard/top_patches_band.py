"""The nine patches of the bundled photos that excite a channel most, as a band on other pages."""

from collections.abc import Mapping

import streamlit as st

from dashboard import service
from dashboard.network_column import escaped
from dashboard.selection import Where
from vgg_viz.figures import patch_pictures
from vgg_viz.requests import TopPatchesRequest
from vgg_viz.results import ModelInfo, TopPatches

PAGE = "app_pages/top_patches.py"
HELP = (
    "The units of this channel with the largest values in the bundled photos, each photo whole and "
    "in crops, at most one unit a photo; below each what the deconvnet sends back from that unit. "
    "Figure 2 of ZFNet. Grey: beyond the border of the picture, or a signal of 0."
)


def band(
    where: Where,
    info: ModelInfo,
    layer: str,
    channel: int,
    *,
    linked: bool = True,
) -> None:
    """Patches above their reconstructions, from the index that ships for bundled weights.

    `linked`: below them, and for other weights instead, a link to the page that makes an index.
    """
    with st.container(key=f"{where}_patches_band", gap="xsmall"), service.messages():
        if info.weights == "bundled":
            request = TopPatchesRequest(info.name, layer=layer, channel=channel)
            _strip(info, service.run(request))
        if linked:
            link(info)


def link(info: ModelInfo, address: Mapping[str, str] | None = None) -> None:
    """To the page that makes an index; `address` says what is selected there, None: the same."""
    st.page_link(
        PAGE,
        label="Top patches" if info.weights == "bundled" else "Find the top patches",
        icon=":material/grid_on:",
        query_params=address,
        help="From a folder of your own, with values and names.",
    )


def _strip(info: ModelInfo, found: TopPatches) -> None:
    st.markdown(f"**Top patches of channel {found.channel}** in the bundled photos", help=HELP)
    if not found.patches:
        st.info(escaped(found.silence), icon=":material/volume_off:")
        return
    st.image(
        patch_pictures.strip_png(found),
        width="stretch",
        alt=f"Patches that excite {found.layer}, channel {found.channel} of {info.title}, "
        f"{info.weights_title}, most; below them their deconvnet reconstructions",
    )
    first, last = found.patches[0], found.patches[-1]
    st.caption(
        f"z = {first.value:.3g} to {last.value:.3g}, {escaped(found.provenance.weights)}; below: "
        "deconvnet"
    )
