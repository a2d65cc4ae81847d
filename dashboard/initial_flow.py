"""Signal and gradient before any training: settings side by side, in curves and in words."""

import re
import time
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import flow_controls, flow_panels, service
from dashboard.flow_downloads import downloads
from dashboard.flow_settings import (
    REFERENCE,
    SCALES,
    FlowSelection,
    Setting,
    request,
    source_missing,
    title,
)
from dashboard.network_column import escaped
from vgg_viz import figures
from vgg_viz.figures import Curve
from vgg_viz.requests import GradientFlowRequest
from vgg_viz.results import GradientFlow, ServiceDescription

EMPTY = "Nothing to compare yet. Add a setting, or choose a ready comparison above."
MISSING = (
    "Staged at full width copies from ImageNet weights of A (VGG-11), which are not on this "
    "machine: fetch them on page Compare. At quarter width it copies from the bundled A."
)
ROW = 3  # settings beside one another
WORTH_A_DRAFT = 0.5  # s; curves are drawn before the last one is there when it takes this long
IN_CARD = 2  # sentences of a verdict: gradient and signal; the others stand below the charts
EULER = (
    "**Euler's identity**: without biases and normalisation a ReLU network is proportional to the "
    "weights of each layer, so ⟨W, dL/dW⟩, the sum of all weights times their gradients, is the "
    "same in every layer. Therefore |dL/dW| does not fall with depth while z and dL/dz do. Spread: "
    "(largest − smallest) / largest."
)


def panel() -> None:
    """The whole panel; results appear one after another as they are computed."""
    offered = service.get_service().describe()
    chosen = flow_controls.selection(offered)
    download_box = flow_controls.top_row(chosen, offered)
    slots = _cards(chosen, offered)
    if not chosen.settings:
        st.info(EMPTY, icon=":material/info:")
        return
    boxes = flow_panels.chart_boxes(chosen)
    status = st.empty()
    curves = _ask_all(chosen, offered, slots, boxes, status)
    with download_box, service.messages():
        downloads(curves, chosen, _lines(curves, chosen), offered.version)
    if curves:
        with service.messages():
            flow_panels.charts(boxes, curves, chosen, draft=False)
            flow_panels.legend_line(curves, chosen)
            _checks(curves)
            _more_words(curves)
            st.caption(escaped(_provenance(curves, chosen)))
            flow_panels.histograms(curves, chosen)


def _cards(chosen: FlowSelection, offered: ServiceDescription) -> list[DeltaGenerator]:
    """A card for each setting; returns the places for their verdicts."""
    slots: list[DeltaGenerator] = []
    count = len(chosen.settings)
    for start in range(0, count, ROW):
        numbers = range(start, min(start + ROW, count))
        columns = st.columns(min(count, ROW), gap="small")
        for number, column in zip(numbers, columns, strict=False):
            with column, st.container(border=True, gap="xsmall", key=f"flow_card_{number}"):
                flow_controls.setting_pickers(number, chosen, offered)
                slots.append(st.empty())
    return slots


# --- asking --------------------------------------------------------------------------------------


def _ask_all(
    chosen: FlowSelection,
    offered: ServiceDescription,
    slots: Sequence[DeltaGenerator],
    boxes: Sequence[DeltaGenerator],
    status: DeltaGenerator,
) -> list[Curve]:
    """One setting after another; an error stays in its card, the others go on."""
    curves: list[Curve] = []
    for number, (setting, slot) in enumerate(zip(chosen.settings, slots, strict=True)):
        started = time.monotonic()
        with slot, service.messages():
            if source_missing(setting, chosen.size, offered):
                _missing_source(slot, number)
                continue
            words = f"{title(setting, offered)} ({number + 1} of {len(slots)})"
            curves.append(Curve(_ask(request(setting, chosen), words, slot), number))
            _verdict(curves[-1].flow, slot)
            waited = time.monotonic() - started
            if waited > WORTH_A_DRAFT and number + 1 < len(slots):
                flow_panels.charts(boxes, curves, chosen, draft=True)
    if curves and chosen.reference:
        with status, service.messages():
            curves += _reference(curves, chosen, offered, status)
    return curves


def _reference(
    curves: Sequence[Curve],
    chosen: FlowSelection,
    offered: ServiceDescription,
    status: DeltaGenerator,
) -> list[Curve]:
    """The deepest network shown with He's initialisation, unless it is shown anyway."""
    deepest = max((curve.flow for curve in curves), key=lambda flow: len(flow.layers))
    setting = Setting(deepest.network, REFERENCE)
    if setting in chosen.settings:
        return []
    flow = _ask(request(setting, chosen), f"reference {title(setting, offered)}", status)
    status.empty()
    return [Curve(flow, None)]


