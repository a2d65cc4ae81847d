"""How the detection heads are made: regions, features, SVMs with hard negatives, box regression.

As in R-CNN (Girshick et al., arXiv 1311.2524), but on networks that are not fine-tuned on boxes. A
region that overlaps every object of the class by less than 0.3 is wrong for its SVM, as in the
paper. Right are the objects' own boxes, and here also proposals that overlap one by 0.6 or more;
the paper does without, but has far more objects. On a fifth of the training photos, held out, that
raises the average precision of single regions from 0.25 to 0.31 (ZFNet (b), four classes). What
lies between teaches nothing. Everything random is drawn from the recipe's seed.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vgg_viz import __version__
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.models.registry import parse_model_name
from vgg_viz.models.weights import LoadedModel, load_model
from vgg_viz.transfer import box_regression, margins
from vgg_viz.transfer.average_precision import Resampled
from vgg_viz.transfer.boxes import Boxes, overlaps
from vgg_viz.transfer.detection_data import Annotated, Annotations, load_annotations
from vgg_viz.transfer.detection_heads import WAYS, Head, rounded, save_heads
from vgg_viz.transfer.detection_measure import SUPPRESSION, Found, evaluate, measured, recall
from vgg_viz.transfer.proposals import ALIKE, SEARCHED_SIDE, propose
from vgg_viz.transfer.region_features import Features, RegionNetwork, Way, joined

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DetectionRecipe:
    """Every choice; the seed reproduces the heads."""

    network: str
    train_photos: int = 600  # drawn from the training part
    val_photos: int = 330  # drawn from the validation part
    near: int = 10  # regions a training photo with an object at 0.5 or more: for the regression
    partial: int = 10  # with 0.1 to 0.5
    background: int = 20  # with less
    hard: int = 15  # more of them, those that a first head finds wrongly
    proposals: int = 500  # a validation photo, at most
    positive_above: float = 0.6  # overlap with an object of the class, besides its own box
    negative_below: float = 0.3  # with every object of the class
    regress_above: float = 0.6
    svm_c: float = 1e-3  # at features of mean norm 20 around their mean
    positive_weight: float = 5.0
    first_negatives: int = 2000  # a class, drawn; then hard ones are added
    rounds: int = 2
    ridges: tuple[float, ...] = (10.0, 100.0, 1000.0, 10000.0)  # tried on a fifth of the photos
    seed: int = 0


BUNDLED_HEADS = {name: DetectionRecipe(name) for name in ("zfnet_b", "vgg16")}


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of the training photos with what they show; features of both ways."""

    photo: NDArray[np.intp]  # (N,): which photo
    boxes: Boxes
    label: NDArray[np.intp]  # (N,): the class of an object's own box; -1 of every other region
    overlap: NDArray[np.float64]  # (N, K): with the class's objects, the largest
    wanted: NDArray[np.float64]  # (N, K, 4): that object's box
    features: dict[Way, Features]


@dataclass(frozen=True, eq=False)
class Trained:
    """Heads that were written, and the bootstrap samples behind their intervals."""

    card: Path
    samples: Mapping[str, Resampled]  # by the names of the card's "validation"


def train(
    recipe: DetectionRecipe,
    data: Path,
    folder: Path,
    *,
    report: Callable[[str], None] = logger.info,
) -> Trained:
    """Make the heads of one network from the photos in `data`, and write them into `folder`."""
    started = time.process_time()
    loaded = load_model(parse_model_name(f"{recipe.network}:bundled"))
    network = RegionNetwork(loaded.network, loaded.config, loaded.preprocessing)
    training = load_annotations(data, "train").some(recipe.train_photos, recipe.seed)
    validation = load_annotations(data, "val").some(recipe.val_photos, recipe.seed)
    if training.classes != validation.classes:
        raise InputError("The training and the validation part name different classes.")

    regions = gather(network, training, recipe, report)
    first, _ = fit(regions, "fast", len(training.classes), recipe)
    regions = with_hard(network, training, regions, first, recipe, report)
    heads: dict[Way, Head] = {}
    notes: dict[str, Any] = {}
    for way in WAYS:
        heads[way], notes[way] = fit(regions, way, len(training.classes), recipe)
        report(f"{recipe.network} {way}: heads fitted")
    trained = time.process_time() - started
    found = evaluate(network, heads, validation, recipe.proposals, report)
    samples = samples_of(found, len(training.classes))
    card = card_of(loaded, recipe, training, validation, regions, notes, found, samples)
    seconds = {"training": round(trained), "whole": round(time.process_time() - started)}
    path = save_heads(heads, {**card, "cpu_seconds": seconds}, recipe.network, folder)
    return Trained(path, samples)


