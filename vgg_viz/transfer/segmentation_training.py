"""Training FCNs in stages: the scores alone, 32s with the trunk, then each skip on what stands.

The paper trains 16s from 32s and 8s from 16s, each time the whole network, at a rate 100 times
lower. Here the trunk learns with 32s alone and is then kept, so that the three nets share it, a
skip's gain is the skip's own, and what the trunk makes of every photo is computed once. The first
stage, the classifier's features with nothing but new scores, is the paper's FCN-32s-fixed.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vgg_viz.errors import InputError
from vgg_viz.models.networks import ConvNet
from vgg_viz.transfer.fcn import FCN, STRIDES, load_classifier
from vgg_viz.transfer.segmentation_data import (
    CLASSES,
    IGNORED,
    LabelledPhoto,
    normalised,
    training_batches,
)
from vgg_viz.transfer.segmentation_scores import Counts, confusion

Batch = TypeVar("Batch")

WARMUP = 0.1  # share of the steps in which the rate rises


FIXED = "32s-fixed"


@dataclass(frozen=True)
class SegmentationRecipe:
    """Everything that a training of one network's nets depends on."""

    network: str
    epochs: int  # of 32s
    rate: float = 3e-4  # the peak for what the classifier brings
    score_rate: float = 5e-3  # the peak for the scores
    weight_decay: float = 1e-2  # decoupled (AdamW)
    batch: int = 8
    side: int = 160  # px of the squares that are cut
    scales: tuple[float, float] = (0.6, 1.1)
    frozen: tuple[str, ...] = ("fc6",)  # layers that stay the classifier's
    fixed_epochs: int = 12  # of the scores alone
    fixed_rate: float = 4e-2  # fc7 behind its ReLU deviates by 0.1 only
    skip_epochs: int = 5  # of 16s, and of 8s
    skip_rate: float = 1e-2
    bf16: bool = True
    seed: int = 0

    @property
    def words(self) -> str:
        """For model cards and pages."""
        kept = f"{' and '.join(self.frozen)} as in the classifier, " if self.frozen else ""
        return (
            f"First {self.fixed_epochs} epochs of the scores alone on whole photos; then 32s: "
            f"{self.epochs} epochs of {self.side}-px cuts at {self.scales[0]:g} to "
            f"{self.scales[1]:g} times the photo, mirrored at random, AdamW, one cycle up to "
            f"{self.rate:g} ({self.score_rate:g} for the scores), batch {self.batch}, {kept}all "
            f"else learns; then 16s and 8s, {self.skip_epochs} epochs each: the new skip's scores "
            "and the enlargement before it learn, all else is kept. Loss: cross-entropy of every "
            "pixel, classes not weighted."
        )


@dataclass(frozen=True)
class StageEvent:
    """What one epoch gave: mean cross-entropy over pixels in nats; CPU seconds since the start."""

    net: str  # FIXED, "32s", "16s", "8s"
    epoch: int
    epochs: int
    loss: float
    cpu_seconds: float

    @property
    def last(self) -> bool:
        """Whether the stage ends with it."""
        return self.epoch == self.epochs


def new_fcn(classifier: ConvNet) -> FCN:
    """The nets before any training: the classifier as convolutions, and scores of zero."""
    fcn = FCN(classifier.config, len(CLASSES))
    load_classifier(fcn, classifier)
    return fcn.to(memory_format=torch.channels_last).eval()


def train(
    recipe: SegmentationRecipe, fcn: FCN, photos: tuple[LabelledPhoto, ...]
) -> Iterator[StageEvent]:
    """Train in place, 32s then 16s then 8s, yielding after every epoch.

    InputError without photos, or when the loss is no longer finite.
    """
    if not photos:
        raise InputError("Training needs photos with labels; there are none.")
    started = time.process_time()
    random = np.random.default_rng(recipe.seed)
    for net, epochs, losses in _stages(recipe, fcn, photos, random):
        for epoch, loss in enumerate(losses, start=1):
            if not np.isfinite(loss):
                raise InputError(f"The loss of FCN-{net} is no number any more; lower the rate.")
            yield StageEvent(net, epoch, epochs, loss, time.process_time() - started)


