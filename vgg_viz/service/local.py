"""The model service in this process: caches and queue here, torch on the worker's thread alone.

Importing and constructing costs nothing: torch is loaded by the worker, in the background, so that
a web server answers its health check first.
"""

import hashlib
import logging
import tempfile
from collections.abc import Hashable
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vgg_viz import __version__
from vgg_viz.errors import InputError, UnknownNameError, VggVizError
from vgg_viz.images import encode_jpeg, thumbnail
from vgg_viz.models.registry import assets_folder
from vgg_viz.preprocessing import cropped
from vgg_viz.requests import (
    ActivationsRequest,
    AttributionRequest,
    ClassifyRequest,
    Job,
    PictureRequest,
    Request,
)
from vgg_viz.results import (
    Health,
    ImageInfo,
    JobEvent,
    ModelInfo,
    Picture,
    Result,
    ServiceDescription,
)
from vgg_viz.service.allocator import keep_freed_memory
from vgg_viz.service.caches import ByteBoundedCache
from vgg_viz.service.catalogue import Catalogue
from vgg_viz.service.fetching import fetch_weights
from vgg_viz.service.jobs import JobRegistry
from vgg_viz.service.photos import PhotoStore
from vgg_viz.service.worker import DeviceWorker

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

logger = logging.getLogger(__name__)

PICTURE_SIDES = range(16, 2049)
RESULT_BYTES = 128 * 2**20
PHOTO_BYTES = 512 * 2**20  # about 40 photos of 2048 x 2048 px
METHODS = ("grad_cam",)  # without importing torch; a test compares it with the registry


class LocalService:
    """ModelService with one worker for one device. Use as a context manager, or `close()` it.

    `device` is "auto", "cuda", "mps" or "cpu"; `allow_paths` lets requests name checkpoint files
    on this machine ("vgg16:/path"), which is for the command line and never for a web page.
    """

    def __init__(
        self,
        device: str = "auto",
        *,
        allow_paths: bool = False,
        uploads: Path | None = None,
        limits: "Any | None" = None,
    ) -> None:
        keep_freed_memory()  # before the worker: a thread keeps the arena it begins with
        self._wanted = device
        self._limits = limits
        self._allow_paths = allow_paths
        self._scratch = tempfile.TemporaryDirectory(prefix="vgg-viz-", ignore_cleanup_errors=True)
        self._uploads = uploads or Path(self._scratch.name)
        self._catalogue = Catalogue(self._uploads, allow_paths=allow_paths)
        self._photos = PhotoStore(assets_folder() / "images", PHOTO_BYTES)
        self._results: ByteBoundedCache[Result] = ByteBoundedCache(RESULT_BYTES, _result_bytes)
        self._executor: Executor | None = None
        self._worker = DeviceWorker(self._prepare)
        self._jobs = JobRegistry(fetch_weights)

    def start(self) -> None:
        """Load torch and choose the device, in the background."""
        self._worker.start()

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Wait until the worker takes work; False when it did not within `timeout` seconds."""
        self.start()
        return self._worker.ready.wait(timeout)

    def close(self) -> None:
        """End the worker and all jobs; forget uploads."""
        self._jobs.close()
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
            methods=METHODS,
            precisions=executor.precisions if executor else ("fp32",),
            device=self._device_name,
            fingerprint=hashlib.sha256(known.encode()).hexdigest()[:16],
            version=__version__,
        )

    def run(self, request: Request) -> Any:
        """Answer a request, from the cache when it was asked before."""
        if isinstance(request, PictureRequest):
            return self._cached(request, lambda: self._picture(request))
        request = self._resolved(request)
        photo = self._photos.get(request.image)
        found = self._results.get(request)
        if found is not None:
            return found
        # Asked again on the worker: somebody may have wanted the same while this one waited.
        return self._on_device(
            lambda executor: self._cached(request, lambda: executor.answer(request, photo))
        )

    def submit(self, job: Job) -> str:
        """Start a job."""
        return self._jobs.submit(job)

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Events of a job."""
        return self._jobs.events(job, after)

    def cancel(self, job: str) -> None:
        """Cancel a job."""
        self._jobs.cancel(job)

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

    def put_weights(self, data: bytes, filename: str) -> ModelInfo:
        """Check and keep an uploaded checkpoint."""
        return self._catalogue.add(data, filename)

    @property
    def _device_name(self) -> str:
        return str(self._executor.device) if self._executor else self._wanted

    def _prepare(self) -> "Executor":
        from vgg_viz.service.execution import Executor

        self._executor = Executor(
            self._wanted,
            limits=self._limits,
            uploads=self._uploads,
            allow_paths=self._allow_paths,
        )
        return self._executor

    def _resolved(self, request: Any) -> Any:
        """The request with every name checked and the model's name written out."""
        info = self._catalogue.model(request.model)
        check_request(request, info)
        return replace(request, model=info.name)

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


def check_request(request: Request, info: ModelInfo) -> None:
    """Raise UnknownNameError or InputError when `request` asks for what `info` does not have."""
    if isinstance(request, PictureRequest):
        return
    if isinstance(request, ClassifyRequest):
        return
    if request.layer is not None and request.layer not in {layer.name for layer in info.layers}:
        choices = (layer.name for layer in info.convs)
        raise UnknownNameError.among(f"layer of {info.network}", request.layer, choices)
    if isinstance(request, AttributionRequest):
        if request.method not in METHODS:
            raise UnknownNameError.among("method", request.method, METHODS)
        if request.target is not None and not 0 <= request.target < len(info.classes):
            raise UnknownNameError(
                f"No class {request.target} in {info.name}; choose 0 to {len(info.classes) - 1}."
            )
    if isinstance(request, ActivationsRequest) and not request.channels and request.count < 1:
        raise InputError("Ask for at least one channel.")


def _result_bytes(result: Result) -> int:
    return sum(getattr(value, "nbytes", 0) for value in vars(result).values()) + 2048
