"""Head of page "Top patches": which photos are looked at, and how to offer a folder."""

import streamlit as st

from dashboard import session
from dashboard.controls import pairing_picker
from dashboard.selection import Selection
from dashboard.top_patches_settings import MOST, TopPatchesSettings, sources
from dashboard.widgets import controlled
from vgg_viz.results import ServiceDescription

ABOUT = (
    "Of every channel the nine units with the largest values, each from another photo, and what "
    "the deconvnet sends back from each: **what a channel answers to**, over many photos instead "
    "of one (figure 2 of Zeiler & Fergus, arXiv 1311.2901). "
)
SOURCE_HELP = (
    "**Bundled photos**: each as a network sees it and in crops of 100, 70 and 50 % of its short "
    "side; at most one patch a photo. **Folders** are offered by whoever starts the server."
)
OFFER = (
    "Start the server with a folder of your own to look at its photos here; sub-folders count, "
    "JPEG, PNG and WebP are read:"
)


def head(selection: Selection, settings: TopPatchesSettings, offered: ServiceDescription) -> None:
    """Title, source, pairing of layers, how to offer a folder."""
    titles = sources(offered)
    with st.container(horizontal=True, vertical_alignment="center", key="patches_head"):
        st.title("Top patches", width="content")
        controlled(
            st.selectbox,
            "Photos",
            list(titles),
            key="patches_source",
            value=settings.source if settings.source in titles else next(iter(titles)),
            apply=lambda picked: session.set_settings(source=picked),
            format_func=titles.__getitem__,
            help=SOURCE_HELP,
            label_visibility="collapsed",
            width=184,
        )
        with st.popover("Your folder", icon=":material/folder_open:", key="patches_folder"):
            st.markdown(OFFER)
            st.code("vgg-viz dashboard --photos FOLDER", language="bash")
            st.markdown("Or without a browser:")
            st.code("vgg-viz top-patches vgg16 FOLDER --out patches.png", language="bash")
            controlled(
                st.number_input,
                "Photos at most",
                key="patches_limit",
                value=settings.limit,
                apply=lambda limit: session.set_settings(limit=int(limit)),
                min_value=9,
                max_value=MOST,
                step=1000,
                help="Taken in turn from every sub-folder, so that each class has its share.",
            )
        pairing_picker(selection)
