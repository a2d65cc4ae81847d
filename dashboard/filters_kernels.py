"""The kernels of both networks on page "Filters": weights only, no network runs."""

from typing import Any

import streamlit as st

from dashboard import service, session
from dashboard.charts import chart, csv_button, look
from dashboard.filters_reconstruction import Sent
from dashboard.filters_settings import FilterSettings
from dashboard.selection import WHERE
from dashboard.small_filters_first import PICTURE_HELP, weights_line
from vgg_viz.figures import frequency_charts, kernel_pictures, kernel_slices
from vgg_viz.requests import ChannelKernelRequest, KernelStudyRequest, LayerKernelsRequest
from vgg_viz.results import ChannelKernel, LayerKernels, Provenance

NORM_HELP = (
    "The **norm** is the root of the sum of a kernel's squared weights. **Dead**: below 10 % of "
    "the layer's median norm. **Alike**: |cosine| of at least 0.9 with another kernel; a negative "
    "cosine is the same pattern with the opposite sign. Click a marker to choose its channel."
)
SLICE_HELP = (
    "A kernel has a slice k x k for each input channel; the channel's value is the sum over all of "
    "them. Here are the slices with the largest norms; the number is the input channel. Red is "
    "positive, blue negative, nearly white 0; one scale for the kernel."
)
RESPONSE_HELP = (
    "|DFT| of the slices padded to 64 x 64, root of the summed squares over the input channels. "
    "Frequencies are in cycles per px of the **layer's input**, which is coarser than the photo "
    "behind a pool. The frame is what a map of this layer's stride can hold, 1/(2 stride)."
)


def request(sent: Sent) -> tuple[LayerKernelsRequest, ChannelKernelRequest]:
    """The questions about a side's kernels."""
    model, layer = sent.info.name, sent.found.layer
    return (
        LayerKernelsRequest(model, layer),
        ChannelKernelRequest(model, layer, sent.found.channel),
    )


def panel(sent: Sent, settings: FilterSettings) -> None:
    """One network's kernels as the chosen view shows them."""
    layer, channel = request(sent)
    match settings.kernels:
        case "first":
            _first(sent)
        case "norms":
            _norms(sent, service.run(layer))
        case "slices":
            _slices(sent, service.run(channel))
        case _:
            _response(sent, service.run(channel))


def _first(sent: Sent) -> None:
    """The first layer as colours, whichever layer is chosen."""
    study = service.run(KernelStudyRequest(sent.info.name))
    kernels = study.kernels
    count, k = len(kernels.weights), kernels.side
    _title(sent, f"{kernels.layer}: {count} kernels {k}x{k}", PICTURE_HELP)
    st.image(
        kernel_pictures.colour_grid_png(kernels.weights, dead=study.dead, pairs=study.duplicates),
        output_format="PNG",
        width="stretch",
        alt=f"The {count} kernels of {kernels.layer} of {sent.info.title}, "
        f"{sent.info.weights_title}, as colours",
    )
    limit = kernel_pictures.limit_of(kernels.weights)
    st.caption(
        f"Grey 0, ends ±{limit:.2g}. Dead: {int(study.dead.sum())}. Alike: "
        f"{len(study.duplicates)} pairs. {_source(study.provenance)}"
    )


def _norms(sent: Sent, found: LayerKernels) -> None:
    """Every kernel's norm; those most alike in words."""
    count, inputs, k = found.shape
    _title(sent, f"{found.layer}: {count} kernels {inputs}x{k}x{k}", NORM_HELP)
    key = f"{sent.where}_filters_norms"
    figure = kernel_slices.norms_figure(
        found, look(), chosen=sent.found.channel, series=WHERE.index(sent.where)
    )
    kinds = kernel_slices.kinds_of(found)
    chart(
        figure,
        key=key,
        alt=f"Norms of the {count} kernels of {found.layer} of {sent.info.title}: "
        f"{int(found.dead.sum())} dead, {len(found.alike)} pairs alike.",
        rows=[
            {"channel": channel, "norm": float(norm), "kind": kinds[channel]}
            for channel, norm in enumerate(found.norms)
        ],
        source=_source(found.provenance),
        on_select=lambda: _on_norm(sent, key),
        selection_mode="points",
    )
    pairs = ", ".join(f"{i} and {j} ({cosine:+.2f})" for i, j, cosine in found.closest[:4])
    st.markdown(
        f"Dead: **{int(found.dead.sum())}**. Alike: **{len(found.alike)}** pairs with |cosine| ≥ "
        f"{found.same_cosine:g}. Most alike: {pairs or 'none'}."
    )


def _on_norm(sent: Sent, key: str) -> None:
    event: Any = st.session_state[key]
    points = event["selection"]["points"]
    if points:
        data = points[0]["customdata"]
        channel = int(data[0] if isinstance(data, list) else data)
        session.change(lambda chosen, _: chosen.with_side(sent.where, channel=channel))


def _slices(sent: Sent, found: ChannelKernel) -> None:
    """The strongest slices of the chosen channel's kernel."""
    inputs, k, _ = found.kernel.shape
    shown = min(kernel_slices.SLICES, inputs)
    some = f"the {shown} strongest of its {inputs} slices" if shown < inputs else "its slices"
    _title(sent, f"{found.layer}, kernel {found.channel}: {some}, {k}x{k}", SLICE_HELP)
    st.image(
        kernel_slices.slices_png(found),
        output_format="PNG",
        width="stretch",
        alt=f"Slices of kernel {found.channel} of {found.layer} of {sent.info.title}, input "
        f"channels {', '.join(str(channel) for channel in found.strongest_slices[:shown])}",
    )
    total = float((found.slice_norms**2).sum())
    energy = float((found.slice_norms[found.strongest_slices[:shown]] ** 2).sum())
    share = 100 * energy / total if total else 0.0
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"Ends ±{kernel_pictures.limit_of(found.kernel):.2g}, bias {found.bias:.2g}. Drawn: "
            f"{share:.0f} % of the kernel's squared norm. {_source(found.provenance)}"
        )
        csv_button(
            slice_rows(found),
            key=f"{sent.where}_filters_slices_csv",
            name=f"{found.layer}-kernel-{found.channel}",
            source=_source(found.provenance),
        )


def slice_rows(found: ChannelKernel) -> list[dict[str, Any]]:
    """Every weight of the kernel, strongest slice first."""
    return [
        {
            "input_channel": int(channel),
            "slice_norm": float(found.slice_norms[channel]),
            "y": y,
            "x": x,
            "weight": float(found.kernel[channel, y, x]),
        }
        for channel in found.strongest_slices
        for y in range(found.kernel.shape[1])
        for x in range(found.kernel.shape[2])
    ]


def _response(sent: Sent, found: ChannelKernel) -> None:
    """What the chosen kernel passes."""
    _title(sent, f"{found.layer}, kernel {found.channel}: frequency response", RESPONSE_HELP)
    source = f"{_source(found.provenance)} 100 % is the largest value."
    chart(
        frequency_charts.response_figure(found, look()),
        key=f"{sent.where}_filters_response",
        alt=f"Frequency response of kernel {found.channel} of {found.layer} of {sent.info.title}",
        rows=[
            {"f_y": float(y), "f_x": float(x), "response": float(value)}
            for y, line in zip(found.frequencies, found.response, strict=True)
            for x, value in zip(found.frequencies, line, strict=True)
        ],
        source=source,
    )


def _title(sent: Sent, text: str, about: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{sent.info.title}** · {text}", help=about, width="content")
        weights_line(sent.info)


def _source(provenance: Provenance) -> str:
    return f"{provenance.model}: {provenance.weights}."
