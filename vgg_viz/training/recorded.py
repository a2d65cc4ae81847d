"""A recorded training of one of the lecture's networks: one loop for shipped and live ones."""

import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vgg_viz.attribution.cam import grad_cam
from vgg_viz.capture import inspect
from vgg_viz.errors import InputError
from vgg_viz.gradient_flow import FlowMeter
from vgg_viz.initialization import initialize, weighted_layers
from vgg_viz.models.configs import NetworkConfig, build, out_side
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.preprocessing import IMAGENET
from vgg_viz.recordings import weights_path
from vgg_viz.results import Finding, RunState
from vgg_viz.training.bundle import save_half
from vgg_viz.training.data import PhotoSet, normalise
from vgg_viz.training.loop import with_fast_lrn
from vgg_viz.training.recorder import Recorder

VALIDATION_PHOTOS = 320  # the same ones at every validation
VALIDATE_EVERY = 2  # measurements
KEPT_BYTES = 64 * 2**20  # of weights in fp16; a quarter of the width of D has 8 MB
LEAST_CAM_SIDE = 6  # px of the grid; below that a map says nothing about places


@dataclass(frozen=True)
class Experiment:
    """Everything that decides how a training goes, apart from its data.

    SGD has momentum 0.9 and weight decay 5e-4, as the VGG paper trains; the learning rate rises
    linearly over `warmup` steps and then stays. `flip`: mirror half of the photos.
    """

    network: str
    initialization: str
    width: float = 1.0
    input_size: int = 64
    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: float = 0.003
    warmup: int = 50
    batch: int = 32
    steps: int = 500
    every: int = 10
    seed: int = 0
    bf16: bool = False
    flip: bool = True

    def config(self, classes: int) -> NetworkConfig:
        """The table that is trained."""
        return build(self.network, width=self.width, classes=classes, input_size=self.input_size)


@dataclass(frozen=True)
class StepEvent:
    """What one step gave: loss in nats and accuracy of its batch in [0, 1], before the update."""

    step: int
    loss: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class Sample:
    """A photo whose Grad-CAM is recorded: uint8 (3, s, s) and the index of its class."""

    name: str
    pixels: Tensor
    target: int


