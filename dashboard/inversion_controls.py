"""Controls of page "Inversion", and what is minimised in words."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import controls, service
from dashboard.charts import picture_format
from dashboard.inversion_settings import (
    CODES,
    CONTRAST,
    LEAST_STEPS,
    MOST_SEED,
    MOST_STEPS,
    SMOOTHING,
    VIEWS,
    InversionSettings,
)
from dashboard.network_column import escaped
from dashboard.page_head import link_to_view, settings_of
from dashboard.selection import Selection, Where
from dashboard.study_panel import start_all
from vgg_viz.requests import InversionJob
from vgg_viz.results import ModelInfo, ServiceDescription

IDEA = (
    "A picture is changed, from noise, until the network gives it the **code** that the photo has "
    "at one layer (Mahendran & Vedaldi 2015, arXiv 1412.0035). What comes back is what that layer "
    "still knows; what differs, it has thrown away. Pixels are free: nothing but the code and the "
    "two priors tells what to draw."
)
OBJECTIVE = r"""\begin{aligned}
E(x)=&\;\lVert\Phi(x)-\Phi_0\rVert^2/\lVert\Phi_0\rVert^2\\
&+\tfrac{\lambda_V}{2n}\textstyle\sum(u_{i,j+1}-u_{ij})^2\\
&+\tfrac{\lambda_V}{2n}\textstyle\sum(u_{i+1,j}-u_{ij})^2\\
&+\tfrac{\lambda_\alpha}{2n}\textstyle\sum u^6
\end{aligned}"""
WHENCE = (
    "Φ: the network up to the layer; Φ₀: the photo's code; u: the picture as the network reads it, "
    "n its number of values. Total variation with β = 2 and the norm with α = 6. **Weights**: of "
    "the authors' program (deep-goggle), λ_V = 1 in the first quarter of the layers with weights, "
    "10 in the second, 100 in the deeper half; λ_α = 8·10⁻¹⁰ on values of 0 to 255, 0.009 on u. "
    "**Ours**: x stays in [0, 1]; Adam takes the steps (learning rate 0.05, falling), theirs are "
    "gradient descent with momentum 0.9."
)
SMOOTHING_HELP = (
    "Weight of total variation, times the authors' for the layer's depth (1, 10, 100). It decides "
    "what the code leaves open: with none, deep layers give noise that has the right code."
)
CONTRAST_HELP = (
    "Deep codes hardly depend on contrast, so pictures rebuilt from them are pale. **As the "
    "photo**: stretched to the photo's range, all colours by one factor, which is printed below."
)
RELU_HELP = (
    "The code behind the layer's ReLU: negative values are 0 there, and whatever made them is free."
)


setting = settings_of("inversion")


def head(settings: InversionSettings, offered: ServiceDescription) -> None:
    """Title, view, what is set rarely."""
    with st.container(horizontal=True, vertical_alignment="center", key="inversion_head"):
        st.title("Inversion", anchor=False, width="content", help=IDEA)
        _choice("View", "view", settings.view, VIEWS, label_visibility="collapsed")
        with st.popover("Settings", icon=":material/tune:", key="inversion_settings"):
            setting(
                st.number_input,
                "Steps for each layer",
                min_value=LEAST_STEPS,
                max_value=MOST_STEPS,
                step=50,
                name="steps",
                value=settings.steps,
            )
            _choice("Smoothing", "smoothing", settings.smoothing, SMOOTHING, help=SMOOTHING_HELP)
            _choice("Contrast", "contrast", settings.contrast, CONTRAST, help=CONTRAST_HELP)
            setting(st.toggle, "Behind the ReLU", name="relu", value=settings.relu, help=RELU_HELP)
            setting(
                st.number_input,
                "Seed of the noise",
                min_value=0,
                max_value=MOST_SEED,
                step=1,
                name="seed",
                value=settings.seed,
            )
            picture_format()
        with st.popover("More", help="What is minimised, link to this view", key="inversion_more"):
            st.markdown(IDEA)
            st.latex(OBJECTIVE)
            st.caption(WHENCE)
            link_to_view(offered)


def photo_row(
    selection: Selection,
    offered: ServiceDescription,
    settings: InversionSettings,
    jobs: Sequence[InversionJob],
) -> None:
    """Photo, layers, and the button that starts both networks."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            controls.photo_picker(selection, offered)
        controls.add_photo()
        if settings.view == "layer":
            _choice("Code of", "code", settings.code, CODES)
            if settings.code == "layer":
                controls.pairing_picker(selection)
        start_all(
            "Rebuild from every depth" if settings.view == "depths" else "Rebuild",
            jobs,
            key="inversion_start",
            about="Both networks, one after the other in small steps. Seconds with the bundled "
            "weights; at full width on a CPU, minutes for each layer.",
        )


def side_head(
    where: Where,
    selection: Selection,
    offered: ServiceDescription,
    info: ModelInfo,
    settings: InversionSettings,
) -> None:
    """Network, and its layer where one is chosen."""
    layered = settings.view == "layer" and settings.code == "layer"
    shares = [4, 3] if settings.view == "layer" else [1, 2]
    network, rest = st.columns(shares, vertical_alignment="center")
    with network:
        controls.model_picker(where, selection, offered)
    with rest:
        if layered:
            controls.layer_picker(where, selection, info)
        else:
            untrained = " Untrained: what remains is the architecture's."
            words = info.weights_title + untrained * (info.weights == "random")
            st.caption(escaped(words), width="content")


def _choice(label: str, name: str, value: str, titles: dict[str, str], **details: Any) -> None:
    setting(
        st.segmented_control,
        label,
        list(titles),
        name=name,
        value=value,
        format_func=titles.__getitem__,
        required=True,
        **details,
    )
