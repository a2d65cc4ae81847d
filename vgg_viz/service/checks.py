"""What a request asks for, held against what its model has, before it waits for the device."""

from dataclasses import replace
from typing import Any, get_args

from vgg_viz.attribution.extent import check_box, check_extent
from vgg_viz.attribution.methods import METHODS, checked_parameters
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.requests import (
    MOST_PROPOSALS,
    ActivationsRequest,
    AttributionRequest,
    BenchJob,
    DetectionJob,
    ExplainedRequest,
    Request,
    TrustJob,
)
from vgg_viz.results import DetectionWay, ModelInfo


def check_request(request: Request[Any], info: ModelInfo) -> None:
    """Raise UnknownNameError or InputError when `request` asks for what `info` does not have."""
    match request:
        case TrustJob():
            check_extent(request)
            check_request(request.attribution, info)
        case DetectionJob():
            check_detection(request)
        case ExplainedRequest():  # its classes are not the network's: the study checks them
            check_request(replace(request.attribution, target=None, versus=None), info)
        case BenchJob():
            check_bench(request, info)
    if isinstance(request, AttributionRequest | ActivationsRequest):
        check_look(request, info)


def check_look(request: AttributionRequest | ActivationsRequest, info: ModelInfo) -> None:
    """A layer, a method and a class that there are, and channels to show."""
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


def check_detection(job: DetectionJob) -> None:
    """A number of proposals that there can be, and one of the two ways."""
    if not 1 <= job.proposals <= MOST_PROPOSALS:
        raise InputError(
            f"{job.proposals} proposals cannot be asked for; give 1 to {MOST_PROPOSALS}."
        )
    if job.way not in get_args(DetectionWay):
        raise UnknownNameError.among("way to detect", job.way, get_args(DetectionWay))


def check_bench(job: BenchJob, info: ModelInfo) -> None:
    """The same for every map of a bench, and its boxes."""
    if not job.methods:
        raise InputError("Name at least one method.")
    for method in job.methods:
        check_request(AttributionRequest(job.model, job.image, job.layer, job.target, method), info)
    for box in job.boxes:
        check_box(box)
