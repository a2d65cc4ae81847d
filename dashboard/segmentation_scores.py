"""Page "Segmentation": how good the nets are, beside the paper's."""

import streamlit as st

from dashboard import service
from dashboard.charts import chart, look
from dashboard.segmentation_settings import SegmentationSettings
from dashboard.selection import Selection, Where
from vgg_viz import figures
from vgg_viz.published import (
    FCN_PAPER,
    FCN_TABLE_1,
    FCN_TABLE_2,
    TABLE_1_PROTOCOL,
    TABLE_2_PROTOCOL,
)
from vgg_viz.requests import SegmentationHeadsRequest
from vgg_viz.results import (
    ModelInfo,
    SegmentationHead,
    SegmentationHeads,
    ServiceDescription,
    Share,
    StrideScores,
)

MEASURES = (
    "**Pixel accuracy**: share of the pixels with the right class. **Mean accuracy**: that share "
    "for each class, then averaged. **IU**: intersection of prediction and truth over their union; "
    "**mean IU** over the classes, **f.w. IU** weighted by how frequent each class is. Pixels "
    "without a class are left out; counts are summed over photos first."
)


def panel(
    _: Selection,
    __: SegmentationSettings,
    ___: ServiceDescription,
    ____: dict[Where, ModelInfo],
) -> None:
    """A chart, our table, the paper's tables; what each has to be read with."""
    heads = service.run(SegmentationHeadsRequest())
    if not heads.heads:
        st.info(
            "No segmentation heads are installed (assets/weights/transfer).",
            icon=":material/info:",
        )
        return
    source = f"{heads.heads[0].photos} validation photos; {heads.heads[0].data}"
    left, right = st.columns(2, gap="medium")
    with left:
        chart(
            figures.mean_iu_figure(heads, look()),
            key="segmentation_mean_iu",
            alt="Mean IU of every network with FCN-32s, 16s and 8s. " + _spoken(heads),
            rows=_rows(heads),
            source="bundled networks (0.25 x width); bars: 95 % bootstrap intervals over photos",
        )
        st.markdown(_skips(heads))
    with right:
        chart(
            figures.class_iu_figure(heads, look()),
            key="segmentation_class_iu",
            alt="IU of every class with FCN-8s of each network.",
            rows=_class_rows(heads),
            source="FCN-8s; bundled networks (0.25 x width)",
        )
        st.markdown(_networks(heads))
    st.markdown("**This project** (in %, with 95 % intervals)", help=MEASURES)
    st.dataframe(_table(heads), hide_index=True)
    st.caption(f"{source} {heads.heads[0].title}: {heads.heads[0].recipe}")
    st.markdown(f"**The paper**, {FCN_PAPER} (in %)")
    st.caption(
        "Another task: other photos, 21 classes, networks of full width that were trained on "
        "ImageNet. The order of the nets can be compared, the numbers cannot."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        st.dataframe(
            [
                {
                    "net": row.net,
                    "pixel acc.": row.pixel_accuracy,
                    "mean acc.": row.mean_accuracy,
                    "mean IU": row.mean_iu,
                    "f.w. IU": row.weighted_iu,
                }
                for row in FCN_TABLE_2
            ],
            hide_index=True,
        )
        st.caption(f"Table 2, on VGG-16: {TABLE_2_PROTOCOL}.")
    with right:
        st.dataframe(
            [
                {
                    "net": row.network,
                    "mean IU": row.mean_iu,
                    "forward, ms": 1000 * row.seconds,
                    "field, px": row.field,
                    "parameters": row.parameters,
                }
                for row in FCN_TABLE_1
            ],
            hide_index=True,
        )
        st.caption(
            f"Table 1, FCN-32s: {TABLE_1_PROTOCOL}; forward pass of 500 × 500 px on a K40c. "
            "FCN-VGG16 here (56.0) and FCN-32s of table 2 (59.4) are one net with more photos."
        )


def _skips(heads: SegmentationHeads) -> str:
    """Whether skips help here, as measured, and why less than in the paper."""
    lines = []
    for head in heads.heads:
        values = [each.mean_iu.value for each in head.scores]
        order = "as in the paper" if values == sorted(values) else "unlike in the paper"
        ranks = " ≥ " if values == sorted(values) else ", "
        gains = "; ".join(
            f"{each.stride}s over {2 * each.stride}s {_points(each.gain)}{_doubt(each.gain)}"
            for each in head.scores[1:]
            if each.gain is not None
        )
        names = ranks.join(f"{each.stride}s" for each in reversed(head.scores))
        lines.append(f"- **{head.title}**: {names}, {order}; {gains}.")
    before, middle, after = (row.mean_iu for row in FCN_TABLE_2[1:])
    lines.append(
        f"- The paper's skips add {middle - before:.1f} and {after - middle:.1f} points; it trains "
        "the whole network again for each, here only what the skip adds is trained."
    )
    return "\n".join(lines)


def _networks(heads: SegmentationHeads) -> str:
    """Which network is ahead, and how far the classifier's own features go."""
    titles = {head.model: head.title for head in heads.heads}
    finest = heads.heads[0].scores[-1].stride
    lines = [
        f"- {titles[each.model]} minus {titles[each.other]}, FCN-{each.stride}s: "
        f"{_points(each.mean_iu)}{_doubt(each.mean_iu)}."
        for each in heads.differences
        if each.stride == finest and {each.model, each.other} <= set(titles)
    ]
    shares = ", ".join(
        f"{head.title} {100 * head.fixed.mean_iu.value / head.scores[0].mean_iu.value:.0f} %"
        for head in heads.heads
        if head.fixed is not None
    )
    fixed, whole = FCN_TABLE_2[0].mean_iu, FCN_TABLE_2[1].mean_iu
    if shares:
        lines.append(
            "- New scores on the classifier's own features (32s-fixed) reach, of the mean IU of "
            f"FCN-32s: {shares}; {100 * fixed / whole:.0f} % in the paper's table ({fixed} of "
            f"{whole})."
        )
    return "\n".join(lines)


def _doubt(share: Share) -> str:
    return "" if share.low > 0 or share.high < 0 else " (not told from 0)"


def _points(share: Share) -> str:
    text = f"**{100 * share.value:+.1f}** ({100 * share.low:+.1f} to {100 * share.high:+.1f})"
    return text.replace("-", "−")


def _table(heads: SegmentationHeads) -> list[dict[str, str]]:
    return [
        {
            "network": f"{head.title}, 0.25 x width",
            "net": net,
            "pixel acc.": _written(each.pixel_accuracy),
            "mean acc.": _written(each.mean_accuracy),
            "mean IU": _written(each.mean_iu),
            "f.w. IU": _written(each.weighted_iu),
        }
        for head in heads.heads
        for net, each in _nets(head)
    ]


def _nets(head: SegmentationHead) -> list[tuple[str, StrideScores]]:
    fixed = [] if head.fixed is None else [("FCN-32s-fixed", head.fixed)]
    return [*fixed, *((f"FCN-{each.stride}s", each) for each in head.scores)]


def _written(share: Share) -> str:
    return f"{100 * share.value:.1f} ({100 * share.low:.1f} to {100 * share.high:.1f})"


def _rows(heads: SegmentationHeads) -> list[dict[str, object]]:
    names = ("pixel_accuracy", "mean_accuracy", "mean_iu", "weighted_iu")
    return [
        {
            "network": head.title,
            "net": net,
            **{key: value for name in names for key, value in _columns(each, name)},
        }
        for head in heads.heads
        for net, each in _nets(head)
    ]


def _columns(scores: StrideScores, name: str) -> list[tuple[str, float]]:
    share: Share = getattr(scores, name)
    return [(name, share.value), (f"{name} low", share.low), (f"{name} high", share.high)]


def _class_rows(heads: SegmentationHeads) -> list[dict[str, object]]:
    return [
        {"network": head.title, "net": f"FCN-{each.stride}s", "class": name, "iu": iu}
        for head in heads.heads
        for each in head.scores
        for name, iu in zip(head.classes, each.iu, strict=True)
    ]


def _spoken(heads: SegmentationHeads) -> str:
    return " ".join(
        f"{head.title}: "
        + ", ".join(f"{each.stride}s {100 * each.mean_iu.value:.1f} %" for each in head.scores)
        + "."
        for head in heads.heads
    )
