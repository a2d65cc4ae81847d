"""Controls of page "Optimised": objective, photo, what each side is optimised for, settings."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import service, session
from dashboard.charts import picture_format
from dashboard.controls import (
    add_photo,
    class_picker,
    layer_picker,
    model_picker,
    pairing_picker,
    photo_picker,
)
from dashboard.feature_vis_settings import (
    KEPT,
    LEAST_SIZE,
    MOST_STEPS,
    PRESETS,
    FeatureVisSettings,
    Goal,
    pairs_of,
    pairs_text,
    photo_pairs,
    second_channel,
)
from dashboard.page_head import settings_of
from dashboard.selection import Selection, Where, class_labels, layer_info, model_info
from dashboard.widgets import controlled
from vgg_viz.requests import ActivationsRequest, ClassifyRequest
from vgg_viz.results import ServiceDescription

OBJECTIVES = {
    "channel": "Channel",
    "neuron": "Unit",
    "layer": "Layer",
    "class": "Class",
    "direction": "Direction",
}
OBJECTIVES_HELP = (
    "What the picture is made to excite. **Channel**: the mean of its map, before the ReLU. "
    "**Unit**: the one value nearest to the place chosen on Activations or Filters. **Layer**: "
    "the mean square of all its values, as in DeepDream. **Class**: its logit, before the "
    "softmax. **Direction**: several channels at once, each with a weight."
)
SECOND = {"none": "Nothing", "channel": "A channel", "class": "A class"}
SECOND_HELP = (
    "The objective may be a **sum** of two: another channel of the layer, or a class. With a "
    "negative weight it is avoided instead."
)
PARAMETRIZATIONS = {"fourier": "Fourier", "pixels": "Pixels"}
PARAMETRIZATION_HELP = (
    "What is changed. **Fourier**: the picture's spectrum, every frequency scaled as in photos, "
    "so that the steps favour smooth shapes. **Pixels**: the pixels themselves; fine noise wins."
)
DECORRELATED_HELP = (
    "Red, green and blue of photos go together. **Decorrelated**, a step changes the three "
    "directions in which colours of photos really vary."
)
TRANSFORMS = {"standard": "Shift, scale, rotate", "none": "None"}
TRANSFORMS_HELP = (
    "Each step sees the picture a little **shifted, scaled and rotated**, so that only what "
    "excites the unit in any of these positions pays."
)
STARTS = {"noise": "Noise", "photo": "The photo"}
DIVERSITY_HELP = (
    "Several pictures are made together; the weight pushes their **Gram matrices** apart, which "
    "channels fire together in each: different sides of what a unit answers to."
)
DIRECTION_HELP = (
    "channel:weight, separated by commas, such as 12:1, 40:-0.5. Left empty: **what this photo "
    "has**, the mean activation of each channel on it, as a direction of length 1."
)
SIZES = (0, 64, 96, 128, 160, 224, 320)


def head(settings: FeatureVisSettings) -> None:
    """Title and objective."""
    with st.container(horizontal=True, vertical_alignment="center", key="vis_head"):
        st.title("Optimised", anchor=False, width="content")
        segments(
            "Objective",
            "objective",
            settings.objective,
            OBJECTIVES,
            help=OBJECTIVES_HELP,
            label_visibility="collapsed",
        )
        title = (
            "Add a term"
            if settings.second == "none"
            else f"{_signed(settings)} × {settings.second}"
        )
        with st.popover(title, icon=":material/functions:", key="vis_sum"):
            _second_settings(settings)


def photo_row(selection: Selection, offered: ServiceDescription) -> None:
    """Photo and pairing: the photo says which channel is the strongest, and what it has."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            photo_picker(selection, offered)
        add_photo()
        pairing_picker(selection)


