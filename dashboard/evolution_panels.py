"""Two networks drawn to scale, their totals, and what each change between them costs."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import components, session
from dashboard.charts import chart, csv_button, look
from dashboard.evolution_controls import EvolutionSettings, as_loaded
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection, with_layer
from dashboard.widgets import controlled
from vgg_viz import figures
from vgg_viz.architecture import Architecture, Change, Ledger
from vgg_viz.figures import COSTS
from vgg_viz.results import ModelInfo

SHORT = {
    "parameters": "Parameters",
    "macs": "MACs",
    "activation_bytes": "Activations",
    "depth": "Layers",
    "receptive_field": "Field",
}
ORDERS = {"depth": "By depth", "size": "Largest first"}
SIGNS = {"same": "=", "changed": "~", "added": "+", "removed": "−"}
STATUS_COLOURS = {"same": "gray", "changed": "orange", "added": "green", "removed": "red"}
PAPERS = {
    "alexnet": "arXiv 1404.5997 as in torchvision",
    "zfnet": "arXiv 1311.2901",
    "vgg": "arXiv 1409.1556",
}


# --- the picture ---------------------------------------------------------------------------------


def columns(
    ledger: Ledger, selection: Selection, infos: list[ModelInfo], settings: EvolutionSettings
) -> None:
    """The two columns; a click on a convolution chooses it on every page."""
    pair = (ledger.before, ledger.after)
    lines = [_sizes(a, i, settings) for a, i in zip(pair, infos, strict=True)]
    frame = figures.network_columns_frame(
        ledger,
        quantity=settings.cost,
        selected=(selection.left.layer, selection.right.layer),
        details=(lines[0], lines[1]),
    )
    components.network_columns(frame, key="columns", on_pick=_on_pick)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.page_link(
            "app_pages/compare.py",
            label=f"Compare {selection.left.layer} and {selection.right.layer} on a photo",
            icon=":material/compare:",
        )
        st.caption(source(ledger))


def _sizes(a: Architecture, info: ModelInfo, settings: EvolutionSettings) -> str:
    sizes = f"{a.input_size} px, {a.config.width:.3g} × width, {a.config.classes} classes"
    if not as_loaded(info, settings):
        return sizes
    # The titles of bundled weights name these sizes too.
    weights = "bundled weights" if info.weights == "bundled" else info.weights_title
    return f"{weights}: {sizes}"


def _on_pick() -> None:
    picked: Mapping[str, str] | None = st.session_state["columns"].picked
    if picked and picked.get("side") in WHERE:
        side = WHERE[0] if picked["side"] == WHERE[0] else WHERE[1]
        session.change(lambda chosen, known: with_layer(chosen, side, str(picked["layer"]), known))


def source(ledger: Ledger) -> str:
    """Where the numbers come from: tables, no weights."""
    names = [a.config.network for a in (ledger.before, ledger.after)]
    papers = dict.fromkeys(
        paper for name in names for start, paper in PAPERS.items() if name.startswith(start)
    )
    return f"Computed from the networks' tables, without weights: {'; '.join(papers)}."


# --- totals --------------------------------------------------------------------------------------


def totals(ledger: Ledger) -> None:
    """Both networks' costs and their difference."""
    head = f"| | {ledger.before.title} | {ledger.after.title} | Difference |\n|:--|--:|--:|--:|\n"
    rows = zip(
        COSTS.values(),
        ledger.total_before.numbers,
        ledger.total_after.numbers,
        ledger.sum.numbers,
        strict=True,
    )
    lines = [
        f"| {cost.title} | {figures.amount(before, cost.unit)} | "
        f"{figures.amount(after, cost.unit)} | **{figures.signed(change, cost.unit)}** |"
        for cost, before, after, change in rows
    ]
    with st.container(key="evolution_totals"):
        st.markdown(head + "\n".join(lines))


TERMS = "\n\n".join(f"**{cost.title}**: {cost.explanation}" for cost in COSTS.values())


# --- waterfall -----------------------------------------------------------------------------------


