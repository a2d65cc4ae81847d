"""What theory says about signal and gradient: He's variance, Euler's identity."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from vgg_viz.results import LayerFlow


def with_theory(rows: Sequence[LayerFlow], network: nn.Module) -> tuple[LayerFlow, ...]:
    """Add the curves of He et al. (arXiv 1502.01852, eq. 9 and 13) to rows.

    Forward, std z_l = std z_1 x product of sqrt(n_k Var[w_k] / 2) over layers k = 2..l with
    n = fan_in; backward, std dL/dz_l = that of the last layer x product of sqrt(m_k Var[w_k] / 2)
    over k = l+1..L with m = fan_out. Var[w] is the weights' mean square. Pooling, padding and the
    ends of the net are not in the theory. NaN for nets with batch norm or LRN.
    """
    if not rows or _normalises(network):
        return tuple(rows)
    modules = dict(network.named_modules())
    factors = [_factors(modules[row.layer].weight.shape, row.values["weight_norm"]) for row in rows]
    forward = np.cumprod([rows[0].values["z_std"], *(f for f, _ in factors[1:])])
    last = rows[-1].values["gradient_std"]
    backward = np.cumprod([last, *(b for _, b in reversed(factors[1:]))])[::-1]
    return tuple(
        replace(row, predicted_z_std=float(z), predicted_gradient_std=float(g))
        for row, z, g in zip(rows, forward, backward, strict=True)
    )


def _factors(shape: Sequence[int], weight_norm: float) -> tuple[float, float]:
    """(sqrt(fan_in Var / 2), sqrt(fan_out Var / 2)) of a weight (out, in, ...) of this norm."""
    std = weight_norm / math.sqrt(math.prod(shape))
    field = math.prod(shape[2:])
    return math.sqrt(shape[1] * field / 2) * std, math.sqrt(shape[0] * field / 2) * std


def _normalises(network: nn.Module) -> bool:
    """Whether there is batch norm or LRN: neither He's theory nor Euler's identity holds then."""
    norms = (nn.modules.batchnorm._BatchNorm, nn.LocalResponseNorm)  # noqa: SLF001
    return any(isinstance(module, norms) for module in network.modules())


def euler_spread(rows: Sequence[LayerFlow], network: nn.Module) -> float | None:
    """(max - min) / max |<W, dL/dW>| over the layers; None where Euler's identity does not hold.

    In a net of convolutions, ReLUs, max-pools and linear layers without biases (or with biases 0)
    the output is homogeneous of degree 1 in each layer's weights, so <W, dL/dW> is the same number
    for all of them. Batch norm, LRN and other biases break it.
    """
    if _normalises(network):
        return None
    if any(n.endswith("bias") and bool(p.detach().any()) for n, p in network.named_parameters()):
        return None
    numbers = [row.euler for row in rows]
    largest = max(map(abs, numbers), default=0.0)
    if not largest or not math.isfinite(largest):
        return None
    return (max(numbers) - min(numbers)) / largest
