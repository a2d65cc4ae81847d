"""Panels "Cost" and "B against five 5x5" of page Small filters: from tables alone."""

from typing import Any

import streamlit as st

from dashboard.charts import chart, look
from dashboard.small_filters_controls import number, segments
from dashboard.small_filters_settings import KERNELS, SmallFilterSettings
from vgg_viz.architecture import (
    Architecture,
    StackComparison,
    break_even,
    compare_stack,
    describe_network,
)
from vgg_viz.architecture.stacks import Entry
from vgg_viz.figures import stack_charts

WORDS = {3: "two", 5: "two", 7: "three", 9: "four", 11: "five"}
ENTRIES: dict[str, str] = {"same": "C → C", "half": "C/2 → C", "rgb": "3 → C"}
SHARES = {"same": 1.0, "half": 0.5, "rgb": None}
PAPER = "Simonyan & Zisserman, ICLR 2015 (arXiv 1409.1556)"
COUNTED = "Counted; the argument of arXiv 1409.1556."
ENTRY_HELP = (
    "C is the number of channels that go **out**. **C → C**: as many come in, the case of the "
    "paper's argument. **C/2 → C**: the channels double, as at the entry of a VGG stage (the same "
    "as C → 2C with twice the letter: 54 C² against 50 C² for 5x5). **3 → C**: the photo itself."
)
B, SHALLOW = "vgg13", "vgg13_5x5"


# --- one layer against a stack -------------------------------------------------------------------


def cost_panel(settings: SmallFilterSettings) -> None:
    """k, the channels and the map; formula and number; where the claim holds and where not."""
    _cost_controls(settings)
    entry: Entry = settings.entry  # type: ignore[assignment]  # one_of checks it
    every = [
        compare_stack(int(k), settings.channels, entry=entry, side=settings.side) for k in KERNELS
    ]
    chosen = next(each for each in every if each.one.kernel == int(settings.kernel))
    _verdict(chosen, settings)
    table, bars, ratios = st.columns([10, 11, 11], gap="medium")
    with table:
        with st.container(key="small_table_cost"):
            st.markdown(_table(chosen), help=TERMS)
        st.caption(_costs_of_depth(chosen))
    with bars:
        st.markdown(f"**Weights** for {ENTRIES[entry]}, C = {settings.channels}")
        chart(
            stack_charts.stack_figure(every, chosen.one.kernel, look()),
            key="stack_weights",
            alt=_stack_alt(every),
            rows=[_row(each) for each in every],
            source=COUNTED,
        )
    with ratios:
        st.markdown("**Where the claim holds**: above 1", help=RATIO_HELP)
        chart(
            stack_charts.ratio_figure(
                [int(k) for k in KERNELS], chosen.one.kernel, SHARES[entry], look()
            ),
            key="stack_ratio",
            alt="Weights of one k x k layer over those of a stack of 3x3, by channels in per "
            "channel out; for 5x5 the stack costs more below 0.5625.",
            rows=[
                {"kernel": int(k), "equal at C_in / C": float(break_even(int(k)))} for k in KERNELS
            ],
            source="Markers: equal weights. MACs have the same ratio.",
        )


TERMS = (
    "**Weights**: without biases. **MACs**: multiply-accumulates for one photo, one MAC is two "
    "FLOPs. **Field**: side of what one output sees. **Outputs**: what training has to keep "
    "for the way back."
)
RATIO_HELP = (
    "The first layer of the stack reads the incoming channels, the others C channels each. The "
    "fewer channels come in, the less the large kernel costs: below the marker it is cheaper."
)


def _cost_controls(settings: SmallFilterSettings) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="stack_controls"):
        segments("One layer", "kernel", settings.kernel, {k: f"{k}x{k}" for k in KERNELS})
        segments("Channels", "entry", settings.entry, ENTRIES, help=ENTRY_HELP)
        number("C, channels out", "channels", settings.channels, 2, 4096)
        number("Map side, px", "side", settings.side, 1, 1024)


def _verdict(chosen: StackComparison, settings: SmallFilterSettings) -> None:
    k = chosen.one.kernel
    words = f"**{chosen.verdict}** {k}x{k}: {chosen.one.formula}; stack: {chosen.stack.formula}."
    if chosen.claim_holds:
        less = ", by less than for C → C" if settings.entry == "half" else ""
        st.success(f"{words} The argument for small filters holds{less}.", icon=":material/check:")
        return
    why = {
        "half": f"Only half as many channels come in; below {float(break_even(k)):.4g} C the large "
        "kernel is cheaper.",
        "rgb": "Only 3 channels come in: the large kernel is cheap, but the upper layers of the "
        "stack have C channels in and out.",
    }.get(settings.entry, "")
    st.warning(
        f"{words} **Here the textbook claim fails**: it is made for C → C. {why}",
        icon=":material/warning:",
    )


def _table(chosen: StackComparison) -> str:
    one, stack = chosen.one, chosen.stack
    rows = [
        ("Weights, formula", one.formula, stack.formula),
        ("Weights", f"{one.weights:,}", f"{stack.weights:,}"),
        ("with biases", f"{one.parameters:,}", f"{stack.parameters:,}"),
        (f"MACs at {one.side} x {one.side}", _giga(one.macs), _giga(stack.macs)),
        ("ReLUs", f"{one.nonlinearities}", f"{stack.nonlinearities}"),
        ("Field, px", f"{one.field} x {one.field}", f"{stack.field} x {stack.field}"),
        ("Outputs, elements", _giga(one.activations), _giga(stack.activations)),
    ]
    k = one.kernel
    head = f"| | one {k}x{k} | {WORDS[k]} 3x3 |\n|:--|--:|--:|\n"
    return head + "\n".join(f"| {name} | {left} | {right} |" for name, left, right in rows)


