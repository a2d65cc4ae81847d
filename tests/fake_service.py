"""A model service without networks: deterministic numbers, and knobs for what goes wrong.

Pages cannot tell it from a real one. `VGG_VIZ_SERVICE=fake_service:make_service` puts it behind the
dashboard's server in another process.
"""

import hashlib
import io
import threading
import time
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, UnidentifiedImageError

from tests import (
    fake_computation,
    fake_edits,
    fake_fields,
    fake_flow,
    fake_kernels,
    fake_maps,
    fake_runs,
    fake_studies,
    fake_units,
)
from vgg_viz import architecture
from vgg_viz.errors import (
    CheckpointError,
    ImageError,
    JobError,
    MissingImageError,
    UnknownNameError,
    WeightsUnavailableError,
)
from vgg_viz.models.configs import NETWORKS, build, spec
from vgg_viz.models.schemes import SCHEMES
from vgg_viz.requests import (
    ActivationsRequest,
    AttributionRequest,
    CarryingChannelsRequest,
    ClassifyRequest,
    DenseMapRequest,
    EditRequest,
    EffectiveFieldRequest,
    GradientFlowRequest,
    InvarianceRequest,
    Job,
    LayerTimingsRequest,
    PictureRequest,
    RecordingRequest,
    Steering,
    StudyJob,
    TrainingJob,
    UnitRequest,
)
from vgg_viz.results import (
    Activations,
    Attribution,
    Classification,
    EffectiveField,
    Health,
    ImageInfo,
    JobEvent,
    ModelInfo,
    NetworkInfo,
    Picture,
    Provenance,
    RunInfo,
    SampleInfo,
    ServiceDescription,
    StudyResult,
)

BUNDLED = [
    "airplane",
    "buildings",
    "cat",
    "dog",
    "elephant",
    "face",
    "flower",
    "forest",
    "giraffe",
    "glacier",
    "guitar",
    "horse",
    "leopard",
    "motorbike",
    "mountain",
    "sailboat",
    "sea",
    "street",
    "watch",
]
IMAGENET = ["tench", "cat", "crane", "crane", *(f"class {i}" for i in range(4, 1000))]
SAMPLES = ("cat", "dog", "horse", "guitar", "mountain", "coffee", "rocket", "dahlia")
MEBI = 2**20


def make_service() -> "FakeService":
    """What VGG_VIZ_SERVICE names."""
    return FakeService(dark=frozenset({"vgg11:random"}))


