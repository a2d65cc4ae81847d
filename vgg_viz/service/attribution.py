"""Attributions: the question behind a request, and what a map is told with."""

import time
from typing import TYPE_CHECKING

from vgg_viz.architecture import describe
from vgg_viz.attribution.memory import fitted
from vgg_viz.attribution.methods import METHODS, checked_parameters
from vgg_viz.attribution.question import Partial, Question, Target
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.capture import Inspection
from vgg_viz.images import Photo
from vgg_viz.requests import AttributionRequest
from vgg_viz.results import Attribution, Provenance
from vgg_viz.service.chosen_layer import spatial_layer
from vgg_viz.service.devices import free_memory, host_copy

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready


def question_of(
    ready: "Ready", request: AttributionRequest, layer: str, seen: Inspection
) -> Question:
    """The question a method is asked, its batch as large as fits into the device's memory.

    UnknownNameError and InputError for what it has not; InputError for what cannot fit.
    """
    top = int(seen.logits[0].argmax())
    target = Target(top if request.target is None else request.target, request.versus)
    target.check(seen.logits.shape[1])
    question = Question(
        ready.network,  # type: ignore[arg-type] # a flat table
        seen,
        target,
        layer,
        ready.loaded.preprocessing,
        checked_parameters(METHODS[request.method], dict(request.parameters)),
        request.seed,
    )
    room = free_memory(question.image.device)
    if room is None:
        return question
    return fitted(question, request.method, describe(ready.loaded.config), room)


def attribution_of(
    ready: "Ready",
    request: AttributionRequest,
    question: Question,
    partial: Partial,
    *,
    seconds: float,
    provenance: Provenance,
) -> Attribution:
    """A map with everything that tells where it comes from."""
    classes, target = ready.loaded.classes, question.target
    info = METHODS[request.method]
    return Attribution(
        grid=host_copy(partial.grid),
        method=request.method,
        layer=question.layer,
        target=target.index,
        target_name=classes[target.index],
        score=float(target.score(question.seen.logits.detach())[0]),
        provenance=provenance,
        relu=info.relu_when_drawn or not info.signed_with(question.parameters),
        versus=target.versus,
        versus_name="" if target.versus is None else classes[target.versus],
        parameters=tuple(question.parameters.items()),
        seed=request.seed,
        done=partial.done,
        total=partial.total,
        seconds=seconds,
        checks=tuple(partial.checks.items()),
        notes=partial.notes,
        normalisation=ready.loaded.preprocessing.describe(),
    )


class MapStudy:
    """A map of many passes, one pass a step."""

    def __init__(
        self,
        ready: "Ready",
        request: AttributionRequest,
        question: Question,
        provenance: Provenance,
    ) -> None:
        self._ready = ready
        self._request = request
        self._question = question
        self._provenance = provenance
        self._partials = COMPUTE[request.method](question)
        self._newest: Partial | None = None
        self._seconds = 0.0
        self.finished = False

    def advance(self, _: "Executor") -> None:
        """One pass."""
        started = time.perf_counter()
        self._newest = next(self._partials, self._newest)
        self._seconds += time.perf_counter() - started
        self.finished = self._newest is None or self._newest.done >= self._newest.total

    def result(self, _: "Executor") -> Attribution | None:
        """The map of the passes so far."""
        if self._newest is None:
            return None
        return attribution_of(
            self._ready,
            self._request,
            self._question,
            self._newest,
            seconds=self._seconds,
            provenance=self._provenance,
        )

    def go_on(self, job: AttributionRequest) -> None:
        """Nothing of the question can have changed."""

    @property
    def share(self) -> float | None:
        """Of the passes."""
        return None if self._newest is None else self._newest.done / self._newest.total

    @property
    def words(self) -> str:
        """Passes, and what they take."""
        if self._newest is None:
            return "first pass"
        return f"{self._newest.done:,} of {self._newest.total:,}, {self._seconds:.1f} s"


def begin_map(
    executor: "Executor", request: AttributionRequest, photos: tuple[Photo, ...]
) -> MapStudy:
    """Begin a map that takes many passes; any other method is one step."""
    ready = executor.ready(request.model, request.precision)
    layer = spatial_layer(ready, request.layer)
    seen = executor.inspection(request, photos[0])
    question = question_of(ready, request, layer, seen)
    return MapStudy(ready, request, question, executor.provenance(ready, request.precision))
