"""The training loop: no printing, no UI; callers watch it through events."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgg_viz.errors import InputError
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.preprocessing import Preprocessing
from vgg_viz.training.data import PhotoSet, evaluation_batches, training_batches
from vgg_viz.training.recipes import Recipe


@dataclass(frozen=True)
class EpochEvent:
    """What one epoch gave. Losses in nats, accuracies in [0, 1], `seconds` since the start."""

    epoch: int
    epochs: int
    size: int
    train_loss: float
    train_accuracy: float
    seconds: float
    diverged: bool = False


class ChannelsLastLRN(nn.Module):
    """Local response normalisation, torch's formula, without its 5-D average pooling.

    b = x / (k + alpha / n * sum of x^2 over n neighbouring channels) ^ beta, beta = 3/4. On
    channels_last maps the channels lie side by side in memory, so a 1-D pooling serves; a training
    step of ZFNet-b at a quarter width takes 0.31 s in place of 0.52 s (one core, batch 64).
    """

    def __init__(self, like: nn.LocalResponseNorm) -> None:
        super().__init__()
        if like.beta != 0.75:
            raise ValueError("the two square roots below are the power 3/4 only")
        self.size, self.alpha, self.k = like.size, like.alpha, like.k

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        n, c, h, w = maps.shape
        squares = maps.square().permute(0, 2, 3, 1).reshape(n * h * w, 1, c)
        mean = F.avg_pool1d(squares, self.size, 1, self.size // 2)
        power = (mean * self.alpha + self.k).rsqrt()
        scale = power * power.sqrt()  # ** -0.75
        return maps * scale.reshape(n, h, w, c).permute(0, 3, 1, 2)


def with_fast_lrn(network: ConvNet) -> ConvNet:
    """Swap torch's LRN for the channels_last one, in place; it has no parameters to lose."""
    for name, module in list(network.named_children()):
        if isinstance(module, nn.LocalResponseNorm):
            setattr(network, name, ChannelsLastLRN(module))
    return network


def train(recipe: Recipe, photos: PhotoSet, network: ConvNet | None = None) -> Iterator[EpochEvent]:
    """Train in place, yielding after every epoch; the network is in eval mode at each yield.

    Ends early, with `diverged`, when the loss is no longer finite. Pass the `network` to keep it:
    `network = new_network(recipe, classes); for event in train(recipe, photos, network): ...`.
    Raises InputError when there are fewer than two photos.
    """
    if len(photos) < 2:
        raise InputError("Training needs at least two photos; put more into the folder.")
    network = network if network is not None else new_network(recipe, len(photos.classes))
    epochs = _epochs(recipe, photos, network)
    # Dropout draws from the global generator: it is the training's own during an epoch only, and
    # at each yield the caller's again.
    state = torch.Generator().manual_seed(recipe.seed).get_state()
    while True:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(state)
            event = next(epochs, None)
            state = torch.get_rng_state()
        if event is None:
            return
        yield event


def new_network(recipe: Recipe, classes: int) -> ConvNet:
    """The recipe's network with its seeded initial weights."""
    return build_network(recipe.config(classes), seed=recipe.seed)


def _epochs(recipe: Recipe, photos: PhotoSet, network: ConvNet) -> Iterator[EpochEvent]:
    generator = torch.Generator().manual_seed(recipe.seed)
    optimizer = torch.optim.SGD(
        _decay_groups(network, recipe.weight_decay),
        lr=recipe.peak_lr,
        momentum=recipe.momentum[1],
        nesterov=True,
    )
    # torch's formula divides 0 by 0 where the rise or the fall has a single step.
    steps = max(3, recipe.epochs * -(-len(photos) // recipe.batch))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.peak_lr,
        total_steps=steps,
        pct_start=max(recipe.warmup, 2 / steps),
        base_momentum=recipe.momentum[0],
        max_momentum=recipe.momentum[1],
    )
    started = time.monotonic()
    for epoch in range(recipe.epochs):
        size = recipe.size_at(epoch)
        batches = training_batches(
            photos,
            batch=recipe.batch,
            size=size,
            least_crop=recipe.least_crop,
            generator=generator,
        )
        network.train()
        loss_sum = right = seen = 0.0
        for images, labels in batches:
            loss, scores = _step(recipe, network, optimizer, images, labels)
            schedule.step()
            loss_sum += loss * len(labels)
            right += float((scores.argmax(1) == labels).sum())
            seen += len(labels)
        network.eval()
        diverged = not loss_sum < float("inf")
        seconds = time.monotonic() - started
        yield EpochEvent(
            epoch + 1, recipe.epochs, size, loss_sum / seen, right / seen, seconds, diverged
        )
        if diverged:
            return


def _step(
    recipe: Recipe, network: ConvNet, optimizer: torch.optim.Optimizer, x: Tensor, labels: Tensor
) -> tuple[float, Tensor]:
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
        scores = network(x).float()
    loss = F.cross_entropy(scores, labels, label_smoothing=recipe.label_smoothing)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
    optimizer.step()
    return loss.item(), scores.detach()


def _decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weights decay; biases and batch-norm scales do not (they are few and need not be small)."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def confusion_matrix(
    network: nn.Module, photos: PhotoSet, *, preprocessing: Preprocessing, batch: int = 128
) -> Tensor:
    """Counts (classes, classes), int64: row is the true class, column the predicted one (fp32)."""
    k = len(photos.classes)
    counts = torch.zeros(k, k, dtype=torch.int64)
    with torch.inference_mode():
        for images, labels in evaluation_batches(photos, batch=batch, preprocessing=preprocessing):
            predicted = network(images).argmax(1)
            counts += torch.bincount(labels * k + predicted, minlength=k * k).view(k, k)
    return counts