@dataclass
class FakeService:
    """ModelService with knobs: `errors` by request type, `delay` in seconds, `dark` models."""

    errors: dict[type, Exception] = field(default_factory=dict)
    delay: float = 0.0
    fetch_steps: int = 10
    fetch_step_seconds: float = 0.02
    fetch_error: str = ""
    dark: frozenset[str] = frozenset()  # models whose attribution has no positive value
    ready: bool = True
    asked: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images: dict[str, Image.Image] = {}
        self.models = {m.name: m for m in fake_models()}
        self.jobs: dict[str, _FakeJob] = {}
        self.training = fake_runs.FakeTraining()
        self.studies = fake_studies.FakeStudies(
            lambda model: provenance(self._model(model), "fp32")
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
            ("grad_cam",),
            ("fp32", "bf16") if self.ready else ("fp32",),
            "cpu",
            f"fake-{id(self)}",
            "0.1.0",
            networks=tuple(NetworkInfo(name, entry.title) for name, entry in NETWORKS.items()),
            initializations=tuple(SCHEMES.values()),
            datasets=fake_runs.DATASETS,
        )

    def run(self, request):
        self.asked.append(request)
        time.sleep(self.delay)
        if error := self.errors.get(type(request)):
            raise error
        match request:
            case PictureRequest():
                return self._picture(request)
            case ClassifyRequest():
                return self._classify(request)
            case AttributionRequest():
                return self._attribute(request)
            case ActivationsRequest():
                return self._activate(request)
            case GradientFlowRequest():
                return fake_flow.gradient_flow(request)
            case EffectiveFieldRequest():
                return self._effective_field(request)
            case RecordingRequest():
                return self.training.recording(request)
            case LayerTimingsRequest() | DenseMapRequest() | UnitRequest():
                return self._computation(request)
        return self._kernels(request)

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

    def _photo(self, name: str) -> Image.Image:
        if name in self.images:
            return self.images[name]
        if name in SAMPLES:
            return sample_photo(name)
        if len(name) == 64:
            raise MissingImageError(
                "This uploaded photo is no longer on the server; upload it again."
            )
        raise UnknownNameError.among("photo", name, SAMPLES)

    def _picture(self, request: PictureRequest) -> Picture:
        photo = self._photo(request.image)
        if request.model is None:
            photo = photo.copy()
            photo.thumbnail((request.size, request.size))
        else:
            side = min(photo.size)
            left, top = (photo.width - side) // 2, (photo.height - side) // 2
            photo = photo.crop((left, top, left + side, top + side))
            photo = photo.resize((request.size, request.size))
        out = io.BytesIO()
        photo.save(out, "JPEG", quality=90)
        return Picture(np.asarray(photo), out.getvalue(), ())

    def _model(self, name: str) -> ModelInfo:
        if name not in self.models:
            raise UnknownNameError.among("model", name, self.models)
        if not self.models[name].available:
            raise WeightsUnavailableError(f"{name} is not on this machine yet; fetch it first.")
        return self.models[name]

    def _classify(self, request: ClassifyRequest) -> Classification:
        info = self._model(request.model)
        self._photo(request.image)
        logits = rng("logits", request.model, request.image).normal(0, 2, len(info.classes))
        if request.image in info.classes:
            logits[info.classes.index(request.image)] = 9
        odds = np.exp(logits - logits.max())
        return Classification(
            logits.astype(np.float32),
            (odds / odds.sum()).astype(np.float32),
            info.classes,
            0.0123,
            provenance(info, request.precision),
            None if request.precision == "fp32" else 0.004,
        )

    def _attribute(self, request: AttributionRequest) -> Attribution:
        info = self._model(request.model)
        self._photo(request.image)
        layer = next(
            row for row in info.convs if row.name == (request.layer or info.convs[-1].name)
        )
        top = self._classify(ClassifyRequest(request.model, request.image))
        target = top.top(1)[0][0] if request.target is None else request.target
        noise = rng("cam", request.model, request.image, layer.name, target)
        at = np.linspace(-1, 1, layer.side)
        x, y = noise.uniform(-0.5, 0.5, 2)
        grid = np.exp(-4 * ((at[None] - x) ** 2 + (at[:, None] - y) ** 2)) - 0.2
        grid = grid + noise.normal(0, 0.03, grid.shape)
        grid *= 40 if info.network.startswith("vgg") else 10
        if request.model in self.dark:
            grid = -np.abs(grid)
        return Attribution(
            grid.astype(np.float32),
            "grad_cam",
            layer.name,
            target,
            info.classes[target],
            float(top.logits[target]),
            provenance(info, request.precision),
        )

    def _effective_field(self, request: EffectiveFieldRequest) -> EffectiveField:
        info = self._model(request.model)
        for image in request.images:
            self._photo(image)
        made_by = replace(provenance(info, "fp32"), input_size=request.input_size or 224)
        return fake_fields.effective_field(request, info, made_by)

    def _edits(self, request: EditRequest | CarryingChannelsRequest | InvarianceRequest):
        info = self._model(request.model)
        for image in getattr(request, "images", (request.image,)):
            self._photo(image)
        plain = self._classify(ClassifyRequest(request.model, request.image))
        target = plain.top(1)[0][0] if request.target is None else request.target
        if isinstance(request, EditRequest):
            cam = self._attribute(AttributionRequest(request.model, request.image, target=target))
            return fake_edits.edit(request, info, plain, cam)
        if isinstance(request, CarryingChannelsRequest):
            return fake_edits.carrying_channels(request, info, plain, target)
        return fake_edits.invariance(request, info, plain, target)

    def _computation(self, request: LayerTimingsRequest | DenseMapRequest | UnitRequest):
        if isinstance(request, UnitRequest):
            return self._unit(request)
        if isinstance(request, LayerTimingsRequest):
            return fake_computation.layer_timings(self.models.get(request.model), request)
        info = self._model(request.model)
        made_by = provenance(info, request.precision)
        return fake_computation.dense_map(info, request, self._photo(request.image), made_by)

    def _maps(self, request):
        info = self._model(request.model)
        for image in getattr(request, "images", None) or (request.image,):
            self._photo(image)
        return fake_maps.answer(request, info, provenance(info, request.precision))

    def _unit(self, request: UnitRequest):
        info = self._model(request.model)
        self._photo(request.image)
        return fake_units.unit_arithmetic(request, info, provenance(info, request.precision))

    def _kernels(self, request):
        if isinstance(request, EditRequest | CarryingChannelsRequest | InvarianceRequest):
            return self._edits(request)
        if isinstance(request, fake_maps.MapsRequest):
            return self._maps(request)
        model = getattr(request, "model", None)
        if image := getattr(request, "image", ""):
            self._photo(image)
        return fake_kernels.answer(request, self._model(model) if model else None)

    def _activate(self, request: ActivationsRequest) -> Activations:
        info = self._model(request.model)
        self._photo(request.image)
        layer = next(
            row for row in info.convs if row.name == (request.layer or info.convs[-1].name)
        )
        maps = activation_maps(request.model, request.image, layer.name, layer.channels, layer.side)
        means, maxima = maps.mean(axis=(1, 2)), maps.max(axis=(1, 2))
        shown = request.channels or tuple(
            int(i) for i in np.argsort(-means, kind="stable")[: request.count]
        )
        return Activations(
            layer.name,
            shown,
            maps[list(shown)],
            means,
            maxima,
            (maps == 0).mean(axis=(1, 2), dtype=np.float32),
            provenance(info, request.precision),
        )


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
        service.models[job.model] = replace(service.models[job.model], available=True)
        self._add("done", 1.0, "Fetched and verified.")


