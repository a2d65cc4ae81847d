"""Answers about what reaches back from a channel to the photo, and about any layer's kernels."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vgg_viz.architecture import describe, unit_fields
from vgg_viz.attribution.backward_rules import firing_units, only, reconstruct
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.filters import frequency, redundancy
from vgg_viz.images import Photo
from vgg_viz.models.configs import NetworkConfig
from vgg_viz.requests import ChannelKernelRequest, LayerKernelsRequest, ReconstructionRequest
from vgg_viz.results import (
    RULES,
    ChannelKernel,
    FiringUnit,
    Float32,
    LayerKernels,
    Normalisation,
    Reconstruction,
    single,
)
from vgg_viz.service.kernels import conv_row, kernels_of

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

COUNTS = {"strongest": 1, "top9": 9, "place": 1}
CLOSEST = 12  # pairs that are listed


def reconstruction(
    executor: "Executor", request: ReconstructionRequest, photos: tuple[Photo, ...]
) -> Reconstruction:
    """Send a channel's units back to the photo; one forward pass, shared with other questions."""
    ready = executor.ready(request.model)
    config = ready.loaded.config
    for rule in request.rules:
        if rule not in RULES:
            raise UnknownNameError.among("ReLU rule", rule, RULES)
    row = conv_row(ready, request.layer)
    name = before_relu(config, row.name)
    seen = executor.inspection(request, photos[0])
    output = seen.outputs[name]  # (1, C, h, w)
    maxima = output[0].detach().float().amax(dim=(1, 2))
    channel = _channel(row.name, request.channel, maxima)
    units = _units(request, row.name, output[0, channel].detach())
    treatment: Normalisation = "passed" if request.lrn == "passed" else "derivative"
    start = only(output, channel, units)
    signals = tuple(
        _numbers(
            reconstruct(
                ready.network,  # type: ignore[arg-type] # a flat table
                seen,
                name,
                start,
                rule,
                # The other two rules are derivatives at everything but a ReLU.
                lrn=treatment if rule == "deconvnet" else "derivative",
            )[0]
        )
        for rule in request.rules
    )
    fields = unit_fields(describe(config), row.name)
    spans = tuple((fields.spans[unit.row], fields.spans[unit.column]) for unit in units)
    return Reconstruction(
        layer=row.name,
        channel=channel,
        rules=tuple(request.rules),
        signals=signals,
        units=units,
        wanted=COUNTS[request.units],
        span_y=_hull([y for y, _ in spans]),
        span_x=_hull([x for _, x in spans]),
        fields=spans,
        maxima=_numbers(maxima),
        normalisation=treatment if _has_lrn(config, row.name) else None,
        silence="" if units else _silence(request, row.name, channel, output[0, channel].detach()),
        provenance=executor.provenance(ready),
    )


def before_relu(config: NetworkConfig, conv: str) -> str:
    """The layer whose output the ReLU behind `conv` takes: its batch norm where there is one."""
    rows = config.layers
    at = next(i for i, row in enumerate(rows) if row.name == conv)
    return rows[at + 1].name if rows[at + 1].kind == "batch_norm" else conv


def _has_lrn(config: NetworkConfig, layer: str) -> bool:
    at = next(i for i, row in enumerate(config.layers) if row.name == layer)
    return any(row.kind == "lrn" for row in config.layers[:at])


def _channel(layer: str, wanted: int | None, maxima: Tensor) -> int:
    """The channel asked for; the one with the largest value when none was."""
    if wanted is None:
        return int(maxima.nan_to_num(nan=-torch.inf).argmax())
    if not 0 <= wanted < len(maxima):
        raise UnknownNameError(
            f"{layer} has channels 0 to {len(maxima) - 1}; {wanted} is not one of them."
        )
    return wanted


