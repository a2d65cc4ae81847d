"""How good a network's detection heads are, from the model card. Nothing here imports torch."""

from typing import Any

from vgg_viz.errors import CheckpointError
from vgg_viz.models.registry import bundled_cards
from vgg_viz.results import DetectionCard, DetectionLead, DetectionMeasure, DetectionWay, ModelInfo
from vgg_viz.transfer.detection_cards import heads_card

WAYS: tuple[DetectionWay, ...] = ("rcnn", "fast")


def detection_card(info: ModelInfo) -> DetectionCard:
    """The card for a model; InputError when nothing was trained for its weights."""
    bundled = bundled_cards().get(info.network) if info.weights == "bundled" else None
    card = heads_card(info.network, bundled.sha256 if bundled else "")
    try:
        measures = tuple(
            (way, refined, _measure(card["validation"][f"{way}{suffix}"]))
            for way in WAYS
            for refined, suffix in ((True, ""), (False, "_without_regression"))
        )
        return DetectionCard(
            network=info.network,
            classes=tuple(card["classes"]),
            measures=measures,
            photos=card["photos"]["val"],
            training_photos=card["photos"]["train"],
            objects=tuple(card["objects"]["val"]),
            recall=card["recall"],
            proposals=card["proposals_a_photo"],
            seconds=tuple(card["seconds_a_photo"].items()),
            ahead=_ahead(card.get("ahead", {})),
            measure=card["measure"],
            data=card["data"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"The model card of {info.network}'s detection heads is damaged ({error}); reinstall."
        ) from error


def _measure(fields: dict[str, Any]) -> DetectionMeasure:
    return DetectionMeasure(
        mean=fields["map"],
        interval=_pair(fields["interval"]),
        by_class=tuple(fields["ap"]),
        class_intervals=tuple(_pair(pair) for pair in fields["ap_intervals"]),
    )


def _ahead(fields: dict[str, Any]) -> tuple[DetectionLead, ...]:
    """With box regression, of each way."""
    return tuple(
        DetectionLead(other, way, found[way]["map"], _pair(found[way]["interval"]))
        for other, found in fields.items()
        for way in WAYS
    )


def _pair(values: list[float]) -> tuple[float, float]:
    low, high = values
    return low, high
