"""View "Correspondence": ZFNet's experiment; the same part of several photos is covered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import streamlit as st

from dashboard import components, controls, edits_code, service, session
from dashboard.charts import chart, look
from dashboard.edits_parts import (
    LEAST_PHOTOS,
    LEAST_SIDE,
    MOST_PHOTOS,
    MOST_SIDE,
    NEW_SIDE,
    PRESETS,
    Part,
    parts_of,
    parts_text,
    preset_text,
)
from dashboard.edits_settings import MOST_DRAWS, EditsSettings, setting
from dashboard.fetching import fetch_panel
from dashboard.selection import WHERE, Selection, Where, model_info
from vgg_viz import figures
from vgg_viz.requests import CorrespondenceRequest, PictureRequest
from vgg_viz.results import Correspondence, ModelInfo, ServiceDescription

KEPT = 16  # measurements of a visitor
ASKED = "edits_correspondence"  # session state: the measurements a person started
STRIP = "edits_parts_strip"
PICTURE = 240  # px
SHOWN = """\
for k, layer in enumerate(answer.layers):
    print(layer, answer.of_part(k), answer.of_anywhere(k))"""
HELP = (
    "**Correspondence** (Zeiler & Fergus, arXiv 1311.2901): a part is covered in every photo, and "
    "ε = f(photo) − f(covered photo) is how a layer changes. If the layer knows the part as the "
    "same thing in all photos, the signs of ε agree. **Share of differing signs**: of the units, "
    "the mean over all pairs of photos of the Hamming distance of sign ε, divided by their number."
)
PAPER = """
| | layer 5 | layer 7 |
|:--|:--|:--|
| Right eye | 0.067 ± 0.007 | 0.069 ± 0.015 |
| Left eye | 0.069 ± 0.007 | 0.068 ± 0.013 |
| Nose | 0.079 ± 0.017 | 0.069 ± 0.011 |
| Random | 0.107 ± 0.017 | 0.073 ± 0.014 |
"""
PROTOCOL = (
    "Zeiler & Fergus: **five dogs seen from the front**, their network trained on ImageNet. In its "
    "layer 5 a part changes features more alike than squares anywhere do, in layer 7 hardly. Their "
    "layers, squares and deviations are not described well enough to be repeated, so compare the "
    "order of the rows, not the numbers."
)
SAMPLES = (
    "The bundled photos have no five faces of one kind: these are three cats of different kinds "
    "and a dog, between close-up and far away, their squares put by eye. Add photos of your own: "
    "faces alike in size and pose are a fair test."
)
EMPTY = (
    "Nothing is measured yet. Put every square on the same part, then measure: both networks see "
    "each photo plain, with its part covered, and {draws} times with a square of that size "
    "anywhere."
)


@dataclass(frozen=True, eq=False)
class Measured:
    """One network's answer."""

    where: Where
    info: ModelInfo
    answer: Correspondence

    @property
    def series(self) -> int:
        """Which of the theme's colours it has."""
        return WHERE.index(self.where)


def panel(selection: Selection, settings: EditsSettings, offered: ServiceDescription) -> None:
    """Photos with squares and a button; then a chart of both networks and the paper's table."""
    parts = parts_of(settings.parts, offered)
    infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}
    asked = {where: _request(infos[where], parts, settings) for where in WHERE}
    _row(selection, settings, offered, parts, list(asked.values()), infos)
    _strip(selection, parts, offered)
    measured: list[Measured] = []
    for where, column in zip(WHERE, st.columns(2, gap="medium"), strict=True):
        with column, st.container(gap="xsmall"):
            controls.model_picker(where, selection, offered)
            with service.messages():
                if not infos[where].available:
                    fetch_panel(where, infos[where])
                elif asked[where] in _asked():
                    with st.spinner(f"{infos[where].title}: covering parts ...", show_time=True):
                        answer = service.run(asked[where])
                    measured.append(Measured(where, infos[where], answer))
                    if infos[where].weights == "random":
                        st.caption(":material/warning: Untrained: random weights know no part.")
    with service.messages():
        _answers(measured, settings)
    if measured:
        _seen(measured)
        edits_code.show_code(
            [asked[m.where] for m in measured], SHOWN, key="edits_correspondence_code"
        )


