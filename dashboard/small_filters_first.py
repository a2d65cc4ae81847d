"""Panel "First layer" of page Small filters: what the first kernels are, and what they pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from dashboard import service
from dashboard.charts import chart, look
from dashboard.network_column import escaped
from dashboard.small_filters_controls import model
from dashboard.small_filters_settings import (
    FAMILIES,
    SmallFilterSettings,
    chosen_model,
    family_models,
)
from vgg_viz.figures import frequency_charts, kernel_pictures
from vgg_viz.requests import KernelStudyRequest
from vgg_viz.results import KernelStudy, ModelInfo, ServiceDescription

RANDOM = ":orange-badge[:material/casino: random weights, nothing learned]"
RANDOM_HELP = "Only the kernels' size and stride mean something; no claim about learned kernels."
ZFNET = (
    "**Zeiler & Fergus (2013)** looked at AlexNet's first layer and found very high and very low "
    "frequencies with little in between, dead kernels, and aliasing from its stride of 4. They "
    "went from 11x11, stride 4, to 7x7, stride 2. VGG went on to 3x3, stride 1."
)
NO_IMAGENET = (
    "AlexNet's trained kernels are not on this machine: fetch its ImageNet weights on page Compare "
    "to see what Zeiler & Fergus saw."
)
PICTURE_HELP = (
    "Each kernel as a colour picture of the input it answers to most. Grey is 0; one scale for the "
    "whole layer. **Crossed out**: dead, its norm is below 10 % of the layer's median norm. **Same "
    "letter**: alike, |cosine| of at least 0.9."
)
RESPONSE_HELP = (
    "|DFT| of the kernels, padded to 64 x 64 px; root mean square over all kernels and colours. "
    "The frame is what a map of this stride can hold: |f| up to 1/(2 stride) along each axis. "
    "What lies outside comes out as a slower wave: aliasing."
)
BEYOND_HELP = (
    "Share of the squared response outside the frame: how much of the map is aliases when the "
    "input is white noise. A kernel of one px has 1 − 1/stride². Photos have less power at high "
    "frequencies and alias less: see the view Aliasing."
)


def panel(settings: SmallFilterSettings, offered: ServiceDescription) -> None:
    """AlexNet, ZFNet and VGG side by side, and the kernels' peaks in one chart."""
    studies: list[tuple[str, KernelStudy]] = []
    st.caption(ZFNET)
    for column, info in _columns(settings, offered):
        with column, service.messages(), _reading(info) as study:
            studies.append((info.title, study))
            _pictures(info, study)
            _response(info, study)
    if studies:
        with service.messages():
            _peaks(studies)
    if settings_need_imagenet(settings, offered):
        st.caption(NO_IMAGENET)


def _columns(
    settings: SmallFilterSettings, offered: ServiceDescription
) -> Iterator[tuple[Any, ModelInfo]]:
    """A column for each family that has a model here, with its picker already drawn."""
    chosen = networks(settings, offered)
    for column, (family, info) in zip(st.columns(len(chosen), gap="medium"), chosen, strict=True):
        with column:
            model(FAMILIES[family], family, info, family_models(family, offered), hidden=True)
        yield column, info


def networks(
    settings: SmallFilterSettings, offered: ServiceDescription
) -> list[tuple[str, ModelInfo]]:
    """AlexNet, ZFNet and VGG as chosen; a family without a model here is left out."""
    found = [
        (family, chosen_model(getattr(settings, family), family_models(family, offered)))
        for family in FAMILIES
    ]
    return [(family, info) for family, info in found if info is not None]


def settings_need_imagenet(settings: SmallFilterSettings, offered: ServiceDescription) -> bool:
    """Whether the AlexNet shown has learned nothing."""
    return any(
        info.weights == "random"
        for family, info in networks(settings, offered)
        if family == "alexnet"
    )


