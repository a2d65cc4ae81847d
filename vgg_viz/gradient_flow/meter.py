"""What is measured of every layer while a forward and a backward pass go through it."""

import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from vgg_viz.capture import watching
from vgg_viz.results import HISTOGRAMS, MAGNITUDES, LayerFlow

NAN = float("nan")
TINY = 1e-30  # squares below it lose digits in float32, whose least normal number is 1e-38
SAMPLED = 2**20  # values of one tensor that a histogram is made from
RELU = (nn.ReLU, nn.ReLU6)
WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


@dataclass
class Moments:
    """Count, mean and squared deviations of everything seen; pieces are joined by Chan's formula.

    Vanishing is what we look for, and the square of 1e-25 is 0 in float32: values that small (or
    as large) are scaled before they are squared.
    """

    count: int = 0
    mean: float = 0.0
    deviations: float = 0.0

    def add(self, values: Tensor) -> None:
        """Take in all values of a tensor."""
        n = values.numel()
        if n == 0:
            return
        mean, variance = _mean_and_variance(values.float())
        total = self.count + n
        self.deviations += n * variance + (mean - self.mean) ** 2 * self.count * n / total
        self.mean += (mean - self.mean) * n / total
        self.count = total

    @property
    def std(self) -> float:
        """Standard deviation of the population; NaN when nothing or nothing finite was seen."""
        return math.sqrt(self.deviations / self.count) if self.count else NAN


def _mean_and_variance(values: Tensor) -> tuple[float, float]:
    variance, mean = map(float, torch.var_mean(values, correction=0))
    if TINY < variance < 1 / TINY:
        return mean, variance
    scale = _scale(values)
    if scale == 0 or math.isnan(scale):
        return scale, scale
    variance, mean = map(float, torch.var_mean(values / scale, correction=0))
    return mean * scale, variance * scale**2


def _scale(values: Tensor) -> float:
    """Largest magnitude; NaN where one is not finite."""
    scale = float(values.abs().max()) if values.numel() else 0.0
    return scale if math.isfinite(scale) else NAN


@dataclass
class Zeros:
    """How many values a ReLU set to 0, and which channels were 0 for everything."""

    count: int = 0
    zeros: int = 0
    alive: Tensor | None = None  # (channels,) bool

    def add(self, activation: Tensor) -> None:
        """Take in an activation (N, C, ...)."""
        positive = activation != 0
        self.count += activation.numel()
        self.zeros += activation.numel() - int(positive.sum())
        over = [d for d in range(positive.ndim) if d != 1] if positive.ndim > 1 else []
        alive = positive.any(dim=over) if over else positive
        same = self.alive is not None and self.alive.shape == alive.shape
        self.alive = alive | self.alive if same and self.alive is not None else alive

    @property
    def zero_share(self) -> float:
        """Share of zeros, in [0, 1]."""
        return self.zeros / self.count if self.count else NAN

    @property
    def dead_share(self) -> float:
        """Share of channels that never gave anything but 0, in [0, 1]."""
        return NAN if self.alive is None else 1 - float(self.alive.float().mean())


