"""Page "Segmentation": the classifier slid over the photo, then FCN-32s, 16s and 8s."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard import components, controls, service
from dashboard.downloads import photo_credit
from dashboard.fetching import fetch_panel
from dashboard.segmentation_settings import (
    SegmentationSettings,
    coarse_request,
    labels_request,
)
from dashboard.selection import WHERE, Selection, Where
from vgg_viz import figures
from vgg_viz.figures import LabelPicture
from vgg_viz.requests import SegmentationHeadsRequest
from vgg_viz.results import ModelInfo, Segmentation, SegmentationHeads, ServiceDescription

NOTHING_FOUND = (
    "{title} sees no cat, cow, dog, horse, person or sheep here: every pixel is most probably "
    "background. The nets know these six classes alone; choose another photo, or draw one class "
    "to see where it is least improbable."
)
ABOUT_COARSE = (
    "**Coarse class map**: no training. fc6 to fc8 are read as convolutions, so the classifier "
    "answers at every 32nd pixel, each time for the window it was made for; its classes are those "
    "it was trained on. **FCN-32s**: the last layer replaced by scores for seven classes and "
    "trained on pixels, then enlarged 32 times, bilinearly. **16s** adds scores of the layer with "
    "16 px between cells, **8s** of the one with 8 px (Long, Shelhamer & Darrell 2015)."
)
ABOUT_SKIPS = (
    "Left: FCN-32s. Then only the pixels whose class changes when the scores of a finer layer are "
    "added, in their new class. The three nets share all layers but the added scores, so what "
    "changes is the skip's doing."
)


def labels(
    selection: Selection,
    settings: SegmentationSettings,
    offered: ServiceDescription,
    infos: dict[Where, ModelInfo],
) -> None:
    """A row of pictures for each network: photo, coarse map, 32s, 16s, 8s."""
    heads = service.run(SegmentationHeadsRequest())
    st.caption(
        "The same network labels every pixel as background, cat, cow, dog, horse, person or sheep. "
        "It knows nothing else: other objects are background, or mistaken for one of these. Point "
        "at a picture: all show the class there.",
        help=ABOUT_COARSE,
    )
    rows = []
    for where in WHERE:
        with service.messages():
            pictures = _row(where, selection, settings, offered, infos[where], heads)
            rows += [] if pictures is None else [pictures]
    _downloads(rows, selection, offered)


def skips(
    selection: Selection,
    _: SegmentationSettings,
    offered: ServiceDescription,
    infos: dict[Where, ModelInfo],
) -> None:
    """32s, what 16s changes, what 8s changes, 8s."""
    heads = service.run(SegmentationHeadsRequest())
    st.caption("What the scores of finer layers change.", help=ABOUT_SKIPS)
    rows = []
    for where in WHERE:
        with service.messages():
            info = infos[where]
            if not network_head(where, selection, offered, info, heads):
                continue
            found = service.run(labels_request(where, selection))
            pictures = (
                figures.stride_picture(found, 32),
                figures.changed_picture(found, 16),
                figures.changed_picture(found, 8),
                figures.stride_picture(found, 8),
            )
            components.label_maps(
                figures.label_frame(pictures, info.title, slider=where == "left"),
                key=f"segmentation_{where}_skips",
            )
            st.caption(_gains(info, heads))
            rows.append((_title(info), pictures, found))
    _downloads(rows, selection, offered)


Row = tuple[str, Sequence[LabelPicture], Segmentation | None]


def _row(
    where: Where,
    selection: Selection,
    settings: SegmentationSettings,
    offered: ServiceDescription,
    info: ModelInfo,
    heads: SegmentationHeads,
) -> Row | None:
    labelled = network_head(where, selection, offered, info, heads, words=False)
    if not info.available:
        return None
    found = service.run(labels_request(where, selection)) if labelled else None
    pictures: list[LabelPicture] = [] if found is None else [figures.photo_picture(found)]
    pictures.append(figures.coarse_picture(service.run(coarse_request(info, selection))))
    if found is not None:
        shown = settings.shown_class
        pictures += [figures.stride_picture(found, net.stride, shown) for net in found.nets]
    components.label_maps(
        figures.label_frame(pictures, info.title, slider=where == "left"),
        key=f"segmentation_{where}_maps",
    )
    if found is None:
        st.info(_no_head(info, heads), icon=":material/info:")
    else:
        _words(info, found, heads)
    return _title(info), pictures, found


def network_head(
    where: Where,
    selection: Selection,
    offered: ServiceDescription,
    info: ModelInfo,
    heads: SegmentationHeads,
    *,
    words: bool = True,
) -> bool:
    """The network's picker; whether it labels pixels, and why not where it does not."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"segmentation_{where}"):
        with st.container(width=260):
            controls.model_picker(where, selection, offered)
        st.caption(info.weights_title, width="content")
    if not info.available:
        fetch_panel(where, info)
        return False
    if heads.head(info.name) is None:
        if words:
            st.info(_no_head(info, heads), icon=":material/info:")
        return False
    return True


