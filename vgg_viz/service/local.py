"""The model service in this process: caches and queue here, torch on the worker's thread alone.

Importing and constructing costs nothing: torch is loaded by the worker, in the background, so that
a web server answers its health check first.
"""

import hashlib
import logging
import os
import tempfile
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import is_dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from vgg_viz import __version__
from vgg_viz.attribution.methods import METHODS
from vgg_viz.clips import read_clip
from vgg_viz.errors import InputError, VggVizError
from vgg_viz.images import Photo, encode_jpeg, thumbnail
from vgg_viz.models.configs import NETWORKS
from vgg_viz.models.detectors import detector_infos
from vgg_viz.models.registry import assets_folder
from vgg_viz.models.schemes import SCHEMES
from vgg_viz.preprocessing import cropped
from vgg_viz.requests import (
    Answer,
    AttributionRequest,
    BenchJob,
    DetectionCardRequest,
    DetectionJob,
    ExplainedRequest,
    GalleryRequest,
    GradientFlowRequest,
    Job,
    MethodCostRequest,
    OcclusionRequest,
    PictureRequest,
    RecordingRequest,
    Request,
    SegmentationHeadsRequest,
    Steering,
    StudyJob,
    TopPatchesRequest,
    TrainingJob,
    TrustJob,
)
from vgg_viz.results import (
    ClipInfo,
    Health,
    ImageInfo,
    JobEvent,
    ModelInfo,
    NetworkInfo,
    Picture,
    Recording,
    RunInfo,
    ServiceDescription,
    StudyResult,
)
from vgg_viz.service import indexes
from vgg_viz.service.allocator import keep_freed_memory
from vgg_viz.service.caches import ByteBoundedCache
from vgg_viz.service.catalogue import Catalogue
from vgg_viz.service.checks import check_request
from vgg_viz.service.detection_card import detection_card
from vgg_viz.service.fetching import fetch_weights
from vgg_viz.service.gallery import gallery_pictures
from vgg_viz.service.jobs import JobRegistry
from vgg_viz.service.method_cost import method_cost
from vgg_viz.service.photos import PhotoStore
from vgg_viz.service.runs import RunStore, runs_folder
from vgg_viz.service.studies import Studies
from vgg_viz.service.training import Trainings
from vgg_viz.service.worker import DeviceWorker
from vgg_viz.training.datasets import dataset_infos, listed_folders, offered_folders
from vgg_viz.transfer.segmentation_cards import segmentation_heads

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

logger = logging.getLogger(__name__)

PICTURE_SIDES = range(16, 2049)
RESULT_BYTES = 128 * 2**20
PHOTO_BYTES = 512 * 2**20  # about 40 photos of 2048 x 2048 px
PHOTOS = "VGG_VIZ_PHOTOS"  # environment: folders of photos to train on, as PATH lists folders
FLOW_SAMPLES = 4  # photos that stand for "samples" in a gradient flow