def waterfall(ledger: Ledger, settings: EvolutionSettings) -> None:
    """Which layers make the difference in one quantity."""
    controlled(
        st.segmented_control,
        "What changes",
        list(COSTS),
        key="evolution_cost",
        value=settings.cost,
        apply=lambda cost: session.set_settings(cost=cost),
        format_func=SHORT.__getitem__,
        required=True,
        help=TERMS,
    )
    cost = COSTS[settings.cost]
    bars = figures.waterfall_bars(ledger, settings.cost)
    if not bars:
        st.info(_unchanged(ledger, cost.title), icon=":material/info:")
        return
    words = "; ".join(f"{bar.label} {figures.signed(bar.amount, cost.unit)}" for bar in bars)
    total = figures.signed(getattr(ledger.sum, settings.cost), cost.unit)
    chart(
        figures.waterfall_figure(ledger, settings.cost, look()),
        key="evolution_waterfall",
        alt=f"Waterfall of {cost.title}, from {ledger.before.title} to {ledger.after.title}: "
        f"{words}; sum {total}.",
        rows=[
            {"layer": bar.label, "quantity": cost.title, "unit": cost.unit, "change": bar.amount}
            for bar in bars
        ],
        source=source(ledger),
    )


def _unchanged(ledger: Ledger, title: str) -> str:
    others = [COSTS[name].title for name in COSTS if figures.waterfall_bars(ledger, name)]
    elsewhere = f"; what changes: {', '.join(others)}" if others else ""
    return f"{title}: no layer differs{elsewhere}."


# --- ledger --------------------------------------------------------------------------------------


def ledger_table(ledger: Ledger, settings: EvolutionSettings) -> None:
    """Every change with what it costs, and the sum."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="evolution_ledger_head"):
        st.subheader("Cost ledger", help=LEDGER_HELP, width="content")
        controlled(
            st.segmented_control,
            "Order",
            list(ORDERS),
            key="evolution_order",
            value=settings.order,
            apply=lambda order: session.set_settings(order=order),
            format_func=ORDERS.__getitem__,
            label_visibility="collapsed",
            required=True,
            help=f"**Largest first**: by {COSTS[settings.cost].title}.",
        )
        csv_button(
            ledger_rows(ledger),
            key="evolution_ledger_csv",
            name="cost-ledger",
            source=source(ledger),
        )
    shown = [change for change in ledger.changes if change.status != "same"]
    if settings.order == "size":
        shown.sort(key=lambda change: -abs(getattr(change.costs, settings.cost)))
    head = " | ".join(
        f"{cost.title}, {cost.unit}" if cost.unit else cost.title for cost in COSTS.values()
    )
    lines = [
        f"| | Layer | What | {head} |",
        "|:-:|:--|:--|" + "--:|" * len(COSTS),
        *(_line(change) for change in shown),
        f"| | **Sum** | = difference of the totals | {_numbers(ledger.sum.numbers)} |",
    ]
    with st.container(key="evolution_ledger"):
        st.markdown("\n".join(lines))
    st.caption(_counts(ledger))


def _line(change: Change) -> str:
    colour, sign = STATUS_COLOURS[change.status], SIGNS[change.status]
    name = escaped(change.name.replace("->", "→"))
    words = escaped(change.words.replace("->", "→"))
    return f"| :{colour}[**{sign}**] | {name} | {words} | {_numbers(change.costs.numbers)} |"


def _numbers(numbers: tuple[int, ...]) -> str:
    return " | ".join(f"{number:+,}".replace("-", "−") if number else "·" for number in numbers)


def _counts(ledger: Ledger) -> str:
    parts = [
        f"{ledger.count(status)} {status} ({SIGNS[status]})"
        for status in ("added", "removed", "changed")
    ]
    same = ledger.count("same")
    return f"{', '.join(parts)}; {same} {'is' if same == 1 else 'are'} the same and not listed."


def ledger_rows(ledger: Ledger) -> list[dict[str, Any]]:
    """The whole ledger for a file, unchanged layers too."""
    return [
        {
            "change": change.status,
            "kind": change.kind,
            "before": change.before.name if change.before else "",
            "after": change.after.name if change.after else "",
            **{name: getattr(change.costs, name) for name in COSTS},
            "words": change.words,
        }
        for change in ledger.changes
    ]


LEDGER_HELP = (
    "Layers are aligned in order, only with layers of their kind. What a layer's change does to "
    "all that follows (larger maps, more input channels) stands in the rows of those layers, so "
    "that the sum is exact. Activations in bytes of fp32 for one image; field and maps in px."
)
