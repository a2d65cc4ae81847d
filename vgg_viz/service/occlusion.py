"""Answers about a photo with a square over part of it."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vgg_viz.attribution.occlusion import (
    Sweep,
    fill_of,
    occluded_logits,
    squares_of,
    strongest_map,
)
from vgg_viz.attribution.question import Question
from vgg_viz.errors import InputError
from vgg_viz.images import Photo
from vgg_viz.requests import AttributionRequest, OccludedRequest, OcclusionRequest
from vgg_viz.results import Float32, Occluded, Occlusion
from vgg_viz.results.occlusion import UNKNOWN
from vgg_viz.service.attribution import question_of
from vgg_viz.service.chosen_layer import after_relu, last_conv
from vgg_viz.service.devices import host_copy

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready


class OcclusionStudy:
    """The square's way over the photo, one batch of windows a step."""

    def __init__(
        self, executor: "Executor", job: OcclusionRequest, photos: tuple[Photo, ...]
    ) -> None:
        ready = executor.ready(job.model, job.precision)
        self._job, self._ready = job, ready
        self._provenance = executor.provenance(ready, job.precision)
        self._question = _question(executor, ready, job, photos[0])
        layer = after_relu(ready, last_conv(ready))
        squares = squares_of(self._question)
        self._strongest = strongest_map(self._question, layer, len(squares.corners))
        self._sweep = Sweep(self._question, squares, fill_of(self._question))
        self._steps: Iterator[list[int]] = self._sweep.run(self._strongest)
        self._seconds = 0.0

    def advance(self, _: "Executor") -> None:
        """One batch of windows."""
        started = time.perf_counter()
        next(self._steps, None)
        self._seconds += time.perf_counter() - started

    def result(self, _: "Executor") -> Occlusion:
        """The maps of the places so far."""
        sweep, question, strongest = self._sweep, self._question, self._strongest
        target, squares = question.target, sweep.squares
        places = len(squares.starts)
        plain = question.seen.logits.detach().float()
        asked = torch.isfinite(sweep.logits).all(1)
        top = torch.where(asked, sweep.logits.argmax(1), UNKNOWN).cpu().numpy()
        classes = top.astype(np.int32).reshape(places, places)
        classes.flags.writeable = False

        def shaped(values: Tensor) -> Float32:
            return host_copy(values.reshape(places, places))

        return Occlusion(
            scores=shaped(target.score(sweep.logits)),
            probabilities=shaped(sweep.logits.softmax(1)[:, target.index]),
            top=classes,
            activations=shaped(torch.where(asked.cpu(), strongest.sums, float("nan"))),
            score=float(target.score(plain)[0]),
            probability=float(plain.softmax(1)[0, target.index]),
            top_class=int(plain[0].argmax()),
            activation=strongest.whole,
            layer=strongest.layer,
            channel=strongest.channel,
            starts=squares.starts,
            square=squares.size,
            stride=squares.stride,
            fill=self._job.fill,
            input_size=squares.side,
            classes=self._ready.loaded.classes,
            target=target.index,
            versus=target.versus,
            provenance=self._provenance,
            done=len(sweep.done),
            total=len(sweep.logits),
            seconds=self._seconds,
        )

    def go_on(self, job: OcclusionRequest) -> None:
        """Nothing of the question can have changed."""

    @property
    def finished(self) -> bool:
        """Whether the square has been everywhere."""
        return len(self._sweep.done) >= len(self._sweep.logits)

    @property
    def share(self) -> float | None:
        """Of the places."""
        return len(self._sweep.done) / len(self._sweep.logits)

    @property
    def words(self) -> str:
        """Places, and what they take."""
        total = len(self._sweep.logits)
        return f"{len(self._sweep.done):,} of {total:,} places, {self._seconds:.1f} s"


def begin(executor: "Executor", job: OcclusionRequest, photos: tuple[Photo, ...]) -> OcclusionStudy:
    """The study of `job`; UnknownNameError or InputError for what it cannot ask."""
    return OcclusionStudy(executor, job, photos)


def occluded(executor: "Executor", request: OccludedRequest, photos: tuple[Photo, ...]) -> Occluded:
    """The scores with the square at one place; only the windows that change are computed."""
    if not (0 <= request.x <= 1 and 0 <= request.y <= 1):
        raise InputError(
            f"The square's middle is a place in shares of the photo, 0 to 1; got "
            f"({request.x:g}, {request.y:g})."
        )
    ready = executor.ready(request.model, request.precision)
    whole = OcclusionRequest(
        request.model,
        request.image,
        square=request.square,
        fill=request.fill,
        precision=request.precision,
    )
    question = _question(executor, ready, whole, photos[0])
    image = question.image
    side, size = image.shape[-1], squares_of(question).size
    left, top = (
        min(max(round(share * side - size / 2), 0), side - size) for share in (request.x, request.y)
    )
    started = time.perf_counter()
    patch = fill_of(question)[:, :, top : top + size, left : left + size]
    logits = occluded_logits(
        question.network, image, question.seen.outputs, patch, top, left
    ).float()
    return Occluded(
        logits=host_copy(logits),
        probabilities=host_copy(logits.softmax(0)),
        probabilities_before=host_copy(question.seen.logits.detach()[0].float().softmax(0)),
        box=(left, top, left + size, top + size),
        input_size=side,
        classes=ready.loaded.classes,
        seconds=time.perf_counter() - started,
        provenance=executor.provenance(ready, request.precision),
    )


def _question(
    executor: "Executor", ready: "Ready", job: OcclusionRequest, photo: Photo
) -> Question:
    """The method's question, with the layers that the windows need."""
    settings = (("square", job.square), ("stride", job.stride), ("fill", job.fill))
    asked = AttributionRequest(
        job.model,
        job.image,
        target=job.target,
        method="occlusion",
        precision=job.precision,
        versus=job.versus,
        parameters=settings,
    )
    return question_of(ready, asked, last_conv(ready), executor.inspection(asked, photo))
