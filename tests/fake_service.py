"""A model service without networks: deterministic numbers, and knobs for what goes wrong.

Pages cannot tell it from a real one. `VGG_VIZ_SERVICE=fake_service:make_service` puts it behind the
dashboard's server in another process.
"""

import hashlib
import io
import threading
import time
from dataclasses import dataclass, field, replace

from PIL import Image, UnidentifiedImageError

from tests import (
    fake_runs,
    fake_studies,
)
from tests.fake_answers import FakeAnswers
from tests.fake_models import (
    BUNDLED,
    SAMPLES,
    TEXTURES,
    fake_model,
    fake_models,
    provenance,
)
from vgg_viz.attribution.methods import METHODS
from vgg_viz.clips import read_clip
from vgg_viz.errors import (
    CheckpointError,
    ImageError,
    JobError,
)
from vgg_viz.models.configs import NETWORKS
from vgg_viz.models.schemes import SCHEMES
from vgg_viz.requests import (
    Job,
    Steering,
    StudyJob,
    TrainingJob,
)
from vgg_viz.results import (
    ClipInfo,
    Health,
    ImageInfo,
    JobEvent,
    ModelInfo,
    NetworkInfo,
    RunInfo,
    SampleInfo,
    ServiceDescription,
    StudyResult,
)


def make_service() -> "FakeService":
    """What VGG_VIZ_SERVICE names."""
    return FakeService(dark=frozenset({"vgg11:random"}))


def make_slow_service() -> "FakeService":
    """One whose studies take long enough to be watched and stopped."""
    made = FakeService()
    made.studies.step_seconds = 1.5
    return made