def rng(*words: object) -> np.random.Generator:
    """Numbers that depend on the words alone, in every process."""
    digest = hashlib.sha256("|".join(map(str, words)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


@cache
def activation_maps(model: str, image: str, layer: str, channels: int, side: int) -> np.ndarray:
    noise = rng("maps", model, image, layer)
    coarse = noise.normal(-0.3, 1, (channels, 7, 7)).astype(np.float32)
    strength = noise.exponential(2, channels).astype(np.float32)[:, None, None]
    at = np.linspace(0, 6, side).round().astype(int)
    return np.maximum(coarse[:, at][:, :, at], 0) * strength


@cache
def sample_photo(name: str) -> Image.Image:
    """A landscape picture: a disc on a gradient, different for every name."""
    noise = rng("photo", name)
    a, b = noise.integers(40, 230, (2, 3))
    t = np.linspace(0, 1, 640)[None, :, None]
    pixels = np.repeat(a * (1 - t) + b * t, 480, axis=0).astype(np.uint8)
    image = Image.fromarray(pixels)
    x, y = noise.integers(180, 400), noise.integers(140, 300)
    draw = ImageDraw.Draw(image)
    draw.ellipse((x - 90, y - 90, x + 90, y + 90), fill=tuple(noise.integers(0, 255, 3).tolist()))
    draw.rectangle((60, 380, 580, 400), fill=(240, 240, 240))
    return image


def provenance(info: ModelInfo, precision: str) -> Provenance:
    return Provenance(
        info.name,
        info.weights_title,
        "0" * 64,
        "cpu",
        precision,
        info.input_size,
        (("torch", "2.14.1"),),
    )


@cache
def fake_model(network: str, weights: str, *, available: bool = True) -> ModelInfo:
    classes, width = (BUNDLED, 0.25) if weights == "bundled" else (IMAGENET, 1.0)
    config = build(network, width=width, classes=len(classes))
    described = architecture.describe(config)
    titles = {
        "bundled": "bundled weights, 19 classes, 0.25 x width",
        "imagenet": "ImageNet weights of torchvision",
        "random": "random weights, seed 0",
    }
    return ModelInfo(
        f"{network}:{weights}",
        network,
        spec(network).title,
        weights,
        titles[weights],
        available,
        0 if available else 528 * MEBI,
        224,
        described.parameters,
        described.macs,
        tuple(classes),
        architecture.layer_infos(config),
        0.87 if weights == "bundled" else None,
        "MIT",
    )


def fake_models() -> tuple[ModelInfo, ...]:
    return (
        fake_model("zfnet_b", "bundled"),
        fake_model("vgg16", "bundled"),
        fake_model("alexnet", "imagenet"),
        fake_model("vgg16", "imagenet", available=False),
        fake_model("vgg11", "random"),
    )
