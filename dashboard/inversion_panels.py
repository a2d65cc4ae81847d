"""What page "Inversion" shows of a network: the photo, what was rebuilt of it, numbers, files."""

import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import service
from dashboard.charts import chart, look
from dashboard.inversion_settings import InversionSettings
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Where
from dashboard.study_panel import study_panel
from vgg_viz import figures
from vgg_viz.requests import InversionJob, PictureRequest
from vgg_viz.results import Inversion, LayerInversion, ModelInfo

Pixels = NDArray[np.uint8]
Draw = Callable[["Work", InversionSettings, Inversion], None]
DISTANCE = (
    "**Relative code distance**: |Φ(x) − Φ₀|² / |Φ₀|². 0: the picture has exactly the photo's "
    "code; 1: as far away as a code of zeros. The paper's normalised reconstruction error."
)
SIMILARITY = (
    "**r**: Pearson's correlation of picture and photo over all px, each colour about its mean. 1: "
    "the same up to tint and contrast; about 0: another picture. A low r with a small code "
    "distance is the point: to this layer the two pictures are the same."
)


@dataclass(frozen=True, eq=False)
class Work:
    """One network's job, and what is needed to show it."""

    where: Where
    info: ModelInfo
    job: InversionJob
    credit: str

    @property
    def series(self) -> int:
        """Which of the theme's colours it has."""
        return WHERE.index(self.where)

    @property
    def source(self) -> str:
        """Network and weights, for captions."""
        return f"{self.info.title}, {self.info.weights_title}"


def panel(work: Work, settings: InversionSettings) -> None:
    """The network's pictures: before anything runs, the photo and empty places."""
    draw = _one_layer if settings.view == "layer" else _every_depth
    if service.get_service().find(work.job) is None:
        with st.container(key=f"inversion_tiles_{work.where}"):
            _places(work)
        return
    study_panel(
        work.job,
        partial(_drawn, work, settings, draw),
        key=f"inversion_{work.where}",
    )


def _drawn(work: Work, settings: InversionSettings, draw: Draw, found: Inversion) -> None:
    with st.container(key=f"inversion_tiles_{work.where}"):
        draw(work, settings, found)
    _foot(work, settings, found)


def _columns(work: Work) -> list[st.delta_generator.DeltaGenerator]:
    return st.columns(1 + len(work.job.layers), gap="small")


def _places(work: Work) -> None:
    """The photo as the network sees it, and where its versions will stand."""
    picture = service.run(PictureRequest(work.job.image, work.info.name, work.info.input_size))
    columns = _columns(work)
    _photo_tile(columns[0], picture.pixels, work)
    for layer, column in zip(work.job.layers, columns[1:], strict=True):
        with column, st.container(gap="xxsmall"):
            st.markdown(f"**{layer}**")
            st.image(_empty(picture.pixels), width="stretch", alt=f"Nothing rebuilt from {layer}")
            st.caption("not rebuilt yet")


def _photo_tile(column: st.delta_generator.DeltaGenerator, pixels: Pixels, work: Work) -> None:
    with column, st.container(gap="xxsmall"):
        st.markdown("**Photo**")
        st.image(
            figures.plain_png(pixels),
            width="stretch",
            alt=f"The photo as {work.info.title} sees it",
        )
        st.caption(f"{pixels.shape[1]} × {pixels.shape[0]} px, as the network sees it")


def _empty(pixels: Pixels) -> Pixels:
    """A flat tile of the photo's size, in the grey of a hint."""
    shade = 230 if st.context.theme.type != "dark" else 48
    return np.full_like(pixels, shade)


def _tile(work: Work, settings: InversionSettings, found: Inversion, name: str) -> None:
    layer = found.layer(name)
    with st.container(gap="xxsmall"):
        if layer is None:
            st.markdown(f"**{name}**")
            st.image(_empty(found.photo), width="stretch", alt=f"Nothing rebuilt from {name}")
            why = next((note for note in found.notes if note.startswith(f"{name} ")), None)
            st.caption(escaped(why or "its turn comes"))
            return
        st.markdown(
            f"**{name}**",
            help=f"Code of {_shape(layer)} values. {DISTANCE}\n\n{SIMILARITY}",
        )
        words = figures.rebuilt_words(found, layer, stretched=settings.stretched)
        st.image(
            figures.rebuilt_png(found, layer, stretched=settings.stretched),
            width="stretch",
            alt=f"Rebuilt from {name} of {work.source}: {words}",
        )
        st.caption(words)


def _shape(layer: LayerInversion) -> str:
    return " × ".join(map(str, layer.code_shape))


def _every_depth(work: Work, settings: InversionSettings, found: Inversion) -> None:
    columns = _columns(work)
    _photo_tile(columns[0], found.photo, work)
    for name, column in zip(found.wanted, columns[1:], strict=True):
        with column:
            _tile(work, settings, found, name)


def _one_layer(work: Work, settings: InversionSettings, found: Inversion) -> None:
    """Photo and picture, then the way down."""
    photo, rebuilt = st.columns(2, gap="small")
    _photo_tile(photo, found.photo, work)
    with rebuilt:
        _tile(work, settings, found, found.wanted[0])
    layer = found.layer(found.wanted[0])
    if layer is not None and len(layer.losses):
        st.markdown("**The way down**", help=DISTANCE)
        chart(
            figures.descent_figure(layer, found.steps, look(), series=work.series),
            key=f"inversion_descent_{work.where}",
            alt=f"Lines over {len(layer.losses)} steps, log scale: relative code distance from "
            f"{layer.distances[0]:.3g} to {layer.distances[-1]:.3g}, objective from "
            f"{layer.losses[0]:.3g} to {layer.losses[-1]:.3g}. {work.source}, {layer.layer}.",
            rows=descent_rows(layer),
            source=f"Priors: λ_V = {layer.total_variation:g}, λ_α = {layer.alpha_norm:g}.",
        )


