"""What lies under a window, how much rounding may change a sum, and tensors as arrays."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vgg_viz.results import Float32, read_only, single

TF32_ROUNDOFF = 2.0**-11


class Axis(NamedTuple):
    """How a window moves along one axis, in px of the map it reads."""

    kernel: int
    stride: int
    padding: int
    dilation: int


class Taps(NamedTuple):
    """What lies under a window."""

    values: Float32  # (C, kh, kw); 0 beyond the map
    inside: NDArray[np.bool_]  # (kh, kw); False: beyond the map
    first: tuple[int, int]  # row and column of the corner
    step: tuple[int, int]  # px between taps


def axes_of(module: nn.Conv2d | nn.MaxPool2d) -> tuple[Axis, Axis]:
    """How a window moves down and across; torch takes one number or two."""
    sizes = (module.kernel_size, module.stride, module.padding, module.dilation)
    down, across = zip(*(s if isinstance(s, tuple) else (s, s) for s in sizes), strict=True)
    return Axis(*map(int, down)), Axis(*map(int, across))


def under(maps: Tensor, place: tuple[int, int], axes: tuple[Axis, Axis]) -> Taps:
    """What lies under the window of the unit at `place`, in maps (C, h, w)."""
    taps, inside, first = [], [], []
    for i, side, axis in zip(place, maps.shape[1:], axes, strict=True):
        at = i * axis.stride - axis.padding + axis.dilation * np.arange(axis.kernel)
        inside.append((at >= 0) & (at < side))
        taps.append(torch.from_numpy(at.clip(0, side - 1)).to(maps.device))
        first.append(int(at[0]))
    on_map = inside[0][:, None] & inside[1][None]
    values = maps[:, taps[0]][:, :, taps[1]].float().cpu().numpy()  # (C, kh, kw)
    return Taps(
        read_only(np.where(on_map, values, np.float32(0))),
        read_only(on_map),
        (first[0], first[1]),
        (axes[0].dilation, axes[1].dilation),
    )


def spread(terms: int, sizes: float) -> float:
    """4 sqrt(n) x the sum of the terms' sizes, to be multiplied by the unit roundoff."""
    return 4 * float(np.sqrt(terms)) * sizes


def roundoff(tensor: Tensor) -> float:
    """Unit roundoff of a tensor's numbers."""
    return float(torch.finfo(tensor.dtype).eps) / 2


def product_roundoff(kind: str, given: Tensor) -> float:
    """Unit roundoff of a layer's products on the device of `given`."""
    exact = roundoff(given)
    if given.device.type != "cuda" or kind not in ("conv", "linear"):
        return exact
    backend = torch.backends.cudnn if kind == "conv" else torch.backends.cuda.matmul
    return max(exact, TF32_ROUNDOFF) if backend.allow_tf32 else exact


def as_maps(output: Tensor) -> Tensor:
    """The first of a batch as (C, h, w), a vector as (K, 1, 1)."""
    first = output[0].detach()
    return first if first.ndim == 3 else first[:, None, None]


def as_array(tensor: Tensor) -> Float32:
    return single(tensor.detach().float().cpu().numpy())
