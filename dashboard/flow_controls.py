"""Pickers of the panel "At initialisation", and the visitor's selection between reruns.

As `dashboard.controls` and `dashboard.session`: every widget shows the selection and nothing else,
its callback changes the selection before the next run, and the address bar holds a copy.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import service, widgets
from dashboard.charts import look
from dashboard.flow_settings import (
    LARGEST_RATE,
    LARGEST_SEED,
    MOST,
    NOISE,
    PRESETS,
    SAMPLES,
    SCALES,
    FlowSelection,
    as_params,
    parse,
    preset_of,
    with_another,
    with_preset,
    with_setting,
    without,
)
from vgg_viz import figures
from vgg_viz.errors import VggVizError
from vgg_viz.requests import PictureRequest
from vgg_viz.results import ServiceDescription

Change = Callable[[FlowSelection], FlowSelection]

VIEW = {"view": "init"}  # where the page finds this panel
SHORT = 18  # characters of a photo's title in its button


# --- the selection -------------------------------------------------------------------------------


def selection(offered: ServiceDescription) -> FlowSelection:
    """The selection of this run: the visitor's, or what a new address asks for."""
    state = st.session_state
    context = get_script_run_ctx()
    address = {n: v for n, v in st.query_params.to_dict().items() if n not in VIEW}
    if "flow" not in state or (context is not None and context.is_history_navigation):
        state.flow, notes = parse(address, offered, _kept)
        # A bad address stays until something is chosen, as in `dashboard.session`.
        state.flow_written = as_params(state.flow)
        _tell(notes)
    _follow_photo(offered)
    params = as_params(state.flow)
    # An empty address: the visitor comes back from another view or page, which had its own.
    if params != state.flow_written or (params and not address):
        st.query_params.from_dict({**VIEW, **params})
        state.flow_written = params
    chosen: FlowSelection = state.flow
    return chosen


def change(change_selection: Change) -> None:
    """Apply a change; to be called from callbacks, which run before the page."""
    if "flow" in st.session_state:
        st.session_state.flow = change_selection(st.session_state.flow)


def photo(offered: ServiceDescription) -> str:
    """The photo chosen on page Compare, else the first sample."""
    compared = st.session_state.get("selection")
    first = offered.samples[0].name if offered.samples else ""
    return compared.image if compared is not None else first


def _tell(notes: Sequence[str]) -> None:
    """Show notes on a link; the page draws them last."""
    for note in notes:
        service.tell(note)


def _follow_photo(offered: ServiceDescription) -> None:
    """Another photo was chosen on Compare: show it, where a photo is the input."""
    state, now = st.session_state, photo(offered)
    before = state.get("flow_photo", now)
    state.flow_photo = now
    if now != before and state.flow.input not in (NOISE, SAMPLES):
        state.flow = replace(state.flow, input=now)


def _kept(image: str) -> bool:
    try:
        service.run(PictureRequest(image, size=64))
    except VggVizError:
        return False
    return True


# --- what holds for all settings -----------------------------------------------------------------