def _stages(
    recipe: SegmentationRecipe,
    fcn: FCN,
    photos: tuple[LabelledPhoto, ...],
    random: np.random.Generator,
) -> Iterator[tuple[str, int, Iterator[float]]]:
    """(net, epochs, losses), one after the other: each begins when the one before it has ended."""
    fcn.requires_grad_(requires_grad=False)
    features = _kept(recipe, photos, lambda images: {"relu7": features_of(fcn, images)})
    yield FIXED, recipe.fixed_epochs, _train_scores(recipe, fcn, features, random)
    del features
    yield f"{STRIDES[0]}s", recipe.epochs, _train_trunk(recipe, fcn, photos, random)
    kept = _kept(recipe, photos, fcn.maps)
    for stride, name in zip(STRIDES[1:], fcn.skip_names, strict=True):
        yield f"{stride}s", recipe.skip_epochs, _train_skip(recipe, fcn, kept, stride, name, random)


def _train_trunk(
    recipe: SegmentationRecipe,
    fcn: FCN,
    photos: tuple[LabelledPhoto, ...],
    random: np.random.Generator,
) -> Iterator[float]:
    """32s, all but the frozen layers; the loss of every epoch."""
    learning = [m for name, m in fcn.trunk.named_children() if name not in recipe.frozen]
    for module in learning:
        module.requires_grad_()
    score = list(fcn.trunk.get_submodule("score").parameters())
    own = {id(p) for p in score}
    brought = [p for m in learning for p in m.parameters() if id(p) not in own]
    groups: list[dict[str, object]] = [
        {"params": brought, "lr": recipe.rate},
        {"params": score, "lr": recipe.score_rate},
    ]
    steps = recipe.epochs * -(-len(photos) // recipe.batch)

    def loss_of(batch: tuple[Tensor, Tensor]) -> Tensor:
        images, labels = batch
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
            scores = fcn.trunk(images)
        return pixel_loss(fcn.enlarged(scores.float(), STRIDES[0], labels.shape[1:]), labels)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        return training_batches(
            photos, batch=recipe.batch, side=recipe.side, scales=recipe.scales, random=random
        )

    yield from _epochs(recipe, groups, steps, recipe.epochs, batches, loss_of)
    fcn.requires_grad_(requires_grad=False)


Kept = tuple[dict[str, Tensor], Tensor]  # maps (1, C, h, w) by name, and the labels (1, H, W)


def features_of(fcn: FCN, images: Tensor) -> Tensor:
    """What the scores read: fc7 behind its ReLU."""
    x = images
    for name, module in fcn.trunk.named_children():
        if name == "score":
            break
        x = module(x)
    return x


def _kept(
    recipe: SegmentationRecipe,
    photos: tuple[LabelledPhoto, ...],
    maps_of: Callable[[Tensor], dict[str, Tensor]],
) -> list[Kept]:
    """What is made of every photo, in fp16."""
    kept: list[Kept] = []
    with torch.inference_mode():
        for photo in photos:
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
                maps = maps_of(normalised(photo.pixels[None]))
            labels = torch.from_numpy(photo.labels[None].copy())
            kept.append(({name: each.half() for name, each in maps.items()}, labels))
    return kept


def _train_scores(
    recipe: SegmentationRecipe, fcn: FCN, kept: list[Kept], random: np.random.Generator
) -> Iterator[float]:
    """32s with the classifier's own features: only the scores learn."""
    score = fcn.trunk.get_submodule("score")

    def scores_of(maps: dict[str, Tensor]) -> Tensor:
        scores: Tensor = score(maps["relu7"])
        return scores

    train = (recipe.fixed_rate, recipe.fixed_epochs)
    yield from _on_kept(recipe, fcn, [score], train, (kept, STRIDES[0], scores_of), random)


def _train_skip(
    recipe: SegmentationRecipe,
    fcn: FCN,
    kept: list[Kept],
    stride: int,
    name: str,
    random: np.random.Generator,
) -> Iterator[float]:
    """One skip's scores and the enlargement before it; everything else stays."""
    new: list[nn.Module] = [fcn.skips[name], fcn.enlarge[name]]
    train = (recipe.skip_rate, recipe.skip_epochs)
    task = (kept, stride, lambda maps: fcn.fuse(maps)[stride])
    yield from _on_kept(recipe, fcn, new, train, task, random)


def _on_kept(
    recipe: SegmentationRecipe,
    fcn: FCN,
    learning: list[nn.Module],
    train: tuple[float, int],
    task: tuple[list[Kept], int, Callable[[dict[str, Tensor]], Tensor]],
    random: np.random.Generator,
) -> Iterator[float]:
    """Train a few layers on kept maps; `train` is (peak rate, epochs)."""
    (rate, epochs), (kept, stride, scores_of) = train, task
    for module in learning:
        module.requires_grad_()
    groups: list[dict[str, object]] = [
        {"params": [p for m in learning for p in m.parameters()], "lr": rate}
    ]

    def loss_of(chosen: list[Kept]) -> Tensor:
        losses = []
        for maps, labels in chosen:  # photos differ in size
            # clones: what inference mode made cannot be kept for a backward pass
            scores = scores_of({layer: each.clone().float() for layer, each in maps.items()})
            enlarged = fcn.enlarged(scores, stride, labels.shape[1:])
            losses.append(pixel_loss(enlarged, labels.long()))
        return torch.stack(losses).mean()

    def batches() -> Iterator[list[Kept]]:
        order = random.permutation(len(kept))
        for start in range(0, len(order), recipe.batch):
            yield [kept[i] for i in order[start : start + recipe.batch]]

    steps = epochs * -(-len(kept) // recipe.batch)
    yield from _epochs(recipe, groups, steps, epochs, batches, loss_of)
    fcn.requires_grad_(requires_grad=False)


def _epochs(
    recipe: SegmentationRecipe,
    groups: list[dict[str, object]],
    steps: int,
    epochs: int,
    batches: Callable[[], Iterable[Batch]],
    loss_of: Callable[[Batch], Tensor],
) -> Iterator[float]:
    """AdamW under a one-cycle schedule; yields the mean loss of every epoch."""
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    for _ in range(epochs):
        losses = []
        for batch in batches():
            optimizer.zero_grad()
            loss = loss_of(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        yield float(np.mean(losses))


def _rate(step: int, steps: int) -> float:
    """Share of the peak: a line up, then half a cosine down to 0."""
    rise = max(1.0, WARMUP * steps)
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + float(np.cos(np.pi * min(1.0, (step - rise) / max(1.0, steps - rise)))))


def pixel_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats over the pixels (N, H, W) that are not ignored."""
    return F.cross_entropy(scores, labels, ignore_index=IGNORED)


def evaluate(fcn: FCN, photos: Iterable[LabelledPhoto]) -> Mapping[int, Counts]:
    """Counts (photos, K, K) of every stride; each photo alone, at its own size, in fp32."""
    found: dict[int, list[Counts]] = {stride: [] for stride in STRIDES}
    with torch.inference_mode():
        for photo in photos:
            coarse = fcn.coarse(normalised(photo.pixels[None]))
            for stride, scores in coarse.items():
                labels = fcn.enlarged(scores, stride, photo.labels.shape).argmax(1)[0].numpy()
                found[stride].append(confusion(photo.labels, labels, fcn.classes))
    return {stride: np.stack(counts) for stride, counts in found.items()}