def _costs_of_depth(chosen: StackComparison) -> str:
    n = chosen.stack.nonlinearities
    return (
        f"The stack has {n} ReLUs instead of 1, and keeps {n} maps instead of 1: it trades memory "
        "for non-linearity."
    )


def _row(each: StackComparison) -> dict[str, Any]:
    return {
        "kernel": each.one.kernel,
        "one_formula": each.one.formula,
        "stack_formula": each.stack.formula,
        "one_weights": each.one.weights,
        "stack_weights": each.stack.weights,
        "one_macs": each.one.macs,
        "stack_macs": each.stack.macs,
        "ratio": each.ratio,
    }


def _stack_alt(every: list[StackComparison]) -> str:
    parts = [
        f"{e.one.kernel}x{e.one.kernel}: {e.one.formula} against {e.stack.formula}" for e in every
    ]
    return f"Weights of one layer against a stack of 3x3. {'; '.join(parts)}."


# --- the paper's two networks --------------------------------------------------------------------


def five_panel() -> None:
    """B and the shallow net with one 5x5 for each pair of 3x3: everything that differs."""
    nets = [describe_network(name) for name in (B, SHALLOW)]
    left, right = st.columns([12, 13], gap="medium")
    with left:
        with st.container(key="small_table_five"):
            st.markdown(_net_table(*nets))
        st.markdown(
            "**The paper's result**: the top-1 error of the shallow net is **7 % higher** than "
            "B's, measured on a centre crop.",
            help=f"{PAPER}. What the paper says of it in words; its tables do not list the net.",
        )
        st.markdown(
            "So B is better **although it computes more**: the shallow net has "
            f"{_more(nets[1].conv_parameters, nets[0].conv_parameters)} convolution parameters, "
            f"but {_more(nets[1].macs, nets[0].macs)} MACs. At the entry of stages 2 to 4 the "
            "channels double and the pair costs 13.5 C² against 12.5 C²; only stage 5 (512 → 512) "
            "has the textbook's 18 C² against 25 C². What the pair buys is a second ReLU."
        )
    with right:
        for quantity, title in (("macs", "MACs"), ("parameters", "Parameters")):
            st.markdown(f"**{title} of the convolutions, stage by stage**")
            chart(
                stack_charts.stage_figure(nets, quantity, look()),
                key=f"five_{quantity}",
                alt=_stage_alt(nets, quantity),
                rows=_stage_rows(nets, quantity),
                source=f"Counted from the tables of layers, input {nets[0].input_size} px.",
            )


def _net_table(b: Architecture, shallow: Architecture) -> str:
    rows = [
        ("Parameters", b.parameters, shallow.parameters),
        ("of the convolutions", b.conv_parameters, shallow.conv_parameters),
        (f"MACs at {b.input_size} px", b.macs, shallow.macs),
        (
            "Activations, elements",
            *(net.activation_bytes(bytes_per_value=1) for net in (b, shallow)),
        ),
    ]
    lines = [
        f"| {name} | {_exact(left)} | {_exact(right)} | {_difference(left, right)} |"
        for name, left, right in rows
    ]
    for name, values in (
        ("Layers with weights", [len(net.convs) + 3 for net in (b, shallow)]),
        ("ReLUs", [sum(row.kind == "relu" for row in net.rows) for net in (b, shallow)]),
        ("Field of the last convolution", [_field(net) for net in (b, shallow)]),
    ):
        unit = " px" if name.startswith("Field") else ""
        lines.append(f"| {name} | {values[0]}{unit} | {values[1]}{unit} | {_same(*values)} |")
    head = f"| | {b.title} | {shallow.title} | shallow is |\n|:--|--:|--:|--:|\n"
    return head + "\n".join(lines)


def _field(net: Architecture) -> int:
    return net.convs[-1].receptive_field.size


def _same(left: int, right: int) -> str:
    return "the same" if left == right else f"{right - left:+d}".replace("-", "\u2212")


def _difference(left: int, right: int) -> str:
    return f"{100 * (right / left - 1):+.1f} %".replace("-", "\u2212")


def _more(value: int, than: int) -> str:
    share = 100 * (value / than - 1)
    return f"{abs(share):.0f} % {'more' if share > 0 else 'fewer'}"


def _stage_rows(nets: list[Architecture], quantity: str) -> list[dict[str, Any]]:
    sums = [stack_charts.stage_sums(net, quantity) for net in nets]
    return [
        {
            "stage": stage,
            **{net.title: values[stage - 1] for net, values in zip(nets, sums, strict=True)},
        }
        for stage in range(1, stack_charts.STAGES + 1)
    ]


def _stage_alt(nets: list[Architecture], quantity: str) -> str:
    parts = [
        f"{net.title}: {', '.join(f'{v:,}' for v in stack_charts.stage_sums(net, quantity))}"
        for net in nets
    ]
    return f"{quantity} of the convolutions in stages 1 to 5. {'; '.join(parts)}."


# --- small things --------------------------------------------------------------------------------


def _giga(value: int) -> str:
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:.4g} {unit}"
    return str(value)


def _exact(value: int) -> str:
    return f"{value:,}" if value < 10**9 else f"{value / 1e9:.3f} G"
