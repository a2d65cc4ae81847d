"""How each shipped segmentation head was trained, and the training of all of them."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from vgg_viz.errors import UnknownNameError
from vgg_viz.models.registry import ModelName
from vgg_viz.models.weights import LoadedModel, load_model
from vgg_viz.transfer.fcn import STRIDES
from vgg_viz.transfer.segmentation_cards import segmentation_cards
from vgg_viz.transfer.segmentation_data import LabelledPhoto, load_split
from vgg_viz.transfer.segmentation_scores import Counts, scores
from vgg_viz.transfer.segmentation_training import (
    FIXED,
    SegmentationRecipe,
    evaluate,
    new_fcn,
    train,
)
from vgg_viz.transfer.segmentation_weights import (
    TrainedHead,
    load_fcn,
    rounded_to_half,
    save_comparison,
    save_head,
)

logger = logging.getLogger("vgg_viz.transfer")

RECIPES: Mapping[str, SegmentationRecipe] = {
    recipe.network: recipe
    for recipe in (
        SegmentationRecipe("zfnet_b", epochs=24),
        SegmentationRecipe("vgg11", epochs=24),
        SegmentationRecipe("vgg16", epochs=24),
    )
}


def train_all(data: Path, out: Path, networks: tuple[str, ...] = ()) -> None:
    """Train the heads of `networks` (all, when none is named), then compare all there are.

    InputError for photos that cannot be read, UnknownNameError for a network without a recipe.
    """
    for network in networks:
        if network not in RECIPES:
            raise UnknownNameError.among("segmentation recipe", network, RECIPES)
    training, validation = load_split(data / "train"), load_split(data / "val")
    longest = max(max(photo.labels.shape) for photo in validation)
    for network in networks or tuple(RECIPES):
        made = trained(RECIPES[network], bundled(network), training, validation)
        card = save_head(made, out, longest)
        logger.info("%s -> %s", network, card)
    compare(out, validation)


def trained(
    recipe: SegmentationRecipe,
    loaded: LoadedModel,
    training: tuple[LabelledPhoto, ...],
    validation: tuple[LabelledPhoto, ...],
) -> TrainedHead:
    """The nets as they ship, what their epochs gave, and how good they are."""
    fcn, history = new_fcn(loaded.network), []
    fixed = None
    for event in train(recipe, fcn, training):
        history.append(event)
        logger.info("%s %s", recipe.network, event)
        if event.net == FIXED and event.last:
            fixed = evaluate(fcn, validation)[STRIDES[0]]
    fcn = rounded_to_half(fcn, recipe)
    return TrainedHead(fcn, loaded, recipe, tuple(history), evaluate(fcn, validation), fixed)


def compare(folder: Path, photos: Iterable[LabelledPhoto]) -> None:
    """Write how the heads of a folder compare on `photos`."""
    kept = tuple(photos)
    counts: dict[str, Mapping[int, Counts]] = {}
    for network in RECIPES:
        card = segmentation_cards(folder).get(f"{network}:bundled")
        if card is not None:
            counts[card.head.model] = evaluate(load_fcn(card, bundled(network)), kept)
            for stride, each in counts[card.head.model].items():
                logger.info("%s %ds %s", network, stride, scores(each.sum(0)))
    save_comparison(counts, folder)


def bundled(network: str) -> LoadedModel:
    """The classifier a recipe begins with."""
    return load_model(ModelName(network, "bundled"))