class RecordedTraining:
    """Trains a network and records it into `folder`.

    Iterate over `steps()`; between two steps `learning_rate` may be changed. `source` is the state
    dict of a trained A for staged initialisation. Raises InputError for what cannot be trained.
    """

    def __init__(
        self,
        experiment: Experiment,
        training: PhotoSet,
        validation: PhotoSet,
        folder: Path,
        *,
        title: str,
        settings: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
        sample: Sample | None = None,
        source: Mapping[str, Tensor] | None = None,
        device: str = "cpu",
    ) -> None:
        if len(training) < 2:
            raise InputError("Training needs at least two photos; put more into the folder.")
        self.experiment = experiment
        self.learning_rate = experiment.learning_rate
        self.device = torch.device(device)
        self.finding: Finding | None = None
        self.last_note = ""  # written when the recording ends, for example why it was stopped
        self._training, self._validation = training, _subset(validation, VALIDATION_PHOTOS)
        self._sample = sample
        self._generator = torch.Generator().manual_seed(experiment.seed)
        self.network, self.copied = self._new_network(source)
        self._cam_layer = _cam_layer(self.network.config)
        self._title, self._folder, self._notes = title, folder, notes
        self._settings = {
            **asdict(experiment),
            "classes": list(training.classes),
            "training_photos": len(training),
            "validation_photos": len(self._validation),
            "chance_loss": _chance_loss(training),
            "commonest_share": _commonest_share(self._validation),
            "cam_layer": self._cam_layer,
            "copied": [list(pair) for pair in self.copied],
            **({} if sample is None else _sample_settings(sample, training.classes)),
            **(settings or {}),
        }

    def steps(self) -> Generator[StepEvent]:
        """Train step by step; closing the iterator early ends the recording as "stopped".

        Ends by itself after the last step, or when the loss is no longer finite: then `finding`
        says at which step and in which layer that began.
        """
        experiment = self.experiment
        optimizer = self._optimizer()
        batches = self._batches()
        state: RunState = "stopped"
        recorder = Recorder(
            self.network,
            self._folder,
            every=experiment.every,
            title=self._title,
            settings=self._settings,
            planned_steps=experiment.steps,
        )
        dropout = torch.Generator().manual_seed(experiment.seed).get_state()
        started = time.monotonic()
        try:
            for note in self._notes:
                recorder.note(note)
            with recorder:
                while recorder.taken < experiment.steps:
                    with torch.random.fork_rng(devices=[]):
                        torch.set_rng_state(dropout)
                        event = self._step(recorder, optimizer, next(batches), started)
                        dropout = torch.get_rng_state()
                    if self.finding is None:
                        try:
                            yield event
                        finally:
                            if self.last_note:
                                recorder.note(self.last_note)
                        continue
                    state = "diverged"
                    recorder.close(state)
                    yield event
                    return
                state = "complete"
        finally:
            recorder.close(state)

    def keep_weights(self, step: int) -> bool:
        """Keep the weights beside the recording, as a checkpoint; False when they are too large."""
        values = sum(parameter.numel() for parameter in self.network.parameters())
        if 2 * values > KEPT_BYTES:
            return False
        side, crop = self._training.pixels.shape[-1], self.experiment.input_size
        seen = replace(IMAGENET, resize=side, crop=crop)
        path = weights_path(self._folder, step)
        save_half(self.network, path, self._training.classes, seen)
        return True

    def _step(
        self,
        recorder: Recorder,
        optimizer: torch.optim.Optimizer,
        batch: tuple[Tensor, Tensor],
        started: float,
    ) -> StepEvent:
        images, labels = batch
        step = recorder.taken + 1
        rate = self.learning_rate * min(1.0, step / max(1, self.experiment.warmup))
        for group in optimizer.param_groups:
            group["lr"] = rate
        measured = recorder.measuring
        self.network.train()
        with self._precision():
            scores = self.network(images)
        loss = F.cross_entropy(scores.float(), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        event = StepEvent(step, loss.item(), _share_right(scores, labels))
        if math.isfinite(event.loss):
            optimizer.step()
        else:
            with recorder.aside():
                recorder.diverged(step, event.loss, self._first_broken(images))
        seconds = time.monotonic() - started
        recorder.step(event.loss, accuracy=event.accuracy, learning_rate=rate, seconds=seconds)
        if measured and math.isfinite(event.loss):
            self._pictures(recorder)
            self._validate(recorder)
        self.finding = next((f for f in recorder.findings if f.kind == "diverged"), None)
        return event

    def _first_broken(self, images: Tensor) -> str:
        """The layer where the numbers of this batch stop being finite: one more forward pass."""
        meter = FlowMeter(self.network, histograms=())
        with torch.no_grad(), self._precision(), meter.attached():
            self.network(images)
        return meter.first_non_finite or ""

    def _pictures(self, recorder: Recorder) -> None:
        """Record the first kernels and the sample's Grad-CAM after this step's update."""
        first = next(iter(weighted_layers(self.network).values()))
        recorder.picture("kernels", first.weight.detach().float().cpu().contiguous().numpy())
        if self._sample is None:
            return
        image = normalise(_centre(self._sample.pixels[None], self.experiment.input_size) / 255)
        with recorder.aside():
            seen = inspect(self.network, image.to(self.device), (self._cam_layer,))
            gradients = seen.gradients(self._sample.target)[self._cam_layer]
        grid = grad_cam(seen.outputs[self._cam_layer].detach(), gradients)[0]
        recorder.picture("cam", grid.float().cpu().numpy())
        probability = seen.logits[0].detach().float().softmax(0)[self._sample.target]
        recorder.scalars(sample_probability=float(probability))

    def _validate(self, recorder: Recorder) -> None:
        if not len(self._validation):
            return
        done = recorder.taken
        last = done >= self.experiment.steps
        if not last and (done // self.experiment.every) % VALIDATE_EVERY and done > 1:
            return
        self.network.eval()
        loss = right = 0.0
        with torch.inference_mode(), self._precision():
            for start in range(0, len(self._validation), 64):
                pixels = self._validation.pixels[start : start + 64]
                labels = self._validation.labels[start : start + 64].to(self.device)
                images = normalise(_centre(pixels, self.experiment.input_size) / 255)
                scores = self.network(images.to(self.device)).float()
                loss += float(F.cross_entropy(scores, labels, reduction="sum"))
                right += float((scores.argmax(1) == labels).sum())
        photos = len(self._validation)
        recorder.scalars(validation_loss=loss / photos, validation_accuracy=right / photos)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless shuffled epochs; a batch is cropped at one random place, half of it mirrored."""
        photos, size, generator = self._training, self.experiment.input_size, self._generator
        batch = min(self.experiment.batch, len(photos))
        room = photos.pixels.shape[-1] - size + 1
        while True:
            order = torch.randperm(len(photos), generator=generator)
            for start in range(0, len(order) - batch + 1, batch):
                chosen = order[start : start + batch]
                top, left = torch.randint(0, room, (2,), generator=generator).tolist()
                cut = photos.pixels[chosen, :, top : top + size, left : left + size]
                flips = torch.rand(batch, generator=generator) < 0.5
                if self.experiment.flip:
                    cut = torch.where(flips.view(-1, 1, 1, 1), cut.flip(-1), cut)
                images = normalise(cut / 255).to(self.device)
                yield images, photos.labels[chosen].to(self.device)

    def _new_network(
        self, source: Mapping[str, Tensor] | None
    ) -> tuple[ConvNet, tuple[tuple[str, str], ...]]:
        experiment = self.experiment
        side = self._training.pixels.shape[-1]
        if side < experiment.input_size:
            raise InputError(
                f"Photos of {side} px are too small for an input of {experiment.input_size} px."
            )
        network = build_network(experiment.config(len(self._training.classes)))
        pixels = _centre(self._training.pixels[: experiment.batch], experiment.input_size)
        copied = initialize(
            network,
            experiment.initialization,
            seed=experiment.seed,
            batch=normalise(pixels / 255),
            source=source,
        )
        return with_fast_lrn(network).to(self.device), copied

    def _optimizer(self) -> torch.optim.Optimizer:
        parameters = self.network.parameters()
        if self.experiment.optimizer == "adam":
            return torch.optim.Adam(parameters, lr=self.learning_rate)
        return torch.optim.SGD(parameters, lr=self.learning_rate, momentum=0.9, weight_decay=5e-4)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.experiment.bf16)


def _centre(pixels: Tensor, size: int) -> Tensor:
    """The middle `size` x `size` px of (N, 3, s, s)."""
    start = (pixels.shape[-1] - size) // 2
    return pixels[..., start : start + size, start : start + size]


def _subset(photos: PhotoSet, count: int) -> PhotoSet:
    """At most `count` photos, drawn with a seed of their own: the same ones for every training."""
    order = torch.randperm(len(photos), generator=torch.Generator().manual_seed(0))[:count]
    return PhotoSet(photos.pixels[order], photos.labels[order], photos.classes, photos.broken)


def _cam_layer(config: NetworkConfig) -> str:
    """The deepest convolution whose maps are at least LEAST_CAM_SIDE px wide; else the first."""
    side, found = config.input_size, config.convs[0]
    for row in config.layers:
        side = out_side(row, side)
        if row.kind == "conv" and side >= LEAST_CAM_SIDE:
            found = row.name
        if row.kind == "flatten":
            break
    return found


def _chance_loss(photos: PhotoSet) -> float:
    """Cross-entropy of saying the classes' frequencies for every photo: their entropy, nats."""
    shares = photos.labels.bincount().double() / len(photos)
    shares = shares[shares > 0]
    return float(-(shares * shares.log()).sum())


def _commonest_share(photos: PhotoSet) -> float:
    return float(photos.labels.bincount().max() / len(photos)) if len(photos) else 0.0


def _share_right(scores: Tensor, labels: Tensor) -> float:
    return float((scores.detach().argmax(1) == labels).float().mean())


def _sample_settings(sample: Sample, classes: tuple[str, ...]) -> dict[str, str]:
    return {"sample": sample.name, "cam_target_name": classes[sample.target]}
