"""What this is, where its weights and photos come from, and how to use it."""

import streamlit as st

from dashboard import service
from dashboard.controls import megabytes
from dashboard.network_column import GRAD_CAM, LOGIT, escaped
from vgg_viz.results import ModelInfo, SampleInfo

INTRODUCTION = """
**vgg-viz** opens up two families of networks from the lecture *Case Study: VGG*: **ZFNet**
(Zeiler & Fergus 2013) and **VGG** (Simonyan & Zisserman 2014). It shows them on the same photo, at
comparable layers and on one colour scale: what each sees, why, with which channels, at which cost;
how one became the other; and why the deeper ones did not train.
"""

WEIGHTS = """
What a network shows depends on its weights, so every picture names them.

- **bundled**: small networks that this project trained itself. They always work, also without a
  network connection, and know few classes. What they show is theirs, not the papers' networks'.
- **ImageNet**: weights that others trained on 1000 classes. They are fetched on request and
  verified by their hash; until then an arrow (↓) marks them.
- **random**: no training at all, the same for the same seed. Good for costs, shapes and as a
  warning: what looks convincing with random weights explains nothing.
- **file**: a checkpoint of your own, uploaded under *More*. It is read without running any of it.
"""

KEYS = """
- **Photo**: click a thumbnail, upload, take one with the camera, or paste one anywhere (Ctrl+V).
- **Class**: click a bar, or type into the class picker.
- **Grad-CAM**: point at a picture to read raw values; the other picture shows the same place. With
  the keyboard: Tab to the picture, then arrow keys; Esc ends it. Opacity is one for both pictures.
- **Feature maps**: point to enlarge, click to keep. With the keyboard: Tab to the grid, arrow keys
  to move, Enter to keep. "Show all" draws every channel of the layer.
- **One selection**: photo, networks, layers, channel and place are the same on every page.
- **Receptive fields**: point at a unit or at the photo; click, or use the arrow keys, to keep it.
- **Charts**: the camera above a chart saves it; *CSV* below it holds its numbers.
- **Share**: the address bar holds the whole view. Links to an uploaded photo work as long as this
  server keeps it.
- **Light and dark**: the theme follows your system.
"""

TERMS = f"""
- {GRAD_CAM}
- **Receptive field**: the side, in px of the input, of the square that one unit can see. Near the
  border a part of it lies outside.
- **Effective field**: how strongly each px of the input really moves a unit, on average over
  photos (Luo et al. 2016). Most of it lies well inside the receptive field.
- **MACs**: multiply-accumulates for one photo. One MAC is two operations (FLOPs).
- **Dead units**: units that are exactly 0 after ReLU for this photo. They pass neither signal nor
  gradient.
- {LOGIT}
"""


def weights_row(model: ModelInfo) -> dict[str, object]:
    """A network with weights, as a row of the table."""
    return {
        "Network": model.title,
        "Weights": model.weights_title,
        "Status": "ready" if model.available else f"not here yet, {megabytes(model)}",
        "Classes": len(model.classes),
        "Top-1": None if model.top1 is None else 100 * model.top1,
        "Parameters": model.parameters,
        "MACs": model.macs,
        "Licence": model.licence or "see publisher",
    }


def photo_line(sample: SampleInfo) -> str:
    """A photo with its credit."""
    return f"- {escaped(sample.title)}: {escaped(sample.author)}, {escaped(sample.licence)}"


offered = service.get_service().describe()
st.title("About")
st.markdown(INTRODUCTION)
text, more = st.columns(2, gap="large")
with text:
    st.header("Using it")
    st.markdown(KEYS)
    st.header("Terms")
    st.markdown(TERMS)
with more:
    st.header("Weights")
    st.markdown(WEIGHTS)
    st.header("Photos")
    st.markdown("\n".join(photo_line(sample) for sample in offered.samples))
st.header("Networks on offer")
st.dataframe(
    [weights_row(model) for model in offered.models],
    hide_index=True,
    column_config={
        "Top-1": st.column_config.NumberColumn(format="%.1f %%", help="On validation photos"),
        "Parameters": st.column_config.NumberColumn(format="localized"),
        "MACs": st.column_config.NumberColumn(format="localized", help="For one photo"),
    },
)
st.caption(f"vgg-viz {offered.version}, running on {offered.device}. MIT licence.")
