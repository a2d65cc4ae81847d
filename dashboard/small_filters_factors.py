"""Panel "Factorisation" of page Small filters: which kernels smaller ones can make."""

from typing import Any

import streamlit as st

from dashboard import service, session
from dashboard.charts import chart, csv_button, look
from dashboard.network_column import escaped
from dashboard.small_filters_controls import model, number, segments
from dashboard.small_filters_settings import (
    EXAMPLES,
    SmallFilterSettings,
    chosen_model,
    example,
    five_by_five_models,
    typed_kernel,
)
from vgg_viz.architecture import describe_network
from vgg_viz.figures import factorisation_charts, kernel_pictures
from vgg_viz.requests import (
    FactorisationRequest,
    KernelsRequest,
    LayerFactorisationRequest,
    SharedFactorisationRequest,
)
from vgg_viz.results import (
    Factorisation,
    Float32,
    Kernels,
    LayerFactorisation,
    ModelInfo,
    Provenance,
    ServiceDescription,
    SharedFactorisation,
)

NO_MODEL = "No network with 5x5 kernels is on this machine; choose another kernel above."
RULE = (
    "Two 3x3 convolutions without the ReLU between them are one 5x5 convolution: **K = a * b**, "
    "a full convolution. It has 17 free numbers (9 + 9 less 1, a factor can move), K has 25: so "
    "most 5x5 kernels cannot be made. **Residual**: ‖K − a * b‖ / ‖K‖ of the best fit found, 0 % "
    "is exact; Levenberg-Marquardt from 128 seeded beginnings (32 for a whole layer)."
)
SEPARABLE = (
    "**Separable**: a column times a row, 5 + 5 numbers instead of 25. The SVD gives the best one; "
    "**rank-1 energy** is its share of ‖K‖². **Effective rank** (Roy & Vetterli 2007): exp of the "
    "entropy of the singular values, 1 to 5."
)
OWN_HINT = "25 numbers, row by row"
CELL = 40  # px
EXACT = factorisation_charts.EXACT


def panel(settings: SmallFilterSettings, offered: ServiceDescription) -> None:
    """A kernel and what makes it; the layer it is from; the whole layer; 1x1 as the extreme."""
    models = five_by_five_models(offered)
    info = chosen_model(settings.of, models)
    stored = _controls(settings, models, info)
    kernel, title = _kernel(settings, stored)
    if kernel is None:
        st.info(title, icon=":material/info:")
        return
    fit = service.run(FactorisationRequest(kernel, settings.between))
    _equation(fit, title)
    from_layer = settings.source == "layer" and stored is not None
    columns = st.columns(3 if info else 1, gap="medium")
    with columns[0]:
        _channels(fit, title)
    if info is not None:
        layer = service.run(LayerFactorisationRequest(info.name))
        chosen = (settings.output, settings.input) if from_layer else None
        with columns[1]:
            _spread(layer, fit, info)
        with columns[2]:
            _points(layer, chosen, info)
        _whole_layer(info)
    _one_by_one()


# --- choosing ------------------------------------------------------------------------------------


def _controls(
    settings: SmallFilterSettings, models: list[ModelInfo], info: ModelInfo | None
) -> Kernels | None:
    """Pickers; returns the weights of the layer kernels are taken from."""
    titles = {"layer": "From a network", **EXAMPLES, "own": "Your own"}
    stored = None
    with st.container(horizontal=True, vertical_alignment="bottom", key="factor_controls"):
        segments("Kernel K", "source", settings.source, titles)
        segments(
            "Channels between",
            "between",
            str(settings.between),
            {str(count): str(count) for count in range(1, 5)},
            help="With M channels between the two layers, K is a sum of M products a * b.",
            whole=True,
        )
    if settings.source == "own":
        _typing(settings)
    if settings.source == "layer" and info is not None:
        stored = service.run(KernelsRequest(info.name, _layer_of(info)))
        outputs, inputs = stored.weights.shape[:2]
        with st.container(horizontal=True, vertical_alignment="bottom", key="factor_kernel"):
            with st.container(width=320):
                model("Network with 5x5 kernels", "of", info, models)
            number("Output channel", "output", settings.output, 0, outputs - 1, width=140)
            number("Input channel", "input", settings.input, 0, inputs - 1, width=140)
            st.caption("Or click a point in the last chart.")
    return stored


def _typing(settings: SmallFilterSettings) -> None:
    text = settings.values or ", ".join(f"{value:g}" for value in example("corner"))

    def use() -> None:
        typed = st.session_state.small_values
        if typed_kernel(typed) is None:
            service.tell("Give 25 numbers for the kernel, separated by commas or spaces.")
            return
        values = typed_kernel(typed) or ()
        session.set_settings(values=",".join(f"{value:g}" for value in values))

    st.session_state.small_values = text
    st.text_input(OWN_HINT, key="small_values", on_change=use)