def _request(
    info: ModelInfo, parts: Sequence[Part], settings: EditsSettings
) -> CorrespondenceRequest:
    return CorrespondenceRequest(
        info.name,
        tuple(part.image for part in parts),
        tuple(part.rectangle() for part in parts),
        settings.draws,
    )


def _row(
    selection: Selection,
    settings: EditsSettings,
    offered: ServiceDescription,
    parts: Sequence[Part],
    asked: Sequence[CorrespondenceRequest],
    infos: dict[Where, ModelInfo],
) -> None:
    """Photos to add, parts set by eye, draws, and the button."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            controls.photo_picker(selection, offered)
        controls.add_photo()
        there = any(part.image == selection.image for part in parts)
        st.button(
            "Add the chosen photo",
            key="edits_add_part",
            icon=":material/add_photo_alternate:",
            disabled=there or len(parts) >= MOST_PHOTOS,
            on_click=_on_add,
            help=f"Choose a photo on the left or upload one, then add it; {LEAST_PHOTOS} to "
            f"{MOST_PHOTOS} different ones.",
        )
        presets = {name: preset_text(name, offered) for name in PRESETS}
        if all(len(text.split(" ")) >= LEAST_PHOTOS for text in presets.values()):
            _presets(presets, parts)
        setting(
            st.number_input,
            "Draws",
            min_value=2,
            max_value=MOST_DRAWS,
            step=1,
            name="draws",
            value=settings.draws,
            width=120,
            help="How many times squares are put anywhere; seed 0.",
        )
        st.button(
            "Measure",
            key="edits_correspond",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not any(info.available for info in infos.values()),
            on_click=_on_measure,
            args=(asked,),
            help=HELP,
        )


def _presets(presets: dict[str, str], parts: Sequence[Part]) -> None:
    """Right eye, left eye, nose of the bundled faces."""
    shown = parts_text(parts)
    key = "edits_preset"
    st.session_state[key] = next((name for name, text in presets.items() if text == shown), None)

    def apply() -> None:
        if picked := st.session_state[key]:
            session.set_settings(parts=presets[picked])

    st.segmented_control("Part", list(presets), key=key, on_change=apply, help=SAMPLES)


def _strip(selection: Selection, parts: Sequence[Part], offered: ServiceDescription) -> None:
    titles = {sample.name: sample.title for sample in offered.samples}
    model = selection.left.model
    with service.messages():
        shown = [
            figures.PartOfPhoto(
                part.image,
                titles.get(part.image, "Your photo"),
                service.run(PictureRequest(part.image, model, PICTURE)),
                part.x,
                part.y,
                part.side,
            )
            for part in parts
        ]
        frame = figures.part_strip_frame(
            shown, least=LEAST_SIDE, most=MOST_SIDE, removable=len(parts) > LEAST_PHOTOS
        )
        components.part_strip(frame, key=STRIP, on_move=_on_move, on_remove=_on_remove)
    st.caption("Drag each square to the same part; the slider below, + and − change its size.")


def _answers(measured: Sequence[Measured], settings: EditsSettings) -> None:
    """Our numbers beside the paper's."""
    ours, paper = st.columns([3, 2], gap="medium")
    with ours, st.container(gap="xsmall"):
        if not measured:
            st.info(EMPTY.format(draws=settings.draws), icon=":material/join_inner:")
        else:
            st.markdown("**Share of units whose sign of change differs**", help=HELP)
            chart(
                figures.correspondence_figure(
                    [(m.answer, m.info.title, m.series) for m in measured], look()
                ),
                key="edits_correspondence_chart",
                alt=f"Shares of differing signs. {' '.join(map(spoken, measured))}",
                rows=[row for m in measured for row in rows(m)],
                source=_source(measured, settings),
            )
    with paper, st.container(gap="xsmall", key="edits_correspondence_paper"):
        st.markdown("**The paper's table**")
        st.markdown(PAPER)
        st.caption(PROTOCOL)
        st.caption(SAMPLES)


