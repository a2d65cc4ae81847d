"""Page "Style": one entry of a Gram matrix, and where in both pictures it comes from."""

import numpy as np
import streamlit as st

from dashboard import service
from dashboard.page_head import settings_of
from dashboard.style_settings import MOST_RANK, STAGES, StyleSettings
from vgg_viz import figures
from vgg_viz.requests import ExplainedRequest, GramEntry, PictureRequest, StyleJob
from vgg_viz.results import Float32, Styled

METHOD = "hires_cam"
SIDE = 384  # px
HELP = (
    "An entry off the diagonal says how strongly two maps answer **together**, anywhere. Of those "
    "of the style picture the strongest has rank 1; channels of two networks have nothing to do "
    "with each other, so each network has its own pair. The map is **HiResCAM** of the entry: the "
    "product of both maps, place by place."
)

setting = settings_of("style")


def entry_pickers(settings: StyleSettings) -> None:
    """Stage and rank, for both networks."""
    setting(
        st.segmented_control,
        "Stage",
        list(STAGES),
        name="stage",
        value=settings.stage,
        required=True,
        help=HELP,
    )
    setting(
        st.number_input,
        "Entry by strength in the style",
        min_value=1,
        max_value=MOST_RANK,
        step=1,
        name="rank",
        value=settings.rank,
    )


def strongest_pair(gram: Float32, rank: int) -> tuple[int, int]:
    """The pair of different channels whose entry is the `rank`-th largest, the smaller first."""
    rows, columns = np.triu_indices(len(gram), 1)
    order = np.argsort(-gram[rows, columns], kind="stable")
    at = order[min(rank, len(order)) - 1]
    return int(rows[at]), int(columns[at])


def entry_panel(job: StyleJob, source: str, found: Styled, settings: StyleSettings) -> None:
    """Style picture and photo with the map of one entry, on one scale."""
    layer = found.layers[int(settings.stage) - 1]
    first, second = strongest_pair(layer.style_gram, settings.rank)
    output = GramEntry(layer.layer, first, second)
    st.markdown(f"**Maps {first} and {second} together, {layer.layer}**", help=HELP)
    with service.messages():
        pairs = [
            (
                service.run(PictureRequest(image, job.model, SIDE)),
                service.run(ExplainedRequest(job.model, image, output, method=METHOD)),
            )
            for image in (job.style_image, job.image)
        ]
        limit = figures.shared_limit(shown for _, shown in pairs)
        values = (layer.style_gram[first, second], layer.content_gram[first, second])
        titles = ("style", "photo")
        for column, (picture, shown), title, value in zip(
            st.columns(2, gap="small"), pairs, titles, values, strict=True
        ):
            with column:
                text = f"G({first}, {second}) of the {title}: {figures.digits(float(value))}"
                st.image(
                    figures.overlay_png(picture, shown, f"{source}. {text}", limit=limit),
                    width="stretch",
                    alt=f"{text}. Where {layer.layer} of {source} answers with both maps.",
                )
        st.caption(
            f"Painted: {figures.digits(float(layer.gram[first, second]))}. In units of the layer's "
            "mean activation squared; the maps are at the network's own input size, "
            f"{pairs[0][1].provenance.input_size} px."
        )