def side_head(
    where: Where, selection: Selection, offered: ServiceDescription, settings: FeatureVisSettings
) -> DeltaGenerator:
    """Network, layer and class, what of them the objective needs; returns the place of numbers."""
    info = model_info(offered, selection.side(where).model)
    pickers: list[Callable[[], None]] = []
    if settings.objective != "class" or settings.second == "channel":
        pickers.append(lambda: layer_picker(where, selection, info))
    if settings.objective == "class":
        pickers.append(lambda: class_picker(where, selection, info, both=False))
    numbers = settings.objective in ("channel", "neuron")
    network, *rest = st.columns([5, *[4] * len(pickers), *[3] * numbers], gap="small")
    with network:
        model_picker(where, selection, offered)
    for picker, column in zip(pickers, rest, strict=False):
        with column:
            picker()
    return rest[-1] if numbers else st.container()


def goal_of(
    where: Where, selection: Selection, offered: ServiceDescription, settings: FeatureVisSettings
) -> Goal:
    """What a side is optimised for; the network runs only for what nobody chose."""
    side = selection.side(where)
    info = model_info(offered, side.model)
    labels = class_labels(info.classes)
    channel, label, photo = side.channel, labels.get(side.label or "", -1), ()
    from_photo = settings.objective == "direction" and not settings.pairs(where)
    if (channel is None and settings.objective != "class") or from_photo:
        seen = service.run(ActivationsRequest(side.model, selection.image, side.layer, count=1))
        channel = seen.channels[0] if channel is None else channel
        photo = photo_pairs(seen.means.tolist()) if from_photo else ()
    if label < 0 and settings.needs_class:
        label = service.run(ClassifyRequest(side.model, selection.image)).top(1)[0][0]
    return Goal(where, info, side.layer, channel or 0, max(0, label), photo)


def goal_pickers(
    goal: Goal, selection: Selection, settings: FeatureVisSettings, place: DeltaGenerator
) -> None:
    """In `place` the channel; below it a direction, and what the second term is of."""
    count = layer_info(goal.info, goal.layer).channels
    if settings.objective == "direction":
        _direction_input(goal, settings)
    elif settings.objective in ("channel", "neuron"):
        with place:
            controlled(
                st.number_input,
                f"Channel of {goal.layer} (0 to {count - 1})",
                min_value=0,
                max_value=count - 1,
                key=f"{goal.where}_vis_channel",
                value=goal.channel,
                apply=lambda picked: choose_channel(goal.where, picked),
                label_visibility="collapsed",
            )
    if settings.second == "channel" or settings.second_class:
        kind = "mean of channel" if settings.second == "channel" else "logit of"
        words, second = st.columns([8, 4], gap="small", vertical_alignment="center")
        words.caption(f"{_signed(settings)} × the {kind}", text_alignment="right")
        with second:
            if settings.second_class:
                class_picker(goal.where, selection, goal.info, both=False)
            else:
                _second_input(goal, settings, count)


def _second_input(goal: Goal, settings: FeatureVisSettings, count: int) -> None:
    controlled(
        st.number_input,
        f"Second channel of {goal.layer} (0 to {count - 1})",
        min_value=0,
        max_value=count - 1,
        key=f"{goal.where}_vis_second",
        value=second_channel(goal, settings),
        apply=lambda picked: session.set_settings(**{f"{goal.where}_second": picked}),
        label_visibility="collapsed",
    )


def choose_channel(where: Where, channel: int) -> None:
    """Make a channel the selection's; to be called from callbacks."""
    session.change(lambda chosen, _: chosen.with_side(where, channel=channel))


def _direction_input(goal: Goal, settings: FeatureVisSettings) -> None:
    key = f"{goal.where}_vis_pairs"
    count = layer_info(goal.info, goal.layer).channels

    def apply(text: str) -> None:
        pairs = pairs_of(text)
        if pairs is None:
            service.tell(f"`{text[:40].replace('`', '')}` is no direction; type 12:1, 40:-0.5.")
        elif any(channel >= count for channel, _ in pairs):
            service.tell(f"{goal.layer} has channels 0 to {count - 1}.")
        else:
            session.set_settings(**{f"{goal.where}_pairs": pairs_text(pairs)})

    controlled(
        st.text_input,
        "Direction",
        key=key,
        value=pairs_text(settings.pairs(goal.where)),
        apply=apply,
        placeholder="what this photo has",
        help=DIRECTION_HELP,
        label_visibility="collapsed",
    )


# --- settings ------------------------------------------------------------------------------------


