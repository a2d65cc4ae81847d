"""Studies of the fake service: a few steps on a thread, pictures made of the job's own words."""

import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from tests import fake_detection, fake_occlusion, fake_style, fake_trust
from vgg_viz.errors import JobError
from vgg_viz.requests import (
    AttributionRequest,
    DetectionJob,
    FeatureVisJob,
    InversionJob,
    OcclusionRequest,
    StudyJob,
    StyleJob,
    TopPatchesJob,
    TrustJob,
)
from vgg_viz.results import (
    FeatureVis,
    Inversion,
    JobEvent,
    LayerInversion,
    PatchIndexing,
    Provenance,
    StudyResult,
)

STEPS = 8  # that a study of the fake takes, whatever the job says
SIDE = 48  # px of its pictures


@dataclass
class FakeStudies:
    """Answers `submit`, `find`, `events`, `result` and `cancel` as the real queue does.

    `step_seconds` is how long a step takes; `error` makes every study fail with that text.
    """

    provenance_of: Callable[[str], Provenance]
    answer: Callable[[object], object] = lambda request: None
    step_seconds: float = 0.03
    error: str = ""
    studies: dict[str, "_FakeStudy"] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, job: StudyJob) -> str:
        made_by = self.provenance_of(job.model)  # an unknown model is told at once
        with self.lock:
            name = self.find(job)
            old = self.studies[name] if name else None
            if name and old and not old.events[-1].final:
                return name
            step = old.step if old and old.events[-1].state == "cancelled" else 0
            name = f"study-{len(self.studies) + 1}"
            self.studies[name] = _FakeStudy(self, job, made_by, step)
            return name

    def find(self, job: StudyJob) -> str | None:
        names = [name for name, study in list(self.studies.items()) if study.job == job]
        return names[-1] if names else None

    def knows(self, job: str) -> bool:
        return job in self.studies

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        return tuple(event for event in list(self._study(job).events) if event.number > after)

    def result(self, job: str) -> StudyResult | None:
        return self._study(job).result

    def cancel(self, job: str) -> None:
        self._study(job).cancelled.set()

    def _study(self, job: str) -> "_FakeStudy":
        if job not in self.studies:
            raise JobError("This job is not known here (any more); start it again.")
        return self.studies[job]


class _FakeStudy:
    """STEPS steps on a thread of its own."""

    def __init__(self, queue: FakeStudies, job: StudyJob, made_by: Provenance, step: int) -> None:
        self.job, self.made_by, self.step = job, made_by, step
        self.result: StudyResult | None = None
        self.events = [JobEvent(1, "queued", None, "Waiting for its turn.")]
        self.cancelled = threading.Event()
        threading.Thread(target=self._work, args=(queue,), daemon=True).start()

    def _add(self, state, progress, message) -> None:
        self.events.append(JobEvent(len(self.events) + 1, state, progress, message))

    def _work(self, queue: FakeStudies) -> None:
        if queue.error:
            self._add("failed", None, queue.error)
            return
        while self.step < STEPS:
            if self.cancelled.is_set():
                words = f"Stopped at step {self.step} of {STEPS}; what there is stays here."
                self._add("cancelled", None, words)
                return
            time.sleep(queue.step_seconds)
            self.step += 1
            if isinstance(self.job, AttributionRequest):
                self.result = replace(queue.answer(self.job), done=self.step, total=STEPS)
            else:
                self.result = result_of(self.job, self.step, self.made_by)
            self._add("running", self.step / STEPS, f"step {self.step} of {STEPS}")
        self._add("done", 1.0, f"{STEPS} steps")


def result_of(job: StudyJob, step: int, made_by: Provenance) -> StudyResult:
    """What a study of the fake shows after `step` steps."""
    match job:
        case FeatureVisJob():
            return feature_vis(job, step, made_by)
        case InversionJob():
            return inversion(job, step, made_by)
        case TopPatchesJob():
            return PatchIndexing(job.source, 10 * step, 10 * STEPS, 12.5, (), 0.8 * step)
        case DetectionJob():
            return fake_detection.detection(job, step, STEPS, made_by)
        case OcclusionRequest():
            return fake_occlusion.occlusion(job, step, STEPS, made_by)
        case StyleJob():
            return fake_style.styled(job, step, STEPS, made_by)
        case TrustJob():
            return fake_trust.trust(job, step, STEPS, made_by)
    raise AssertionError(job)


def feature_vis(job: FeatureVisJob, step: int, made_by: Provenance) -> FeatureVis:
    noise = np.random.default_rng(zlib.crc32(repr((job.terms, job.seed, step)).encode()))
    pictures = noise.integers(0, 255, (job.pictures, SIDE, SIDE, 3), dtype=np.uint8)
    history = np.linspace(0.1, 1.0, STEPS, dtype=np.float32)[:step]
    values = np.full(job.pictures, step / STEPS, np.float32)
    return FeatureVis(pictures, history, values, step, STEPS, 0.1 * step, (), made_by)


def inversion(job: InversionJob, step: int, made_by: Provenance) -> Inversion:
    """All layers at once, each further from the photo than the one before."""
    noise = np.random.default_rng(job.seed)
    photo = noise.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    last = "conv5" if job.model.startswith("zfnet") else "conv5_3"
    wanted = job.layers or (last,)
    losses = np.linspace(2.0, 0.2, STEPS, dtype=np.float32)[:step]
    layers = tuple(
        LayerInversion(
            layer=layer,
            pixels=np.roll(photo, depth, axis=0),
            code_shape=(4, 3, 3),
            losses=losses * (depth + 1),
            distances=losses * (depth + 1) / 2,
            distance=float(losses[-1]) * (depth + 1) / 3,
            correlation=1 - depth / 10,
            total_variation=job.total_variation,
            alpha_norm=0.009 * job.alpha_norm,
        )
        for depth, layer in enumerate(wanted)
    )
    return Inversion(photo, layers, wanted, STEPS, 0.1 * step, (), made_by)
