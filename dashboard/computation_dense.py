"""View "Dense evaluation": the fully-connected layers as convolutions, over a whole photo."""

from collections.abc import Sequence

import streamlit as st

from dashboard import controls, service, session
from dashboard.charts import chart, look
from dashboard.computation_settings import ComputationSettings, duration, info_of, setting
from dashboard.fetching import fetch_panel
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection, Where, class_labels, with_label
from dashboard.widgets import controlled
from vgg_viz import figures
from vgg_viz.requests import DenseMapRequest
from vgg_viz.results import DenseMap, ModelInfo, ServiceDescription

KEPT = 8  # evaluations of a visitor
COMMONEST = "class: on top most often"
EXPLANATION = "fc6, fc7 and fc8 as convolutions: the same weights, a class at every position."
EQUALS = (
    "fc6 reads a map of g × g cells; slid over a larger map it is a g × g convolution, and fc7 and "
    "fc8 become 1 × 1. One pass then gives class probabilities for every position of a larger "
    "photo: the first step of FCN (Long et al. 2015), and how VGG was tested.\n\n"
    "**At the declared size** there is one position, and it has the network's own scores. "
    "**Inside the dashed line** a position's whole field lies in the photo: its scores are those "
    "of the network without padding on that crop. **Everywhere** they differ from the padded "
    "network on a crop of the declared size, which sees zeros around the crop where the dense "
    "evaluation sees the photo: switch on *Compare with crops* to measure by how much. On the 16 "
    "bundled photos at 2 × the top class is the same at 74 % (ZFNet (b)) and 68 % (VGG-16) of 600 "
    "crops, with the bundled weights."
)


def panel(selection: Selection, settings: ComputationSettings, offered: ServiceDescription) -> None:
    """Photo, class, size, a button; then two maps for each network."""
    infos = {where: info_of(where, selection, offered) for where in WHERE}
    _pickers(selection, settings, offered)
    kept: dict[DenseMapRequest, DenseMap] = st.session_state.setdefault("dense_maps", {})
    clicked = _button_row(selection, settings, infos["left"])
    columns = dict(zip(WHERE, st.columns(2, gap="medium"), strict=True))
    for where, column in columns.items():
        info = infos[where]
        with column, st.container(gap="xsmall"):
            controls.model_picker(where, selection, offered)
            with service.messages():
                if not info.available:
                    fetch_panel(where, info)
                    continue
                request = _request(info, selection, settings)
                if clicked and request not in kept:
                    with st.spinner(f"Evaluating {info.title} over the photo", show_time=True):
                        kept[request] = service.run(request)
                if request not in kept:
                    _empty(info, request)
                    continue
                _maps(where, info, kept[request], selection)
    while len(kept) > KEPT:
        del kept[next(iter(kept))]


def _request(
    info: ModelInfo, selection: Selection, settings: ComputationSettings
) -> DenseMapRequest:
    side = round(settings.times * info.input_size)
    return DenseMapRequest(info.name, selection.image, side, settings.crops, selection.precision)


def _pickers(
    selection: Selection, settings: ComputationSettings, offered: ServiceDescription
) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="computation_dense_row"):
        with service.messages():
            controls.photo_picker(selection, offered)
        controls.add_photo()
        setting(
            st.slider,
            "Photo's short side",
            1.0,
            4.0,
            step=0.5,
            name="times",
            value=settings.times,
            format="%g × input",
            width=220,
            help="In input sizes of the network: at 2 × a network declared for 224 px reads the "
            "whole photo with its short side at 448 px. At 1 × a single row of positions is left.",
        )


def _button_row(selection: Selection, settings: ComputationSettings, left: ModelInfo) -> bool:
    with st.container(horizontal=True, vertical_alignment="center", key="computation_run_row"):
        clicked: bool = st.button(
            "Evaluate the whole photo",
            key="computation_evaluate",
            type="primary",
            icon=":material/grid_on:",
        )
        _class_picker(selection, left)
        setting(
            st.toggle,
            "Compare with crops",
            name="crops",
            value=settings.crops,
            help="Runs the network on every crop as well, one by one: many times the work of the "
            "one pass. Measures both times and how far the probabilities differ.",
        )
        st.caption(EXPLANATION, help=EQUALS, width="stretch")
    return clicked


def _class_picker(selection: Selection, info: ModelInfo) -> None:
    """The class whose probability is drawn; both networks follow where they know it."""
    labels = class_labels(info.classes)
    controlled(
        st.selectbox,
        "Class",
        [COMMONEST, *labels],
        key="computation_class",
        value=selection.left.label or COMMONEST,
        apply=lambda picked: session.change(
            lambda chosen, known: with_label(
                chosen, "left", picked if picked in labels else None, known
            )
        ),
        label_visibility="collapsed",
        width=240,
    )


