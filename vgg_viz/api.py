"""Each analysis as one call: `from vgg_viz import api; api.activations("cat", "vgg16", "conv5_3")`.

A photo is a bundled sample ("cat"), a file, or what `put_image` of a service returned. A model is
"vgg16:bundled", "zfnet_b:imagenet", "vgg19:random-7" or "vgg16:./mine.safetensors"; without weights
the bundled ones, else random ones. Answers are those of the model service: numpy only, each with
its provenance. Every function opens a service of its own, or asks the one given: a program with
many questions opens it once, so that networks are loaded once and passes are shared.

    with vgg_viz.service.local.LocalService(allow_paths=True) as service:
        maps = api.activations("cat", service=service).maps
        rebuilt = api.invert("cat", "vgg16", "conv4_1", service=service)

Importing this loads no torch. Every function raises only `VggVizError` for what a person can mend.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vgg_viz.errors import InputError, JobError
from vgg_viz.images import MAX_BYTES
from vgg_viz.models.configs import spec
from vgg_viz.requests import (
    AttributionRequest,
    ClassifyRequest,
    DetectionJob,
    EditRequest,
    FeatureVisJob,
    InversionJob,
    LayerKernelsRequest,
    LayerMapsRequest,
    ReconstructionRequest,
    SegmentationRequest,
    StudyJob,
    StyleJob,
    Term,
    TopPatchesJob,
    TopPatchesRequest,
)
from vgg_viz.results import (
    Attribution,
    Classification,
    Detection,
    Edited,
    FeatureVis,
    Inversion,
    JobEvent,
    LayerKernels,
    LayerMaps,
    Reconstruction,
    Segmentation,
    StudyResult,
    Styled,
    TopPatches,
)
from vgg_viz.service.engine import ModelService

Photo = str | Path
Watch = Callable[[JobEvent], None]
POLL_SECONDS = 0.05


def classify(
    photo: Photo, model: str = "vgg16", *, service: ModelService | None = None
) -> Classification:
    """Logits and probabilities of every class."""
    with _opened(service) as asked:
        return asked.run(ClassifyRequest(model, named_photo(asked, photo)))


def cam(
    photo: Photo,
    model: str = "vgg16",
    layer: str | None = None,
    *,
    service: ModelService | None = None,
    **more: Any,
) -> Attribution:
    """Where the network sees a class; `more` goes to AttributionRequest (method, target, ...)."""
    with _opened(service) as asked:
        request = AttributionRequest(model, named_photo(asked, photo), layer, **more)
        return asked.run(request)


def activations(
    photo: Photo,
    model: str = "vgg16",
    layer: str | None = None,
    *,
    relu: bool = True,
    service: ModelService | None = None,
) -> LayerMaps:
    """Every map of a layer, (C, h, w), after the ReLU that follows or before it."""
    with _opened(service) as asked:
        image = named_photo(asked, photo)
        return asked.run(LayerMapsRequest(model, image, layer or last_convolution(model), relu))


def filters(
    model: str = "vgg16", layer: str | None = None, *, service: ModelService | None = None
) -> LayerKernels:
    """Kernels of a convolution: norms, dead and alike ones; `layer` None: the first one."""
    with _opened(service) as asked:
        return asked.run(LayerKernelsRequest(model, layer))


def deconv(
    photo: Photo,
    model: str = "zfnet_b",
    layer: str | None = None,
    channel: int | None = None,
    *,
    service: ModelService | None = None,
    **more: Any,
) -> Reconstruction:
    """What in the photo makes a channel fire; `more` goes to ReconstructionRequest."""
    with _opened(service) as asked:
        image = named_photo(asked, photo)
        named = layer or last_convolution(model)
        return asked.run(ReconstructionRequest(model, image, named, channel, **more))


def edit(
    photo: Photo,
    layer: str,
    channels: Mapping[int, float],
    model: str = "vgg16",
    *,
    service: ModelService | None = None,
    **more: Any,
) -> Edited:
    """What changes when channels of a layer are multiplied: {3: 0} switches 3 off."""
    with _opened(service) as asked:
        factors = tuple((int(channel), float(factor)) for channel, factor in channels.items())
        return asked.run(EditRequest(model, named_photo(asked, photo), layer, factors, **more))


def feature_vis(
    model: str,
    *terms: Term,
    photo: Photo | None = None,
    service: ModelService | None = None,
    watch: Watch | None = None,
    **more: Any,
) -> FeatureVis:
    """Pictures made to excite the sum of `terms`, from noise or from `photo`.

    `more` goes to FeatureVisJob (steps, size, pictures, diversity, seed, ...).
    """
    with _opened(service) as asked:
        image = "" if photo is None else named_photo(asked, photo)
        found = finished(asked, FeatureVisJob(model, terms, image=image, **more), watch)
    assert isinstance(found, FeatureVis)  # noqa: S101 - what the job's type says
    return found


def invert(
    photo: Photo,
    model: str = "vgg16",
    *layers: str,
    service: ModelService | None = None,
    watch: Watch | None = None,
    **more: Any,
) -> Inversion:
    """The photo rebuilt from its code at `layers`, the last convolution when none is named.

    `more` goes to InversionJob (steps, seed, ...).
    """
    with _opened(service) as asked:
        job = InversionJob(model, named_photo(asked, photo), layers, **more)
        found = finished(asked, job, watch)
    assert isinstance(found, Inversion)  # noqa: S101 - what the job's type says
    return found


def detect(
    photo: Photo,
    model: str = "vgg16",
    *,
    service: ModelService | None = None,
    watch: Watch | None = None,
    **more: Any,
) -> Detection:
    """Objects by R-CNN: every proposal with its scores; `.objects(least, overlap)` are the found.

    `more` goes to DetectionJob (way="fast", proposals).
    """
    with _opened(service) as asked:
        job = DetectionJob(model, named_photo(asked, photo), **more)
        found = finished(asked, job, watch)
    assert isinstance(found, Detection)  # noqa: S101 - what the job's type says
    return found


def segment(
    photo: Photo,
    model: str = "vgg16",
    *,
    longest: int | None = None,
    service: ModelService | None = None,
) -> Segmentation:
    """The class of every pixel by FCN-32s, 16s and 8s: `.net(8).labels` is (H, W).

    `longest` is the side in px that the photo is scaled to; None: as the nets were trained.
    """
    with _opened(service) as asked:
        return asked.run(SegmentationRequest(model, named_photo(asked, photo), longest))


def style(
    photo: Photo,
    style: Photo,
    model: str = "vgg16",
    *,
    service: ModelService | None = None,
    watch: Watch | None = None,
    **more: Any,
) -> Styled:
    """The photo painted in the style of another picture: a file, a photo, or a texture.

    `more` goes to StyleJob (content_weight, style_weight, start, size, steps, ...).
    """
    with _opened(service) as asked:
        job = StyleJob(model, named_photo(asked, photo), named_style(asked, style), **more)
        found = finished(asked, job, watch)
    assert isinstance(found, Styled)  # noqa: S101 - what the job's type says
    return found


def top_patches(
    model: str = "vgg16",
    layer: str | None = None,
    channel: int | None = None,
    *,
    source: str = "samples",
    limit: int = TopPatchesJob.limit,
    service: ModelService | None = None,
    watch: Watch | None = None,
) -> TopPatches:
    """The patches that excite a channel most; what `source` has new is indexed first."""
    with _opened(service) as asked:
        finished(asked, TopPatchesJob(model, source, limit), watch)
        return asked.run(TopPatchesRequest(model, source, layer, channel))


# --- what the functions share, and the command line too ------------------------------------------


def finished(service: ModelService, job: StudyJob, watch: Watch | None = None) -> StudyResult:
    """Run a job to its end; `watch` sees its events. JobError with the reason when it fails."""
    name, seen = service.submit(job), 0
    try:
        while True:
            for event in service.events(name, seen):
                seen = event.number
                if watch is not None:
                    watch(event)
                if event.final:
                    return _outcome(service, name, event)
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        service.cancel(name)
        raise


def named_photo(service: ModelService, photo: Photo) -> str:
    """Return the name the service has for a file or a bundled sample; a file goes first.

    InputError when it is neither, or the file cannot be read or shown.
    """
    path = Path(photo).expanduser()
    if path.exists() and not path.is_dir():
        try:
            with path.open("rb") as file:
                return service.put_image(file.read(MAX_BYTES + 1)).id
        except OSError as error:
            raise InputError(f"{photo} cannot be read: {error.strerror or error}.") from error
    samples = [sample.name for sample in service.describe().samples]
    if str(photo) in samples or _is_digest(str(photo)):
        return str(photo)
    raise InputError(
        f"{photo} is neither a file nor a bundled photo. Bundled are: {', '.join(samples)}."
    )


def named_style(service: ModelService, picture: Photo) -> str:
    """The same for a style picture, which may be a texture: "texture-mosaic", or "mosaic" alone.

    A file goes first, then a texture, then a photo.
    """
    textures = [texture.name for texture in service.describe().textures]
    found = next((name for name in textures if str(picture) in (name, name[8:])), None)
    if found is not None and not Path(picture).expanduser().is_file():
        return found
    try:
        return named_photo(service, picture)
    except InputError as error:
        raise InputError(f"{error} Textures are: {', '.join(textures)}.") from error


def last_convolution(model: str) -> str:
    """The last convolution of a model's network; UnknownNameError when there is no such network."""
    entry = spec(model.partition(":")[0])
    return [row.name for row in entry.table(entry.channels) if row.kind == "conv"][-1]


def _is_digest(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


def _outcome(service: ModelService, name: str, event: JobEvent) -> StudyResult:
    found = service.result(name)
    if event.state != "done" or found is None:
        raise JobError(event.message)
    return found


@contextmanager
def _opened(service: ModelService | None) -> Iterator[ModelService]:
    """The service given, or one for this question."""
    if service is not None:
        yield service
        return
    from vgg_viz.service.local import LocalService

    with LocalService(allow_paths=True) as made:
        yield made
