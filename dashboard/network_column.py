"""One network's half of the page: what it is, what it sees, why, and with which channels."""

from dataclasses import dataclass

import streamlit as st

from dashboard import components, service, session
from dashboard.components import ClassBar
from dashboard.controls import class_picker, layer_picker, model_picker
from dashboard.selection import (
    Selection,
    Where,
    class_labels,
    layer_info,
    model_info,
    with_label,
)
from vgg_viz import figures
from vgg_viz.requests import (
    ActivationsRequest,
    AttributionRequest,
    ClassifyRequest,
    PictureRequest,
)
from vgg_viz.results import (
    Activations,
    Attribution,
    Classification,
    ModelInfo,
    Picture,
    ServiceDescription,
)

FEW = 32  # maps shown at first; feature_grid.js offers all


@dataclass(frozen=True, eq=False)
class Answers:
    """What the service says about one side of the selection."""

    where: Where
    info: ModelInfo
    picture: Picture
    classification: Classification
    attribution: Attribution
    activations: Activations


def ask(where: Where, selection: Selection, info: ModelInfo) -> Answers:
    """One Inspection of the network answers all four."""
    side, precision = selection.side(where), selection.precision
    target = class_labels(info.classes).get(side.label) if side.label else None
    return Answers(
        where,
        info,
        service.run(PictureRequest(selection.image, side.model)),
        service.run(ClassifyRequest(side.model, selection.image, precision)),
        service.run(
            AttributionRequest(side.model, selection.image, side.layer, target, precision=precision)
        ),
        service.run(_activations_request(where, selection, FEW)),
    )


def head(
    where: Where, selection: Selection, offered: ServiceDescription, *, own_class: bool
) -> None:
    """Pickers of this side."""
    info = model_info(offered, selection.side(where).model)
    network, *classes, layer = st.columns([4, 3, 3] if own_class else [5, 2])
    with network:
        model_picker(where, selection, offered)
    if own_class:
        with classes[0]:
            class_picker(where, selection, info, both=False)
    with layer:
        layer_picker(where, selection, info)


def body(answers: Answers, cam_limit: float | None, map_limit: float | None) -> None:
    """Pictures and numbers of this side; limits None: scales of its own."""
    where, info = answers.where, answers.info
    st.markdown(f"**{info.title}** · {escaped(info.weights_title)}", help=_about(info))
    pictures, numbers = st.columns([10, 11])
    with pictures:
        label = f"{info.title}, {info.weights_title}"
        frame = figures.overlay_frame(
            answers.picture, answers.attribution, limit=cam_limit, label=label
        )
        shown = answers.attribution
        st.markdown(
            f"Grad-CAM of **{escaped(shown.target_name)}** at **{shown.layer}**", help=GRAD_CAM
        )
        components.overlay(frame, key=f"{where}_overlay")
    with numbers:
        bars(answers)
        facts(answers)
    features(where, map_limit)


def bars(answers: Answers) -> None:
    """The five most probable classes."""
    where, result = answers.where, answers.classification
    st.markdown("Most probable classes", help=LOGIT)
    rows = [
        ClassBar(index, name, probability, float(result.logits[index]))
        for index, name, probability in result.top()
    ]
    components.class_bars(
        rows,
        answers.attribution.target,
        key=f"{where}_bars",
        on_pick=lambda: _on_bar(where, answers.info),
    )