def _empty(info: ModelInfo, request: DenseMapRequest) -> None:
    seconds = "a second or two" if info.macs < 2e9 else "5 to 20 seconds"
    crops = " The comparison with crops takes many times longer." if request.crops else ""
    st.info(
        f"Not evaluated yet. A click on *Evaluate the whole photo* runs {info.title} once over the "
        f"photo with its short side at {request.side} px: about {seconds} on a CPU.{crops}",
        icon=":material/grid_on:",
    )


# --- results -------------------------------------------------------------------------------------


def _maps(where: Where, info: ModelInfo, dense: DenseMap, selection: Selection) -> None:
    label = selection.side(where).label
    target = class_labels(dense.classes).get(label) if label else None
    target = dense.commonest() if target is None else target
    name = dense.classes[target]
    source = _source(info, dense)
    chart(
        figures.probability_figure(
            dense, target, look(), title=f"{info.title}: probability of {name}"
        ),
        key=f"computation_{where}_dense",
        alt=_probability_alt(info, dense, target),
        rows=_probability_rows(dense, target),
        source=source,
    )
    st.markdown(_words(dense))
    shares = figures.class_shares(dense)
    chart(
        figures.top_figure(
            dense, shares, look(), title=f"{info.title}: top class at each position"
        ),
        key=f"computation_{where}_top",
        alt=f"Most probable class of {info.title} at each position. {_legend(shares)}",
        rows=_top_rows(dense),
        source=source,
    )
    st.markdown(escaped(_legend(shares)).replace("\\*\\*", "**"))


def _words(dense: DenseMap) -> str:
    """What one pass costs and what it replaces; with crops, how far they differ."""
    rows, columns = dense.top.shape
    count = rows * columns
    one_by_one = count * dense.crop_macs
    text = (
        f"**{rows} × {columns} positions** every {dense.stride} px; {dense.whole.sum()} of them "
        f"see no padding (dashed). One pass: **{figures.amount(dense.macs)}** MACs, "
        f"{duration(dense.seconds)}; {count} crops one by one: "
        f"{figures.amount(one_by_one)} MACs, **{one_by_one / dense.macs:.2g} ×** as many."
    )
    if dense.crops is not None:
        measured = dense.crops
        text += (
            f" Measured on {measured.crops} crops: {duration(measured.seconds)}; the top "
            f"class's probability differs by {measured.mean_difference:.2f} on average "
            f"(largest difference {measured.largest_difference:.2f}), and the top class is the "
            f"same at **{100 * measured.same_top_share:.0f} %**: padding matters."
        )
    return text


def _legend(shares: Sequence[figures.ClassShare]) -> str:
    return " · ".join(f"**{share.letter}** {share.name} ({share.positions})" for share in shares)


def _source(info: ModelInfo, dense: DenseMap) -> str:
    height, width = dense.photo.shape[:2]
    made = dense.provenance
    return (
        f"{info.title}, {info.weights_title}; photo at {width} × {height} px, window "
        f"{dense.window} px (white box: at the best position), field {dense.field} px; "
        f"{made.device}, {made.precision}"
    )


def _probability_alt(info: ModelInfo, dense: DenseMap, target: int) -> str:
    values = dense.probabilities[target]
    return (
        f"Probability of {dense.classes[target]} by {info.title} at {values.size} positions of the "
        f"photo, largest {values.max():.2f}."
    )


def _probability_rows(dense: DenseMap, target: int) -> list[dict[str, object]]:
    return [
        {**row, "class": dense.classes[target], "probability": float(probability)}
        for row, probability in zip(
            _positions(dense), dense.probabilities[target].ravel(), strict=True
        )
    ]


def _top_rows(dense: DenseMap) -> list[dict[str, object]]:
    best = dense.probabilities.max(0).ravel()
    return [
        {**row, "class": dense.classes[int(index)], "probability": float(probability)}
        for row, index, probability in zip(_positions(dense), dense.top.ravel(), best, strict=True)
    ]


def _positions(dense: DenseMap) -> list[dict[str, object]]:
    rows, columns = dense.top.shape
    return [
        {
            "row": r,
            "column": c,
            "centre x px": dense.offset + c * dense.stride,
            "centre y px": dense.offset + r * dense.stride,
            "no padding in sight": bool(dense.whole[r, c]),
        }
        for r in range(rows)
        for c in range(columns)
    ]
