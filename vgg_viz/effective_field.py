"""The effective receptive field: which px of its field a unit really depends on, and how much.

A unit's theoretical field says which px *can* change it; most of them hardly do. Luo, Li, Urtasun &
Zemel ("Understanding the Effective Receptive Field in Deep CNNs", arXiv 1701.04128) send a gradient
of 1 into the unit and 0 elsewhere back to the input. Here, averaged over N photos x_n:

    heat(y, x) = 1/N sum_n sum_c | d S(x_n) / d x_n(c, y, x) |,   S = sum_k unit(k, row, column)

with k over all channels of the layer, or one of them. In a stack of n equal convolutions the heat
is a Gaussian whose width grows with sqrt(n), while the theoretical field grows with n.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vgg_viz.capture import inspect
from vgg_viz.errors import InputError

Heat = NDArray[np.float64]
Span = tuple[int, int]


def gradient_heat(
    network: nn.Module,
    images: Iterable[Tensor],
    layer: str,
    row: int,
    column: int,
    channel: int | None = None,
) -> Heat:
    """Return the heat (H, W) of unit (row, column) of `layer`, averaged over `images`.

    Each image is (1, 3, H, W), normalised, on the network's device; one at a time is held. `layer`
    has an output (1, C, h, w) or, with row and column 0, (1, K). Raises UnknownNameError for a
    layer the network does not have, InputError for a unit or channel that is not there.
    """
    total: Heat | None = None
    count = 0
    for image in images:
        seen = inspect(network, image, (layer,))
        with torch.enable_grad():  # also when the caller is inside torch.no_grad()
            unit = _unit(seen.outputs[layer], layer, row, column, channel)
        (gradient,) = torch.autograd.grad(unit, seen.image)
        # (1, 3, H, W) -> (H, W), added up in double precision
        heat: Heat = gradient[0].abs().sum(dim=0).double().cpu().numpy()
        total = heat if total is None else total + heat
        count += 1
    if total is None:
        raise InputError("An effective field is an average over photos; give at least one.")
    return total / count


def _unit(output: Tensor, layer: str, row: int, column: int, channel: int | None) -> Tensor:
    """The scalar whose gradient is taken."""
    maps = output if output.dim() == 4 else output[..., None, None]  # (1, K) -> (1, K, 1, 1)
    channels, height, width = maps.shape[1:]
    if not (0 <= row < height and 0 <= column < width):
        raise InputError(
            f"{layer} has {height} x {width} units; row {row}, column {column} is not one of them."
        )
    if channel is not None and not 0 <= channel < channels:
        raise InputError(f"{layer} has channels 0 to {channels - 1}; {channel} is not one of them.")
    values = maps[0, :, row, column]
    return values.sum() if channel is None else values[channel]


@dataclass(frozen=True)
class Extent:
    """How far the heat reaches; all None when there is no heat."""

    share_inside: float | None
    side_50: int | None
    side_95: int | None


def extent(heat: Heat, span_y: Span, span_x: Span) -> Extent:
    """Return the share of `heat` within the field, and the squares that hold 50 % and 95 % of it.

    Squares have the field's centre and a side in whole px; they may reach beyond the input, where
    no heat is.
    """
    total = float(heat.sum())
    if not np.isfinite(total) or total <= 0:
        return Extent(None, None, None)
    top, left = max(span_y[0], 0), max(span_x[0], 0)
    inside = float(heat[top : max(span_y[1], 0), left : max(span_x[1], 0)].sum())
    # A square of side s around the centre holds px y when |2 y + 1 - (start + end)| < s, and so x.
    rows = np.abs(2 * np.arange(heat.shape[0]) + 1 - sum(span_y))  # (H,)
    columns = np.abs(2 * np.arange(heat.shape[1]) + 1 - sum(span_x))  # (W,)
    distance = np.maximum(rows[:, None], columns[None])  # (H, W)
    cumulated = np.cumsum(np.bincount(distance.ravel(), weights=heat.ravel()))

    def side(share: float) -> int:
        # Rounding in the sum must not ask for more than there is.
        wanted = share * float(cumulated[-1]) * (1 - 1e-12)
        return int(np.searchsorted(cumulated, wanted)) + 1

    return Extent(inside / total, side(0.5), side(0.95))
