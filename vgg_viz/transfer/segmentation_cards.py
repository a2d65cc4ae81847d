"""Model cards of segmentation heads: read and compared. Nothing here imports torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

from vgg_viz.errors import UnknownNameError, VggVizError
from vgg_viz.models.configs import NETWORKS, spec
from vgg_viz.models.registry import transfer_folder
from vgg_viz.results import (
    ScoreDifference,
    SegmentationHead,
    SegmentationHeads,
    Share,
    StrideScores,
)

PREFIX = "fcn_"
COMPARISON = "segmentation.json"  # beside the cards: mean IU of one network minus another's


@dataclass(frozen=True)
class SegmentationCard:
    """A head, and where its weights are."""

    head: SegmentationHead
    path: Path  # safetensors, fp16
    sha256: str
    classifier_sha256: str  # of the weights that the head goes with


def segmentation_cards(folder: Path | None = None) -> dict[str, SegmentationCard]:
    """Read every card, {model: card}; VggVizError for one that cannot be read."""
    folder = folder or transfer_folder()
    cards = sorted(map(_card, folder.glob(f"{PREFIX}*.json")), key=_place)
    return {card.head.model: card for card in cards}


def segmentation_card(model: str) -> SegmentationCard:
    """The head of a model; UnknownNameError with those that have one."""
    cards = segmentation_cards()
    if model not in cards:
        raise UnknownNameError.among("model with a segmentation head", model, cards)
    return cards[model]


def segmentation_heads(folder: Path | None = None) -> SegmentationHeads:
    """All that ships, with the comparison beside it."""
    folder = folder or transfer_folder()
    cards = segmentation_cards(folder)
    return SegmentationHeads(
        tuple(card.head for card in cards.values()), _differences(folder / COMPARISON)
    )


def _place(card: SegmentationCard) -> int:
    """In the order of the table of networks: ZFNet before VGG, shallow before deep."""
    return list(NETWORKS).index(card.head.model.partition(":")[0])


def _card(path: Path) -> SegmentationCard:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        first, second = data["skips"]
        head = SegmentationHead(
            model=data["model"],
            title=spec(data["model"].partition(":")[0]).title,
            classes=tuple(data["classes"]),
            skips=(first, second),
            scores=tuple(_scores(each) for each in data["validation"]["nets"]),
            fixed=None if (fixed := data["validation"]["fixed"]) is None else _scores(fixed),
            photos=int(data["validation"]["photos"]),
            data=data["data"],
            recipe=data["recipe_in_words"],
            longest=int(data["longest"]),
            file=Path(data["file"]).name,
            bytes=int(data["bytes"]),
        )
        return SegmentationCard(
            head, path.parent / head.file, data["sha256"], data["classifier_sha256"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UnknownNameError) as e:
        raise VggVizError(
            f"The model card {path} cannot be read ({type(e).__name__}: {e}); reinstall vgg-viz."
        ) from e


def _scores(data: Mapping[str, Any]) -> StrideScores:
    return StrideScores(
        stride=int(data["stride"]),
        pixel_accuracy=Share(*data["pixel_accuracy"]),
        mean_accuracy=Share(*data["mean_accuracy"]),
        mean_iu=Share(*data["mean_iu"]),
        weighted_iu=Share(*data["weighted_iu"]),
        iu=tuple(nan if iu is None else float(iu) for iu in data["iu"]),
        gain=None if data["gain"] is None else Share(*data["gain"]),
    )


def _differences(path: Path) -> tuple[ScoreDifference, ...]:
    if not path.exists():
        return ()
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["differences"]
        return tuple(
            ScoreDifference(row["model"], row["other"], int(row["stride"]), Share(*row["mean_iu"]))
            for row in rows
        )
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise VggVizError(f"{path} cannot be read ({e}); reinstall vgg-viz.") from e
