"""Pickers of page Small filters: each shows one of its settings and changes it."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import session
from dashboard.charts import picture_format
from dashboard.controls import model_title
from dashboard.small_filters_settings import SmallFilterSettings
from dashboard.widgets import controlled
from vgg_viz.results import ModelInfo

VIEWS = {
    "cost": "Cost",
    "five": "B against five 5x5",
    "factors": "Factorisation",
    "first": "First layer",
    "aliasing": "Aliasing",
}


def head(settings: SmallFilterSettings) -> None:
    """Title, view, and the format of saved charts."""
    with st.container(horizontal=True, vertical_alignment="center", key="small_head"):
        st.title("Small filters", width="content")
        segments("View", "view", settings.view, VIEWS, hidden=True)
        with st.popover("Download", icon=":material/download:", key="small_download"):
            picture_format()


def segments(
    label: str,
    name: str,
    value: str,
    titles: Mapping[str, str],
    *,
    help: str | None = None,  # noqa: A002 - Streamlit's own name
    hidden: bool = False,
    whole: bool = False,
) -> None:
    """A few words beside one another; with `whole` they are numbers."""
    controlled(
        st.segmented_control,
        label,
        list(titles),
        key=f"small_{name}",
        value=value,
        apply=lambda picked: session.set_settings(**{name: int(picked) if whole else picked}),
        format_func=titles.__getitem__,
        required=True,
        help=help,
        label_visibility="collapsed" if hidden else "visible",
    )


def number(label: str, name: str, value: int, least: int, most: int, *, width: int = 150) -> None:
    """A whole number."""
    controlled(
        st.number_input,
        label,
        least,
        most,
        key=f"small_{name}",
        value=min(max(value, least), most),
        apply=lambda picked: session.set_settings(**{name: int(picked)}),
        width=width,
    )


def model(
    label: str, name: str, value: ModelInfo, models: Sequence[ModelInfo], *, hidden: bool = False
) -> None:
    """A network with weights, of those that are on this machine."""
    titles = {each.name: model_title(each) for each in models}
    controlled(
        st.selectbox,
        label,
        list(titles),
        key=f"small_{name}",
        value=value.name,
        apply=lambda picked: session.set_settings(**{name: picked}),
        format_func=titles.__getitem__,
        label_visibility="collapsed" if hidden else "visible",
    )
