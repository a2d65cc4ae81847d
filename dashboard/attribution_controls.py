"""Controls of page "Attribution": photo, classes, networks, methods and their settings."""

from functools import partial

import streamlit as st

from dashboard import controls, service, session
from dashboard.attribution_box import box_picker
from dashboard.attribution_settings import (
    ENDS,
    FAMILIES,
    MOST_SEED,
    VIEWS,
    AttributionSettings,
    parameters_of,
    parameters_text,
)
from dashboard.network_column import escaped
from dashboard.page_head import page_head, settings_of
from dashboard.selection import WHERE, Selection, Where, class_labels
from dashboard.widgets import controlled
from vgg_viz.results import MethodInfo, MethodParameter, ModelInfo, ServiceDescription

NO_CLASS = "its score alone"
AGAINST_HELP = (
    "Explains the **difference of two logits**: what speaks for the class and not for this one. "
    "Where a network does not know this class, its score alone is explained."
)
ENDS_HELP = (
    "Where the colours of a map over the pixels end. A few pixels are far above all others; 99.5 % "
    "gives those the last colour and shows the rest. Maps of a layer always end at their maximum."
)
SEED_HELP = "Of methods that draw random numbers (SmoothGrad, RISE, LIME and others)."

setting = settings_of("attribution")


def head(settings: AttributionSettings, offered: ServiceDescription) -> None:
    """Title, view, what to take away."""
    page_head("attribution", "Attribution", VIEWS, settings.view, offered)


def photo_row(
    selection: Selection,
    settings: AttributionSettings,
    offered: ServiceDescription,
    infos: dict[Where, ModelInfo],
) -> None:
    """Photo, class, the class it is told from, scale, methods."""
    same = class_labels(infos["left"].classes) == class_labels(infos["right"].classes)
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            controls.photo_picker(selection, offered)
        controls.add_photo()
        if same:
            controls.class_picker("left", selection, infos["left"], both=True)
        _against(settings, infos)
        if settings.view in ("methods", "method"):
            controls.scale_picker(selection)
        if settings.view == "methods":
            box_picker(selection, settings, infos)
        with st.popover("Settings", icon=":material/tune:", key="attribution_settings"):
            setting(
                st.segmented_control,
                "Colours of maps over pixels end at",
                list(ENDS),
                name="ends",
                value=settings.ends,
                format_func=ENDS.__getitem__,
                required=True,
                help=ENDS_HELP,
            )
            setting(
                st.number_input,
                "Seed",
                name="seed",
                value=settings.seed,
                min_value=0,
                max_value=MOST_SEED,
                step=1,
                help=SEED_HELP,
            )
            controls.pairing_picker(selection)
            controls.precision_picker(selection, offered)
        if settings.view == "methods":
            _methods(settings, offered)
        elif settings.view == "occlusion":
            method_settings(
                next(info for info in offered.methods if info.name == "occlusion"), settings
            )
        else:
            _one_method(settings, offered)


def _against(settings: AttributionSettings, infos: dict[Where, ModelInfo]) -> None:
    labels = {label for where in WHERE for label in class_labels(infos[where].classes)}
    setting(
        st.selectbox,
        "And not",
        ["", *sorted(labels | ({settings.against} - {""}))],
        name="against",
        value=settings.against,
        format_func=lambda label: label or NO_CLASS,
        width=150,
        help=AGAINST_HELP,
    )


def _methods(settings: AttributionSettings, offered: ServiceDescription) -> None:
    chosen = settings.chosen(offered.methods)
    with st.popover(
        f"Methods ({len(chosen)})", icon=":material/checklist:", key="attribution_methods"
    ):
        st.caption("Methods with … take many passes: they run when you press their button.")
        for family, title in FAMILIES.items():
            listed = [info for info in offered.methods if info.family == family]
            titles = {info.name: info.title + " …" * info.stepwise for info in listed}
            controlled(
                st.pills,
                title,
                list(titles),
                key=f"attribution_family_{family}",
                value=[info.name for info in chosen if info.family == family],
                apply=partial(_choose, family, offered.methods),
                selection_mode="multi",
                format_func=titles.__getitem__,
            )