def study_head(settings: FeatureVisSettings) -> None:
    """Title of the lower half, presets, settings."""
    with st.container(horizontal=True, vertical_alignment="center", key="vis_study_head"):
        st.subheader("Optimise it yourself", anchor=False, width="content")
        with st.popover("Settings", icon=":material/tune:", key="vis_settings"):
            presets()
            _picture_settings(settings)
            _step_settings(settings)
            picture_format()


def presets() -> None:
    """Ways to begin."""
    with st.container(horizontal=True, gap="small", key="vis_presets"):
        for title, (about, changes) in PRESETS.items():
            st.button(
                title,
                key=f"vis_preset_{title}",
                help=about,
                on_click=use_preset,
                args=(changes,),
            )


def use_preset(changes: Mapping[str, Any]) -> None:
    """Everything but the objective as on a first visit, then `changes`."""
    state = st.session_state
    old = state.settings[FeatureVisSettings]
    kept = {name: getattr(old, name) for name in KEPT}
    state.settings[FeatureVisSettings] = FeatureVisSettings(**{**kept, **changes})


def _picture_settings(settings: FeatureVisSettings) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        segments(
            "Parametrisation",
            "parametrization",
            settings.parametrization,
            PARAMETRIZATIONS,
            help=PARAMETRIZATION_HELP,
        )
        setting(
            st.toggle,
            "Decorrelate colours",
            name="decorrelated",
            value=settings.decorrelated,
            help=DECORRELATED_HELP,
        )
    segments("Transformations", "transforms", settings.transforms, TRANSFORMS, help=TRANSFORMS_HELP)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        segments("Start from", "start", settings.start, STARTS)
        segments("Pictures", "pictures", settings.pictures, {n: str(n) for n in (1, 2, 3, 4, 9)})
    if settings.pictures > 1:
        setting(
            st.slider,
            "Diversity",
            name="diversity",
            value=settings.diversity,
            min_value=0.0,
            max_value=max(10.0, settings.diversity),
            step=0.5,
            help=DIVERSITY_HELP,
        )


def _step_settings(settings: FeatureVisSettings) -> None:
    steps, rate = st.columns(2, gap="small")
    with steps:
        setting(
            st.number_input,
            "Steps",
            name="steps",
            value=settings.steps,
            min_value=1,
            max_value=MOST_STEPS,
            step=64,
            help="Each is a forward and a backward pass; most pictures are settled after 256.",
        )
        sizes = sorted({*SIZES, settings.size})
        setting(
            st.selectbox,
            "Size",
            sizes,
            name="size",
            value=settings.size,
            format_func=lambda px: f"{px} px" if px >= LEAST_SIZE else "the network's input",
            help="Side of the picture. A channel's map has no fixed size, so any will do; small "
            "ones are much faster.",
        )
    with rate:
        setting(
            st.number_input,
            "Learning rate",
            name="rate",
            value=settings.rate,
            min_value=0.0001,
            max_value=1.0,
            step=0.01,
            format="%.4g",
            help="Of Adam (arXiv 1412.6980): how far a step goes.",
        )
        setting(
            st.number_input,
            "Seed",
            name="seed",
            value=settings.seed,
            min_value=0,
            max_value=999_999,
            help="Of the noise and the transformations: the same seed is the same picture.",
        )


def _second_settings(settings: FeatureVisSettings) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        segments("Maximise as well", "second", settings.second, SECOND, help=SECOND_HELP)
        if settings.second != "none":
            setting(
                st.number_input,
                "with weight",
                name="weight",
                value=settings.weight,
                min_value=-100.0,
                max_value=100.0,
                step=0.5,
                format="%.4g",
                width=130,
            )


def _signed(settings: FeatureVisSettings) -> str:
    return f"{settings.weight:+g}".replace("-", "−")


setting = settings_of("vis")


def segments(label: str, name: str, value: Any, titles: Mapping[Any, str], **details: Any) -> None:
    """A few words beside one another."""
    setting(
        st.segmented_control,
        label,
        [*titles] if value in titles else [*titles, value],
        name=name,
        value=value,
        format_func=lambda each: titles.get(each, str(each)),
        required=True,
        **details,
    )
