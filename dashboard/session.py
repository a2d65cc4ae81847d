"""The visitor's selection and each page's settings between reruns; their copy in the address bar.

Not `bind="query-params"`: a bound widget writes the *label* of an option into the address
("VGG-16 (D) ..."), while links have to hold names and digests that stay; and components, which
choose photo, class and channel here, cannot be bound. Back and forward work: Streamlit hands the
restored address to the next run, which reads it anew.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, get_args
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import service
from dashboard.links import LinkReader
from dashboard.page_settings import NoSettings, read_settings, settings_params
from dashboard.selection import WHERE, Selection, as_params, default_selection, parse, with_model
from vgg_viz.errors import VggVizError
from vgg_viz.requests import PictureRequest, Precision
from vgg_viz.results import ServiceDescription

Change = Callable[[Selection, ServiceDescription], Selection]
Settings = TypeVar("Settings")


def enter(page: str) -> None:
    """`page` is about to run; another one than before has another address."""
    state = st.session_state
    state.entering = state.get("page") not in (None, page)
    state.page = page


def selection(offered: ServiceDescription) -> Selection:
    """The selection of this run, on a page without settings of its own."""
    return view(offered, NoSettings)[0]


def view(offered: ServiceDescription, kind: type[Settings]) -> tuple[Selection, Settings]:
    """Selection and settings of this run: the visitor's, or what a new address asks for."""
    state = st.session_state
    offered = _offered_at_start(offered)
    address = st.query_params.to_dict()
    entering = bool(state.pop("entering", False))
    kept: dict[type, Any] = state.setdefault("settings", {})
    if "selection" not in state or _went_back_or_forward() or (entering and address):
        _read(address, offered, kind)
        entering = False
    elif not _still_there(state.selection, offered):
        _read({**as_params(state.selection, offered), **_own(kept.get(kind))}, offered, kind)
    state.kind = kind
    kept.setdefault(kind, kind())
    params = {**as_params(state.selection, offered), **_own(kept[kind])}
    if (entering and params) or params != state.written:
        st.query_params.from_dict(params)
        state.written = params
    return state.selection, kept[kind]


def change(change_selection: Change) -> None:
    """Apply a change; to be called from callbacks, which run before the page."""
    state = st.session_state
    if "selection" in state:
        offered = service.get_service().describe()
        state.selection = change_selection(state.selection, offered)


def with_right_model(name: str) -> dict[str, str]:
    """The address of Compare with another network on the right, everything else as it is."""
    offered = service.get_service().describe()
    chosen = st.session_state.get("selection") or default_selection(offered)
    return as_params(with_model(chosen, "right", name, offered), offered)


def set_settings(**changes: Any) -> None:
    """Change settings of the page that is shown; to be called from callbacks."""
    state = st.session_state
    if "kind" in state:
        state.settings[state.kind] = replace(state.settings[state.kind], **changes)


def link(offered: ServiceDescription) -> str:
    """The address of this view."""
    state = st.session_state
    own = _own(state.settings.get(state.kind))
    params = urlencode({**as_params(state.selection, offered), **own})
    base = (st.context.url or "").partition("?")[0]
    return f"{base}?{params}" if params else base


def _read(address: dict[str, str], offered: ServiceDescription, kind: type[Settings]) -> None:
    state = st.session_state
    reader = LinkReader(address, offered, _kept)
    state.selection, notes = parse(address, offered, _kept)
    state.settings[kind] = read_settings(kind, reader)
    # A bad address stays until something is chosen: writing the mended one would put a second
    # entry into the browser's history, and "back" would lead to the bad one for ever.
    state.written = {**as_params(state.selection, offered), **_own(state.settings[kind])}
    for note in (*notes, *reader.notes):
        service.tell(note)


def _own(settings: Any) -> dict[str, str]:
    return {} if settings is None else settings_params(settings)


def _went_back_or_forward() -> bool:
    # Not "the address differs from the one written last": a click can be under way with the old
    # address while the new one is still on its way to the browser, and would be undone.
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _offered_at_start(offered: ServiceDescription) -> ServiceDescription:
    """While the device is not known yet, every precision may be asked for."""
    if service.get_service().health().ready:
        return offered
    return replace(offered, precisions=get_args(Precision))


def _still_there(chosen: Selection, offered: ServiceDescription) -> bool:
    """Whether the server still has what was uploaded, and its device the precision."""
    if chosen.precision not in offered.precisions:
        return False
    if any(offered.model(chosen.side(where).model) is None for where in WHERE):
        return False
    return any(sample.name == chosen.image for sample in offered.samples) or _kept(chosen.image)


def _kept(image: str) -> bool:
    try:
        service.run(PictureRequest(image, size=64))
    except VggVizError:
        return False
    return True