def _no_head(info: ModelInfo, heads: SegmentationHeads) -> str:
    known = ", ".join(f"{head.title} · bundled" for head in heads.heads)
    if not known:
        return "No segmentation heads are installed (assets/weights/transfer); reinstall vgg-viz."
    return (
        f"{controls.model_title(info)} has no trained segmentation head, only its own classes at "
        f"each position. Heads ship for {known}."
    )


def _words(info: ModelInfo, found: Segmentation, heads: SegmentationHeads) -> None:
    """Notes, emptiness, and how good these nets are on photos they were not trained on."""
    if found.empty:
        st.info(NOTHING_FOUND.format(title=info.title), icon=":material/search_off:")
    for note in found.notes:
        st.caption(note)
    head = heads.head(info.name)
    assert head is not None  # noqa: S101 - it was asked for
    ious = ", ".join(f"{each.stride}s {100 * each.mean_iu.value:.1f}" for each in head.scores)
    st.caption(
        f"{info.title}, {info.weights_title}, segmentation head {head.file}; one pass "
        f"{1000 * found.seconds:.0f} ms on {found.provenance.device}, {found.provenance.precision}."
        f" Mean IU on {head.photos} validation photos: {ious} %."
    )


def _gains(info: ModelInfo, heads: SegmentationHeads) -> str:
    head = heads.head(info.name)
    assert head is not None  # noqa: S101 - it was asked for
    parts = []
    for each, layer in zip(head.scores[1:], head.skips, strict=True):
        gain = each.gain
        assert gain is not None  # noqa: S101 - of every net but the first
        parts.append(
            f"{layer} ({each.stride}s) adds {100 * gain.value:.1f} points of mean IU "
            f"(95 % interval {100 * gain.low:.1f} to {100 * gain.high:.1f})".replace("-", "−")
        )
    return f"{info.title}, over {head.photos} validation photos: {'; '.join(parts)}."


def _title(info: ModelInfo) -> str:
    return f"{info.title}, {info.weights_title}"


def _downloads(rows: Sequence[Row], selection: Selection, offered: ServiceDescription) -> None:
    if not rows:
        return
    credit = photo_credit(selection, offered)
    with st.container(horizontal=True, key="segmentation_downloads"):
        st.download_button(
            "Pictures (PNG)",
            data=partial(_sheet, rows, credit),
            file_name="segmentation.png",
            mime="image/png",
            key="segmentation_png",
            on_click="ignore",
            icon=":material/download:",
        )
        for title, _, found in rows:
            if found is not None:
                network = found.provenance.model.partition(":")[0]
                st.download_button(
                    f"Numbers of {title.partition(',')[0]} (npz)",
                    data=partial(_arrays, found, credit),
                    file_name=f"segmentation-{network}.npz",
                    mime="application/octet-stream",
                    key=f"segmentation_npz_{network}",
                    on_click="ignore",
                    icon=":material/download:",
                    help="Labels and probabilities of the three nets, and the photo as labelled",
                )


def _sheet(rows: Sequence[Row], credit: str) -> bytes:
    caption = (
        "Coarse class map: the classifier's own classes. FCN after Long, Shelhamer & Darrell 2015, "
        f"trained by vgg-viz on its own split.\n{credit}"
    )
    return figures.labels_sheet_png([(title, pictures) for title, pictures, _ in rows], caption)


def _arrays(found: Segmentation, credit: str) -> bytes:
    made = found.provenance
    about = {"photo": credit, "model": made.model, "weights": made.weights, "sha256": made.digest}
    return figures.segmentation_npz(found, about)