def magnitudes(values: Tensor) -> tuple[np.ndarray, int]:
    """Counts (60,) of log10|x| between MAGNITUDES, and how many values they were taken from.

    What lies beyond is counted at the ends; exact zeros and values that are not finite are not
    counted. Of more than SAMPLED values every k-th is taken: the shape does not need 10^8.
    """
    step = -(-values.numel() // SAMPLED)
    if step > 1:
        step += 1 - step % 2  # odd: maps have even sides, and a stride must not follow a column
    size = _in_memory(values.detach())[::step].float().abs()
    taken = size.numel()
    size = size[(size > 0) & size.isfinite()].log10_()
    width = float(MAGNITUDES[1] - MAGNITUDES[0])
    bins = ((size - float(MAGNITUDES[0])) / width).floor_().clamp_(0, len(MAGNITUDES) - 2)
    counts = torch.bincount(bins.long(), minlength=len(MAGNITUDES) - 1)
    return counts.cpu().numpy(), taken


def _in_memory(values: Tensor) -> Tensor:
    """All values as one vector in the order they lie in, so that nothing is copied."""
    if values.is_contiguous(memory_format=torch.channels_last):
        values = values.permute(0, 2, 3, 1)
    return values.flatten()


@dataclass
class _Layer:
    """What is seen of one layer during a pass."""

    z: Moments = field(default_factory=Moments)
    activation: Moments = field(default_factory=Moments)
    gradient: Moments = field(default_factory=Moments)
    zeros: Zeros = field(default_factory=Zeros)
    histograms: dict[str, np.ndarray] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    finite: bool = True  # of z

    def add(self, kind: str, values: Tensor, *, histograms: bool) -> None:
        moments: Moments = getattr(self, kind)
        moments.add(values)
        if kind == "activation":
            self.zeros.add(values)
        if kind == "z" and not math.isfinite(moments.deviations):
            self.finite = False
        if histograms:
            self.count(kind, values)

    def count(self, kind: str, values: Tensor) -> None:
        counts, taken = magnitudes(values)
        self.histograms[kind] = self.histograms.get(kind, 0) + counts
        self.totals[kind] = self.totals.get(kind, 0) + taken


class FlowMeter:
    """Collects the flow of any module's forward and backward passes while it is attached.

    Layers are its convolutions and linear layers, in the order in which they first ran; a ReLU
    module that runs after one belongs to it. What runs several times in a step is put together.
    Functional ReLUs are not modules and cannot be seen: activation and shares are NaN there.
    `grad_only`: passes without a graph, such as a validation, do not count. While `muted` nothing
    counts.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        histograms: Iterable[str] = HISTOGRAMS,
        grad_only: bool = False,
    ) -> None:
        self.network = network
        self.muted = False
        self._grad_only = grad_only
        self._kinds = frozenset(histograms)
        self._modules = dict(network.named_modules())
        self._watched = [
            name for name, m in self._modules.items() if name and isinstance(m, WEIGHTED + RELU)
        ]
        self._seen: dict[str, _Layer] = {}
        self._last: str | None = None
        self._channels_last = False  # of the last layer's output: (N, ..., C), not (N, C, ...)

    def attached(self) -> AbstractContextManager[None]:
        """Watch within the block; forward passes outside are not seen."""
        return watching(self.network, self._watched, self._output, self._gradient)

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers seen, in the order in which they first ran."""
        return tuple(self._seen)

    @property
    def first_non_finite(self) -> str | None:
        """The first layer whose z held a NaN or an infinity; None when there was none."""
        return next((name for name, layer in self._seen.items() if not layer.finite), None)

    def _output(self, name: str, output: Tensor) -> None:
        if self.muted or (self._grad_only and not torch.is_grad_enabled()):
            return
        if isinstance(self._modules[name], RELU):
            if self._last is not None:
                flat = output.ndim > 2 and self._channels_last  # (N, ..., C) -> (N x ..., C)
                self._add(self._last, "activation", output.flatten(0, -2) if flat else output)
        else:
            self._add(name, "z", output)
            self._last = name
            self._channels_last = isinstance(self._modules[name], nn.Linear) and output.ndim > 2

    def _gradient(self, name: str, gradient: Tensor) -> None:
        if not self.muted and not isinstance(self._modules[name], RELU):
            self._add(name, "gradient", gradient)

    def _add(self, name: str, kind: str, values: Tensor) -> None:
        layer = self._seen.setdefault(name, _Layer())
        layer.add(kind, values, histograms=kind in self._kinds)

    def rows(
        self,
        gradients: Mapping[str, Tensor] | None = None,
        *,
        learning_rate: float = NAN,
        updates: Mapping[str, float] | None = None,
        weights: Mapping[str, Tensor] | None = None,
    ) -> tuple[LayerFlow, ...]:
        """What was seen, one row a layer.

        `gradients` maps parameter names ("conv1_1.weight") to gradients; by default what stands
        in `.grad`. `updates` maps layers to measured norms of their update; without them the ratio
        is the one of plain SGD at `learning_rate`. `weights` holds the weights as they were during
        the pass, by parameter name, where they have changed since.
        """
        if gradients is None:
            named = self.network.named_parameters(remove_duplicate=False)  # layers may share one
            gradients = {name: p.grad for name, p in named if p.grad is not None}
        return tuple(
            self._row(name, layer, gradients, learning_rate, updates or {}, weights or {})
            for name, layer in self._seen.items()
        )

    def _row(
        self,
        name: str,
        layer: _Layer,
        gradients: Mapping[str, Tensor],
        learning_rate: float,
        updates: Mapping[str, float],
        weights: Mapping[str, Tensor],
    ) -> LayerFlow:
        module = self._modules[name]
        own = weight_of(module)
        weight = weights.get(f"{name}.weight", own)
        dw, db = gradients.get(f"{name}.weight"), gradients.get(f"{name}.bias")
        weight_norm = NAN if weight is None else norm(weight)
        gradient_norm = NAN if dw is None else norm(dw)
        if dw is not None and "weight_gradient" in self._kinds:
            layer.count("weight_gradient", dw)
        update = updates.get(name, learning_rate * gradient_norm)
        values = {
            "z_std": layer.z.std,
            "activation_std": layer.activation.std,
            "gradient_std": layer.gradient.std,
            "weight_norm": weight_norm,
            "weight_gradient_norm": gradient_norm,
            "bias_gradient_norm": NAN if db is None else norm(db),
            "update_ratio": update / weight_norm if weight_norm else NAN,
            "zero_share": layer.zeros.zero_share,
            "dead_share": layer.zeros.dead_share,
        }
        return LayerFlow(
            name,
            "linear" if isinstance(module, nn.Linear) else "conv",
            values,
            layer.histograms,
            layer.totals,
            euler=NAN if dw is None or weight is None else inner(weight, dw),
            predicted_z_std=NAN,
            predicted_gradient_std=NAN,
        )


def weight_of(module: nn.Module) -> nn.Parameter | None:
    """The weight a layer owns; None where it is computed or not there yet.

    Computed ones (torch.nn.utils.parametrize) are not read: reading them may draw or change
    something, as spectral norm does. Those of lazy layers come with their first pass.
    """
    weight = dict(module.named_parameters(recurse=False)).get("weight")
    return None if weight is None or isinstance(weight, UninitializedParameter) else weight


def norm(values: Tensor) -> float:
    """Euclidean norm, also where the squares of the values would round to 0 or to infinity."""
    values = values.detach().float()
    direct = float(torch.linalg.vector_norm(values))
    if TINY < direct**2 < 1 / TINY:
        return direct
    scale = _scale(values)
    if scale == 0 or math.isnan(scale):
        return scale
    return scale * float(torch.linalg.vector_norm(values / scale))


def inner(a: Tensor, b: Tensor) -> float:
    """<a, b> = sum of a x b: rows in float32, their sum in double precision."""
    a, b = a.detach(), b.detach()
    size = norm(b)
    if size == 0 or math.isnan(size):
        return size
    scale = 1.0 if size**2 > TINY else size  # products of tiny gradients must not round to 0
    products = a * (b if scale == 1.0 else b / scale)
    return scale * float(products.sum(dim=tuple(range(1, a.ndim))).sum(dtype=torch.float64))
