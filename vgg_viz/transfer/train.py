"""`python -m vgg_viz.transfer.train TASK --data FOLDER`: train the heads that ship again."""

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import torch
import typer

from vgg_viz.errors import UnknownNameError, VggVizError
from vgg_viz.models.registry import transfer_folder
from vgg_viz.transfer import detection_training, segmentation_recipes

# (data, out, networks, () for all of them): trains, and writes weights and model cards
Recipes = Callable[[Path, Path, tuple[str, ...]], None]

TASKS: Mapping[str, Recipes] = {
    "detection": detection_training.train_all,
    "segmentation": segmentation_recipes.train_all,
}
app = typer.Typer(add_completion=False)


@app.command()
def main(
    task: Annotated[str, typer.Argument(help=f"One of: {', '.join(TASKS)}.")],
    data: Annotated[Path, typer.Option(help="Folder with train/ and val/ of the task.")],
    out: Annotated[
        Path | None, typer.Option(help="Where weights and model cards go; where they ship from.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Networks to train; all when absent.")
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
) -> None:
    """Train the heads of a task by their recipes, on the bundled networks."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(threads)
    if task not in TASKS:
        raise UnknownNameError.among("task", task, TASKS)
    TASKS[task](data, out or transfer_folder(), tuple(only or ()))


if __name__ == "__main__":
    try:
        app()
    except VggVizError as error:
        sys.exit(f"Error: {error}")