def train_all(data: Path, out: Path, networks: tuple[str, ...]) -> None:
    """Make the heads of `networks`, () for all that ship; UnknownNameError for any other."""
    done: dict[str, Trained] = {}
    for name in networks or tuple(BUNDLED_HEADS):
        if name not in BUNDLED_HEADS:
            raise UnknownNameError.among("network with a detection recipe", name, BUNDLED_HEADS)
        done[name] = train(BUNDLED_HEADS[name], data, out)
        logger.info("%s written", done[name].card.name)
        compare(done, name)


def compare(done: Mapping[str, Trained], name: str) -> None:
    """Write into the card of `name` how far it is ahead of the networks before it.

    Differences of mean average precision with 95 % intervals; both networks saw the same bootstrap
    samples of the same photos, so that what the photos do to both cancels.
    """
    card = json.loads(done[name].card.read_text(encoding="utf-8"))
    card["ahead"] = {
        other: {key: _ahead(own, each.samples[key]) for key, own in done[name].samples.items()}
        for other, each in done.items()
        if other != name
    }
    done[name].card.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def _ahead(own: Resampled, other: Resampled) -> dict[str, Any]:
    low, high = np.quantile(own.means - other.means, [0.025, 0.975])
    difference = own.measured.mean - other.measured.mean
    return {"map": round(difference, 4), "interval": [round(low, 4), round(high, 4)]}


# --- regions and their features ------------------------------------------------------------------


def gather(
    network: RegionNetwork,
    data: Annotations,
    recipe: DetectionRecipe,
    report: Callable[[str], None] = logger.info,
) -> Regions:
    """Sample regions of every photo and compute their features both ways."""
    random = np.random.default_rng(recipe.seed)
    parts: list[tuple[Boxes, NDArray[np.intp], Annotated]] = []
    crops: list[Features] = []
    rois: list[Features] = []
    for i, photo in enumerate(data.photos):
        pixels = photo.pixels()
        boxes, labels = _sampled(photo, propose(pixels).boxes, recipe, random)
        parts.append((boxes, labels, photo))
        crops.append(network.of_all_crops(pixels, boxes).half())
        rois.append(network.of_regions(network.shared_map(pixels), boxes).half())
        if (i + 1) % 50 == 0:
            report(f"{recipe.network}: regions of {i + 1} of {len(data.photos)} training photos")
    return _regions(parts, joined(crops), joined(rois), len(data.classes))


