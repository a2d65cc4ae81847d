"""A trained network as it ships: fp16 safetensors and a model card in JSON."""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.preprocessing import Preprocessing
from vgg_viz.training.data import PhotoSet
from vgg_viz.training.loop import EpochEvent, confusion_matrix
from vgg_viz.training.recipes import Recipe


@dataclass(frozen=True)
class Evaluation:
    """Accuracy on a split: shares in [0, 1] and the confusion matrix (row true, column said)."""

    top1: float
    balanced: float
    per_class: dict[str, float]
    confusion: list[list[int]]


def evaluate(network: ConvNet, photos: PhotoSet, preprocessing: Preprocessing) -> Evaluation:
    """Top-1 overall, its mean over classes (balanced accuracy), and every class's own."""
    counts = confusion_matrix(network, photos, preprocessing=preprocessing)
    return evaluation_of(counts, photos.classes)


def evaluation_of(counts: Tensor, classes: tuple[str, ...]) -> Evaluation:
    """The accuracies that a confusion matrix (row true, column predicted) holds.

    Classes without a photo have the accuracy 0 and do not count in the balanced one.
    """
    photos = counts.sum(1)
    recall = counts.diagonal() / photos.clamp(min=1)
    return Evaluation(
        top1=float(counts.diagonal().sum() / counts.sum()),
        balanced=float(recall[photos > 0].mean()),
        per_class={name: float(share) for name, share in zip(classes, recall, strict=True)},
        confusion=counts.tolist(),
    )


def rounded_to_half(network: ConvNet) -> ConvNet:
    """A fresh copy with all weights rounded to fp16 and back: what is measured is what ships."""
    shipped = build_network(network.config)
    state = {
        name: t.half().float() if t.is_floating_point() else t
        for name, t in network.state_dict().items()
    }
    shipped.load_state_dict(state)
    return shipped


def save_bundle(
    network: ConvNet,
    recipe: Recipe,
    photos: PhotoSet,
    evaluation: Evaluation,
    history: list[EpochEvent],
    folder: Path,
) -> Path:
    """Write `<network>.safetensors` (fp16) and `<network>.json`, the model card; return the card.

    The file's header holds all that is needed to rebuild the network, so that it loads like any
    checkpoint of a person's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = network.config
    weights = folder / f"{config.network}.safetensors"
    save_half(network, weights, photos.classes, recipe.preprocessing)
    card = folder / f"{config.network}.json"
    card.write_text(
        json.dumps(_card(network, recipe, photos, evaluation, history, weights), indent=1)
    )
    return card


def save_half(
    network: ConvNet, path: Path, classes: tuple[str, ...], preprocessing: Preprocessing
) -> None:
    """Write the weights as fp16 safetensors that load like any checkpoint of a person's own."""
    header = {
        "network": network.config.network,
        "input_size": str(network.config.input_size),
        "classes": json.dumps(classes),
        "preprocessing": json.dumps(_fields(preprocessing)),
    }
    tensors = {name: _shipped(t) for name, t in network.state_dict().items()}
    save_file(tensors, path, metadata=header)
    path.chmod(0o644)  # safetensors writes for its owner alone


def _shipped(tensor: Tensor) -> Tensor:
    return tensor.half().contiguous() if tensor.is_floating_point() else tensor.contiguous()


def _fields(wanted: Preprocessing) -> dict[str, Any]:
    return {
        "resize": wanted.resize,
        "crop": wanted.crop,
        "mean": wanted.mean,
        "std": wanted.std,
    }


def _card(
    network: ConvNet,
    recipe: Recipe,
    photos: PhotoSet,
    evaluation: Evaluation,
    history: list[EpochEvent],
    weights: Path,
) -> dict[str, Any]:
    config = network.config
    return {
        "network": config.network,
        "channels": config.channels,
        "hidden": config.hidden,
        "input_size": config.input_size,
        "classes": photos.classes,
        "preprocessing": _fields(recipe.preprocessing),
        "parameters": sum(p.numel() for p in network.parameters()),
        "file": weights.name,
        "bytes": weights.stat().st_size,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "dtype": "float16",
        "data": DATA,
        "recipe": asdict(recipe),
        "seconds": round(history[-1].seconds) if history else 0,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} thread(s)",
        "torch": torch.__version__,
        "history": [asdict(event) for event in history],
        "validation": asdict(evaluation),
        "search": [],
    }


DATA = (
    "15,029 training and 2,999 validation photos in 19 classes, 144 px squares, drawn from "
    "Caltech-101, PACS (photo), the cats-and-dogs set, 17 Category Flowers and the six-scene set; "
    "the photos belong to their authors and are not part of this project."
)
