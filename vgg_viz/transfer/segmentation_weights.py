"""Segmentation heads as they ship: what a training changed, in fp16, and a model card."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from vgg_viz.errors import CheckpointError
from vgg_viz.models.checkpoint import read_checkpoint
from vgg_viz.models.weights import LoadedModel
from vgg_viz.transfer.fcn import FCN, STRIDES, load_classifier
from vgg_viz.transfer.segmentation_cards import COMPARISON, PREFIX, SegmentationCard
from vgg_viz.transfer.segmentation_data import CLASSES
from vgg_viz.transfer.segmentation_scores import (
    Counts,
    interval,
    resampled,
    score_draws,
    scores,
)
from vgg_viz.transfer.segmentation_training import SegmentationRecipe, StageEvent

DATA = (
    "1,111 training and 269 validation photos in PASCAL-VOC style, 6 classes and background, "
    "longest side 256 px; the split is this project's own and no VOC result. The photos belong to "
    "their authors and are not part of this project."
)


def load_fcn(card: SegmentationCard, loaded: LoadedModel) -> FCN:
    """The nets of a card on the classifier they were trained from, frozen, in eval mode.

    CheckpointError when the weights are not those of the card, or the classifier is another one.
    """
    if loaded.digest != card.classifier_sha256:
        raise CheckpointError(
            f"{card.path.name} was trained from other weights of {loaded.name} than these; "
            "reinstall vgg-viz."
        )
    checkpoint = read_checkpoint(card.path)
    if checkpoint.digest != card.sha256:
        raise CheckpointError(
            f"{card.path} is not the file its model card describes; reinstall vgg-viz."
        )
    fcn = FCN(loaded.config, len(card.head.classes))
    load_classifier(fcn, loaded.network)
    try:
        put(fcn, checkpoint.tensors)
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"{card.path} does not fit its network ({error}).") from error
    return fcn.requires_grad_(requires_grad=False).eval()


def put(fcn: FCN, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors over those of the same names."""
    own = fcn.state_dict()
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)


def learnt(fcn: FCN, recipe: SegmentationRecipe) -> dict[str, Tensor]:
    """What a training by `recipe` can have changed, in fp16."""
    return {
        name: tensor.detach().half().contiguous()
        for name, tensor in fcn.state_dict().items()
        if not any(name.startswith(f"trunk.{layer}.") for layer in recipe.frozen)
    }


def rounded_to_half(fcn: FCN, recipe: SegmentationRecipe) -> FCN:
    """The same nets, what was learnt rounded to fp16 and back: what is measured is what ships."""
    put(fcn, learnt(fcn, recipe))
    return fcn


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """A training's outcome: what ships, and how good it is on every validation photo."""

    fcn: FCN
    loaded: LoadedModel
    recipe: SegmentationRecipe
    history: tuple[StageEvent, ...]
    counts: Mapping[int, Counts]  # of every stride
    fixed: Counts | None  # of the scores alone, before the trunk learnt


def save_head(made: TrainedHead, folder: Path, longest: int) -> Path:
    """Write `fcn_<network>.safetensors` and its card; return the card.

    `longest` is the longest side in px of the photos it was trained on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recipe, tensors = made.recipe, learnt(made.fcn, made.recipe)
    weights = folder / f"{PREFIX}{recipe.network}.safetensors"
    save_file(tensors, weights, metadata={"classes": json.dumps(CLASSES)})
    weights.chmod(0o644)  # safetensors writes for its owner alone
    card = folder / f"{PREFIX}{recipe.network}.json"
    data = {
        "model": str(made.loaded.name),
        "classes": CLASSES,
        "skips": made.fcn.skip_names,
        "longest": longest,
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
        "file": weights.name,
        "bytes": weights.stat().st_size,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "classifier_sha256": made.loaded.digest,
        "dtype": "float16",
        "data": DATA,
        "recipe": asdict(recipe),
        "recipe_in_words": recipe.words,
        "cpu_seconds": round(made.history[-1].cpu_seconds) if made.history else 0,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} thread(s)",
        "torch": torch.__version__,
        "history": [asdict(event) for event in made.history],
        "validation": validation(made.counts, made.fixed),
    }
    card.write_text(json.dumps(data, indent=1), encoding="utf-8")
    return card


def validation(counts: Mapping[int, Counts], fixed: Counts | None = None) -> dict[str, Any]:
    """The scores of every net with 95 % intervals over photos, and the gain of each over the last.

    The gain of 32s is over `fixed`, the scores alone, where that was measured.
    """
    before = {STRIDES[0]: fixed, **{stride: counts[2 * stride] for stride in STRIDES[1:]}}
    return {
        "photos": len(next(iter(counts.values()))),
        "fixed": None if fixed is None else _measured(STRIDES[0], fixed, None),
        "nets": [_measured(stride, counts[stride], before[stride]) for stride in STRIDES],
    }


def _measured(stride: int, counts: Counts, before: Counts | None) -> dict[str, Any]:
    """Scores with intervals; the gain in mean IU over `before`, on the same draws."""
    draws = resampled(len(counts))
    found, drawn = scores(counts.sum(0)), score_draws(counts, draws)
    return {
        "stride": stride,
        **{name: [getattr(found, name), *interval(drawn[name])] for name in drawn},
        "iu": [None if np.isnan(iu) else iu for iu in found.iu],  # JSON has no NaN
        "gain": None if before is None else difference(counts, before, draws),
    }


def difference(counts: Counts, others: Counts, draws: NDArray[np.int64]) -> list[float]:
    """Mean IU of one minus that of the other, and its interval, photo by photo the same draws."""
    drawn = score_draws(counts, draws)["mean_iu"] - score_draws(others, draws)["mean_iu"]
    value = scores(counts.sum(0)).mean_iu - scores(others.sum(0)).mean_iu
    return [value, *interval(drawn)]


def save_comparison(counts: Mapping[str, Mapping[int, Counts]], folder: Path) -> Path:
    """Write the differences in mean IU between models, {model: {stride: counts}}, in their order.

    Later models minus earlier ones, on the same draws of photos.
    """
    rows = []
    models = list(counts)
    for at, other in enumerate(models):
        for model in models[at + 1 :]:
            for stride in STRIDES:
                own, its = counts[model][stride], counts[other][stride]
                rows.append(
                    {
                        "model": model,
                        "other": other,
                        "stride": stride,
                        "mean_iu": difference(own, its, resampled(len(own))),
                    }
                )
    path = folder / COMPARISON
    path.write_text(json.dumps({"differences": rows}, indent=1), encoding="utf-8")
    return path