def _units(request: ReconstructionRequest, layer: str, values: Tensor) -> tuple[FiringUnit, ...]:
    """The units to start from; none when what was asked for does not fire."""
    if request.units not in COUNTS:
        raise UnknownNameError.among("choice of units", request.units, COUNTS)
    if request.units != "place":
        return firing_units(values, COUNTS[request.units])
    row, column = request.row, request.column
    side = values.shape[0]
    if row is None or column is None or not (0 <= row < side and 0 <= column < side):
        raise InputError(
            f"{layer} has {side} x {side} units; choose row and column from 0 to {side - 1}, "
            f"not {row} and {column}."
        )
    value = float(values[row, column])
    return (FiringUnit(row, column, value),) if value > 0 else ()


def _silence(request: ReconstructionRequest, layer: str, channel: int, values: Tensor) -> str:
    """Why there is nothing to send back."""
    if not torch.isfinite(values).all():
        return f"Channel {channel} of {layer} is not a number here: these weights are damaged."
    largest = float(values.max())
    if largest > 0 and request.row is not None and request.column is not None:
        value = float(values[request.row, request.column])
        return (
            f"Unit ({request.row}, {request.column}) of channel {channel} does not fire on this "
            f"photo: z = {value:.3g}, and its ReLU passes on 0. The channel's largest value is "
            f"{largest:.3g}; choose its strongest unit."
        )
    return (
        f"Channel {channel} of {layer} never fires on this photo: all {values.numel()} values "
        f"before its ReLU are ≤ 0, the largest is z = {largest:.3g}. Its map is 0 everywhere, so "
        "nothing can be sent back. Choose another channel or photo."
    )


def _hull(spans: list[tuple[int, int]]) -> tuple[int, int]:
    if not spans:
        return (0, 0)
    return min(start for start, _ in spans), max(end for _, end in spans)


# --- kernels -------------------------------------------------------------------------------------


def layer_kernels(
    executor: "Executor", request: LayerKernelsRequest, _: tuple[Photo, ...]
) -> LayerKernels:
    """Norms, dead kernels and those that are alike, of any convolution."""
    ready = executor.ready(request.model)
    found = kernels_of(executor, ready, conv_row(ready, request.layer))
    pairs = redundancy.most_alike(found.weights, least=redundancy.SAME_COSINE)
    return LayerKernels(
        layer=found.layer,
        shape=(found.weights.shape[0], found.weights.shape[1], found.side),
        norms=single(redundancy.norms(found.weights)),
        dead=redundancy.dead(found.weights),
        dead_share=redundancy.DEAD_SHARE,
        closest=pairs[:CLOSEST],
        alike=tuple(pair for pair in pairs if abs(pair[2]) >= redundancy.SAME_COSINE),
        same_cosine=redundancy.SAME_COSINE,
        provenance=found.provenance,
    )


def channel_kernel(
    executor: "Executor", request: ChannelKernelRequest, _: tuple[Photo, ...]
) -> ChannelKernel:
    """One kernel of any convolution: its slices and what it passes."""
    ready = executor.ready(request.model)
    found = kernels_of(executor, ready, conv_row(ready, request.layer))
    if not 0 <= request.channel < len(found.weights):
        raise UnknownNameError(
            f"{found.layer} has channels 0 to {len(found.weights) - 1}; {request.channel} is not "
            "one of them."
        )
    kernel = found.weights[request.channel]
    response = frequency.colour_response(kernel[None].astype(np.float64))[0]
    return ChannelKernel(
        layer=found.layer,
        channel=request.channel,
        kernel=single(kernel),
        bias=float(found.bias[request.channel]),
        stride=found.stride,
        slice_norms=single(redundancy.norms(kernel)),
        cosines=single(redundancy.cosines(found.weights, request.channel)),
        response=single(response),
        frequencies=single(frequency.frequencies()),
        provenance=found.provenance,
    )


def _numbers(tensor: Tensor) -> Float32:
    return single(tensor.detach().float().cpu().numpy())
