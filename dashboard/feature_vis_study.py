"""One network's own optimisation on page "Optimised": start, watch, stop, go on, take away."""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from dashboard import service, session
from dashboard.charts import chart, look
from dashboard.feature_vis_code import gallery_code
from dashboard.feature_vis_settings import (
    MOST_STEPS,
    FeatureVisSettings,
    Goal,
    objective_words,
)
from dashboard.network_column import escaped
from dashboard.selection import WHERE
from dashboard.study_panel import study_panel
from vgg_viz import figures
from vgg_viz.requests import FeatureVisJob
from vgg_viz.results import FeatureVis, GalleryPictures

UNTRAINED = (
    ":material/warning: **Untrained**: these weights are random, so the picture shows no "
    "knowledge; only what the architecture answers to by itself."
)
VALUE_HELP = (
    "The objective of the picture as it is. The curve is of the **transformed** pictures that the "
    "steps see, so it lies lower and jumps."
)


@dataclass(frozen=True, eq=False)
class Work:
    """A side's job, and what there is to compare its result with."""

    goal: Goal
    job: FeatureVisJob
    gallery: GalleryPictures
    credit: str  # of the photo, "" where none is used

    @property
    def words(self) -> str:
        """What is maximised."""
        return objective_words(self.job.terms, self.goal.info)

    def gallery_code(self, settings: FeatureVisSettings) -> str:
        """The Python that reads the gallery's picture."""
        channel = self.goal.gallery_channel(settings)
        return gallery_code(self.goal.info.name, self.gallery.layer, channel)

    @property
    def reference(self) -> float | None:
        """The gallery's value where it is of the same objective."""
        found, terms = self.gallery, self.job.terms
        if found.missing or len(terms) > 1 or terms[0].kind != found.objective:
            return None
        at = found.place(terms[0].channel or 0)
        return None if at is None else float(found.values[at])


def panel(work: Work) -> None:
    """The objective in words, then the job."""
    where, job = work.goal.where, work.job
    st.markdown(f"**{work.goal.info.title}** · maximise {escaped(work.words)}")
    if work.goal.info.weights == "random":
        st.caption(UNTRAINED)
    several = f"{job.pictures} pictures" if job.pictures > 1 else "1 picture"
    size = job.size or work.goal.info.input_size
    start = "from the photo" if job.image else f"from noise, seed {job.seed}"
    study_panel(
        job,
        partial(draw, work),
        key=f"{where}_vis",
        start="Optimise",
        about=f"{job.steps} steps, {several} of {size} px, {start}",
        icon=":material/auto_awesome:",
    )


def draw(work: Work, found: FeatureVis) -> None:
    """The newest pictures, the curve, and what to do with them."""
    picture, curve = st.columns([5, 7], gap="small")
    with picture, st.container(gap="xxsmall"):
        ended, background = found.step >= found.steps, look().background
        picture_of = figures.pictures_png if ended else figures.preview_url
        st.image(
            picture_of(found.pixels, background=background),
            width="stretch",
            output_format="PNG",
            alt=f"{len(found.pixels)} optimised: {work.words}, {work.goal.info.title}, "
            f"{found.provenance.weights}, step {found.step} of {found.steps}",
        )
        values = ", ".join(figures.digits(float(value)) for value in found.values)
        if values:
            st.caption(f"Reaches **{values}**", help=VALUE_HELP)
    with curve:
        _curve(work, found)
    for note in found.notes:
        st.info(escaped(note), icon=":material/info:")
    with st.container(horizontal=True, gap="small"):
        _files(work, found)
        _more(work, found)


def _curve(work: Work, found: FeatureVis) -> None:
    goal = work.goal
    figure = figures.objective_figure(
        found, look(), series=WHERE.index(goal.where), reference=work.reference
    )
    if not len(found.history):
        return
    last = figures.digits(float(found.history[-1]))
    chart(
        figure,
        key=f"{goal.where}_vis_curve",
        alt=f"Objective over {len(found.history)} steps, now {last}: {work.words}",
        rows=[
            {"step": step + 1, "objective": float(value)}
            for step, value in enumerate(found.history)
        ],
        source=f"{found.provenance.model}, {found.seconds:.1f} s.",
    )


