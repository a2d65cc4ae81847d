"""View "Measured": milliseconds of each layer on this device, and the roofline above them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from dashboard import controls, service
from dashboard.charts import chart, look
from dashboard.computation_settings import (
    OWN,
    ComputationSettings,
    duration,
    info_of,
    network_row,
)
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection
from vgg_viz import figures
from vgg_viz.requests import LayerTimingsRequest
from vgg_viz.results import Bound, LayerTiming, LayerTimings, ModelInfo, ServiceDescription

BOUNDS: dict[Bound, str] = {"compute": "arithmetic", "memory": "memory"}
KEPT = 16  # measurements of a visitor
EMPTY = (
    "Nothing is measured yet. A click runs each layer of both networks on {device}, up to 25 times "
    "in turn with the whole network, and measures what the device can do: the speed of large "
    "matrix products and of large copies. That takes 10 to 60 seconds, longest for VGG with a "
    "large batch; other visitors wait meanwhile."
)
ROOFLINE_HELP = (
    "**Roofline** (Williams, Waterman & Patterson 2009). A layer does 2 × MACs operations and has "
    "to move its weights, input and output once. Their ratio is its place on the horizontal axis. "
    "Left of the **ridge** memory is too slow to keep the arithmetic busy, right of it arithmetic "
    "is the limit. Points above a roof: small maps stay in a cache, which is faster than memory, "
    "and the roofs are measured too: another program may have run meanwhile."
)
TIME_HELP = (
    "Bars: median of the repeats, layers run one after another on their real input. ◆: the time "
    "its MACs take at the measured peak; ✚: the time its bytes take at the measured bandwidth. "
    "The higher of the two is the layer's roof; what the bar has above it is overhead."
)


def panel(selection: Selection, settings: ComputationSettings, offered: ServiceDescription) -> None:
    """A button; then times, roofline and what bounds which layer."""

    def precision() -> None:
        controls.precision_picker(selection, offered)

    network_row(selection, settings, offered, precision)
    infos = [info_of(where, selection, offered) for where in WHERE]
    asked = list(dict.fromkeys(_request(info, selection, settings) for info in infos))
    kept: dict[LayerTimingsRequest, LayerTimings] = st.session_state.setdefault("timings", {})
    with st.container(horizontal=True, vertical_alignment="center", key="computation_measure_row"):
        again = all(request in kept for request in asked)
        clicked = st.button(
            "Measure again" if again else "Measure on this device",
            key="computation_measure",
            type="secondary" if again else "primary",
            icon=":material/speed:",
        )
        status = st.empty()
    if clicked:
        with service.messages():
            _measure(asked, kept, infos, again=again, status=status)
            st.rerun()  # the button has another name now
    timings = [kept[request] for request in asked if request in kept]
    if not timings:
        st.info(EMPTY.format(device=offered.device), icon=":material/speed:")
        return
    with status:
        st.caption(escaped(_conditions(timings)))
    with service.messages():
        _times(timings)
        _roofline(timings)


def _request(
    info: ModelInfo, selection: Selection, settings: ComputationSettings
) -> LayerTimingsRequest:
    model = info.name if settings.networks == "loaded" else f"{info.network}:random"
    size = None if settings.size == OWN else int(settings.size)
    return LayerTimingsRequest(model, settings.batch, size, selection.precision)


def _measure(
    asked: Sequence[LayerTimingsRequest],
    kept: dict[LayerTimingsRequest, LayerTimings],
    infos: Sequence[ModelInfo],
    *,
    again: bool,
    status: Any,
) -> None:
    """One network after another; those that are measured already only when asked for `again`."""
    titles = {info.network: info.title for info in infos}
    for request in asked:
        if request in kept and not again:
            continue
        attempts: dict[LayerTimingsRequest, int] = st.session_state.setdefault("attempts", {})
        attempts[request] = attempts.get(request, -1) + 1
        title = titles[request.model.partition(":")[0]]
        with status, st.spinner(f"Measuring {title}", show_time=True):
            kept[request] = service.run(replace(request, attempt=attempts[request]))
    while len(kept) > KEPT:
        del kept[next(iter(kept))]


def _conditions(timings: Sequence[LayerTimings]) -> str:
    first = timings[0]
    made = first.provenance
    versions = " ".join(made.versions[-1])
    images = "1 image" if first.batch == 1 else f"batch {first.batch}"
    weights = "; ".join(dict.fromkeys(timing.provenance.weights for timing in timings))
    return (
        f"{first.device_title} · {made.precision} · {images} · {weights} · {versions}. "
        "Times do not depend on what the weights are."
    )


# --- charts --------------------------------------------------------------------------------------


def _times(timings: Sequence[LayerTimings]) -> None:
    top = max(figures.highest(timing) for timing in timings)
    for number, column in enumerate(st.columns(len(timings), gap="medium")):
        timing = timings[number]
        with column, st.container(gap="xsmall"):
            st.markdown(_summary(timing), help=TIME_HELP)
            chart(
                figures.time_figure(
                    timing,
                    look(),
                    title=f"{timing.title}: milliseconds per layer",
                    top=top,
                ),
                key=f"computation_times_{number}",
                alt=f"Bars: milliseconds of each layer of {timing.title}. {_slowest(timing)}",
                rows=rows(timing),
                source=f"{_source(timing)} {_slowest(timing)}",
            )


def _roofline(timings: Sequence[LayerTimings]) -> None:
    best = max(timings, key=lambda timing: timing.ridge)
    words = [f"**{timing.title}**. {_bounds(timing)}" for timing in timings]
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(gap="xsmall"):
        chart(
            figures.roofline_figure(timings, look()),
            key="computation_roofline",
            alt=f"Roofline of {best.device_title}. {' '.join(words)}",
            rows=[{"network": t.title, **row} for t in timings for row in rows(t) if row["MACs"]],
            source=_source(best),
        )
    with right:
        st.markdown("**Bound by what?**", help=ROOFLINE_HELP)
        for text in words:
            st.markdown(text)
        st.dataframe(
            [_table_row(t, layer) for t in timings for layer in t.layers if layer.macs],
            hide_index=True,
            height=300,
            key="computation_measured_table",
        )


def _summary(timing: LayerTimings) -> str:
    """Whole network against the sum of its layers."""
    whole, total = duration(timing.whole_seconds), duration(timing.sum_seconds)
    rate = 2 * sum(layer.macs for layer in timing.layers) / timing.whole_seconds
    return (
        f"**{timing.title}**: **{whole}** in one go, {total} as the sum of its "
        f"layers · **{figures.amount(rate)}FLOP/s** ({100 * rate / timing.peak_flops:.0f} % of "
        "the measured peak)"
    )


def _slowest(timing: LayerTimings) -> str:
    slow = sorted(timing.layers, key=lambda layer: -layer.seconds)[:3]
    words = ", ".join(
        f"{layer.layer} {100 * layer.seconds / timing.sum_seconds:.0f} %" for layer in slow
    )
    return f"Slowest: {words} of the time."


def _bounds(timing: LayerTimings) -> str:
    """Which layers are bound by what, and how much time both take."""
    parts = []
    for bound, title in BOUNDS.items():
        layers = [layer for layer in timing.layers if timing.bound(layer) == bound]
        spent = sum(layer.seconds for layer in layers) / timing.sum_seconds
        named = [layer.layer for layer in layers if layer.macs]
        rest = any(not layer.macs for layer in layers)
        listed = [*_ranges(named), *(["all ReLU, pooling and normalisation"] if rest else [])]
        names = ", ".join(listed) or "none"
        parts.append(f"{title.capitalize()}: {names} ({100 * spent:.0f} % of the time).")
    return " ".join(parts)


def _ranges(names: Sequence[str]) -> list[str]:
    """ "conv1_1 to conv5_3, fc6, fc7": long runs of convolutions by their ends."""
    convs = [name for name in names if name.startswith("conv")]
    others = [name for name in names if not name.startswith("conv")]
    if len(convs) > 4:
        convs = [f"{len(convs)} convolutions ({convs[0]} to {convs[-1]})"]
    return convs + others


def _source(timing: LayerTimings) -> str:
    times = "once" if timing.repeats == 1 else f"median of {timing.repeats}"
    return (
        f"Measured on {timing.device_title} ({times}): peak "
        f"{figures.digits(timing.peak_flops / 1e9)} GFLOP/s, memory "
        f"{figures.digits(timing.bandwidth / 1e9)} GB/s."
    )


def _table_row(timing: LayerTimings, layer: LayerTiming) -> dict[str, Any]:
    """Of a layer with weights, rounded to be read."""
    return {
        "network": timing.title,
        "layer": layer.layer,
        "ms": float(f"{1000 * layer.seconds:.3g}"),
        "M MACs": float(f"{layer.macs / 1e6:.4g}"),
        "GFLOP/s": float(f"{layer.flops_per_second / 1e9:.3g}"),
        "bound by": BOUNDS[timing.bound(layer)],
        "% of roof": round(100 * timing.roof_share(layer)),
    }


def rows(timing: LayerTimings) -> list[dict[str, Any]]:
    """Every layer's numbers, unrounded."""
    return [
        {
            "layer": layer.layer,
            "kind": layer.kind,
            "ms": 1000 * layer.seconds,
            "fastest ms": 1000 * layer.fastest,
            "MACs": layer.macs,
            "bytes moved": layer.moved_bytes,
            "GFLOP/s": layer.flops_per_second / 1e9,
            "GB/s": layer.bytes_per_second / 1e9,
            "FLOPs per byte": layer.intensity,
            "bound by": BOUNDS[timing.bound(layer)],
            "share of roof": timing.roof_share(layer),
            "batch": timing.batch,
            "input px": timing.provenance.input_size,
        }
        for layer in timing.layers
    ]