def _foot(work: Work, settings: InversionSettings, found: Inversion) -> None:
    """Weights, and files."""
    key = f"inversion_foot_{work.where}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=key):
        untrained = " Untrained: what remains is the architecture's." * (
            work.info.weights == "random"
        )
        steps = f"{found.seconds:.1f} s of computation, seed {work.job.seed}."
        st.caption(f"{escaped(work.source)}. {steps}{untrained}", width="content")
        name = f"inversion-{work.info.network}"
        for label, make, suffix, mime, about in (
            ("PNG", partial(sheet, work, settings, found), "png", "image/png", "with a caption"),
            ("npz", partial(numbers_file, work, found), "npz", None, "and curves, unrounded"),
        ):
            st.download_button(
                label,
                data=make,
                file_name=f"{name}.{suffix}",
                mime=mime,
                key=f"{work.where}_inversion_{suffix}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
                help=f"The pictures {about}",
                disabled=not found.layers,
            )


def kept(works: Sequence[Work]) -> None:
    """What every depth keeps, both networks in one plot; once there is something to plot."""
    answers = []
    for work in works:
        name = service.get_service().find(work.job)
        found = service.get_service().result(name) if name else None
        if isinstance(found, Inversion) and len(found.layers) + len(found.notes) == len(
            found.wanted
        ):
            answers.append((work, found))
    if not answers:
        return
    lines = [(found, work.info.title, work.series) for work, found in answers]
    kinds = dict.fromkeys(work.info.weights_title for work, _ in answers)
    together = len(kinds) < len(answers)
    source = f"Both networks: {', '.join(kinds)}." if together else _sources(answers)
    for measure, title, about, column in zip(
        ("similarity", "distance"),
        ("What each depth keeps of the pixels", "How nearly each code was met"),
        (SIMILARITY, DISTANCE),
        st.columns(2, gap="medium"),
        strict=True,
    ):
        with column, st.container(gap="xsmall"):
            st.markdown(f"**{title}**", help=about)
            chart(
                figures.kept_figure(lines, look(), measure),
                key=f"inversion_kept_{measure}",
                alt=f"{title}, layer by layer. " + " ".join(_spoken(*each) for each in answers),
                rows=[row for work, found in answers for row in kept_rows(work, found)],
                source=source,
            )


def _sources(answers: Sequence[tuple[Work, Inversion]]) -> str:
    return "; ".join(work.source for work, _ in answers) + "."


def _spoken(work: Work, found: Inversion) -> str:
    words = (
        f"{layer.layer} r {layer.correlation:.2f}, distance {layer.distance:.2g}"
        for layer in found.layers
    )
    return f"{work.info.title}: {'; '.join(words)}."


def kept_rows(work: Work, found: Inversion) -> list[dict[str, object]]:
    """A row for each layer, unrounded."""
    return [
        {
            "network": work.info.title,
            "layer": layer.layer,
            "relative code distance": layer.distance,
            "correlation with the photo": ""
            if math.isnan(layer.correlation)
            else layer.correlation,
            "values of the code": math.prod(layer.code_shape),
            "steps": len(layer.losses),
            "total variation weight": layer.total_variation,
            "alpha norm weight": layer.alpha_norm,
        }
        for layer in found.layers
    ]


def descent_rows(layer: LayerInversion) -> list[dict[str, object]]:
    """Every step, unrounded."""
    return [
        {
            "step": step,
            "relative code distance": float(layer.distances[step]),
            "objective": float(layer.losses[step]),
        }
        for step in range(len(layer.losses))
    ]


def caption(work: Work, found: Inversion) -> str:
    """Lines that make the sheet understood alone."""
    return (
        f"{work.source}: rebuilt from the code of a layer (Mahendran & Vedaldi, arXiv 1412.0035)\n"
        "Code distance: |code - photo's code|^2 / |photo's code|^2; r: correlation with the photo. "
        f"{found.steps} steps, total variation x {work.job.total_variation:g} of the authors' "
        f"weight, seed {work.job.seed}\n{work.credit}"
    )


def sheet(work: Work, settings: InversionSettings, found: Inversion) -> bytes:
    """Photo and pictures in one PNG."""
    return figures.inversion_sheet_png(found, caption(work, found), stretched=settings.stretched)


def numbers_file(work: Work, found: Inversion) -> bytes:
    """Pictures and curves, readable by `numpy.load` without pickle."""
    about = {
        "job": asdict(work.job),
        "layers": kept_rows(work, found),
        "photo": work.credit,
        "provenance": {**asdict(found.provenance), "versions": dict(found.provenance.versions)},
    }
    arrays = {
        f"{layer.layer}_{name}": getattr(layer, name)
        for layer in found.layers
        for name in ("pixels", "losses", "distances")
    }
    out = io.BytesIO()
    np.savez(out, photo=found.photo, **arrays, about=np.array(json.dumps(about)))
    return out.getvalue()
