"""Long work on the device, in steps: a study never holds the device longer than one step.

A job's thread queues one step after the other on the device's worker, so what people click
meanwhile is answered in between, and no second thread touches a module. A study that was stopped
is kept for a while: the same job submitted again goes on with it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from vgg_viz.errors import JobError, OutOfMemoryError
from vgg_viz.images import Photo
from vgg_viz.requests import (
    AttributionRequest,
    BenchJob,
    DetectionJob,
    ExplainedRequest,
    FeatureVisJob,
    InversionJob,
    OcclusionRequest,
    StudyJob,
    StyleJob,
    TopPatchesJob,
    TrustJob,
)
from vgg_viz.results import JobEvent, StudyResult
from vgg_viz.service.caches import ByteBoundedCache
from vgg_viz.service.jobs import JobHandle, JobRegistry

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

WORKERS = 2  # studies that take turns; more would only make each slower
KEPT_STUDIES = 4  # stopped ones that can go on; each holds a few pictures and an optimiser's state
RESULT_BYTES = 64 * 2**20
SHOWN_EVERY = 0.5  # s between two previews
TOLD_EVERY = 0.2  # s between two messages


class Study(Protocol):
    """What a kind of long work does. Every method is called on the device's worker, one at a time.

    `advance` may raise any VggVizError; the job then fails with its text and the study is dropped.
    """

    def advance(self, executor: "Executor") -> None:
        """One step of well under half a second."""
        ...

    def result(self, executor: "Executor") -> StudyResult | None:
        """What there is to show by now, numpy only; None while there is nothing yet."""
        ...

    def go_on(self, job: Any) -> None:
        """Continue for `job`, equal to the first one except perhaps in `steps`."""
        ...

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        ...

    @property
    def share(self) -> float | None:
        """Of the work that is done, in [0, 1]; None while the whole is unknown."""
        ...

    @property
    def words(self) -> str:
        """How far it is, fit to be shown: "step 40 of 256"."""
        ...


# (executor, job, photos that the job names) -> a study that has done nothing yet; on the worker
Begin = Callable[["Executor", Any, tuple[Photo, ...]], Study]


class Studies:
    """The queue of studies. Safe for threads; `close` it before the worker.

    `on_device` runs a function of the executor on the worker and returns its answer; `photos_of`
    finds the photos a job names.
    """

    def __init__(
        self,
        on_device: Callable[[Callable[["Executor"], Any]], Any],
        photos_of: Callable[[StudyJob], tuple[Photo, ...]],
        result_bytes: Callable[[object], int],
    ) -> None:
        self._on_device = on_device
        self._photos_of = photos_of
        self._registry = JobRegistry(self._work, workers=WORKERS, noun="job")
        self._results: ByteBoundedCache[StudyResult] = ByteBoundedCache(RESULT_BYTES, result_bytes)
        # With how many steps it is through; 0: it was stopped before.
        self._kept: OrderedDict[StudyJob, tuple[Study, int]] = OrderedDict()
        self._lock = Lock()

    def submit(self, job: StudyJob) -> str:
        """Queue a study; the same one is joined. JobError when too many wait."""
        self._photos_of(job)  # a photo that is gone is told now, not when the job's turn comes
        return self._registry.submit(job)

    def complete(self, job: StudyJob) -> StudyResult:
        """Run a study to its end and wait for it; JobError when it failed or was stopped."""
        name = self.submit(job)
        handle = self._registry.handle(name)
        event = handle.wait()
        found = self._results.get(handle)
        if event.state != "done" or found is None:
            raise JobError(event.message)
        return found

    def find(self, job: StudyJob) -> str | None:
        """The id of the newest equal job that is still known."""
        return self._registry.find(job)

    def knows(self, job: str) -> bool:
        """Whether `job` is the id of one of these."""
        return self._registry.knows(job)

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Events of a study."""
        return self._registry.events(job, after)

    def result(self, job: str) -> StudyResult | None:
        """The newest result; None while there is none, or when it had to make room."""
        return self._results.get(self._registry.handle(job))

    def cancel(self, job: str) -> None:
        """Stop a study after its current step; what it has stays to be seen and to go on with."""
        self._registry.cancel(job)

    def close(self) -> None:
        """Stop every study."""
        self._registry.close()

    def _work(self, handle: JobHandle) -> str:
        job = handle.job
        study = self._taken(job)  # type: ignore[arg-type] # LocalService submits studies only
        if study is None:
            study = self._device(lambda executor: begin(executor, job, self._photos_of(job)))  # type: ignore[arg-type]
        try:
            self._advance(handle, study)
        except JobError:  # it was stopped
            self._keep(job, study)  # type: ignore[arg-type]
            raise
        if _steps(job):  # type: ignore[arg-type] # more of them may be asked for
            self._keep(job, study, _steps(job))  # type: ignore[arg-type]
        return study.words

    def _advance(self, handle: JobHandle, study: Study) -> None:
        shown = told = 0.0
        while not study.finished:
            if handle.cancelled():
                self._show(handle, study)
                raise JobError(
                    f"Stopped at {study.words}. What there is stays here; go on with it."
                )
            self._device(study.advance)
            now = time.monotonic()
            if now - shown > SHOWN_EVERY:
                self._show(handle, study)
                shown = now
            if now - told > TOLD_EVERY:
                handle.report("running", study.share, study.words)
                told = now
        self._show(handle, study)

    def _show(self, handle: JobHandle, study: Study) -> None:
        found = self._device(study.result)
        if found is not None:
            self._results.put(handle, found)

    def _device(self, function: Callable[["Executor"], Any]) -> Any:
        """Run on the worker; a device that is too small says so in words."""
        try:
            return self._on_device(function)
        except (MemoryError, RuntimeError) as error:
            from vgg_viz.service.devices import is_out_of_memory

            if not is_out_of_memory(error):
                raise
            self._on_device(lambda executor: executor.forget())
            raise OutOfMemoryError(
                "The device has too little memory for this. Choose a smaller size or fewer "
                "pictures, or a smaller network."
            ) from error

    def _taken(self, job: StudyJob) -> Study | None:
        with self._lock:
            study, through = self._kept.get(_without_steps(job), (None, 0))
            if study is None or _steps(job) < through:  # it cannot go back to an earlier step
                return None
            del self._kept[_without_steps(job)]
        study.go_on(job)
        return study

    def _keep(self, job: StudyJob, study: Study, through: int = 0) -> None:
        with self._lock:
            self._kept[_without_steps(job)] = study, through
            while len(self._kept) > KEPT_STUDIES:
                self._kept.popitem(last=False)