def with_hard(
    network: RegionNetwork,
    data: Annotations,
    regions: Regions,
    head: Head,
    recipe: DetectionRecipe,
    report: Callable[[str], None] = logger.info,
) -> Regions:
    """`regions`, and of every photo the proposals that a first head finds wrongly.

    `head` is Fast R-CNN's, which scores all proposals of a photo in a tenth of a second. Of those
    that are wrong for a class, the `recipe.hard` with the best score of such a class are taken.
    """
    parts: list[tuple[Boxes, NDArray[np.intp], Annotated]] = []
    crops: list[Features] = []
    rois: list[Features] = []
    for i, photo in enumerate(data.photos):
        pixels = photo.pixels()
        boxes = propose(pixels).boxes
        features = network.of_regions(network.shared_map(pixels), boxes)
        overlap, _ = _shown(boxes, photo, len(data.classes))
        scores = np.where(
            overlap < recipe.negative_below, head.scores(features).numpy(), -np.inf
        ).max(1)
        known = overlaps(boxes, regions.boxes[regions.photo == i]).max(1, initial=0) > 1 - 1e-9
        order = np.argsort(np.where(known, np.inf, -scores), kind="stable")[: recipe.hard]
        picked = order[~known[order]]
        parts.append((boxes[picked], np.full(len(picked), -1), photo))
        crops.append(network.of_all_crops(pixels, boxes[picked]).half())
        rois.append(Features(features.pooled[picked], features.fc7[picked]).half())
        if (i + 1) % 50 == 0:
            report(f"{recipe.network}: hard ones of {i + 1} of {len(data.photos)} photos")
    more = _regions(parts, joined(crops), joined(rois), len(data.classes))
    return Regions(
        np.concatenate([regions.photo, more.photo]),
        np.concatenate([regions.boxes, more.boxes]),
        np.concatenate([regions.label, more.label]),
        np.concatenate([regions.overlap, more.overlap]),
        np.concatenate([regions.wanted, more.wanted]),
        {way: joined([regions.features[way], more.features[way]]) for way in WAYS},
    )


def _regions(
    parts: Sequence[tuple[Boxes, NDArray[np.intp], Annotated]],
    crops: Features,
    rois: Features,
    classes: int,
) -> Regions:
    shown = [_shown(boxes, photo, classes) for boxes, _, photo in parts]
    return Regions(
        np.repeat(np.arange(len(parts)), [len(boxes) for boxes, _, _ in parts]),
        np.concatenate([boxes for boxes, _, _ in parts]),
        np.concatenate([labels for _, labels, _ in parts]),
        np.concatenate([overlap for overlap, _ in shown]),
        np.concatenate([wanted for _, wanted in shown]),
        {"rcnn": crops, "fast": rois},
    )


def _sampled(
    photo: Annotated, proposed: Boxes, recipe: DetectionRecipe, random: np.random.Generator
) -> tuple[Boxes, NDArray[np.intp]]:
    """The objects' own boxes, and of the proposals some near, some partly on, some off them."""
    best = overlaps(proposed, photo.boxes).max(1, initial=0)
    sets = (
        (best >= 0.5, recipe.near),
        ((best >= 0.1) & (best < 0.5), recipe.partial),
        (best < 0.1, recipe.background),
    )
    drawn = [random.permutation(np.flatnonzero(inside))[:count] for inside, count in sets]
    picked = np.concatenate(drawn)
    own = photo.boxes[~photo.difficult]
    labels = np.concatenate([photo.labels[~photo.difficult], np.full(len(picked), -1)])
    return np.concatenate([own, proposed[picked]]), labels.astype(np.intp)


