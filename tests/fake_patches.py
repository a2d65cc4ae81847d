"""Answers about top patches, in the shapes and relations the real ones have."""

import zlib

import numpy as np

from vgg_viz.architecture import describe_model, unit_fields
from vgg_viz.errors import UnknownNameError
from vgg_viz.requests import TopPatchesJob, TopPatchesRequest
from vgg_viz.results import DatasetInfo, ModelInfo, Patch, Provenance, TopPatches

SILENT = 2  # this channel of every layer never fires
FEW = 4  # units of channel 3 fire
CROPS = 310  # of the samples
FOLDER = DatasetInfo("folder:birds", "birds", "Photos of a folder on this server, by class.")
PHOTOS = ("cat", "dog", "horse", "guitar", "mountain", "coffee", "rocket", "dahlia")


def make_service():
    """A fake service that offers a folder: for a server of its own."""
    from fake_service import FakeService

    return FakeService(folders=(FOLDER,))


def images_of(request: TopPatchesRequest, info: ModelInfo, studies) -> int:
    """Pictures in the index: shipped for bundled weights, else what the study has got to."""
    if request.source == "samples" and info.weights == "bundled":
        return CROPS
    found = [
        study.result.images
        for study in studies.studies.values()
        if isinstance(study.job, TopPatchesJob)
        and (study.job.model, study.job.source) == (request.model, request.source)
        and study.result is not None
    ]
    return max(found, default=0)


def top_patches(
    request: TopPatchesRequest, info: ModelInfo, images: int, made_by: Provenance
) -> TopPatches:
    row = next(each for each in info.convs if each.name == (request.layer or info.convs[-1].name))
    random = np.random.default_rng(zlib.crc32(repr((request, images)).encode()))
    maxima = random.uniform(0.5, 9, row.channels).astype(np.float32)
    maxima[SILENT] = -0.25
    channel = int(maxima.argmax()) if request.channel is None else request.channel
    if channel >= row.channels:
        raise UnknownNameError(f"{row.name} has no channel {channel}.")
    count = FEW if channel == 3 else 9
    if channel == SILENT or not images:
        count = 0
    silence = f"Channel {channel} of {row.name} never fires: z = -0.25." if images else ""
    if not images:
        maxima = np.full(row.channels, np.nan, np.float32)
        silence = "The folder birds is not indexed for these weights yet."
    return TopPatches(
        layer=row.name,
        channel=channel,
        patches=tuple(patch(request, info, row, i, random) for i in range(count)),
        maxima=maxima,
        images=images,
        source=request.source,
        silence="" if count else silence,
        provenance=made_by,
    )


def patch(request, info, row, number, random) -> Patch:
    fields = unit_fields(describe_model(info), row.name)
    y, x = 1 + number // 3, number % 3
    (top, bottom), (left, right) = fields.spans[y], fields.spans[x]
    side = bottom - top
    sample = PHOTOS[number % len(PHOTOS)] if request.source == "samples" else ""
    return Patch(
        name=f"{sample}, 50% crop 1.{number}" if sample else f"class 1/<b>{number}</b>.jpg",
        value=9.5 - number,
        row=y,
        column=x,
        span_y=(top, bottom),
        span_x=(left, right),
        pixels=random.integers(0, 255, (side, right - left, 3), dtype=np.uint8),
        reconstruction=random.normal(size=(3, side, right - left)).astype(np.float32),
        sample=sample,
        place=(0.25, 0.1 * number) if sample else None,
    )