def _files(work: Work, found: FeatureVis) -> None:
    where, name = work.goal.where, file_name(work)
    st.download_button(
        "PNG",
        data=partial(picture_file, work, found),
        file_name=f"{name}.png",
        mime="image/png",
        key=f"{where}_vis_png",
        on_click="ignore",
        icon=":material/download:",
        help="The pictures with objective, weights and settings below.",
    )
    st.download_button(
        "npz",
        data=partial(numbers_file, work, found),
        file_name=f"{name}.npz",
        key=f"{where}_vis_npz",
        on_click="ignore",
        icon=":material/download:",
        help="Pixels, curve and values, for `numpy.load`.",
    )


def _more(work: Work, found: FeatureVis) -> None:
    """Once it is through: twice as many steps, for the page's settings and so for both sides."""
    most = min(MOST_STEPS, 2 * work.job.steps)
    if found.step < found.steps or most <= work.job.steps:
        return
    wanted = st.button(
        f"Go on to {most} steps",
        key=f"{work.goal.where}_vis_more",
        icon=":material/fast_forward:",
        help="Goes on where it stands while the server still has it, else begins anew.",
    )
    if wanted:  # not a callback: the whole page has to follow, and this is a fragment
        service.attempt(_submit(replace(work.job, steps=most)))
        session.set_settings(steps=most)
        st.rerun()


def _submit(job: FeatureVisJob) -> Callable[[], None]:
    def submit() -> None:
        service.get_service().submit(job)

    return submit


# --- files ---------------------------------------------------------------------------------------


def file_name(work: Work) -> str:
    """Network and first term."""
    term = work.job.terms[0]
    parts = (work.goal.info.network, term.layer, term.kind, term.channel)
    return "-".join(("optimised", *(str(part) for part in parts if part not in ("", None))))


def caption(work: Work, found: FeatureVis) -> str:
    """What a picture needs to be understood alone."""
    job = work.job
    values = ", ".join(figures.digits(float(value)) for value in found.values)
    untrained = " (untrained: no knowledge is shown)" if _random(work) else ""
    start = f"from {work.credit}" if job.image else "from noise"
    lines = [
        f"{work.goal.info.title}, {found.provenance.weights}{untrained}",
        f"Maximised: {work.words}. Reached: {values}",
        f"Step {found.step} of {found.steps}, {start}; {way_words(job)}",
        *found.notes,
    ]
    return "\n".join(lines)


def way_words(job: FeatureVisJob) -> str:
    """How it was optimised."""
    colours = "" if job.decorrelated else "no "
    return (
        f"{job.parametrization}, {colours}colour decorrelation, transforms {job.transforms}, "
        f"learning rate {job.learning_rate:g}, diversity {job.diversity:g}, seed {job.seed}"
    )


def _random(work: Work) -> bool:
    return work.goal.info.weights == "random"


def picture_file(work: Work, found: FeatureVis) -> bytes:
    """PNG with a caption."""
    return figures.optimised_sheet_png(found, caption(work, found))


def numbers_file(work: Work, found: FeatureVis) -> bytes:
    """Readable by `numpy.load` without pickle."""
    made = found.provenance
    about: dict[str, Any] = {
        "job": asdict(work.job),
        "objective": work.words,
        "step": found.step,
        "seconds": found.seconds,
        "notes": list(found.notes),
        "photo": work.credit,
        "provenance": {**asdict(made), "versions": dict(made.versions)},
    }
    out = io.BytesIO()
    np.savez_compressed(
        out,
        pixels=found.pixels,
        history=found.history,
        values=found.values,
        about=np.array(json.dumps(about)),
    )
    return out.getvalue()
