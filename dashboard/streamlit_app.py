"""The app: its pages and nothing else."""

from pathlib import Path

import streamlit as st

from dashboard import session

STATIC = Path(__file__).parent / "static"

st.set_page_config(page_title="vgg-viz", page_icon=str(STATIC / "icon.png"), layout="wide")
st.logo(str(STATIC / "wordmark.svg"), size="medium")
st.html(Path(__file__).parent / "style.css")

COMPARE = st.Page(
    "app_pages/compare.py",
    title="Compare",
    icon=":material/compare:",
    default=True,
    help="ZFNet and VGG on the same photo: classes, Grad-CAM, feature maps and costs side by side.",
)
ARCHITECTURE = [
    st.Page(
        "app_pages/challenge.py",
        title="ImageNet challenge",
        icon=":material/trophy:",
        help="Who won, with which error and which network; where VGG's depth stops helping.",
    ),
    st.Page(
        "app_pages/evolution.py",
        title="From ZFNet to VGG",
        icon=":material/view_column:",
        help="Two networks drawn to scale, and what every change between them costs.",
    ),
    st.Page(
        "app_pages/small_filters.py",
        title="Small filters",
        icon=":material/grid_3x3:",
        help="Why stacks of 3x3 win: cost, factorisation, and what large strides do to a picture.",
    ),
    st.Page(
        "app_pages/receptive_fields.py",
        title="Receptive fields",
        icon=":material/center_focus_strong:",
        help="What one unit can see of the photo, and what it really looks at.",
    ),
    st.Page(
        "app_pages/computation.py",
        title="Parameters and computation",
        icon=":material/speed:",
        help="Where parameters, MACs, memory and milliseconds go, layer by layer.",
    ),
]
INSIDE = [
    st.Page(
        "app_pages/activations.py",
        title="Activations",
        icon=":material/layers:",
        help="Every layer's maps on your photo; one unit, its value and the arithmetic behind it.",
    ),
    st.Page(
        "app_pages/filters.py",
        title="Filters",
        icon=":material/blur_on:",
        help="What a channel answers to: its kernels, and what reaches back to the photo.",
    ),
    st.Page(
        "app_pages/feature_vis.py",
        title="Optimised",
        icon=":material/auto_awesome:",
        help="Pictures made to excite a unit, a channel, a layer, a direction or a class.",
    ),
    st.Page(
        "app_pages/top_patches.py",
        title="Top patches",
        icon=":material/grid_on:",
        help="The nine patches of many photos that excite a channel most, and what reaches back.",
    ),
    st.Page(
        "app_pages/inversion.py",
        title="Inversion",
        icon=":material/settings_backup_restore:",
        help="The photo rebuilt from a layer's code: what each depth keeps of it.",
    ),
    st.Page(
        "app_pages/attribution.py",
        title="Attribution",
        icon=":material/target:",
        help="Where a class score comes from, by many methods, and whether to trust the map.",
    ),
    st.Page(
        "app_pages/edits.py",
        title="Edits",
        icon=":material/tune:",
        help="Switch channels off, mask a region, move the photo, and watch what happens.",
    ),
]
TRANSFER = [
    st.Page(
        "app_pages/segmentation.py",
        title="Segmentation",
        icon=":material/texture:",
        help="A class for every pixel: the classifier as convolutions, then FCN-32s, 16s and 8s.",
    ),
    st.Page(
        "app_pages/detection.py",
        title="Detection",
        icon=":material/select_all:",
        help="R-CNN and Fast R-CNN: which objects are in the photo, and where.",
    ),
    st.Page(
        "app_pages/style.py",
        title="Style",
        icon=":material/brush:",
        help="A photo painted in the style of another picture: what Gram matrices keep.",
    ),
]
GRADIENT_FLOW = st.Page(
    "app_pages/gradient_flow.py",
    title="Gradient flow",
    icon=":material/show_chart:",
    help="Why deep VGG did not train: signal and gradient layer by layer, at initialisation and "
    "through real trainings.",
)
ABOUT = st.Page(
    "app_pages/about.py",
    title="About",
    icon=":material/info:",
    help="What the numbers mean, where weights and photos come from, keys and tips.",
)

page = st.navigation(
    {
        "": [COMPARE, GRADIENT_FLOW, ABOUT],
        "Architecture": ARCHITECTURE,
        "Inside": INSIDE,
        "Transfer": TRANSFER,
    },
    position="top",
)
session.enter(page.url_path)
page.run()