def begin(executor: "Executor", job: StudyJob, photos: tuple[Photo, ...]) -> Study:
    """Begin the study of `job`, on the worker."""
    return studies()[type(job)](executor, job, photos)


def studies() -> Mapping[type[StudyJob], Begin]:
    """What does each kind of job; a function, because these import torch."""
    from vgg_viz.service import (
        attribution_bench,
        detection,
        explained,
        feature_vis,
        inversion,
        occlusion,
        patch_indexing,
        style,
        trust,
    )
    from vgg_viz.service.attribution import begin_map

    return {
        AttributionRequest: begin_map,
        FeatureVisJob: feature_vis.begin,
        TopPatchesJob: patch_indexing.begin,
        InversionJob: inversion.begin,
        OcclusionRequest: occlusion.begin,
        StyleJob: style.begin,
        TrustJob: trust.begin,
        BenchJob: attribution_bench.begin,
        DetectionJob: detection.begin,
        ExplainedRequest: explained.begin,
    }


def _without_steps(job: StudyJob) -> StudyJob:
    """What tells whether a kept study can go on with `job`."""
    return replace(job, steps=0) if _steps(job) else job  # type: ignore[arg-type] # it has them


def _steps(job: StudyJob) -> int:
    """How many steps a job asks for; 0 of a job without."""
    return int(getattr(job, "steps", 0))
