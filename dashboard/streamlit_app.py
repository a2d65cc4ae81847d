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

page = st.navigation([COMPARE, GRADIENT_FLOW, ABOUT], position="top")
session.enter(page.url_path)
page.run()
