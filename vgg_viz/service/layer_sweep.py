"""One method at every layer of a network, from one look at the photo."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vgg_viz.attribution.cam import SWEPT
from vgg_viz.attribution.cam import layer_sweep as maps_at
from vgg_viz.attribution.question import Partial
from vgg_viz.errors import UnknownNameError
from vgg_viz.images import Photo
from vgg_viz.requests import AttributionRequest, LayerSweepRequest
from vgg_viz.results import Float32, LayerSweep
from vgg_viz.service.attribution import attribution_of, question_of
from vgg_viz.service.chosen_layer import spatial_layer

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor


def layer_sweep(
    executor: "Executor", request: LayerSweepRequest, photos: tuple[Photo, ...]
) -> LayerSweep:
    """The maps of `request.layers`; UnknownNameError for a method or layer that there is not."""
    if request.method not in SWEPT:
        raise UnknownNameError.among("method for all layers", request.method, SWEPT)
    ready = executor.ready(request.model, request.precision)
    convs = ready.loaded.config.convs
    layers = tuple(spatial_layer(ready, layer) for layer in request.layers or convs)
    seen = executor.inspection(request, photos[0])
    one = AttributionRequest(
        request.model,
        request.image,
        layers[0],
        request.target,
        request.method,
        request.precision,
        request.versus,
        request.parameters,
    )
    question = question_of(ready, one, layers[0], seen)
    started = time.perf_counter()
    grids = maps_at(question, [request.method], layers)[request.method]
    seconds = time.perf_counter() - started
    executor.weigh(request, photos[0], seen)
    made_by = executor.provenance(ready, request.precision)
    found = tuple(
        attribution_of(
            ready,
            one,
            replace(question, layer=layer),
            Partial(grids[layer]),
            seconds=seconds / len(layers),
            provenance=made_by,
        )
        for layer in layers
    )
    if request.precision == "fp32":
        return LayerSweep(found, seconds)
    same = replace(request, precision="fp32", target=question.target.index)
    exact = layer_sweep(executor, same, photos).attributions
    return LayerSweep(
        tuple(
            replace(half, difference_to_fp32=_difference(half.grid, whole.grid))
            for half, whole in zip(found, exact, strict=True)
        ),
        seconds,
    )


def _difference(half: Float32, whole: Float32) -> float:
    return float(np.abs(half - whole).max() / max(np.abs(whole).max(), 1e-30))
