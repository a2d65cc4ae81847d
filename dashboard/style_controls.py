"""Controls of page "Style", and what is minimised in words."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import components, controls, service, session
from dashboard.charts import picture_format
from dashboard.network_column import escaped
from dashboard.page_head import link_to_view, settings_of
from dashboard.selection import Selection, Where
from dashboard.study_panel import start_all
from dashboard.style_settings import (
    LEAST_STEPS,
    MIXES,
    MOST_SEED,
    MOST_STEPS,
    OPTIMIZERS,
    POOLINGS,
    SHOWN,
    SIZES,
    SMOOTHNESS,
    STARTS,
    StyleSettings,
    chosen_style,
)
from vgg_viz import figures
from vgg_viz.requests import PictureRequest, StyleJob
from vgg_viz.results import ModelInfo, ServiceDescription

IDEA = (
    "A picture is changed until a network gives it the **content** of one photo, the maps of one "
    "deep layer, and the **style** of another, the **Gram matrices** of five layers: which "
    "channels answer together, wherever that is (Gatys, Ecker & Bethge, CVPR 2016). No network is "
    "trained for it; better features paint better."
)
OBJECTIVE = r"""\begin{aligned}
L&=\alpha L_c+\beta\textstyle\sum_l w_l E_l+\gamma V,\quad w_l=\tfrac15\\
L_c&=\tfrac12\textstyle\sum(F-P)^2,\quad G=FF^{\mathsf T}\\
E_l&=\tfrac{1}{4N^2M^2}\textstyle\sum(G-A)^2\\
V&=\textstyle\sum(x_{i,j+1}-x_{ij})^2+(x_{i+1,j}-x_{ij})^2
\end{aligned}"""
WHENCE = (
    "**The paper's**: content at conv4_2, style at conv1_1, conv2_1, conv3_1, conv4_1 and conv5_1 "
    "with equal weights, average pooling, L-BFGS; its network is VGG-19 with ImageNet weights. "
    "ZFNet has five convolutions: all are style layers, and conv3 is the content's, nearest to the "
    "depth of conv4_2. **Ours**: maps in units of their layer's mean activation for the two "
    "pictures (the paper: of each filter's, over many photos); weights relative to the other "
    "picture's loss, so that one slider means the same for every network; V. The paper's α/β of "
    "1e-3 and the like belong to its network and cannot be compared. **Keep the colours**: the "
    "style reaches luminance alone (Gatys et al., arXiv 1606.05897)."
)
MIX_HELP = (
    "What the losses of **content** and **style** count. Both are relative: content 1 is as "
    "far from the photo as the style picture is, style 1 as far from the style as the photo is. "
    "Left end: content alone, an inversion. Right end: style alone, a texture."
)
START_HELP = (
    "**Content**: quick, keeps the photo's outlines. **Noise**: nothing is given away. Where the "
    "start is all that is wanted (content alone from the content) noise is taken."
)
COLOUR_HELP = "The style reaches luminance alone; hue and saturation stay those of the photo."
POOLING_HELP = (
    "**Average** pooling in place of max, as in the paper, in a copy of the network's layers; the "
    "network itself stays as it is."
)
SMOOTH_HELP = "Weight of total variation, relative to that of the style picture; not in the paper."

setting = settings_of("style")


def head(settings: StyleSettings, offered: ServiceDescription) -> None:
    """Title, the slider between content and style, what is set rarely."""
    with st.container(horizontal=True, vertical_alignment="center", key="style_head"):
        st.title("Style", anchor=False, width="content", help=IDEA)
        setting(
            st.select_slider,
            "Content : style",
            list(MIXES),
            name="mix",
            value=settings.mix,
            format_func=MIXES.__getitem__,
            help=MIX_HELP,
            width=420,
        )
        with st.popover("Settings", icon=":material/tune:", key="style_settings"):
            _settings(settings)
        with st.popover("More", help="What is minimised, link to this view", key="style_more"):
            st.markdown(IDEA)
            st.latex(OBJECTIVE)
            st.caption(WHENCE)
            link_to_view(offered)


def _settings(settings: StyleSettings) -> None:
    _choice("Start from", "start", settings.start, STARTS, help=START_HELP)
    _choice("Size", "size", settings.size, SIZES)
    setting(
        st.number_input,
        "Steps",
        min_value=LEAST_STEPS,
        max_value=MOST_STEPS,
        step=50,
        name="steps",
        value=settings.steps,
        help="Of both networks, so that they can be compared.",
    )
    setting(
        st.toggle,
        "Keep the photo's colours",
        name="keep_colour",
        value=settings.keep_colour,
        help=COLOUR_HELP,
    )
    _choice("Smoothness", "smoothness", settings.smoothness, SMOOTHNESS, help=SMOOTH_HELP)
    _choice("Pooling", "pooling", settings.pooling, POOLINGS, help=POOLING_HELP)
    _choice("Optimiser", "optimizer", settings.optimizer, OPTIMIZERS)
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


def pictures_row(
    selection: Selection,
    offered: ServiceDescription,
    settings: StyleSettings,
    jobs: Sequence[StyleJob],
) -> None:
    """Photo, style picture, and the button that starts both networks."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            controls.photo_picker(selection, offered)
        controls.add_photo()
        with service.messages():
            _style_strip(settings, offered)
        _own_style()
        start_all(
            "Paint",
            jobs,
            key="style_paint",
            icon=":material/brush:",
            about="Both networks, one after the other in small steps. With the bundled weights "
            "well under a minute each; at full width on a CPU, minutes.",
        )


def _style_strip(settings: StyleSettings, offered: ServiceDescription) -> None:
    """Textures that the program draws, then the photos, then an upload in use."""
    chosen = chosen_style(settings, offered)
    names = [(each.name, each.title) for each in (*offered.textures, *offered.samples)]
    if chosen not in dict(names):
        names.insert(0, (chosen, "Your style picture"))
    thumbs = [
        (name, f"Style: {title}", service.run(PictureRequest(name, size=96)))
        for name, title in names
    ]
    components.photo_strip(figures.thumbnail_frame(thumbs, chosen), key="styles", on_pick=_on_style)


def _on_style() -> None:
    session.set_settings(style=st.session_state["styles"].picked)


def _own_style() -> None:
    with st.popover("Your style", icon=":material/palette:", key="style_upload"):
        controls.another_photo(
            "Upload a style picture",
            key="style_file",
            use=lambda name: session.set_settings(style=name),
        )
        st.caption("A painting, a fabric, a wall. It stays in the memory of this server only.")


def side_head(
    where: Where, selection: Selection, offered: ServiceDescription, info: ModelInfo
) -> None:
    """Network and weights."""
    network, rest = st.columns([4, 3], vertical_alignment="center")
    with network:
        controls.model_picker(where, selection, offered)
    with rest:
        untrained = " Untrained." * (info.weights == "random")
        st.caption(escaped(info.weights_title + untrained), width="content")


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


def shown_picker(settings: StyleSettings) -> None:
    """What stands below both pictures."""
    _choice("Below", "shown", settings.shown, SHOWN, label_visibility="collapsed")