@dataclass
class FakeService(FakeAnswers):
    """ModelService with knobs: `errors` by request type, `delay` in seconds, `dark` models."""

    errors: dict[type, Exception] = field(default_factory=dict)
    delay: float = 0.0
    fetch_steps: int = 10
    fetch_step_seconds: float = 0.02
    fetch_error: str = ""
    dark: frozenset[str] = frozenset()  # models whose attribution has no positive value
    ready: bool = True
    folders: tuple = ()  # of photos, as `describe` names them
    detectors: tuple = ()  # published whole, beside our heads
    asked: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images: dict[str, Image.Image] = {}
        self.models = {m.name: m for m in fake_models()}
        self.jobs: dict[str, _FakeJob] = {}
        self.training = fake_runs.FakeTraining()
        self.studies = fake_studies.FakeStudies(
            lambda model: provenance(self._model(model), "fp32"), self.answer
        )
        self.lock = threading.Lock()

    def start(self) -> None:
        """Nothing to load."""

    def wait_ready(self, timeout: float | None = None) -> bool:
        return self.ready

    def close(self) -> None:
        """Nothing to end."""

    def describe(self) -> ServiceDescription:
        samples = tuple(
            SampleInfo(n, f"A {n}", "A. Painter", "CC0 1.0", (n,) if n in BUNDLED else ())
            for n in SAMPLES
        )
        return ServiceDescription(
            tuple(self.models.values()),
            samples,
            tuple(METHODS.values()),
            ("fp32", "bf16") if self.ready else ("fp32",),
            "cpu",
            f"fake-{id(self)}",
            "0.1.0",
            networks=tuple(NetworkInfo(name, entry.title) for name, entry in NETWORKS.items()),
            initializations=tuple(SCHEMES.values()),
            datasets=(*fake_runs.DATASETS, *self.folders),
            textures=tuple(
                SampleInfo(name, name[8:].title(), "drawn by vgg-viz", "CC0 1.0", ())
                for name in TEXTURES
            ),
            detectors=self.detectors,
        )

    def run(self, request):
        self.asked.append(request)
        time.sleep(self.delay)
        if error := self.errors.get(type(request)):
            raise error
        return self.answer(request)

    def submit(self, job: Job) -> str:
        if isinstance(job, TrainingJob):
            return self.training.submit(job)
        if isinstance(job, StudyJob):
            self.asked.append(job)
            return self.studies.submit(job)
        with self.lock:
            name = f"job-{job.model}"
            old = self.jobs.get(name)
            if old is None or old.final:
                self.jobs[name] = _FakeJob(self, job)
            return name

    def find(self, job: StudyJob) -> str | None:
        return self.studies.find(job)

    def result(self, job: str) -> StudyResult | None:
        return self.studies.result(job)

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        if self.studies.knows(job):
            return self.studies.events(job, after)
        if self.training.knows(job):
            return self.training.events(job, after)
        if job not in self.jobs:
            raise JobError("This job is not known here (any more); start it again.")
        return tuple(event for event in list(self.jobs[job].events) if event.number > after)

    def cancel(self, job: str) -> None:
        if self.training.knows(job):
            self.training.cancel(job)
        elif self.studies.knows(job):
            self.studies.cancel(job)
        else:
            self.jobs[job].cancelled.set()

    def steer(self, job: str, steering: Steering) -> None:
        self.training.steer(job, steering)

    def runs(self) -> tuple[RunInfo, ...]:
        return self.training.runs()

    def run_weights(self, run: str, step: int) -> bytes:
        return self.training.weights(run, step)

    def rename_run(self, run: str, title: str) -> None:
        self.training.rename(run, title)

    def delete_run(self, run: str) -> None:
        self.training.delete(run)

    def health(self) -> Health:
        return Health(self.ready, "cpu", 0, ("vgg16:bundled",), 0, len(self.asked))

    def put_image(self, data: bytes) -> ImageInfo:
        try:
            image = Image.open(io.BytesIO(data)).convert("RGB")
        except (UnidentifiedImageError, OSError) as error:
            raise ImageError("This is not a picture. Use a JPEG, PNG or WebP picture.") from error
        digest = hashlib.sha256(data).hexdigest()
        self.images[digest] = image
        return ImageInfo(digest, image.width, image.height, ())

    def put_clip(self, data: bytes) -> ClipInfo:
        clip = read_clip(data)
        for photo in clip.frames:
            self.images[photo.digest] = Image.fromarray(photo.pixels)
        images = tuple(photo.digest for photo in clip.frames)
        return ClipInfo(images, clip.seconds, clip.total, clip.notes)

    def put_weights(self, data: bytes, filename: str) -> ModelInfo:
        if not data.startswith(b"VGG"):
            raise CheckpointError(
                f"{filename} is not a checkpoint: give safetensors or a .pth file."
            )
        info = replace(
            fake_model("vgg16", "bundled"),
            name="vgg16:file-1a2b3c4d",
            weights="file",
            weights_title=f"file {filename}",
        )
        self.models[info.name] = info
        return info


class _FakeJob:
    """A fetch that takes `fetch_steps` steps on a thread of its own."""

    def __init__(self, service: FakeService, job: Job) -> None:
        self.events = [JobEvent(1, "queued", None, "Waiting for its turn.")]
        self.cancelled = threading.Event()
        threading.Thread(target=self._work, args=(service, job), daemon=True).start()

    @property
    def final(self) -> bool:
        return self.events[-1].final

    def _add(self, state, progress, message) -> None:
        self.events.append(JobEvent(len(self.events) + 1, state, progress, message))

    def _work(self, service: FakeService, job: Job) -> None:
        steps = service.fetch_steps
        for step in range(steps):
            if self.cancelled.is_set():
                self._add("cancelled", None, "Cancelled; nothing is left on the disk.")
                return
            self._add("running", step / steps, f"{528 * step // steps} of 528 MB")
            time.sleep(service.fetch_step_seconds)
        if service.fetch_error:
            self._add("failed", None, service.fetch_error)
            return
        if job.model in service.models:
            service.models[job.model] = replace(service.models[job.model], available=True)
        service.detectors = tuple(
            replace(each, available=each.available or each.name == job.model)
            for each in service.detectors
        )
        self._add("done", 1.0, "Fetched and verified.")