def _kernel(
    settings: SmallFilterSettings, stored: Kernels | None
) -> tuple[tuple[float, ...] | None, str]:
    """The 25 values and their name; None with the reason when there are none."""
    if settings.source == "layer":
        if stored is None:
            return None, NO_MODEL
        outputs, inputs = stored.weights.shape[:2]
        at = min(settings.output, outputs - 1), min(settings.input, inputs - 1)
        values = stored.weights[at].ravel()
        return tuple(map(float, values)), f"{stored.layer}, output {at[0]}, input {at[1]}"
    if settings.source == "own":
        return typed_kernel(settings.values) or example("corner"), "your kernel"
    return example(settings.source), EXAMPLES[settings.source]


def _layer_of(info: ModelInfo) -> str:
    """The first 5x5 layer: conv2, or conv1_1 of the shallow B."""
    return "conv1_1" if info.network == "vgg13_5x5" else "conv2"


# --- one kernel ----------------------------------------------------------------------------------


def _equation(fit: Factorisation, title: str) -> None:
    """K, a, b, their product and what is left, as pictures in a row."""
    limit = kernel_pictures.limit_of(fit.kernel, fit.product, fit.separable)
    exact = fit.residuals[fit.channels - 1]
    verdict = "**exactly**" if exact < EXACT else f"with a residual of **{100 * exact:.1f} %**"
    pairs = "One pair of 3x3 makes" if fit.channels == 1 else f"{fit.channels} pairs of 3x3 make"
    st.markdown(f"{pairs} **{escaped(title)}** {verdict}.", help=RULE)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="equation"):
        _picture("K", fit.kernel, limit)
        for number_, (a, b) in enumerate(zip(fit.first, fit.second, strict=True)):
            mark = "" if fit.channels == 1 else f" {number_ + 1}"
            _picture(f"a{mark}", a, kernel_pictures.limit_of(a, b))
            _picture(f"b{mark}", b, kernel_pictures.limit_of(a, b))
        _picture("a * b" if fit.channels == 1 else "Σ a * b", fit.product, limit)
        _picture(
            "K − a * b" if fit.channels == 1 else "K − Σ a * b", fit.kernel - fit.product, limit
        )
        _picture("separable", fit.separable, limit)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"5x5 on one scale, ends ±{limit:.3g}; a and b on their own. "
            f"Best separable kernel: rank-1 energy {100 * fit.rank_1_energy:.1f} %, effective rank "
            f"{fit.effective_rank:.2f}.",
            help=SEPARABLE,
        )
        csv_button(
            _kernel_rows(fit), key="equation_csv", name="factorisation", source=f"Fit of {title}"
        )


def _picture(name: str, values: Float32, limit: float) -> None:
    with st.container(width="content", gap=None):
        st.markdown(f"**{name}**")
        st.image(
            kernel_pictures.kernel_png(values, limit, cell=CELL),
            output_format="PNG",
            width=CELL * values.shape[1] * 3 // 4,
            alt=f"{name}: {values.shape[0]} x {values.shape[1]} values, red above 0, blue below",
        )


def _kernel_rows(fit: Factorisation) -> list[dict[str, Any]]:
    parts = {"K": fit.kernel, "product": fit.product, "separable": fit.separable}
    for number_, (a, b) in enumerate(zip(fit.first, fit.second, strict=True), start=1):
        parts |= {f"a{number_}": a, f"b{number_}": b}
    return [
        {"part": name, "row": y, "column": x, "value": float(values[y, x])}
        for name, values in parts.items()
        for y in range(values.shape[0])
        for x in range(values.shape[1])
    ]


def _channels(fit: Factorisation, title: str) -> None:
    st.markdown("**More channels between**", help=RULE)
    chart(
        factorisation_charts.channels_figure(fit, look()),
        key="factor_channels",
        alt="Residual over the number of channels between: "
        + ", ".join(f"{100 * value:.1f} %" for value in fit.residuals),
        rows=[
            {"channels": count, "residual": value}
            for count, value in enumerate(fit.residuals, start=1)
        ],
        source=f"{title}. Four channels make every kernel: one for each corner of K.",
    )


# --- the layer -----------------------------------------------------------------------------------


def _spread(layer: LayerFactorisation, fit: Factorisation, info: ModelInfo) -> None:
    st.markdown(f"**All kernels of {layer.layer}**, {_short(info)}", help=RULE)
    chart(
        factorisation_charts.residual_histogram(layer, fit.residuals[0], look()),
        key="factor_residuals",
        alt=f"Histogram of residuals of {len(layer.residuals)} kernels, median "
        f"{100 * _median(layer.residuals):.0f} %.",
        rows=_layer_rows(layer),
        source=f"{_drawn(layer)} Median {100 * _median(layer.residuals):.0f} %.",
    )


def _points(layer: LayerFactorisation, chosen: tuple[int, int] | None, info: ModelInfo) -> None:
    st.markdown(f"**Separable too?** {layer.layer}, {_short(info)}", help=SEPARABLE)
    chart(
        factorisation_charts.residual_figure(layer, chosen, look()),
        key="factor_points",
        alt="Residual of two 3x3 over rank-1 energy, a point for each kernel.",
        rows=_layer_rows(layer),
        source=f"{_made_by(layer.provenance)} Click a point to see its kernel.",
        on_select=_on_point,
        selection_mode="points",
    )