def _ask(asked: GradientFlowRequest, words: str, slot: DeltaGenerator) -> GradientFlow:
    """Ask the service; while it computes what nobody here asked before, `slot` says so."""
    known: set[GradientFlowRequest] = st.session_state.setdefault("flow_asked", set())
    if asked not in known:
        slot.caption(
            f":material/hourglass_top: Computing {escaped(words)}: one forward and one backward "
            "pass, 2 to 3 seconds."
        )
    flow = service.run(asked)
    known.add(asked)
    return flow


# --- words ---------------------------------------------------------------------------------------


def _missing_source(slot: DeltaGenerator, number: int) -> None:
    with slot.container():
        st.warning(MISSING, icon=":material/download:")
        st.button(
            "Use quarter width",
            key=f"flow_quarter_{number}",
            on_click=lambda: flow_controls.change(lambda now: replace(now, size="quarter")),
        )


def _verdict(flow: GradientFlow, slot: DeltaGenerator) -> None:
    """What gradient and signal do; for staged weights, where they come from."""
    with slot.container(gap="xsmall"):
        st.markdown(" ".join(f"**{_spoken(text)}**" for text in flow.verdict[:IN_CARD]))
        if problem := figures.non_finite(flow):
            st.warning(problem, icon=":material/warning:")
        if flow.copied:
            st.caption(escaped(_copied(flow)))


def _more_words(curves: Sequence[Curve]) -> None:
    """What else the verdicts say: on weight gradients and loss."""
    for curve in curves:
        if curve.number is not None and (rest := curve.flow.verdict[IN_CARD:]):
            words = " ".join(map(_spoken, rest))
            st.markdown(f"{_sign(curve)} **{escaped(curve.label)}**: {words}")


def _spoken(text: str) -> str:
    # A hyphen that does not break: "2e-" on one line and "07" on the next reads as nothing.
    return escaped(re.sub(r"(?<=\de)-(?=\d)", "\u2011", text))


def _copied(flow: GradientFlow) -> str:
    same = [ours for theirs, ours in flow.copied if theirs == ours]
    moved = [f"{ours} (its {theirs})" for theirs, ours in flow.copied if theirs != ours]
    return f"Copied from the trained A: {', '.join([*same, *moved])}."


def _checks(curves: Sequence[Curve]) -> None:
    """Euler's identity, measured: the page's own check."""
    shown = [curve for curve in curves if curve.number is not None]
    held = [curve for curve in shown if curve.flow.euler_spread is not None]
    parts = [
        f"{_sign(curve)} {figures.digits(float(curve.flow.euler_spread or 0))}" for curve in held
    ]
    if parts:
        st.markdown(
            "Check: **⟨W, dL/dW⟩ is the same number in every layer**: "
            f"spread {' · '.join(parts)}. So |dL/dW| does not vanish with depth.",
            help=EULER,
        )
    for curve in shown:
        if curve.flow.euler_spread is None:
            st.caption(
                f"{_sign(curve)} {escaped(curve.label)}: ⟨W, dL/dW⟩ differs between layers, "
                f"because {_why_not(curve.flow)}.",
                help=EULER,
            )


def _why_not(flow: GradientFlow) -> str:
    """Why Euler's identity does not hold here."""
    if figures.non_finite(flow):
        return "the numbers overflow"
    if flow.network.endswith("_bn"):
        return "batch norm takes the scale of the weights out (then the product is 0)"
    if flow.network.endswith("_lrn") or flow.network.startswith("zfnet"):
        return "local response normalisation is not proportional to its input"
    return "the layers have biases that are not 0"


def _sign(curve: Curve) -> str:
    return figures.MARKERS[(curve.number or 0) % len(figures.MARKERS)][1]


def _provenance(curves: Sequence[Curve], chosen: FlowSelection) -> str:
    """What made the curves, one line."""
    flows = [curve.flow for curve in curves]
    used = [flow.provenance for flow in flows]
    parts = [
        *dict.fromkeys(made.weights for made in used),
        SCALES[chosen.size].about,
        *dict.fromkeys(f"input {flow.input_title}" for flow in flows),
        f"learning rate {chosen.learning_rate:g}",
        *dict.fromkeys(f"{made.device}, {made.precision}" for made in used),
        *dict.fromkeys(f"{name} {version}" for made in used for name, version in made.versions),
    ]
    return " · ".join(parts)


def _lines(curves: Sequence[Curve], chosen: FlowSelection) -> dict[str, str]:
    """The caption of the downloaded charts."""
    lines = {curve.label: " ".join(curve.flow.verdict) for curve in curves}
    return {**lines, "Made by": _provenance(curves, chosen)} if curves else {}
