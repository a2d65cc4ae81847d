"""View "Invariance": ZFNet's experiment; the photo moves, features and probability are followed."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard import edits_code, service
from dashboard.charts import chart, look
from dashboard.edits_settings import (
    FILLS,
    MOST_STEPS,
    TRANSFORMS,
    EditsSettings,
    setting,
    side_head,
    target_of,
    top_row,
)
from dashboard.fetching import fetch_panel
from dashboard.selection import WHERE, Selection, Where, model_info
from vgg_viz import figures
from vgg_viz.requests import InvarianceRequest
from vgg_viz.results import Invariance, ModelInfo, ServiceDescription

KEPT = 16  # measurements of a visitor
ASKED = "edits_invariance"  # session state: the measurements a person started
THUMBNAILS = 9
SHOWN = """\
for value, distances, p in zip(answer.values, answer.distances, answer.probabilities):
    print(value, dict(zip(answer.layers, distances)), answer.target_name, p)"""
DISTANCE = (
    "‖f(T x) − f(x)‖ / ‖f(x)‖, Euclidean, over all units of the layer behind its ReLU. Zeiler & "
    "Fergus (arXiv 1311.2901) follow layers 1 and 7; their distances are not divided by ‖f(x)‖."
)
EMPTY = (
    "Nothing is measured yet. A click runs both networks on {steps} changed photos and keeps the "
    "distance of every layer from the unchanged one."
)
HELP = (
    "**Invariance**: a feature that stays the same when the photo is moved, scaled or turned. The "
    "square that the network sees is changed, read bilinearly; what it leaves empty has the mean "
    "colour of the training photos or repeats the edge. The ranges are this page's choice."
)


@dataclass(frozen=True, eq=False)
class Moved:
    """One network's answer."""

    where: Where
    info: ModelInfo
    answer: Invariance

    @property
    def series(self) -> int:
        """Which of the theme's colours it has."""
        return WHERE.index(self.where)

    def layer(self, name: str) -> str:
        """Its first or last convolution, or fc7."""
        convs = self.info.convs
        return {"first": convs[0].name, "last": convs[-1].name}.get(name, "fc7")


def panel(selection: Selection, settings: EditsSettings, offered: ServiceDescription) -> None:
    """A transformation and a button; then four charts with both networks in each."""
    infos = {where: model_info(offered, selection.side(where).model) for where in WHERE}
    asked = {where: _request(where, selection, settings, infos[where]) for where in WHERE}
    top_row(selection, offered, lambda: _pickers(settings, list(asked.values()), infos))
    moved: list[Moved] = []
    for where, column in zip(WHERE, st.columns(2, gap="medium"), strict=True):
        with column, st.container(gap="xsmall"):
            side_head(where, selection, offered, layer=False)
            with service.messages():
                if not infos[where].available:
                    fetch_panel(where, infos[where])
                elif asked[where] in _asked():
                    note = f"{infos[where].title}: {asked[where].steps} changed photos ..."
                    with st.spinner(note, show_time=True):
                        answer = service.run(asked[where])
                    moved.append(Moved(where, infos[where], answer))
                    if infos[where].weights == "random":
                        st.caption(":material/warning: Untrained: random weights know no class.")
    if not moved:
        st.info(EMPTY.format(steps=settings.odd_steps()), icon=":material/rotate_right:")
        return
    _thumbnails(moved)
    _charts(moved)
    edits_code.show_code([asked[m.where] for m in moved], SHOWN, key="edits_invariance_code")


def _pickers(
    settings: EditsSettings,
    asked: Sequence[InvarianceRequest],
    infos: dict[Where, ModelInfo],
) -> None:
    setting(
        st.segmented_control,
        "The photo is",
        list(TRANSFORMS),
        name="transform",
        value=settings.transform,
        format_func=TRANSFORMS.__getitem__,
        required=True,
        help=HELP,
    )
    setting(
        st.segmented_control,
        "Empty parts",
        list(FILLS),
        name="fill",
        value=settings.fill,
        format_func=FILLS.__getitem__,
        required=True,
    )
    setting(
        st.number_input,
        "Steps",
        min_value=3,
        max_value=MOST_STEPS,
        step=2,
        name="steps",
        value=settings.odd_steps(),
        width=120,
    )
    st.button(
        "Measure",
        key="edits_measure",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not any(info.available for info in infos.values()),
        on_click=_on_measure,
        args=(asked,),
    )