def facts(answers: Answers) -> None:
    """Costs and conditions, each with its explanation."""
    info, result = answers.info, answers.classification
    layer = layer_info(info, answers.attribution.layer)
    used = result.provenance
    with st.container(gap=None, key=f"{answers.where}_facts"):
        _fact(_count(info.parameters), "parameters", "Weights and biases of all layers.")
        _fact(
            _count(info.macs),
            "MACs",
            f"Multiply-accumulates for one photo of {info.input_size} px. One MAC is two "
            f"operations: {_count(2 * info.macs)} FLOPs.",
        )
        _fact(
            f"{layer.receptive_field} px",
            f"receptive field of {layer.name}",
            f"Side of the square of the input that one unit of {layer.name} can see; the whole "
            f"input is {info.input_size} px wide.",
        )
        _fact(
            f"{1000 * result.forward_seconds:.0f} ms",
            f"forward pass, {used.device}, {used.precision}",
            "Wall clock of the one forward pass behind these pictures, which also keeps the output "
            "of every layer. fp32: 32-bit floats; bf16: 16 bits, 8 of them for the exponent.",
        )
        if result.difference_to_fp32 is not None:
            _fact(
                f"{result.difference_to_fp32:.2g}",
                "largest difference to fp32",
                f"Of a probability.{_map_difference(answers.attribution)}",
            )
        if info.top1 is not None:
            _fact(
                f"{100 * info.top1:.1f} %",
                "top-1 on validation photos",
                "How often the most probable class is the right one, from the weights' model card.",
            )
        if info.weights == "random":
            st.caption("Untrained: these pictures show the architecture, no knowledge.")


@st.fragment
def features(where: Where, limit: float | None) -> None:
    """The maps. A fragment: choosing a channel redraws nothing else."""
    with service.messages():
        offered = service.get_service().describe()
        selection = session.selection(offered)
        side, key = selection.side(where), f"{where}_features"
        count = getattr(st.session_state.get(key), "count", None) or FEW
        activations = service.run(_activations_request(where, selection, int(count)))
        extra = None
        if side.channel is not None and side.channel not in activations.channels:
            extra = service.run(
                ActivationsRequest(
                    side.model,
                    selection.image,
                    side.layer,
                    channels=(side.channel,),
                    precision=selection.precision,
                )
            )
        frame = figures.feature_grid_frame(
            activations, limit=limit, selected=side.channel, extra=extra
        )
        components.feature_grid(
            frame, key=key, on_channel=lambda: _on_channel(where), on_count=lambda: None
        )


def _activations_request(where: Where, selection: Selection, count: int) -> ActivationsRequest:
    side = selection.side(where)
    return ActivationsRequest(
        side.model, selection.image, side.layer, count, precision=selection.precision
    )


def _on_bar(where: Where, info: ModelInfo) -> None:
    index = st.session_state[f"{where}_bars"].picked
    label = next((name for name, i in class_labels(info.classes).items() if i == index), None)
    session.change(lambda chosen, offered: with_label(chosen, where, label, offered))


def _on_channel(where: Where) -> None:
    channel = st.session_state[f"{where}_features"].channel
    session.change(lambda chosen, _: chosen.with_side(where, channel=int(channel)))


def _fact(value: str, label: str, help_text: str) -> None:
    st.markdown(f"**{value}** {label}", help=help_text)


def _count(number: int) -> str:
    """138.4 M, 15.5 G."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def _map_difference(shown: Attribution) -> str:
    if shown.difference_to_fp32 is None:
        return ""
    return f" Of the map: {100 * shown.difference_to_fp32:.2g} % of its largest value."


def _about(info: ModelInfo) -> str:
    licence = f" Licence: {info.licence}." if info.licence else ""
    return f"{info.name}: {len(info.classes)} classes, input {info.input_size} px.{licence}"


def escaped(text: str) -> str:
    """Class names of an uploaded checkpoint are no Markdown."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-.!|<>~$:" else c for c in text)


GRAD_CAM = (
    "**Grad-CAM** (Selvaraju et al. 2017): the maps of the layer, each weighted by the mean "
    "gradient of the class's logit with respect to it, summed; negative values are not drawn. "
    "Enlarged bilinearly. Point at the picture for raw values."
)
LOGIT = (
    "A **logit** is a class's score before softmax; softmax turns all logits into probabilities "
    "that sum to 1. Click a bar to see where that class's score comes from."
)
