"""What page "Style" shows of a network: the painted picture, losses, Gram matrices, files."""

import io
import json
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import streamlit as st

from dashboard import service
from dashboard.charts import chart, look
from dashboard.network_column import escaped
from dashboard.selection import Where
from dashboard.study_panel import study_panel
from dashboard.style_entry import entry_panel
from dashboard.style_settings import StyleSettings
from vgg_viz import figures
from vgg_viz.requests import PictureRequest, StyleJob
from vgg_viz.results import ModelInfo, ServiceDescription, Styled

SIDE = 384  # px of content and style as they are shown
RELATIVE = (
    "**Style**: Σ w·E over that of the photo: 1 is as far from the style as the photo is. "
    "**Content**: its loss over that of the style picture: 1 is as far from the photo as the style "
    "picture is. Losses of two networks are in units of their own features and cannot be compared "
    "in absolute value; relative to the start they can, with care: a network that does not see a "
    "texture finds it easy to match."
)
GRAM_HELP = (
    "Entry (i, j): mean over places of map i times map j, in units of the layer's mean activation; "
    "square root of the entries, one scale for each layer. Channels by their strength in the style "
    "picture. **Style** and **painted** should look alike."
)


@dataclass(frozen=True, eq=False)
class Work:
    """One network's job, and what is needed to show it."""

    where: Where
    info: ModelInfo
    job: StyleJob
    credit: str  # of photo and style picture

    @property
    def source(self) -> str:
        """Network and weights, for captions."""
        return f"{self.info.title}, {self.info.weights_title}"


def sources(job: StyleJob, credits_: tuple[str, str], offered: ServiceDescription) -> None:
    """Content and style as both networks get them."""
    model = offered.model(job.model)
    named = job.model if model is not None and model.available else None
    with st.container(key="style_sources", gap="small"):
        for title, image, credit in zip(("Content", "Style"), job.images, credits_, strict=True):
            with st.container(gap="xxsmall"), service.messages():
                picture = service.run(PictureRequest(image, named, SIDE))
                st.markdown(f"**{title}**", help=escaped(credit))
                st.image(picture.pixels, width="stretch", alt=f"{title}: {credit}")


def panel(work: Work, settings: StyleSettings) -> None:
    """The network's picture; before anything runs, an empty place."""
    if service.get_service().find(work.job) is None:
        with st.container(key=f"style_picture_{work.where}", gap="xxsmall"):
            shade = 230 if st.context.theme.type != "dark" else 48
            empty = np.full((SIDE, SIDE, 3), shade, np.uint8)
            st.image(empty, width="stretch", alt=f"Nothing painted by {work.info.title}")
            st.caption(f"Nothing painted yet: {work.job.steps} steps at {work.job.size} px.")
        return
    study_panel(work.job, partial(_drawn, work, settings), key=f"style_{work.where}")


def _drawn(work: Work, settings: StyleSettings, found: Styled) -> None:
    with st.container(key=f"style_picture_{work.where}", gap="xxsmall"):
        ended = found.step >= found.steps or found.ended
        words = figures.style_words(found)
        st.image(
            figures.styled_png(found.pixels) if ended else figures.styled_url(found.pixels),
            width="stretch",
            alt=f"Painted by {work.source}, step {found.step}: {words}",
        )
        _foot(work, found, words)
    for note in found.notes:
        st.info(escaped(note), icon=":material/info:")
    if settings.shown == "losses":
        _losses(work, found)
    elif settings.shown == "gram":
        _grams(work, found)
    else:
        entry_panel(work.job, work.source, found, settings)


def _foot(work: Work, found: Styled, words: str) -> None:
    """How near it came, weights, files."""
    key = f"style_foot_{work.where}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=key):
        untrained = " Untrained: only the architecture paints." * (work.info.weights == "random")
        st.caption(
            f"**{words}** (relative), {found.seconds:.1f} s of computation.{untrained}",
            width="content",
            help=f"{RELATIVE}\n\nIn the paper's units α/β is here {ratio_words(found)}.",
        )
        name = f"style-{work.info.network}"
        for label, make, suffix, mime, about in (
            ("PNG", partial(sheet, work, found), "png", "image/png", "Pictures with a caption"),
            ("npz", partial(numbers_file, work, found), "npz", None, "Pictures, curves, matrices"),
        ):
            st.download_button(
                label,
                data=make,
                file_name=f"{name}.{suffix}",
                mime=mime,
                key=f"{work.where}_style_{suffix}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
                help=about,
            )