def top_row(chosen: FlowSelection, offered: ServiceDescription) -> DeltaGenerator:
    """Ready comparisons, size, input, options; returns where the downloads belong."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="flow_controls"):
        controlled(
            st.pills,
            "Ready comparisons",
            list(PRESETS),
            key="flow_preset",
            value=preset_of(chosen),
            apply=lambda now, name: with_preset(now, name, offered),
        )
        controlled(
            st.segmented_control,
            "Size",
            list(SCALES),
            key="flow_size",
            value=chosen.size,
            apply=lambda now, size: replace(now, size=size),
            format_func=lambda size: SCALES[size].title,
            required=True,
            help=" ".join(f"**{scale.title}**: {scale.about}." for scale in SCALES.values()),
        )
        _input_picker(chosen, offered)
        add_button(chosen, offered)
        with st.popover("Options", help="Learning rate, seed, reference", key="flow_options"):
            _options(chosen)
        return st.popover("Download", help="Numbers and charts", key="flow_downloads")


def _input_picker(chosen: FlowSelection, offered: ServiceDescription) -> None:
    """Noise, the samples, or a photo that is named."""
    shown = chosen.input if chosen.input not in (NOISE, SAMPLES) else photo(offered)
    titles = {sample.name: sample.title for sample in offered.samples}
    labels = {
        NOISE: "Noise",
        SAMPLES: "Samples",
        shown: f"Photo: {_short(titles.get(shown, 'yours'))}",
    }
    controlled(
        st.segmented_control,
        "Input",
        list(labels),
        key="flow_input",
        value=chosen.input,
        apply=lambda now, name: replace(now, input=name),
        format_func=labels.__getitem__,
        required=True,
        help="**Noise**: seeded N(0, 1), as in papers on initialisation. **Samples**: the bundled "
        "photos as one batch. **Photo**: the one chosen on page Compare.",
    )


def _short(title: str) -> str:
    """Short enough to leave the other controls in the same row."""
    return title if len(title) <= SHORT else f"{title[: SHORT - 1].rstrip()}…"


def _options(chosen: FlowSelection) -> None:
    controlled(
        st.number_input,
        "Learning rate",
        key="flow_rate",
        value=chosen.learning_rate,
        apply=lambda now, rate: replace(now, learning_rate=float(rate)),
        min_value=1e-6,
        max_value=LARGEST_RATE,
        step=0.01,
        format="%g",
        help="Only scales the expected update: **learning rate x |dL/dW| / |W|**.",
    )
    controlled(
        st.number_input,
        "Seed",
        key="flow_seed",
        value=chosen.seed,
        apply=lambda now, seed: replace(now, seed=int(seed)),
        min_value=0,
        max_value=LARGEST_SEED,
        step=1,
        help="Draws the weights and the noise. The same seed gives the same curves.",
    )

    controlled(
        st.toggle,
        "He as reference",
        key="flow_reference",
        value=chosen.reference,
        apply=lambda now, wanted: replace(now, reference=bool(wanted)),
        help="A thin grey line: the deepest network shown, with He's initialisation, where it is "
        "not among the settings.",
    )


# --- one setting ---------------------------------------------------------------------------------


def setting_pickers(number: int, chosen: FlowSelection, offered: ServiceDescription) -> None:
    """Marker, network, initialisation and a button to remove the setting."""
    setting = chosen.settings[number]
    networks = {network.name: network.title for network in offered.networks}
    schemes = {scheme.name: scheme for scheme in offered.initializations}
    scheme = schemes[setting.initialization]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _marker(number)
        controlled(
            st.selectbox,
            f"Network of setting {number + 1}",
            list(networks),
            key=f"flow_network_{number}",
            value=setting.network,
            apply=lambda now, name: with_setting(now, number, network=name),
            format_func=networks.__getitem__,
            label_visibility="collapsed",
        )
        controlled(
            st.selectbox,
            f"Initialisation of setting {number + 1}",
            list(schemes),
            key=f"flow_scheme_{number}",
            value=setting.initialization,
            apply=lambda now, name: with_setting(now, number, initialization=name),
            format_func=lambda name: schemes[name].title,
            label_visibility="collapsed",
        )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(scheme.formula, help=scheme.explanation)
        st.button(
            "",
            icon=":material/close:",
            type="tertiary",
            key=f"flow_remove_{number}",
            help="Remove this setting",
            on_click=lambda: change(lambda now: without(now, number)),
        )


def add_button(chosen: FlowSelection, offered: ServiceDescription) -> None:
    """One setting more, up to as many as there are markers."""
    full = len(chosen.settings) >= MOST
    st.button(
        "Add",
        icon=":material/add:",
        key="flow_add",
        disabled=full,
        help=f"One more network or initialisation, up to {MOST} side by side.",
        on_click=lambda: change(lambda now: with_another(now, offered)),
    )


def _marker(number: int) -> None:
    colours = look().colours
    sign = figures.MARKERS[number % len(figures.MARKERS)][1]
    colour = colours[number % len(colours)]
    st.html(f'<span style="color:{colour};font-size:1.5rem">{sign}</span>', width="content")


# --- widgets that show the selection -------------------------------------------------------------


def controlled(
    widget: Callable[..., Any],
    *arguments: Any,
    apply: Callable[[FlowSelection, Any], FlowSelection],
    **details: Any,
) -> None:
    """A widget that shows a part of the selection; `apply` says what is selected afterwards."""
    widgets.controlled(
        widget,
        *arguments,
        apply=lambda picked: change(lambda now: apply(now, picked)),
        **details,
    )
