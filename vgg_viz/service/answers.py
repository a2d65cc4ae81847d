"""What answers each question that is more than a view of one Inspection.

A module that answers a question declares it here once; `Executor.answer` looks it up. Like the
executor it runs on the worker's thread alone.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from vgg_viz.images import Photo
from vgg_viz.requests import (
    AliasingRequest,
    DenseMapRequest,
    DesignedAliasingRequest,
    EffectiveFieldRequest,
    FactorisationRequest,
    KernelsRequest,
    KernelStudyRequest,
    LayerFactorisationRequest,
    LayerTimingsRequest,
    Request,
    SharedFactorisationRequest,
)
from vgg_viz.service import kernels
from vgg_viz.service.computation import dense_map, layer_timings
from vgg_viz.service.fields import effective_field

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

# (executor, request, photos the request names) -> the answer, numpy only
Answering = Callable[["Executor", Any, tuple[Photo, ...]], Any]

ANSWERS: Mapping[type[Request[Any]], Answering] = {
    AliasingRequest: kernels.first_layer_aliasing,
    DenseMapRequest: dense_map,
    DesignedAliasingRequest: kernels.designed_aliasing,
    EffectiveFieldRequest: effective_field,
    FactorisationRequest: kernels.factorise,
    KernelsRequest: kernels.kernels,
    KernelStudyRequest: kernels.kernel_study,
    LayerFactorisationRequest: kernels.layer_factorisation,
    LayerTimingsRequest: layer_timings,
    SharedFactorisationRequest: kernels.shared_factorisation,
}