def ratio_words(found: Styled) -> str:
    """alpha / beta; at the ends of the slider one of them is 0."""
    if not found.beta:
        return "infinite: content alone"
    return figures.digits(found.alpha / found.beta)


def _losses(work: Work, found: Styled) -> None:
    st.markdown("**Losses**, relative", help=RELATIVE)
    chart(
        figures.style_losses_figure(found, look()),
        key=f"style_losses_{work.where}",
        alt=f"Lines over {found.step} steps, log scale, relative to the other picture: style from "
        f"{found.relative_style[0]:.3g} to {found.relative_style[-1]:.3g}, content at "
        f"{found.content_layer} to {found.relative_content[-1]:.3g}. {work.source}.",
        rows=loss_rows(found),
        source=f"{work.source}. Content at {found.content_layer}. 1: the other picture's loss.",
    )


def _grams(work: Work, found: Styled) -> None:
    """The matrices of every style layer."""
    st.markdown("**Gram matrices**", help=GRAM_HELP)
    with st.container(key=f"style_grams_{work.where}", gap="xxsmall"):
        columns = st.columns(len(found.layers), gap="xsmall")
        for layer, column in zip(found.layers, columns, strict=True):
            with column:
                st.image(
                    figures.gram_png(layer),
                    width="stretch",
                    caption=layer.layer,
                    alt=f"Gram matrices of style, picture and photo at {layer.layer}, "
                    f"{len(layer.gram)} channels, {work.source}",
                )
    limits = ", ".join(
        f"{layer.layer} {figures.digits(figures.gram_limit(layer))}" for layer in found.layers
    )
    st.caption(
        f"Downwards: style, painted, photo. Bright ends at {limits}, in units of the layer's mean "
        "activation squared."
    )


# --- files ---------------------------------------------------------------------------------------


def loss_rows(found: Styled) -> list[dict[str, object]]:
    """The start and every step, unrounded."""
    return [
        {
            "step": step,
            "L": float(found.losses[step]),
            f"content {found.content_layer}": float(found.content_losses[step]),
            **{f"style {each.layer}": float(each.losses[step]) for each in found.layers},
            "variation": float(found.variation[step]),
            "content, relative": float(found.relative_content[step]),
            "style, relative": float(found.relative_style[step]),
        }
        for step in range(len(found.losses))
    ]


def caption(work: Work, found: Styled) -> str:
    """Lines that make the sheet understood alone."""
    job = work.job
    colours = ", colours of the photo kept" if job.keep_colour else ""
    return (
        f"{work.source}: style transfer (Gatys, Ecker & Bethge, CVPR 2016), {job.size} px, step "
        f"{found.step} of {found.steps} from {job.start}, {job.optimizer}, {job.pooling} pooling"
        f"{colours}, seed {job.seed}\n"
        f"Content {job.content_weight:g}, style {job.style_weight:g}, total variation "
        f"{job.smoothness:g}, each relative to the other picture's loss; reached: "
        f"{figures.style_words(found)}. Gram matrices: square root, channels by strength.\n"
        f"{work.credit}"
    )


def sheet(work: Work, found: Styled) -> bytes:
    """Content, style, picture and Gram matrices in one PNG."""
    return figures.style_sheet_png(found, caption(work, found))


def numbers_file(work: Work, found: Styled) -> bytes:
    """Pictures, curves and matrices, readable by `numpy.load` without pickle."""
    about = {
        "job": asdict(work.job),
        "alpha": found.alpha,
        "beta": found.beta,
        "gamma": found.gamma,
        "references": {
            "content": found.content_reference,
            "variation": found.variation_reference,
            **{layer.layer: layer.reference for layer in found.layers},
        },
        "content_layer": found.content_layer,
        "credit": work.credit,
        "provenance": {**asdict(found.provenance), "versions": dict(found.provenance.versions)},
    }
    arrays = {
        f"{layer.layer}_{name}": getattr(layer, name)
        for layer in found.layers
        for name in ("losses", "style_gram", "gram", "content_gram")
    }
    out = io.BytesIO()
    np.savez_compressed(
        out,
        pixels=found.pixels,
        content=found.content,
        style=found.style,
        losses=found.losses,
        content_losses=found.content_losses,
        variation=found.variation,
        **arrays,
        about=np.array(json.dumps(about)),
    )
    return out.getvalue()