class LocalService:
    """ModelService with one worker for one device. Use as a context manager, or `close()` it.

    `device` is "auto", "cuda", "mps" or "cpu"; `allow_paths` lets requests name checkpoint files
    on this machine ("vgg16:/path"), which is for the command line and never for a web page.
    `runs` is the folder of one's own recordings, $VGG_VIZ_RUNS or the user's data folder by
    default; `photos` are folders of <class>/<image> to train on, $VGG_VIZ_PHOTOS by default:
    requests name them by what `describe` calls them, never by a path.
    """

    def __init__(
        self,
        device: str = "auto",
        *,
        allow_paths: bool = False,
        uploads: Path | None = None,
        limits: "Any | None" = None,
        runs: Path | None = None,
        photos: Sequence[Path] | None = None,
    ) -> None:
        keep_freed_memory()  # before the worker: a thread keeps the arena it begins with
        self._wanted = device
        self._limits = limits
        self._allow_paths = allow_paths
        self._scratch = tempfile.TemporaryDirectory(prefix="vgg-viz-", ignore_cleanup_errors=True)
        self._uploads = uploads or Path(self._scratch.name)
        self._catalogue = Catalogue(self._uploads, allow_paths=allow_paths)
        self._photos = PhotoStore(assets_folder() / "images", PHOTO_BYTES)
        self._results: ByteBoundedCache[Any] = ByteBoundedCache(RESULT_BYTES, _result_bytes)
        self._executor: Executor | None = None
        self._worker = DeviceWorker(self._prepare)
        self._jobs = JobRegistry(fetch_weights)
        self._runs = RunStore(runs or runs_folder())
        offered = listed_folders(os.environ.get(PHOTOS, "")) if photos is None else photos
        self._folders = offered_folders(offered)
        self._trainings = Trainings(self._runs, self._folders, device)
        self._studies = Studies(self._on_device, self._photos_of, _result_bytes)

    def start(self) -> None:
        """Load torch and choose the device, in the background."""
        self._worker.start()

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Wait until the worker takes work; False when it did not within `timeout` seconds."""
        self.start()
        return self._worker.ready.wait(timeout)

    def close(self) -> None:
        """End the worker, all jobs and their processes; forget uploads."""
        self._jobs.close()
        self._trainings.close()
        self._studies.close()
        self._worker.close()
        self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def describe(self) -> ServiceDescription:
        """What is offered; no torch, no waiting."""
        executor = self._executor
        models = self._catalogue.models()
        known = "|".join((__version__, self._device_name, *(m.name for m in models)))
        return ServiceDescription(
            models=models,
            samples=self._photos.samples(),
            methods=tuple(METHODS.values()),
            precisions=executor.precisions if executor else ("fp32",),
            device=self._device_name,
            fingerprint=hashlib.sha256(known.encode()).hexdigest()[:16],
            version=__version__,
            networks=tuple(NetworkInfo(entry.name, entry.title) for entry in NETWORKS.values()),
            initializations=tuple(SCHEMES.values()),
            datasets=dataset_infos(self._folders),
            textures=self._photos.textures(),
            detectors=detector_infos(),
        )

    def run(self, request: Request[Answer]) -> Answer:
        """Answer a request, from the cache when it was asked before."""
        answer: Answer = self._answer(request)
        return answer

    def _answer(self, request: Request[Any]) -> Any:
        if isinstance(request, PictureRequest):
            return self._cached(request, lambda: self._picture(request))
        if isinstance(request, RecordingRequest):
            return self._recording(request)
        if isinstance(request, GalleryRequest):
            info = self._catalogue.model(request.model)
            return self._cached(request, lambda: gallery_pictures(request, info))
        if isinstance(request, MethodCostRequest):
            return method_cost(request, self._catalogue.model(request.model))
        if isinstance(request, DetectionCardRequest):
            return detection_card(self._catalogue.model(request.model))
        if isinstance(request, SegmentationHeadsRequest):
            return self._cached(request, segmentation_heads)
        question = self._resolved(request)
        photos = self._photos_of(question)
        key = self._key(question)
        found = self._results.get(key)
        if found is not None:
            return found
        stepwise = (
            isinstance(question, AttributionRequest | ExplainedRequest)
            and METHODS[question.method].stepwise
        )
        if stepwise or isinstance(question, OcclusionRequest | TrustJob | BenchJob | DetectionJob):
            return self._cached(question, lambda: self._studies.complete(question))
        # Asked again on the worker: somebody may have wanted the same while this one waited.
        return self._on_device(
            lambda executor: self._cached(key, lambda: executor.answer(question, photos))
        )

    def submit(self, job: Job) -> str:
        """Start a job. Fetching weights never waits for a training."""
        if isinstance(job, TrainingJob):
            return self._trainings.submit(job)
        if isinstance(job, StudyJob):
            return self._studies.submit(self._resolved(job))
        return self._jobs.submit(job)

    def find(self, job: StudyJob) -> str | None:
        """The newest equal study."""
        return self._studies.find(self._resolved(job))

    def result(self, job: str) -> StudyResult | None:
        """What a study has to show."""
        return self._studies.result(job)

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Events of a job."""
        return self._queue_of(job).events(job, after)

    def cancel(self, job: str) -> None:
        """Cancel a job."""
        self._queue_of(job).cancel(job)

    def steer(self, job: str, steering: Steering) -> None:
        """Pause, continue or change a running training."""
        self._trainings.steer(job, steering)

    def runs(self) -> tuple[RunInfo, ...]:
        """Every recording."""
        return self._runs.infos()

    def run_weights(self, run: str, step: int) -> bytes:
        """A checkpoint kept beside a recording."""
        return self._runs.weights(run, step)

    def rename_run(self, run: str, title: str) -> None:
        """Give a recording another title."""
        self._runs.rename(run, title)

    def delete_run(self, run: str) -> None:
        """Delete a recording."""
        self._runs.delete(run)

    def health(self) -> Health:
        """Never waits."""
        executor = self._executor
        failure = self._worker.failure
        return Health(
            ready=executor is not None,
            device=self._device_name,
            waiting=self._worker.waiting,
            models=executor.model_names if executor else (),
            inspection_bytes=executor.inspection_bytes if executor else 0,
            forward_passes=executor.forward_passes if executor else 0,
            message=str(failure) if failure else "",
        )

    def put_image(self, data: bytes) -> ImageInfo:
        """Decode and keep an uploaded photo."""
        return self._photos.put(data)

    def put_clip(self, data: bytes) -> ClipInfo:
        """Decode a clip and keep frames of it."""
        clip = read_clip(data)
        images = tuple(self._photos.keep(frame).id for frame in clip.frames)
        return ClipInfo(images, clip.seconds, clip.total, clip.notes)

    def put_weights(self, data: bytes, filename: str) -> ModelInfo:
        """Check and keep an uploaded checkpoint."""
        return self._catalogue.add(data, filename)

    @property
    def _device_name(self) -> str:
        return str(self._executor.device) if self._executor else self._wanted

    def _queue_of(self, job: str) -> JobRegistry | Trainings | Studies:
        if self._trainings.knows(job):
            return self._trainings
        return self._studies if self._studies.knows(job) else self._jobs

    def _prepare(self) -> "Executor":
        from vgg_viz.service.execution import Executor

        self._executor = Executor(
            self._wanted,
            limits=self._limits,
            uploads=self._uploads,
            allow_paths=self._allow_paths,
            folders=self._folders,
        )
        return self._executor

    def _resolved(self, request: Any) -> Any:
        """The request with every name checked and the model's name written out."""
        if not hasattr(request, "model"):
            return request
        info = self._catalogue.model(request.model)
        check_request(request, info)
        return replace(request, model=info.name)

    def _key(self, question: Hashable) -> Hashable:
        """What an answer is kept under: an index of patches may have grown meanwhile."""
        if isinstance(question, TopPatchesRequest):
            stamp = indexes.stamp(question.model, question.source, self._folders)
            return question, stamp
        return question

    def _cached(self, key: Hashable, compute: Any) -> Any:
        found = self._results.get(key)
        if found is None:
            found = compute()
            self._results.put(key, found)
        return found

    def _on_device(self, function: Any) -> Any:
        try:
            return self._worker.call(function).result()
        except CancelledError as error:
            raise VggVizError("The service was shut down meanwhile; try again.") from error

    def _recording(self, request: RecordingRequest) -> Recording:
        """Read on the caller's thread: a page that watches must not wait for the device."""
        stamp = self._runs.stamp(request.run)
        if stamp is None:
            return self._runs.recording(request.run, request.after)
        key = (request, stamp)
        found: Recording = self._cached(
            key, lambda: self._runs.recording(request.run, request.after)
        )
        return found

    def _photos_of(self, request: Any) -> tuple[Photo, ...]:
        """The photos a request names: one `image`, several `images`, or a gradient flow's input."""
        if isinstance(request, GradientFlowRequest):
            return self._flow_photos(request.input)
        names = getattr(request, "images", None) or (getattr(request, "image", ""),)
        return tuple(self._photos.get(name) for name in names if name)

    def _flow_photos(self, name: str) -> tuple[Photo, ...]:
        match name:
            case "noise":
                return ()
            case "samples":
                samples = self._photos.samples()[:FLOW_SAMPLES]
                return tuple(self._photos.get(sample.name) for sample in samples)
            case _:
                return (self._photos.get(name),)

    def _picture(self, request: PictureRequest) -> Picture:
        if request.size not in PICTURE_SIDES:
            raise InputError(
                f"A picture of {request.size} px cannot be made; ask for "
                f"{PICTURE_SIDES.start} to {PICTURE_SIDES.stop - 1}."
            )
        photo = self._photos.get(request.image)
        if request.model is None:
            pixels = thumbnail(photo.pixels, request.size)
        else:
            info = self._catalogue.model(request.model)
            pixels = cropped(photo.pixels, self._catalogue.preprocessing(info.name), request.size)
        return Picture(pixels, encode_jpeg(pixels), photo.notes)


def _result_bytes(result: object) -> int:
    return _bytes_in(result) + 2048


def _bytes_in(value: Any) -> int:
    """Bytes of all arrays in a result, in its mappings and in the parts it is made of."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(map(_bytes_in, value.values()))
    if isinstance(value, tuple):
        return sum(map(_bytes_in, value))
    return sum(map(_bytes_in, vars(value).values())) if is_dataclass(value) else 0
