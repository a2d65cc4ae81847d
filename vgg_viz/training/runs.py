"""`python -m vgg_viz.training.runs`: train the recordings in assets/runs again."""

import logging
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from safetensors.torch import load_file, save_file
from torch import Tensor

from vgg_viz.errors import InputError, UnknownNameError, VggVizError
from vgg_viz.models.registry import assets_folder
from vgg_viz.training.data import PhotoSet, load_photos, middle_square
from vgg_viz.training.recorded import Experiment, RecordedTraining, Sample

logger = logging.getLogger("vgg_viz.training")
app = typer.Typer(add_completion=False)

PHOTO_SIDE = 72  # px: 64 px are cut from it at random
SAMPLE = "cat"


@dataclass(frozen=True)
class ShippedRun:
    """A recording of assets/runs. `source` names the run whose weights staged ones start from.

    The weights after `checkpoints` are kept beside the recording.
    """

    title: str
    experiment: Experiment
    source: str = ""
    data: str = "photos"  # or "shapes"
    checkpoints: tuple[int, ...] = ()


def _on_photos(network: str, initialization: str) -> Experiment:
    """The one recipe of all trainings on photos: full width, 64 px, SGD at 0.003."""
    return Experiment(network, initialization, bf16=True)


# In the order in which the page lists them: the rescue that works beside what does not train.
SHIPPED: dict[str, ShippedRun] = {
    "d-std": ShippedRun("D from scratch, std 0.01", _on_photos("vgg16", "std_0.01")),
    "d-he": ShippedRun("D with He", _on_photos("vgg16", "he_fan_in")),
    "d-glorot": ShippedRun("D with Glorot", _on_photos("vgg16", "glorot")),
    "d-staged": ShippedRun("D staged from A", _on_photos("vgg16", "staged"), source="a-glorot"),
    "d-bn": ShippedRun("D with batch normalisation, He", _on_photos("vgg16_bn", "he_fan_in")),
    "e-std": ShippedRun("E from scratch, std 0.01", _on_photos("vgg19", "std_0.01")),
    "e-staged": ShippedRun("E staged from A", _on_photos("vgg19", "staged"), source="a-glorot"),
    "a-std": ShippedRun("A from scratch, std 0.01", _on_photos("vgg11", "std_0.01")),
    "a-glorot": ShippedRun("A from scratch, Glorot", _on_photos("vgg11", "glorot")),
    "zfnet-b": ShippedRun("ZFNet (b) with He", _on_photos("zfnet_b", "he_fan_in")),
    "shapes-a": ShippedRun(
        "A at an eighth of its width on generated shapes, He",
        Experiment("vgg11", "he_fan_in", width=0.125, learning_rate=0.01, steps=300, flip=True),
        data="shapes",
        checkpoints=(1, 100, 300),
    ),
}


def data_of(run: ShippedRun, photos: Path | None) -> tuple[PhotoSet, PhotoSet, str]:
    """Training photos, validation photos, and what they are, in words."""
    if run.data == "shapes":
        from vgg_viz.training.datasets import load_dataset

        split = load_dataset("shapes", side=64, folders={})
        return split.training, split.validation, "generated shapes and textures, 64 px"
    if photos is None:
        raise InputError("This run learns from photos; name their folder with --data.")
    training = load_photos(photos / "train", side=PHOTO_SIDE)
    validation = load_photos(photos / "val", side=PHOTO_SIDE, classes=training.classes)
    return training, validation, f"{len(training)} photos in {len(training.classes)} classes"


def sample_of(photos: PhotoSet) -> Sample | None:
    """The bundled photo whose Grad-CAM is recorded, where the classes have its name."""
    if SAMPLE not in photos.classes:
        return None
    path = next((assets_folder() / "images").glob(f"{SAMPLE}.*"))
    square = middle_square(path, photos.pixels.shape[-1])
    pixels = torch.from_numpy(square.copy()).permute(2, 0, 1)
    return Sample(SAMPLE, pixels, photos.classes.index(SAMPLE))


def record(
    name: str, data: tuple[PhotoSet, PhotoSet, str], out: Path, *, source: Mapping[str, Tensor]
) -> RecordedTraining:
    """Train the shipped run `name` again and record it into `out/name`."""
    run, (training, validation, words) = SHIPPED[name], data
    shutil.rmtree(out / name, ignore_errors=True)
    recorded = RecordedTraining(
        run.experiment,
        training,
        validation,
        out / name,
        title=run.title,
        settings={
            "data": words,
            "source": run.source,
            "threads": torch.get_num_threads(),
            "place": list(SHIPPED).index(name),
        },
        sample=sample_of(training),
        source=source or None,
    )
    for event in recorded.steps():
        if event.step in run.checkpoints:
            recorded.keep_weights(event.step)
        if event.step % 10 == 0:
            logger.info("%s %s", name, event)
    return recorded


@app.command()
def main(
    data: Annotated[
        Path | None, typer.Option(help="Folder with train/<class>/ and val/<class>/.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the recordings go.")] = Path("assets/runs"),
    only: Annotated[list[str] | None, typer.Option(help="Runs to record; all when absent.")] = None,
    weights: Annotated[
        Path, typer.Option(help="Where the weights of A are kept for the staged runs.")
    ] = Path(".cache/runs"),
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 2,
) -> None:
    """Train and record the shipped runs again; those that others start from go first."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(threads)
    names = only or sorted(SHIPPED, key=lambda name: bool(SHIPPED[name].source))
    kept: dict[str, tuple[PhotoSet, PhotoSet, str]] = {}
    for name in names:
        if name not in SHIPPED:
            raise UnknownNameError.among("run", name, SHIPPED)
        run = SHIPPED[name]
        if run.data not in kept:
            kept[run.data] = data_of(run, data)
        source = load_file(weights / f"{run.source}.safetensors") if run.source else {}
        recorded = record(name, kept[run.data], out, source=source)
        if any(other.source == name for other in SHIPPED.values()):
            weights.mkdir(parents=True, exist_ok=True)
            state = recorded.network.state_dict()
            save_file(
                {key: value.contiguous() for key, value in state.items()},
                weights / f"{name}.safetensors",
            )


if __name__ == "__main__":
    try:
        app()
    except VggVizError as error:
        sys.exit(f"Error: {error}")
