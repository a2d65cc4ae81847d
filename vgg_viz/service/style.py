"""The study that paints a photo in the style of another picture; on the worker alone."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vgg_viz.errors import InputError
from vgg_viz.images import Photo
from vgg_viz.models.configs import NetworkConfig, least_input_size
from vgg_viz.preprocessing import Preprocessing, cropped
from vgg_viz.requests import StyleJob
from vgg_viz.results import Styled, StyleLayer, single
from vgg_viz.service.devices import host_copy, host_pixels
from vgg_viz.transfer.painting import Optimizer, Painting, Start, Way
from vgg_viz.transfer.style import Balance, Pooling

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

STEP_SECONDS = 0.15  # evaluations are made together up to here; a slow network makes one at a time
LEAST_SIZE, MOST_SIZE = 64, 512  # px
MOST_STEPS = 2000
MOST_WEIGHT = 1000.0
MOST_RATE = 0.5  # half of the way from black to white


def begin(executor: "Executor", job: StyleJob, photos: tuple[Photo, ...]) -> "StyleStudy":
    """The study of `job`; InputError for what it cannot ask."""
    return StyleStudy(executor, job, photos)


class StyleStudy:
    """A Study: one Painting, an evaluation at a time."""

    def __init__(self, executor: "Executor", job: StyleJob, photos: tuple[Photo, ...]) -> None:
        self.job = job
        ready = executor.ready(job.model)
        loaded = ready.loaded
        _check(job, loaded.config)
        device = next(ready.network.parameters()).device
        self._content, self._style = (
            _square(photo, loaded.preprocessing, job.size) for photo in (photos[0], photos[-1])
        )
        self._notes = tuple(
            note
            for noun, photo in (("photo", photos[0]), ("style picture", photos[-1]))
            for note in _enlarged(noun, photo, job.size)
        )
        started = time.perf_counter()
        self.painting = Painting(
            ready.network,
            loaded.config,
            _tensor(self._content).to(device),
            _tensor(self._style).to(device),
            loaded.preprocessing,
            Balance(job.content_weight, job.style_weight, job.smoothness),
            Way(
                job.start,
                job.optimizer,
                job.pooling,
                job.keep_colour,
                job.learning_rate,
                job.seed,
            ),
        )
        self._seconds = time.perf_counter() - started

    def advance(self, executor: "Executor") -> None:
        """One evaluation, or as many as are quick."""
        started = time.perf_counter()
        network = executor.ready(self.job.model).network
        while not self.finished:
            self.painting.evaluate(network)
            if time.perf_counter() - started > STEP_SECONDS:
                break
        self._seconds += time.perf_counter() - started

    def result(self, executor: "Executor") -> Styled | None:
        """The picture as it is."""
        painting, objective = self.painting, self.painting.objective
        history, now = painting.history, painting.newest
        if now is None:
            return None
        layers = tuple(
            StyleLayer(
                layer=name,
                losses=single([parts.style[number] for parts in history]),
                reference=objective.style_references[number],
                content_gram=host_copy(objective.content_grams[number]),
                style_gram=host_copy(objective.style_grams[number]),
                gram=host_copy(now.grams[number]),
            )
            for number, name in enumerate(objective.layers.style)
        )
        return Styled(
            pixels=host_pixels(painting.picture),
            content=self._content,
            style=self._style,
            losses=single([parts.loss for parts in history]),
            layers=layers,
            content_layer=objective.layers.content,
            content_losses=single([parts.content for parts in history]),
            content_reference=objective.content_reference,
            variation=single([parts.variation for parts in history]),
            variation_reference=objective.variation_reference,
            alpha=objective.alpha,
            beta=objective.beta,
            gamma=objective.gamma,
            step=painting.step_count,
            steps=self.job.steps,
            evaluations=painting.evaluations,
            ended=painting.ended,
            seconds=self._seconds,
            notes=self._notes,
            provenance=replace(
                executor.provenance(executor.ready(self.job.model)), input_size=self.job.size
            ),
        )

    def go_on(self, job: StyleJob) -> None:
        """Continue, perhaps for more steps; fewer than are taken already are enough."""
        _check_steps(job)
        self.job = job

    @property
    def finished(self) -> bool:
        """Whether it has its steps, or stands still."""
        return self.painting.ended or self.painting.step_count >= self.job.steps

    @property
    def share(self) -> float:
        """Of all steps."""
        return 1.0 if self.finished else self.painting.step_count / self.job.steps

    @property
    def words(self) -> str:
        """How far it is."""
        taken = self.painting.step_count
        if self.painting.ended and taken < self.job.steps:
            return f"{taken} steps: no smaller loss is found any more"
        if self.finished:
            return f"{self.job.steps} steps"
        return f"step {taken} of {self.job.steps}"


def _check(job: StyleJob, config: NetworkConfig) -> None:
    least = max(LEAST_SIZE, least_input_size(config.network))
    if not least <= job.size <= MOST_SIZE:
        raise InputError(f"A picture of {least} to {MOST_SIZE} px can be painted, not {job.size}.")
    for title, chosen, choices in (
        ("start", job.start, get_args(Start)),
        ("optimizer", job.optimizer, get_args(Optimizer)),
        ("pooling", job.pooling, get_args(Pooling)),
    ):
        if chosen not in choices:
            raise InputError(f"Unknown {title} {chosen!r}; choose {' or '.join(choices)}.")
    for title, weight in (
        ("content", job.content_weight),
        ("style", job.style_weight),
        ("smoothness", job.smoothness),
    ):
        if not 0 <= weight <= MOST_WEIGHT:
            raise InputError(f"The weight of {title} is 0 to {MOST_WEIGHT:g}, not {weight:g}.")
    if not job.content_weight + job.style_weight > 0:
        raise InputError("Give content or style a weight above 0.")
    if not 0 < job.learning_rate <= MOST_RATE:
        raise InputError(
            f"The learning rate is above 0 and at most {MOST_RATE:g}, not {job.learning_rate:g}."
        )
    if not 0 <= job.seed < 2**63:
        raise InputError(f"The seed is a whole number from 0 on, not {job.seed}.")
    _check_steps(job)


def _check_steps(job: StyleJob) -> None:
    if not 1 <= job.steps <= MOST_STEPS:
        raise InputError(f"Take 1 to {MOST_STEPS} steps, not {job.steps}.")


def _square(photo: Photo, preprocessing: Preprocessing, size: int) -> NDArray[np.uint8]:
    """The part of a photo that the network sees, with `size` px; read-only."""
    pixels = cropped(photo.pixels, preprocessing, size)
    pixels.flags.writeable = False
    return pixels


def _enlarged(noun: str, photo: Photo, size: int) -> tuple[str, ...]:
    """A note where a picture has fewer px than are painted."""
    height, width = photo.pixels.shape[:2]
    if 2 * min(height, width) >= size:
        return ()
    words = f"The {noun} has {width} x {height} px and was enlarged"
    return (f"{words}: it has no details to give at {size} px.",)


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """(S, S, 3) -> (1, 3, S, S) in [0, 1]."""
    values = torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255
    return values.contiguous(memory_format=torch.channels_last)
