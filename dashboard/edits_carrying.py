"""View "Which carry the class": remove channels one after another and watch the logit go."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from dashboard import edits_code, service, session
from dashboard.charts import chart, look
from dashboard.edits_settings import (
    MOST_COUNT,
    EditsSettings,
    keep_factors,
    setting,
    side_head,
    target_of,
    top_row,
)
from dashboard.fetching import fetch_panel
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection, Where, layer_info, model_info
from vgg_viz import figures
from vgg_viz.requests import CarryingChannelsRequest
from vgg_viz.results import CarryingChannels, ModelInfo, ServiceDescription

KEPT = 16  # greedy searches of a visitor
ASKED = "edits_greedy"  # session state: the searches a person started
SHOWN = "print(answer.method, answer.channels, answer.logits)"
HELP = (
    "**By gradient**: the channels of largest gradient × activation (summed over the map), all "
    "ranked by one backward pass. **Greedy**: one after another, each time the channel whose "
    "removal lowers the logit most; every step tries all that answer. Where that takes more than "
    "2 T multiply-accumulates, a step tries those first by gradient × activation, ranked anew, and "
    "the page says how many. **Random order**: mean of 16 orders, seed 0. A channel is removed "
    "behind its ReLU, and the rest of the network runs again."
)


def panel(selection: Selection, settings: EditsSettings, offered: ServiceDescription) -> None:
    """Curves by gradient and in random order at once; the greedy search by a button."""
    infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}
    base = {where: _request(where, selection, settings, infos[where]) for where in WHERE}

    def pickers() -> None:
        setting(
            st.number_input,
            "Channels",
            min_value=1,
            max_value=MOST_COUNT,
            step=1,
            name="count",
            value=settings.count,
            width=130,
            help="How many are set to 0, one after another.",
        )
        st.button(
            "Search greedily",
            key="edits_search",
            type="primary",
            icon=":material/search:",
            help=HELP,
            disabled=not any(info.available for info in infos.values()),
            on_click=_on_search,
            args=([replace(request, method="greedy") for request in base.values()],),
        )

    top_row(selection, offered, pickers)
    slots = {}
    found: dict[Where, list[CarryingChannels]] = {}
    for where, column in zip(WHERE, st.columns(2, gap="medium"), strict=True):
        with column, st.container(gap="xsmall"):
            side_head(where, selection, offered)
            slots[where] = st.container(gap="xsmall")
            with slots[where], service.messages():
                if not infos[where].available:
                    fetch_panel(where, infos[where])
                    continue
                found[where] = [
                    service.run(replace(base[where], method=method))
                    for method in ("gradient", "random")
                ]
    for where, curves in found.items():  # last: a search takes a while
        greedy = replace(base[where], method="greedy")
        if greedy in _asked():
            with slots[where], service.messages():
                layer = layer_info(infos[where], greedy.layer)
                note = (
                    f"{infos[where].title}: trying up to {layer.channels} channels of "
                    f"{layer.name}, {greedy.count} times ..."
                )
                with st.spinner(note, show_time=True):
                    curves.insert(1, service.run(greedy))
    span = _span([curve for curves in found.values() for curve in curves])
    for where, curves in found.items():
        with slots[where], service.messages():
            _side(where, infos[where], curves, span)
    asked = [
        replace(base[where], method=curve.method)  # type: ignore[arg-type]
        for where, curves in found.items()
        for curve in curves
    ]
    if asked:
        edits_code.show_code(asked, SHOWN, key="edits_carry_code")


def _request(
    where: Where, selection: Selection, settings: EditsSettings, info: ModelInfo
) -> CarryingChannelsRequest:
    side = selection.side(where)
    count = min(settings.count, layer_info(info, side.layer).channels)
    target = target_of(where, selection, info)
    return CarryingChannelsRequest(side.model, selection.image, side.layer, target, count)


def _span(curves: Sequence[CarryingChannels]) -> tuple[float, float]:
    """Ends of an axis that holds all curves."""
    low = min((float(curve.lowest.min()) for curve in curves), default=0.0)
    high = max((float(curve.highest.max()) for curve in curves), default=1.0)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def _side(
    where: Where, info: ModelInfo, curves: Sequence[CarryingChannels], span: tuple[float, float]
) -> None:
    first = curves[0]
    st.markdown(
        f"**{info.title}**, {escaped(first.layer)}: what is left of "
        f"**{escaped(first.target_name)}**",
        help=HELP,
    )
    if info.weights == "random":
        st.caption(":material/warning: Untrained: random weights know no class.")
    chart(
        figures.removal_figure(curves, look(), span),
        key=f"{where}_removal",
        alt=f"Lines: logit of {first.target_name} in {info.title}. " + " ".join(map(words, curves)),
        rows=rows(curves),
        source=f"{info.title}, {info.weights_title}.",
    )
    for curve in curves:
        st.markdown(f"- {escaped(words(curve))}")
    with st.container(horizontal=True):
        for curve in curves:
            if curve.channels:
                st.button(
                    f"Edit the {curve.method} ones",
                    key=f"{where}_use_{curve.method}",
                    icon=":material/tune:",
                    help="Opens them on the view Channels, switched off",
                    on_click=_on_use,
                    args=(where, curve.channels),
                )


def words(curve: CarryingChannels) -> str:
    """What a method found: "Greedy: 3, 17, 5; logit 9.1 → 2.4, 98 % → 12 %."."""
    name = {"gradient": "By gradient", "greedy": "Greedy", "random": "Random order"}[curve.method]
    if pruned(curve):
        name = f"Greedy among the {curve.candidates} first by gradient, of {curve.alive}"
    listed = ", ".join(map(str, curve.channels)) or f"mean of {curve.orders} orders"
    return (
        f"{name}: {listed}; logit {curve.logits[0]:.3g} → {curve.logits[-1]:.3g}, "
        f"{100 * curve.probabilities[0]:.3g} % → {100 * curve.probabilities[-1]:.3g} % "
        f"({curve.passes} partial passes)."
    )


def pruned(curve: CarryingChannels) -> bool:
    """Whether a greedy search tried fewer channels than there were."""
    return 0 < curve.candidates < curve.alive


def rows(curves: Sequence[CarryingChannels]) -> list[dict[str, object]]:
    """Every point of every curve, unrounded."""
    return [
        {
            "method": curve.method,
            "removed": step,
            "channel": curve.channels[step - 1] if step and curve.channels else "",
            "logit": float(curve.logits[step]),
            "lowest": float(curve.lowest[step]),
            "highest": float(curve.highest[step]),
            "probability": float(curve.probabilities[step]),
            "candidates": curve.candidates,
            "layer": curve.layer,
            "class": curve.target_name,
        }
        for curve in curves
        for step in range(len(curve.logits))
    ]


def _asked() -> list[CarryingChannelsRequest]:
    asked: list[CarryingChannelsRequest] = st.session_state.setdefault(ASKED, [])
    return asked


def _on_search(requests: Sequence[CarryingChannelsRequest]) -> None:
    known = [request for request in _asked() if request not in requests]
    st.session_state[ASKED] = [*known, *requests][-KEPT:]


def _on_use(where: Where, channels: tuple[int, ...]) -> None:
    keep_factors(where, dict.fromkeys(channels, 0.0))
    session.set_settings(view="channels")
