"""One layer at one unit: what it multiplies, adds, compares, for every kind of layer."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vgg_viz.arithmetic.windows import (
    Axis,
    Taps,
    as_array,
    as_maps,
    axes_of,
    product_roundoff,
    roundoff,
    spread,
    under,
)
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.results import (
    ChannelNeighbours,
    LayerArithmetic,
    Parts,
    PassedOn,
    Standardisation,
    WeightedSum,
    Window,
    read_only,
)

Unit = tuple[int, int, int]  # channel, row, column, from 0

STRONGEST = 8
ONE = Axis(kernel=1, stride=1, padding=0, dilation=1)
LRN_TERMS = 64  # power, division and the sum of squares, in units of u |value|


class Step(NamedTuple):
    """One layer at one unit, before its name and the network's value are known."""

    parts: Parts
    value: float
    spread: float  # by how much rounding may change it
    formula: str
    inserted: str


def of_layer(
    module: nn.Module,
    given: Tensor,
    output: Tensor,
    unit: Unit,
    *,
    layer: str,
    kind: str,
    before: str = "input",
    count: int = STRONGEST,
    grid: tuple[int, int, int] | None = None,
) -> LayerArithmetic:
    """What `unit` of a module's `output` is computed from, in eval mode.

    `given` and `output` are (1, C, h, w) or (1, K); a vector's unit is (feature, 0, 0). Raises
    UnknownNameError and InputError as `of_unit`; InputError for a module that is none of the
    kinds here, or a convolution with groups or another padding than zeros.
    """
    maps, results = as_maps(given), as_maps(output)
    check_unit(layer, results.shape, unit)
    step = _explained(module, maps, unit, kind, count, grid)
    network = float(results[unit])
    rounded = roundoff(output) * abs(network) if output.dtype != torch.float32 else 0.0
    c, h, w = results.shape
    return LayerArithmetic(
        layer=layer,
        kind=kind,
        before=before,
        channel=unit[0],
        row=unit[1],
        column=unit[2],
        shape=(c, h, w),
        formula=step.formula,
        inserted=step.inserted,
        parts=step.parts,
        value=step.value,
        network=network,
        tolerance=product_roundoff(kind, given) * step.spread + rounded,
    )


def check_unit(layer: str, shape: tuple[int, ...], unit: Unit) -> None:
    """Raise UnknownNameError or InputError when a map (C, h, w) has no such unit."""
    channels, height, width = shape
    channel, row, column = unit
    if not 0 <= channel < channels:
        raise UnknownNameError(
            f"{layer} has channels 0 to {channels - 1}; {channel} is not one of them."
        )
    if not (0 <= row < height and 0 <= column < width):
        raise InputError(
            f"{layer} has {height} x {width} units; choose row and column from 0 to {height - 1} "
            f"and 0 to {width - 1}, not {row} and {column}."
        )


def _explained(
    module: nn.Module,
    maps: Tensor,
    unit: Unit,
    kind: str,
    count: int,
    grid: tuple[int, int, int] | None,
) -> Step:
    match module:
        case nn.Conv2d():
            return _convolution(module, maps, unit, count)
        case nn.Linear():
            return _linear(module, maps, unit, count, grid)
        case nn.MaxPool2d():
            return _max_pool(module, maps, unit)
        case nn.AdaptiveAvgPool2d():
            return _average_pool(module, maps, unit)
        case nn.LocalResponseNorm():
            return _response_norm(module, maps, unit)
        case nn.BatchNorm2d():
            return _batch_norm(module, maps, unit)
        case nn.ReLU():
            return _rectified(maps, unit)
        case nn.Dropout():
            return _passed_on(maps, unit, "dropout does nothing outside training")
        case nn.Flatten():
            c, row, column = np.unravel_index(unit[0], tuple(maps.shape))
            source = int(c), int(row), int(column)
            return _passed_on(maps, source, "the values of a map in one row")
    raise InputError(f"The arithmetic of a {kind} ({type(module).__name__}) is not known here.")


def _convolution(module: nn.Conv2d, maps: Tensor, unit: Unit, count: int) -> Step:
    if module.groups != 1 or module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise InputError("Only convolutions without groups, padded with zeros, are taken apart.")
    channel, row, column = unit
    taps = under(maps, (row, column), axes_of(module))
    weights = module.weight[channel]
    parts = _weighted_sum(taps, weights, module.bias, channel, count)
    c, kh, kw = weights.shape
    formula = (
        f"z = Σ over {c:,} channels of {kh} × {kw} products input × weight, plus bias "
        f"(stride {module.stride[0]}, padding {module.padding[0]})"
    )
    return _sum_step(parts, formula)


def _linear(
    module: nn.Linear, maps: Tensor, unit: Unit, count: int, grid: tuple[int, int, int] | None
) -> Step:
    weights = module.weight[unit[0]][:, None, None]
    taps = under(maps, (0, 0), (ONE, ONE))
    parts = _weighted_sum(taps, weights, module.bias, unit[0], count, grid)
    return _sum_step(parts, f"z = Σ over {len(weights):,} inputs of input × weight, plus bias")


def _weighted_sum(
    taps: Taps,
    weights: Tensor,
    biases: Tensor | None,
    channel: int,
    count: int,
    grid: tuple[int, int, int] | None = None,
) -> WeightedSum:
    kernel = as_array(weights)
    sums = (taps.values.astype(np.float64) * kernel).sum(axis=(1, 2))
    order = np.argsort(-np.abs(sums), kind="stable")[:count]
    return WeightedSum(
        given=taps.values,
        weights=kernel,
        inside=taps.inside,
        sums=read_only(sums),
        strongest=tuple(int(c) for c in order),
        bias=0.0 if biases is None else float(biases[channel].detach()),
        first=taps.first,
        step=taps.step,
        grid=grid,
    )