def _shown(
    boxes: Boxes, photo: Annotated, classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each class the largest overlap with an object, (n, K), and that object's box, (n, K, 4).

    Difficult objects count for the overlap, so that no part of one is learnt as background.
    """
    overlap = np.zeros((len(boxes), classes))
    wanted = np.zeros((len(boxes), classes, 4))
    for label in np.unique(photo.labels):
        objects = photo.boxes[photo.labels == label]
        shared = overlaps(boxes, objects)
        overlap[:, label] = shared.max(1)
        wanted[:, label] = objects[shared.argmax(1)]
    return overlap, wanted


# --- heads ---------------------------------------------------------------------------------------


def fit(
    regions: Regions, way: Way, classes: int, recipe: DetectionRecipe
) -> tuple[Head, dict[str, Any]]:
    """SVMs and regressions of all classes from the features of one way."""
    features = regions.features[way]
    fc7, pooled = features.fc7.float().numpy(), features.pooled.float()
    svms: list[margins.Margin] = []
    moves: list[box_regression.Regression] = []
    for label in range(classes):
        shared = regions.overlap[:, label]
        positive = (regions.label == label) | (shared >= recipe.positive_above)
        negative = shared < recipe.negative_below
        svms.append(
            margins.separate(
                fc7,
                positive,
                negative,
                c=recipe.svm_c,
                positive_weight=recipe.positive_weight,
                first=recipe.first_negatives,
                rounds=recipe.rounds,
                seed=recipe.seed,
            )
        )
        near = np.flatnonzero(shared >= recipe.regress_above)
        moves.append(
            box_regression.regress(
                pooled[torch.from_numpy(near)],
                regions.boxes[near],
                regions.wanted[near, label],
                regions.photo[near],
                recipe.ridges,
            )
        )
    head = Head(
        torch.from_numpy(np.stack([svm.weights for svm in svms])),
        torch.from_numpy(np.array([svm.bias for svm in svms], np.float32)),
        torch.stack([move.weights for move in moves]),
        torch.stack([move.offset for move in moves]),
    )
    notes = {
        "negatives": [svm.negatives for svm in svms],
        "ridge": [move.ridge for move in moves],
        "regressed": [move.count for move in moves],
    }
    return rounded(head), notes


# --- the model card ------------------------------------------------------------------------------


def samples_of(found: Sequence[Found], classes: int) -> dict[str, Resampled]:
    """Average precisions of both ways, with and without box regression."""
    return {
        f"{way}{'' if refined else '_without_regression'}": measured(
            found, way, classes, refined=refined
        )
        for way in WAYS
        for refined in (True, False)
    }


def card_of(
    loaded: LoadedModel,
    recipe: DetectionRecipe,
    training: Annotations,
    validation: Annotations,
    regions: Regions,
    notes: dict[str, Any],
    found: Sequence[Found],
    samples: Mapping[str, Resampled],
) -> dict[str, Any]:
    """What a person has to know of the heads, measured on the validation photos."""
    count = len(training.classes)
    return {
        "classes": training.classes,
        "backbone": str(loaded.name),
        "backbone_sha256": loaded.digest,
        "data": DATA,
        "recipe": asdict(recipe),
        "search": {"side": SEARCHED_SIDE, "alike": ALIKE},
        "photos": {"train": len(training.photos), "val": len(validation.photos)},
        "val_files": [photo.file.stem for photo in validation.photos],
        "regions": len(regions.boxes),
        "objects": {
            "train": [int((regions.label == i).sum()) for i in range(count)],
            "val": [_objects(validation, i) for i in range(count)],
            "val_difficult": int(sum(photo.difficult.sum() for photo in validation.photos)),
        },
        "proposals_a_photo": round(float(np.mean([len(each.proposals) for each in found])), 1),
        "recall": round(recall(found), 4),
        "suppression": SUPPRESSION,
        "measure": (
            "average precision at IoU 0.5 as pycocotools computes it (101 recalls, difficult "
            "objects ignored), 95 % intervals by 1,000 bootstrap samples of the photos"
        ),
        "validation": {name: _shares(each) for name, each in samples.items()},
        "fitted": notes,
        "seconds_a_photo": {
            way: round(float(np.mean([each.seconds[way] for each in found])), 4) for way in WAYS
        },
        "torch": str(torch.__version__),
        "vgg-viz": __version__,
    }


def _shares(resampled: Resampled) -> dict[str, Any]:
    found = resampled.measured
    return {
        "map": round(found.mean, 4),
        "interval": [round(value, 4) for value in found.interval],
        "ap": [round(value, 4) for value in found.classes],
        "ap_intervals": [[round(v, 4) for v in pair] for pair in found.class_intervals],
    }


def _objects(data: Annotations, label: int) -> int:
    return int(sum(((p.labels == label) & ~p.difficult).sum() for p in data.photos))


DATA = (
    "Drawn from 1,556 training and 696 validation photos with boxes of 8 classes, longest side "
    "320 px, from the PASCAL VOC 2007 test images. The split is this project's own, so the numbers "
    "are no VOC results. The photos belong to their authors and are not part of this project."
)
