"""The top of a page with several views, and the widgets of its settings."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import streamlit as st

from dashboard import session
from dashboard.charts import picture_format
from dashboard.widgets import controlled
from vgg_viz.results import ServiceDescription


def setting(
    widget: Callable[..., Any], *arguments: Any, page: str, name: str, **details: Any
) -> None:
    """A widget that shows the setting `name` of a page; its key is "<page>_<name>"."""
    controlled(
        widget,
        *arguments,
        key=f"{page}_{name}",
        apply=lambda value: session.set_settings(**{name: value}),
        **details,
    )


def settings_of(page: str) -> Callable[..., None]:
    """`setting` for one page."""
    return partial(setting, page=page)


def page_head(
    page: str,
    title: str,
    views: Mapping[str, str],
    view: str,
    offered: ServiceDescription,
    *,
    idea: str | None = None,
) -> None:
    """Title, the views (setting "view"), how it works, and what to take away."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"{page}_head"):
        st.title(title, anchor=False, width="content", help=idea)
        setting(
            st.segmented_control,
            "View",
            list(views),
            page=page,
            name="view",
            value=view,
            format_func=views.__getitem__,
            label_visibility="collapsed",
            required=True,
        )
        holds = "format of saved charts, link to this view"
        about = holds.capitalize() if idea is None else f"How it works, {holds}"
        with st.popover("More", help=about):
            if idea is not None:
                st.markdown(idea)
            picture_format()
            link_to_view(offered)


def link_to_view(offered: ServiceDescription) -> None:
    """The address of what is shown, to copy."""
    st.caption("Link to this view; the address bar holds it too.")
    st.code(session.link(offered), language=None, wrap_lines=True)