def _choose(family: str, methods: tuple[MethodInfo, ...], names: list[str]) -> None:
    """Other methods of one family; called from its pills."""
    settings: AttributionSettings = st.session_state["settings"][AttributionSettings]
    kept = [info.name for info in settings.chosen(methods) if info.family != family]
    if not kept and not names:
        service.tell("Choose at least one method.")
        return
    wanted = {*kept, *names}
    session.set_settings(methods=",".join(info.name for info in methods if info.name in wanted))


def _one_method(settings: AttributionSettings, offered: ServiceDescription) -> None:
    """The method of a view that shows one of them, and its settings."""
    name = "swept" if settings.view == "layers" else "method"
    infos = {info.name: info for info in offered.methods if name == "method" or info.at_every_layer}
    value = getattr(settings, name)
    setting(
        st.selectbox,
        "Method",
        list(infos),
        name=name,
        value=value,
        format_func=lambda each: infos[each].title,
        width=190,
        help=method_help(infos[value]),
    )
    method_settings(infos[value], settings)


def side_heads(
    selection: Selection,
    offered: ServiceDescription,
    infos: dict[Where, ModelInfo],
    *,
    layered: bool,
) -> None:
    """Network, layer and, where the two know different classes, class of each side."""
    same = class_labels(infos["left"].classes) == class_labels(infos["right"].classes)
    shares = [3, *([] if same else [2]), *([2] if layered else [])]
    for where, side in zip(WHERE, st.columns(2, gap="medium"), strict=True):
        with side, st.container(gap="xxsmall"):
            network, *rest = st.columns(shares)
            with network:
                controls.model_picker(where, selection, offered)
            if not same:
                with rest[0]:
                    controls.class_picker(where, selection, infos[where], both=False)
            if layered:
                with rest[-1]:
                    controls.layer_picker(where, selection, infos[where])
            weights = infos[where].weights_title + "."
            if infos[where].weights == "random":
                weights += " Untrained: there is no knowledge to explain."
            st.caption(escaped(weights))


def method_help(info: MethodInfo) -> str:
    """What a method is, in words and as a formula, with its weakness and its paper."""
    caution = f"\n\n**Careful:** {info.caution}" if info.caution else ""
    return f"{info.about}\n\n`{info.formula}`{caution}\n\n{info.paper}"


def method_settings(info: MethodInfo, settings: AttributionSettings) -> None:
    """Its parameters, in a popover; nothing for a method that has none."""
    if not info.parameters:
        return
    values = {**info.defaults(), **settings.values(info)}
    popover = st.popover(
        "Set",
        icon=":material/tune:",
        type="tertiary",
        key=f"attribution_set_{info.name}",
        on_change="rerun",
    )
    if popover.open:
        with popover:
            for parameter in info.parameters:
                _parameter(info, parameter, values[parameter.name])


def _parameter(info: MethodInfo, parameter: MethodParameter, value: float | int | str) -> None:
    if parameter.choices:
        widget, details = st.selectbox, {"options": list(parameter.choices)}
    else:
        kind = int if isinstance(parameter.default, int) else float
        widget = st.number_input
        details = {
            name: None if bound is None else kind(bound)
            for name, bound in (("min_value", parameter.low), ("max_value", parameter.high))
        }
        value = kind(value)
    controlled(
        widget,
        parameter.title,
        key=f"attribution_{info.name}_{parameter.name}",
        value=value,
        apply=partial(_set_parameter, info, parameter),
        help=parameter.help,
        **details,
    )


def _set_parameter(info: MethodInfo, parameter: MethodParameter, value: float | int | str) -> None:
    """Another value of a parameter; called from its widget."""
    settings: AttributionSettings = st.session_state["settings"][AttributionSettings]
    methods = service.get_service().describe().methods
    kept = parameters_of(settings.parameters, methods) or {}
    kept.setdefault(info.name, {})[parameter.name] = value
    session.set_settings(parameters=parameters_text(kept, methods))