def _request(
    where: Where, selection: Selection, settings: EditsSettings, info: ModelInfo
) -> InvarianceRequest:
    return InvarianceRequest(
        selection.side(where).model,
        selection.image,
        settings.transform,  # type: ignore[arg-type]
        settings.odd_steps(),
        target_of(where, selection, info),
        settings.fill,  # type: ignore[arg-type]
    )


def _thumbnails(moved: Sequence[Moved]) -> None:
    """Some of the photos, and what each network calls them."""
    first = moved[0].answer
    count = len(first.values)
    shown = sorted({round(i * (count - 1) / (THUMBNAILS - 1)) for i in range(THUMBNAILS)})
    titles = " · ".join(m.info.title for m in moved)
    st.caption(f"The photo as the networks see it, and the class most probable for {titles}")
    with st.container(horizontal=True, gap="small", key="edits_thumbnails"):
        for i in shown:
            said = " · ".join(m.answer.top[i].partition(",")[0] for m in moved)
            st.image(first.pictures[i], caption=f"{spoken(first, i)}: {said}", width=112)


def spoken(answer: Invariance, at: int) -> str:
    """A value with its unit: "−25 %", "1.4 ×", "90°"."""
    value = figures.shown_values(answer)[at]
    if value == 0:
        return "0 %" if answer.transform == "translate" else "0°"
    unit = {"translate": "{:+.0f} %", "scale": "{:.2g} ×", "rotate": "{:+.0f}°"}
    return unit[answer.transform].format(value).replace("-", "−")


def _charts(moved: Sequence[Moved]) -> None:
    lines = [(m.answer, m.info.title, m.series) for m in moved]
    titles = {
        "": "Class probability",
        "fc7": "fc7, the last hidden layer",
        "first": "First convolution",
        "last": "Last convolution",
    }
    kinds = list(dict.fromkeys(m.info.weights_title for m in moved))
    each = [f"{m.info.title}: {m.info.weights_title}" for m in moved]
    weights = "Both networks: " + kinds[0] if len(kinds) < len(moved) else "; ".join(each)
    columns = [*st.columns(2, gap="medium"), *st.columns(2, gap="medium")]
    for (name, title), column in zip(titles.items(), columns, strict=True):
        layers = [m.layer(name) for m in moved] if name else None
        with column, st.container(gap="xsmall"):
            st.markdown(f"**{title}**", help=DISTANCE if name else None)
            chart(
                figures.invariance_figure(lines, look(), layers),
                key=f"invariance_{name or 'probability'}",
                alt=_alt(moved, layers, title),
                rows=rows(moved),
                source=f"{weights}.",
            )


def _alt(moved: Sequence[Moved], layers: Sequence[str] | None, title: str) -> str:
    words = []
    for number, m in enumerate(moved):
        answer = m.answer
        at = (
            answer.probabilities
            if layers is None
            else answer.distances[:, answer.layers.index(layers[number])]
        )
        words.append(
            f"{m.info.title}: {at[0]:.2f} at {spoken(answer, 0)}, {at[len(at) // 2]:.2f} "
            f"unchanged, {at[-1]:.2f} at {spoken(answer, len(at) - 1)}"
        )
    return f"{title} while the photo changes. {'; '.join(words)}."


def rows(moved: Sequence[Moved]) -> list[dict[str, object]]:
    """Every layer's distance at every value, unrounded; "" for a layer of the other network."""
    layers = list(dict.fromkeys(layer for m in moved for layer in m.answer.layers))
    found: list[dict[str, object]] = []
    for m in moved:
        answer = m.answer
        for i, value in enumerate(answer.values):
            distances = dict(zip(answer.layers, answer.distances[i].tolist(), strict=True))
            found.append(
                {
                    "network": m.info.title,
                    "transformation": answer.transform,
                    "value": value,
                    "class": answer.target_name,
                    "probability": float(answer.probabilities[i]),
                    "logit": float(answer.logits[i]),
                    "most probable": answer.top[i],
                    **{f"distance {layer}": distances.get(layer, "") for layer in layers},
                }
            )
    return found


def _asked() -> list[InvarianceRequest]:
    asked: list[InvarianceRequest] = st.session_state.setdefault(ASKED, [])
    return asked


def _on_measure(requests: Sequence[InvarianceRequest]) -> None:
    known = [request for request in _asked() if request not in requests]
    st.session_state[ASKED] = [*known, *requests][-KEPT:]
