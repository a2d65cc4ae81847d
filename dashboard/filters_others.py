"""What else a channel answers to, on page "Filters": gallery, top patches, kernel; ways onward."""

import numpy as np
import streamlit as st

from dashboard import service
from dashboard.edits_settings import edit_text
from dashboard.feature_vis_code import gallery_code
from dashboard.feature_vis_gallery import made_words, value_words
from dashboard.filters_reconstruction import Sent
from dashboard.network_column import escaped
from dashboard.selection import Selection, as_params
from dashboard.top_patches_band import band, link
from dashboard.top_patches_code import top_patches_code
from vgg_viz import figures
from vgg_viz.figures import kernel_pictures, kernel_slices
from vgg_viz.requests import ChannelKernelRequest, GalleryRequest, TopPatchesJob, TopPatchesRequest
from vgg_viz.results import ChannelKernel, ServiceDescription

KERNEL = (420, 280)  # px
ABOUT = (
    "The rows above show what reaches back on **this** photo. Here are three other answers: the "
    "picture **optimised** for the channel, the **patches** of many photos that excite it most, "
    "and the **kernel** it is computed with."
)


def panel(sent: Sent, selection: Selection, offered: ServiceDescription) -> None:
    """One network's channel from the other sides."""
    layer, channel = sent.found.layer, sent.found.channel
    chosen = selection.with_side(sent.where, channel=channel)
    address = as_params(chosen, offered)
    st.markdown(f"**{sent.info.title}** · {layer}, channel {channel}", help=ABOUT)
    optimised, kernel = st.columns([4, 7], gap="small")
    with optimised, st.container(gap="xxsmall"), service.messages():
        _optimised(sent)
    with kernel, st.container(gap="xxsmall"), service.messages():
        _kernel(sent)
    band(sent.where, sent.info, layer, channel, linked=False)
    with st.container(horizontal=True, gap="small"):
        st.page_link(
            "app_pages/feature_vis.py",
            label="Optimise it",
            icon=":material/auto_awesome:",
            query_params=address,
            help="The layer's whole gallery, and your own optimisation with a live preview.",
        )
        link(sent.info, address)
        off = edit_text(chosen, sent.where, {channel: 0.0})
        st.page_link(
            "app_pages/edits.py",
            label="Switch it off and watch",
            icon=":material/toggle_off:",
            query_params={**address, f"{sent.where}_edit": off},
            help="Classes and Grad-CAM without this channel.",
        )


def code(sent: Sent) -> tuple[str, str]:
    """The Python of the gallery's picture and of the top patches."""
    model, layer, channel = sent.info.name, sent.found.layer, sent.found.channel
    patches = TopPatchesRequest(model, layer=layer, channel=channel)
    return (
        gallery_code(model, layer, channel),
        top_patches_code(patches, limit=TopPatchesJob.limit),
    )


def _optimised(sent: Sent) -> None:
    found = service.run(GalleryRequest(sent.info.name, sent.found.layer, sent.found.channel))
    if found.missing:
        st.info(escaped(found.missing), icon=":material/auto_awesome:")
        return
    st.image(
        figures.picture_png(found.pixels[0], side=288),
        width="stretch",
        alt=f"Optimised picture of channel {sent.found.channel} of {sent.found.layer} of "
        f"{sent.info.title}, {sent.info.weights_title}",
    )
    st.caption(f"**Optimised**: {value_words(found, 0)}", help=made_words(found))


def _kernel(sent: Sent) -> None:
    found = service.run(ChannelKernelRequest(sent.info.name, sent.found.layer, sent.found.channel))
    st.image(
        _kernel_png(found),
        output_format="PNG",
        width="stretch",
        alt=f"Kernel of channel {found.channel} of {found.layer} of {sent.info.title}, "
        f"{sent.info.weights_title}",
    )
    inputs, k, _ = found.kernel.shape
    shown = min(kernel_slices.SLICES, inputs)
    what = "as colours" if inputs == 3 else f"its {shown} strongest slices of {inputs}"
    limit = kernel_pictures.limit_of(found.kernel)
    st.caption(f"**Kernel** {inputs}x{k}x{k}, {what}; ends ±{limit:.2g}")


def _kernel_png(found: ChannelKernel) -> bytes:
    if found.kernel.shape[0] == 3:  # the first layer's channels are red, green, blue
        alive = np.zeros(1, bool)
        return kernel_pictures.colour_grid_png(found.kernel[None], dead=alive, size=KERNEL)
    return kernel_slices.slices_png(found)
