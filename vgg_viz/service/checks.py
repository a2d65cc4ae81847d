"""What a request asks for, held against what its model has, before it waits for the device."""

from typing import Any

from vgg_viz.attribution.extent import check_box, check_extent
from vgg_viz.attribution.methods import METHODS, checked_parameters
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.requests import (
    ActivationsRequest,
    AttributionRequest,
    BenchJob,
    Request,
    TrustJob,
)
from vgg_viz.results import ModelInfo


def check_request(request: Request[Any], info: ModelInfo) -> None:
    """Raise UnknownNameError or InputError when `request` asks for what `info` does not have."""
    if isinstance(request, TrustJob):
        check_extent(request)
        check_request(request.attribution, info)
    if isinstance(request, BenchJob):
        check_bench(request, info)
    if not isinstance(request, AttributionRequest | ActivationsRequest):
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
        checked_parameters(METHODS[request.method], dict(request.parameters))
    if isinstance(request, ActivationsRequest) and not request.channels and request.count < 1:
        raise InputError("Ask for at least one channel.")


def check_bench(job: BenchJob, info: ModelInfo) -> None:
    """The same for every map of a bench, and its boxes."""
    if not job.methods:
        raise InputError("Name at least one method.")
    for method in job.methods:
        check_request(AttributionRequest(job.model, job.image, job.layer, job.target, method), info)
    for box in job.boxes:
        check_box(box)