def _whole_layer(info: ModelInfo) -> None:
    """All kernels share the channels between: asked for, as it takes seconds."""
    box = st.expander(
        "The whole layer at once: two 3x3 layers that share their channels",
        key="factor_whole",
        on_change="rerun",
    )
    if not box.open:
        return
    with box, service.messages():
        text, picture = st.columns([9, 13], gap="medium")
        with text:
            place = st.empty()
            place.caption(":material/hourglass_top: Fitting the whole layer, 1 to 10 seconds.")
            fit = service.run(SharedFactorisationRequest(info.name))
            place.markdown(_shared_words(fit))
        with picture:
            chart(
                factorisation_charts.shared_figure(fit, look()),
                key="factor_shared",
                alt="Residual of the layer over channels between: "
                + ", ".join(
                    f"{count}: {100 * value:.1f} %"
                    for count, value in zip(fit.channels, fit.residuals, strict=True)
                ),
                rows=[
                    {"channels": c, "residual": r, "weights": w}
                    for c, r, w in zip(fit.channels, fit.residuals, fit.weights, strict=True)
                ],
                source=_made_by(fit.provenance),
            )


def _shared_words(fit: SharedFactorisation) -> str:
    outputs, inputs = fit.fitted
    part = "" if fit.fitted == fit.shape else f" (of its {fit.shape[1]} → {fit.shape[0]})"
    return (
        f"{fit.layer} as **{inputs} → M → {outputs}** channels{part}, without the ReLU between: "
        f"9 M ({inputs} + {outputs}) weights, where the 5x5 layer has {fit.layer_weights:,}.\n\n"
        "One kernel alone is easy to make. Here every one of the M channels serves all kernels, "
        "and the residual of the best fit found falls only as weights are spent: **two 3x3 layers "
        f"are no cheaper copy of a 5x5 layer.** With M = {outputs}, as VGG has it, they reach "
        f"{100 * fit.residuals[-1]:.2g} % with {fit.weights[-1]:,} weights. VGG does not copy: it "
        "trains the stack, with a ReLU in it."
    )


def _on_point() -> None:
    points = st.session_state["factor_points"].selection.points
    if points:  # empty when a click beside the points lifts plotly's own selection
        output, channel = points[0].get("customdata", (0, 0))[:2]
        session.set_settings(source="layer", output=int(output), input=int(channel))


def _short(info: ModelInfo) -> str:
    return f"{info.title}, {info.weights} weights"


def _layer_rows(layer: LayerFactorisation) -> list[dict[str, Any]]:
    return [
        {"output": int(o), "input": int(i), "residual": float(r), "rank_1_energy": float(e)}
        for (o, i), r, e in zip(layer.units, layer.residuals, layer.rank_1_energy, strict=True)
    ]


def _drawn(layer: LayerFactorisation) -> str:
    total = layer.shape[0] * layer.shape[1]
    count = len(layer.residuals)
    return "All kernels." if count == total else f"{count} of {total:,} kernels, evenly spaced."


def _made_by(provenance: Provenance) -> str:
    text = f"{provenance.model}, {provenance.weights}."
    return f"{text} Random weights: no learned kernels." if "random" in provenance.weights else text


def _median(values: Float32) -> float:
    ordered = sorted(float(value) for value in values)
    return ordered[len(ordered) // 2] if ordered else 0.0


# --- 1x1 -----------------------------------------------------------------------------------------


def _one_by_one() -> None:
    """Config C: 1x1 layers, the extreme of a small kernel."""
    nets = {name: describe_network(name) for name in ("vgg13", "vgg16_c", "vgg16")}
    errors = {"vgg13": "28.7 / 9.9", "vgg16_c": "28.1 / 9.4", "vgg16": "27.0 / 8.8"}
    thirds = {"vgg13": "none", "vgg16_c": "1x1", "vgg16": "3x3"}
    st.markdown("**The smallest kernel: 1x1 layers (config C)**")
    text, table = st.columns([9, 13], gap="medium")
    with text:
        st.markdown(
            "A 1x1 layer sees no neighbours: it mixes the channels of one place and adds a ReLU. "
            "C has one at the end of stages 3 to 5, where D has a 3x3. **C is better than B**: "
            "another non-linearity helps. **D is better than C**: so does seeing the neighbours."
        )
    with table:
        rows = [
            f"| {net.title} | {thirds[name]} | {net.conv_parameters:,} | {net.macs / 1e9:.3f} G | "
            f"{net.convs[-1].receptive_field.size} px | {errors[name]} |"
            for name, net in nets.items()
        ]
        head = "| | third layer | conv. parameters | MACs | field | top-1 / top-5 error, % |\n"
        with st.container(key="small_table_one"):
            st.markdown(head + "|:--|:--|--:|--:|--:|--:|\n" + "\n".join(rows))
        st.caption(
            "Errors: table 3 of Simonyan & Zisserman (arXiv 1409.1556), ImageNet validation, "
            "S = Q = 256, one scale. Field: of the last convolution. Counted at 224 px."
        )