@contextmanager
def _reading(info: ModelInfo) -> Iterator[KernelStudy]:
    """The study; while its weights are read for the first time, the column says so."""
    waiting = st.empty()
    waiting.caption(":material/hourglass_top: Reading the kernels.")
    study = service.run(KernelStudyRequest(info.name))
    waiting.empty()
    yield study


def weights_line(info: ModelInfo) -> None:
    """Where the weights come from, loudly when nothing was learned."""
    if info.weights == "random":
        st.markdown(RANDOM, help=RANDOM_HELP)
    else:
        badge = f":green-badge[:material/school: learned: {info.weights} weights]"
        st.markdown(badge, help=escaped(info.weights_title))


def _pictures(info: ModelInfo, study: KernelStudy) -> None:
    kernels = study.kernels
    count, k = len(kernels.weights), kernels.side
    weights_line(info)
    st.markdown(
        f"**{kernels.layer}: {count} kernels {k}x{k}, stride {kernels.stride}**", help=PICTURE_HELP
    )
    st.image(
        kernel_pictures.colour_grid_png(kernels.weights, dead=study.dead, pairs=study.duplicates),
        output_format="PNG",
        width="stretch",
        alt=f"The {count} kernels of {kernels.layer} of {info.title}, {info.weights_title}",
    )
    limit = kernel_pictures.limit_of(kernels.weights)
    st.caption(
        f"Scale ±{limit:.2g}. Dead: {int(study.dead.sum())}. Pairs that are alike: "
        f"{len(study.duplicates)}{_closest(study)}. Rank-1 energy "
        f"{100 * float(study.rank_1_energy.mean()):.0f} %."
    )


def _closest(study: KernelStudy) -> str:
    if not study.duplicates:
        return ""
    i, j, cosine = study.duplicates[0]
    return f" (closest: {i} and {j}, cosine {cosine:.2f})"


def _response(info: ModelInfo, study: KernelStudy) -> None:
    stride = study.kernels.stride
    share, flat = study.beyond_nyquist_mean, 1 - 1 / stride**2
    words = (
        f"**{100 * share:.0f} %** of the response is beyond what stride {stride} can hold "
        f"(a kernel of one px: {100 * flat:.0f} %)."
        if stride > 1
        else "Stride 1 holds every frequency: **0 %** beyond."
    )
    st.markdown(words, help=BEYOND_HELP)
    chart(
        frequency_charts.response_figure(study, look()),
        key=f"first_response_{info.network}",
        alt=f"Mean frequency response of {study.kernels.layer} of {info.title}; "
        f"{100 * share:.0f} % beyond the Nyquist frequency of stride {stride}.",
        rows=[
            {"f_y": float(y), "f_x": float(x), "response": float(value)}
            for y, line in zip(study.frequencies, study.response, strict=True)
            for x, value in zip(study.frequencies, line, strict=True)
        ],
        source=f"{info.name}. 100 % is the largest value.",
    )


def _peaks(studies: list[tuple[str, KernelStudy]]) -> None:
    st.markdown("**Which frequency does each kernel pass best?**", help=RESPONSE_HELP)
    chart(
        frequency_charts.peaks_figure(studies, look()),
        key="first_peaks",
        alt="Peak frequency of each first-layer kernel; a line where its stride's limit lies.",
        rows=[
            {
                "network": name,
                "kernel": number,
                "peak": float(study.peaks[number]),
                "norm": float(study.norms[number]),
                "beyond_nyquist": float(study.beyond_nyquist[number]),
                "grey_share": float(study.grey_shares[number]),
                "rank_1_energy": float(study.rank_1_energy[number]),
                "dead": bool(study.dead[number]),
            }
            for name, study in studies
            for number in range(len(study.peaks))
        ],
        source="Bar: the highest frequency that the layer's stride can hold, 1/(2 stride). "
        + "; ".join(f"{name}: {study.provenance.weights}" for name, study in studies),
    )