def _sum_step(parts: WeightedSum, formula: str) -> Step:
    sizes = float(np.abs(parts.products).sum()) + abs(parts.bias)
    products = float(parts.sums.sum())
    inserted = f"{products:.6g} {_plus(parts.bias)} = {parts.total:.6g}"
    return Step(parts, parts.total, spread(parts.given.size + 1, sizes), formula, inserted)


def _max_pool(module: nn.MaxPool2d, maps: Tensor, unit: Unit) -> Step:
    channel, row, column = unit
    axes = axes_of(module)
    taps = under(maps[channel : channel + 1], (row, column), axes)
    compared = np.where(taps.inside, taps.values[0], -np.inf)
    winner = np.unravel_index(int(compared.argmax()), compared.shape)
    value = float(compared.max())
    parts = Window(
        taps.values[0], taps.inside, taps.first, taps.step, (int(winner[0]), int(winner[1]))
    )
    formula = (
        f"p = the largest of {axes[0].kernel} × {axes[1].kernel} values (stride {axes[0].stride})"
    )
    return Step(parts, value, 0.0, formula, f"largest of {taps.inside.sum()} = {value:.6g}")


def _average_pool(module: nn.AdaptiveAvgPool2d, maps: Tensor, unit: Unit) -> Step:
    channel, *place = unit
    size = module.output_size
    sides = size if isinstance(size, tuple) else (size, size)
    spans = []
    for i, inputs, side in zip(place, maps.shape[1:], sides, strict=True):
        units = inputs if side is None else int(side)
        # Window i of an adaptive pool: floor(i n / m) up to ceil((i + 1) n / m).
        spans.append((i * inputs // units, -(-(i + 1) * inputs // units)))
    (top, bottom), (left, right) = spans
    values = as_array(maps[channel, top:bottom, left:right])
    value = float(values.mean(dtype=np.float64))
    inside = np.ones(values.shape, dtype=np.bool_)
    parts = Window(values, read_only(inside), (top, left), (1, 1), None)
    sizes = float(np.abs(values).mean(dtype=np.float64))
    formula = f"p = the mean of {values.shape[0]} × {values.shape[1]} values"
    rounding = spread(values.size + 1, sizes)
    return Step(parts, value, rounding, formula, f"mean of {values.size} = {value:.6g}")


def _response_norm(module: nn.LocalResponseNorm, maps: Tensor, unit: Unit) -> Step:
    channel, row, column = unit
    n = module.size
    # torch pads n // 2 channels before and (n - 1) // 2 behind.
    low, high = max(0, channel - n // 2), min(len(maps), channel + (n - 1) // 2 + 1)
    neighbours = as_array(maps[low:high, row, column])
    parts = ChannelNeighbours(
        given=float(maps[unit]),
        channels=tuple(range(low, high)),
        neighbours=neighbours,
        size=n,
        alpha=module.alpha,
        beta=module.beta,
        k=module.k,
    )
    value = parts.given / parts.denominator
    formula = (
        f"y = x / (k + α / n × Σ of squares over {len(neighbours)} neighbouring channels)^β, "
        f"k = {parts.k:g}, α = {parts.alpha:g}, n = {n}, β = {parts.beta:g}"
    )
    inserted = (
        f"{parts.given:.6g} / ({parts.k:g} + {parts.alpha / n:.3g} × {parts.sum_of_squares:.6g})"
        f"^{parts.beta:g} = {value:.6g}"
    )
    return Step(parts, value, LRN_TERMS * abs(value), formula, inserted)


def _batch_norm(module: nn.BatchNorm2d, maps: Tensor, unit: Unit) -> Step:
    channel = unit[0]
    mean, variance = module.running_mean, module.running_var
    if mean is None or variance is None:
        raise InputError("This batch norm keeps no running statistics.")
    affine = module.weight is not None
    parts = Standardisation(
        given=float(maps[unit]),
        mean=float(mean[channel]),
        variance=float(variance[channel]),
        epsilon=module.eps,
        weight=float(module.weight[channel].detach()) if affine else 1.0,
        bias=float(module.bias[channel].detach()) if affine else 0.0,
    )
    factor = parts.weight / np.sqrt(parts.variance + parts.epsilon)
    value = float((parts.given - parts.mean) * factor + parts.bias)
    sizes = abs(parts.given * factor) + abs(parts.mean * factor) + abs(parts.bias)
    inserted = (
        f"({parts.given:.6g} {_plus(-parts.mean)}) / √({parts.variance:.6g} + {parts.epsilon:g}) "
        f"× {parts.weight:.6g} {_plus(parts.bias)} = {value:.6g}"
    )
    formula = "y = (x − mean) / √(variance + ε) × weight + bias, with running mean and variance"
    return Step(parts, value, spread(4, float(sizes)), formula, inserted)


def _rectified(maps: Tensor, unit: Unit) -> Step:
    given = float(maps[unit])
    value = 0.0 if given <= 0 else given  # NaN stays NaN, as in torch
    inserted = f"max(0, {given:.6g}) = {value:.6g}"
    return Step(PassedOn(given, unit), value, 0.0, "y = max(0, x)", inserted)


def _passed_on(maps: Tensor, source: Unit, why: str) -> Step:
    given = float(maps[source])
    return Step(PassedOn(given, source), given, 0.0, f"y = x ({why})", f"{given:.6g}")


def _plus(value: float) -> str:
    """What is added, with its sign in front: "+ 0.25", "− 0.25"."""
    return f"{'−' if value < 0 else '+'} {abs(value):.6g}"
