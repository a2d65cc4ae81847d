"""Page "Detection": how good the heads are on validation photos, and what the papers print."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import detection_controls, service
from dashboard.charts import chart, look
from dashboard.detection_settings import DetectionSettings, way_of
from dashboard.network_column import escaped
from vgg_viz import figures
from vgg_viz.figures import DETECTION_WAYS
from vgg_viz.published import DETECTION, FAST_PAPER, RCNN_PAPER, VOC_2007
from vgg_viz.requests import DetectionCardRequest
from vgg_viz.results import DetectionCard, DetectionLead, DetectionWay, ModelInfo


def panel(infos: Sequence[ModelInfo], settings: DetectionSettings) -> None:
    """Chart by class, our table, the papers' table."""
    way = way_of(settings.way)
    detection_controls.way_picker(settings)
    cards: list[tuple[ModelInfo, DetectionCard]] = []
    for info in infos:
        with service.messages():
            cards.append((info, service.run(DetectionCardRequest(info.name))))
    if not cards:
        return
    named = [(info.title, card) for info, card in cards]
    card = cards[0][1]
    st.markdown(
        f"**{DETECTION_WAYS[way]}, with box regression, on {card.photos} validation photos**",
        help=f"{card.measure}. {card.data}",
    )
    chart(
        figures.precision_figure(named, look(), way=way, refined=True),
        key="detection_precision",
        alt="Average precision by class: "
        + "; ".join(_spoken(name, each, way) for name, each in named),
        rows=[row for name, each in named for row in class_rows(name, each)],
        source=f"Model cards of the heads: trained on {card.training_photos} photos; "
        f"{card.proposals:.0f} proposals a photo hold {100 * card.recall:.0f} % of the objects. "
        "Bundled weights. Bars: 95 % intervals over photos.",
    )
    for name, each in named:
        for lead in each.ahead:
            if lead.way == way and lead.network in {other.network for _, other in named}:
                st.markdown(escaped(_lead_words(name, lead, infos)))
    ours, papers = st.columns(2, gap="medium")
    with ours:
        st.markdown("**Ours**: 8 classes, networks of a quarter width, not fine-tuned")
        st.markdown(as_table(our_rows(named)))
        st.caption(escaped(f"{card.measure[0].upper()}{card.measure[1:]}. {card.data}"))
    with papers:
        st.markdown("**The papers**: 20 classes, full width, fine-tuned")
        st.markdown(as_table(paper_rows()))
        st.caption(
            f"R-CNN: {RCNN_PAPER}; the others: {FAST_PAPER}. {VOC_2007}: other photos, classes "
            "and networks and another definition of AP. Compare steps between rows, not numbers "
            f"with ours. {_remarks()}"
        )


def _lead_words(name: str, lead: DetectionLead, infos: Sequence[ModelInfo]) -> str:
    other = next(info.title for info in infos if info.network == lead.network)
    ahead, low, high = (
        f"{100 * value:+.1f}".replace("-", "−") for value in (lead.difference, *lead.interval)
    )
    sure = "" if lead.interval[0] > 0 or lead.interval[1] < 0 else " So few photos leave it open."
    return (
        f"{name} against {other} on the same photos: {ahead} points of mAP "
        f"(95 %: {low} to {high}).{sure}"
    )


def _spoken(name: str, card: DetectionCard, way: DetectionWay) -> str:
    found = card.of(way, refined=True)
    values = zip(card.classes, found.by_class, strict=True)
    each = ", ".join(f"{label} {100 * value:.0f}" for label, value in values)
    return f"{name} mean {100 * found.mean:.1f} %, {each}"


def our_rows(cards: Sequence[tuple[str, DetectionCard]]) -> list[dict[str, Any]]:
    """A row for each network and way."""
    return [
        {
            "System": DETECTION_WAYS[way],
            "Network": name,
            "mAP, %": f"{100 * found.mean:.1f}",
            "95 %": f"{100 * found.interval[0]:.1f} to {100 * found.interval[1]:.1f}",
            "without regression": f"{100 * card.of(way, refined=False).mean:.1f}",
        }
        for name, card in cards
        for way in DETECTION_WAYS
        for found in (card.of(way, refined=True),)
    ]


def as_table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a few words wrap as they need to, where a data frame cuts them off."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def paper_rows() -> list[dict[str, Any]]:
    """As printed."""
    return [
        {
            "System": row.system,
            "Network": row.network,
            "mAP, %": f"{row.map:.1f}",
            "Boxes": "refined" if row.regression else "as proposed",
        }
        for row in DETECTION
    ]


def _remarks() -> str:
    """What two of the rows are about: "68.1: trained on ..."."""
    noted = [f"{row.map:.1f}: {row.note}" for row in DETECTION if row.note]
    return f"{'; '.join(noted)}."


def class_rows(name: str, card: DetectionCard) -> list[dict[str, Any]]:
    """Every class, both ways, unrounded."""
    return [
        {
            "network": name,
            "way": DETECTION_WAYS[way],
            "box regression": refined,
            "class": label,
            "objects": count,
            "AP": value,
            "low": low,
            "high": high,
        }
        for way, refined, found in card.measures
        for label, count, value, (low, high) in zip(
            card.classes, card.objects, found.by_class, found.class_intervals, strict=True
        )
    ]
