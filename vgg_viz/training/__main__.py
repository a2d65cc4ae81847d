"""`python -m vgg_viz.training`: train the bundled networks again."""

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from vgg_viz.errors import UnknownNameError, VggVizError
from vgg_viz.models.networks import ConvNet
from vgg_viz.training import bundle
from vgg_viz.training.data import PhotoSet, load_photos
from vgg_viz.training.loop import EpochEvent, new_network, train, with_fast_lrn
from vgg_viz.training.recipes import BUNDLED, Recipe

logger = logging.getLogger("vgg_viz.training")
app = typer.Typer(add_completion=False)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="Folder with train/<class>/ and val/<class>/.")],
    out: Annotated[Path, typer.Option(help="Where the weights and model cards go.")] = Path(
        "assets/weights"
    ),
    only: Annotated[
        list[str] | None, typer.Option(help="Networks to train; all when absent.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Fewer or more epochs than the recipe.")
    ] = None,
    peak_lr: Annotated[float | None, typer.Option(help="Another peak learning rate.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 2,
) -> None:
    """Train the bundled networks from their recipes and write weights and model cards."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(threads)
    names = only or list(BUNDLED)
    for name in names:
        if name not in BUNDLED:
            raise UnknownNameError.among("recipe", name, BUNDLED)
    training = load_photos(data / "train")
    validation = load_photos(data / "val", classes=training.classes)
    for name in names:
        recipe = BUNDLED[name]
        recipe = replace(recipe, epochs=epochs or recipe.epochs, peak_lr=peak_lr or recipe.peak_lr)
        network, history = _trained(recipe, training, validation)
        evaluation = bundle.evaluate(network, validation, recipe.preprocessing)
        card = bundle.save_bundle(network, recipe, training, evaluation, history, out)
        logger.info("%s: top-1 %.4f -> %s", name, evaluation.top1, card)


def _trained(
    recipe: Recipe, training: PhotoSet, validation: PhotoSet
) -> tuple[ConvNet, list[EpochEvent]]:
    """The trained network, rounded to fp16, and what its epochs gave."""
    network = new_network(recipe, len(training.classes))
    history: list[EpochEvent] = []
    for event in train(recipe, training, with_fast_lrn(network)):
        history.append(event)
        top1 = bundle.evaluate(network, validation, recipe.preprocessing).top1
        logger.info("%s %s val %.4f", recipe.network, event, top1)
    if history[-1].diverged:
        raise VggVizError(f"{recipe.network} diverged; its weights are not kept. Lower --peak-lr.")
    return bundle.rounded_to_half(network), history


if __name__ == "__main__":
    try:
        app()
    except VggVizError as error:
        sys.exit(f"Error: {error}")
