"""What a method of attribution takes, told before it runs."""

from vgg_viz.attribution.costs import passes
from vgg_viz.attribution.methods import METHODS, checked_parameters
from vgg_viz.errors import UnknownNameError
from vgg_viz.requests import MethodCostRequest
from vgg_viz.results import MethodCost, ModelInfo


def method_cost(request: MethodCostRequest, info: ModelInfo) -> MethodCost:
    """From the tables of the method and of the network; UnknownNameError for what there is not."""
    if request.method not in METHODS:
        raise UnknownNameError.among("method", request.method, METHODS)
    method = METHODS[request.method]
    names = [row.name for row in info.layers]
    layer = request.layer or info.convs[-1].name
    if layer not in names:
        raise UnknownNameError.among(f"layer in {info.title}", layer, names)
    at = names.index(layer)
    behind = sum(row.macs for row in info.layers[at + 1 :]) / max(info.macs, 1)
    found = passes(
        method,
        checked_parameters(method, dict(request.parameters)),
        info.layers[at].channels,
        info.input_size,
        behind=behind,
    )
    return MethodCost(found.forward, found.backward)
