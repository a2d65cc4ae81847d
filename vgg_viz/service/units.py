"""The arithmetic of one unit, for one photo; runs on the worker's thread alone."""

from typing import TYPE_CHECKING, cast

from vgg_viz import arithmetic
from vgg_viz.errors import InputError
from vgg_viz.images import Photo
from vgg_viz.models.networks import ConvNet
from vgg_viz.requests import UnitRequest
from vgg_viz.results import UnitArithmetic

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

MOST_CHANNELS = 64  # named as the strongest; all products are in the answer anyway


def unit_arithmetic(
    executor: "Executor", request: UnitRequest, photos: tuple[Photo, ...]
) -> UnitArithmetic:
    """Take one unit apart; errors as `arithmetic.of_unit`, InputError for a `count` too large."""
    if not 1 <= request.count <= MOST_CHANNELS:
        raise InputError(f"Ask for 1 to {MOST_CHANNELS} strongest inputs, not {request.count}.")
    ready = executor.ready(request.model, request.precision)
    network = cast("ConvNet", ready.network)
    seen = executor.inspection(request, photos[0])
    channel = request.channel
    if channel is None:
        output = arithmetic.output_of(network, seen, request.layer)
        channel = arithmetic.strongest_channel(request.layer, output, request.row, request.column)
    unit = channel, request.row, request.column
    steps = arithmetic.of_unit(network, seen, request.layer, unit, count=request.count)
    return UnitArithmetic(steps, executor.provenance(ready, request.precision))