def _source(measured: Sequence[Measured], settings: EditsSettings) -> str:
    kinds = dict.fromkeys(m.info.weights_title for m in measured)
    weights = (
        f"Both networks: {', '.join(kinds)}"
        if len(kinds) < len(measured)
        else "; ".join(f"{m.info.title}: {m.info.weights_title}" for m in measured)
    )
    return (
        f"{weights}. Layers behind their ReLU. Bars: standard deviation, over the pairs of photos "
        f"for the part, over {settings.draws} draws for squares anywhere."
    )


def spoken(m: Measured) -> str:
    """The numbers in words."""
    words = []
    for k, layer in enumerate(m.answer.layers):
        part, anywhere = m.answer.of_part(k), m.answer.of_anywhere(k)
        words.append(
            f"{layer} {part[0]:.3f} ± {part[1]:.3f} for the part, {anywhere[0]:.3f} ± "
            f"{anywhere[1]:.3f} anywhere"
        )
    return f"{m.info.title}: {'; '.join(words)}."


def rows(m: Measured) -> list[dict[str, object]]:
    """Every pair's share, unrounded; draw "" for the part itself."""
    images = m.answer.images
    pairs = [
        f"{images[i][:12]} and {images[j][:12]}"
        for i in range(len(images))
        for j in range(i + 1, len(images))
    ]
    found: list[dict[str, object]] = []
    for k, layer in enumerate(m.answer.layers):
        draws: list[tuple[Any, Any]] = [("", m.answer.part[k]), *enumerate(m.answer.anywhere[k])]
        found += [
            {
                "network": m.info.title,
                "layer": layer,
                "covered": "the part" if draw == "" else "anywhere",
                "draw": draw,
                "pair": pair,
                "share of differing signs": float(share),
            }
            for draw, shares in draws
            for pair, share in zip(pairs, shares, strict=True)
        ]
    return found


def _seen(measured: Sequence[Measured]) -> None:
    expander = st.expander(
        "What the networks saw", icon=":material/visibility:", key="edits_seen", on_change="rerun"
    )
    if expander.open:
        with expander:
            for m in measured:
                st.image(
                    figures.covered_photos_png(m.answer),
                    caption=f"{m.info.title}: the part covered (top), the first squares anywhere",
                )


# --- what a person does --------------------------------------------------------------------------


def _on_add() -> None:
    def add(chosen: Selection, offered: ServiceDescription) -> Selection:
        parts = parts_of(_settings().parts, offered)
        if len(parts) < MOST_PHOTOS and all(part.image != chosen.image for part in parts):
            _keep([*parts, Part(chosen.image, 0.5, 0.5, NEW_SIDE)])
        return chosen

    session.change(add)


def _on_move() -> None:
    made = st.session_state[STRIP].moved
    moved = Part(str(made["image"]), float(made["x"]), float(made["y"]), float(made["side"]))
    _change(partial(_replaced, moved))


def _replaced(moved: Part, parts: Sequence[Part]) -> list[Part]:
    return [replace(moved).inside() if part.image == moved.image else part for part in parts]


def _on_remove() -> None:
    gone = str(st.session_state[STRIP].removed)
    _change(lambda parts: [part for part in parts if part.image != gone])


def _change(change: Any) -> None:
    def apply(chosen: Selection, offered: ServiceDescription) -> Selection:
        parts = change(parts_of(_settings().parts, offered))
        if len(parts) >= LEAST_PHOTOS:
            _keep(parts)
        return chosen

    session.change(apply)


def _keep(parts: Sequence[Part]) -> None:
    session.set_settings(parts=parts_text(parts))


def _settings() -> EditsSettings:
    """Those of now, not of the run that drew the strip."""
    found: EditsSettings = st.session_state["settings"][EditsSettings]
    return found


def _asked() -> list[CorrespondenceRequest]:
    asked: list[CorrespondenceRequest] = st.session_state.setdefault(ASKED, [])
    return asked


def _on_measure(requests: Sequence[CorrespondenceRequest]) -> None:
    known = [request for request in _asked() if request not in requests]
    st.session_state[ASKED] = [*known, *requests][-KEPT:]
