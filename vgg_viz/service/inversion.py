"""The study that rebuilds a photo from its codes, a layer after the other; on the worker alone."""

import math
import time
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.images import Photo
from vgg_viz.inversion import Inverter, Priors, usual_priors
from vgg_viz.models.configs import NetworkConfig
from vgg_viz.preprocessing import Preprocessing, prepare
from vgg_viz.requests import InversionJob
from vgg_viz.results import Inversion, LayerInversion, single
from vgg_viz.service.devices import host_pixels

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready

STEP_SECONDS = 0.15  # steps are taken together up to here; a slow network takes one at a time
MOST_STEPS, MOST_LAYERS = 2000, 24
MOST_WEIGHT = 100.0  # times the authors'
MOST_RATE = 0.5  # half of the way from black to white


def begin(executor: "Executor", job: InversionJob, photos: tuple[Photo, ...]) -> "Rebuilding":
    """The study of `job`; UnknownNameError or InputError for what it cannot ask."""
    return Rebuilding(executor, job, photos[0])


class Rebuilding:
    """A Study: one Inverter for each layer, begun when its turn comes."""

    def __init__(self, executor: "Executor", job: InversionJob, photo: Photo) -> None:
        self.job = job
        ready = executor.ready(job.model)
        config = ready.loaded.config
        self.layers = job.layers or (config.convs[-1],)
        _check(job, config, self.layers)
        device = next(ready.network.parameters()).device
        self._photo = _seen(photo, ready.loaded.preprocessing).to(device)
        self._waiting = list(self.layers)
        self._inverters: list[Inverter] = []
        self._silent: list[str] = []  # why a layer has no code
        self._ended: dict[str, LayerInversion] = {}
        self._seconds = 0.0

    def advance(self, executor: "Executor") -> None:
        """Some steps of the layer whose turn it is."""
        started = time.perf_counter()
        ready = executor.ready(self.job.model)
        at = next((i for i in self._inverters if self._left(i)), None) or self._next(ready)
        while at is not None and self._left(at):
            at.step(ready.network)
            if time.perf_counter() - started > STEP_SECONDS:
                break
        self._seconds += time.perf_counter() - started

    def result(self, executor: "Executor") -> Inversion | None:
        """Every layer that has begun."""
        if not self._inverters and not self._silent:
            return None
        ready = executor.ready(self.job.model)
        return Inversion(
            photo=host_pixels(self._photo),
            layers=tuple(self._shown(inverter, ready) for inverter in self._inverters),
            wanted=self.layers,
            steps=self.job.steps,
            seconds=self._seconds,
            notes=tuple(self._silent),
            provenance=executor.provenance(ready),
        )

    def go_on(self, job: InversionJob) -> None:
        """Continue, perhaps for more steps; fewer than are taken already are enough."""
        _check_numbers(job)
        self.job = job

    @property
    def finished(self) -> bool:
        """Whether every layer has its steps."""
        return not self._waiting and not any(map(self._left, self._inverters))

    @property
    def share(self) -> float:
        """Of all steps of all layers; a layer without a code is done at once."""
        taken = sum(min(each.step_count, self.job.steps) for each in self._inverters)
        taken += len(self._silent) * self.job.steps
        return taken / (self.job.steps * len(self.layers))

    @property
    def words(self) -> str:
        """Layer and step."""
        if self.finished:
            count = len(self.layers)
            return f"{self.layers[0] if count == 1 else f'{count} layers'}, {self.job.steps} steps"
        if not self._inverters:
            return "the beginning"
        at = next((i for i in self._inverters if self._left(i)), self._inverters[-1])
        step = f"{at.layer}, step {at.step_count} of {self.job.steps}"
        if len(self.layers) == 1:
            return step
        return f"{step} (layer {self.layers.index(at.layer) + 1} of {len(self.layers)})"

    def _left(self, inverter: Inverter) -> bool:
        return inverter.step_count < self.job.steps

    def _next(self, ready: "Ready") -> Inverter | None:
        """Begin the next layer; None when it has no code: an error where it is the only one."""
        job, loaded = self.job, ready.loaded
        layer = self._waiting[0]
        usual = usual_priors(_weighted(loaded.config), _weights_before(loaded.config, layer))
        priors = Priors(
            job.total_variation * usual.total_variation, job.alpha_norm * usual.alpha_norm
        )
        try:
            made = Inverter(
                ready.network,
                layer,
                self._photo,
                loaded.preprocessing,
                priors=priors,
                learning_rate=job.learning_rate,
                seed=job.seed,
            )
        except InputError as error:
            if len(self.layers) == 1:
                raise
            self._silent.append(str(error))
            return None
        finally:
            del self._waiting[0]
        self._inverters.append(made)
        return made

    def _shown(self, inverter: Inverter, ready: "Ready") -> LayerInversion:
        """A layer as it is; of one that has stood still since, what was shown before."""
        known = self._ended.get(inverter.layer)
        if known is not None and len(known.losses) == inverter.step_count:
            return known
        self._ended[inverter.layer] = LayerInversion(
            layer=inverter.layer,
            pixels=host_pixels(inverter.picture),
            code_shape=inverter.code_shape,
            losses=single(inverter.losses),
            distances=single(inverter.distances),
            distance=inverter.distance(ready.network),
            correlation=correlation(inverter.picture, self._photo),
            total_variation=inverter.priors.total_variation,
            alpha_norm=inverter.priors.alpha_norm,
        )
        return self._ended[inverter.layer]


def correlation(picture: Tensor, photo: Tensor) -> float:
    """Pearson's r of two pictures (1, 3, H, W), each colour about its own mean; NaN for flat ones.

    Without that, two pictures of the same tint would be alike whatever is on them.
    """
    a, b = (
        (each.double() - each.double().mean((2, 3), keepdim=True)).flatten()
        for each in (picture, photo)
    )
    size = float(a.norm() * b.norm())
    return float(a @ b) / size if size > 0 else math.nan


def _check(job: InversionJob, config: NetworkConfig, layers: tuple[str, ...]) -> None:
    _check_numbers(job)
    names = [row.name for row in config.layers]
    for layer in layers:
        if layer not in names:
            raise UnknownNameError.among(f"layer of {config.network}", layer, names)
    if len(layers) > MOST_LAYERS:
        raise InputError(f"Rebuild from {MOST_LAYERS} layers at a time, not {len(layers)}.")
    if len(set(layers)) < len(layers):
        raise InputError("A layer is named twice; name each once.")


def _check_numbers(job: InversionJob) -> None:
    if not 1 <= job.steps <= MOST_STEPS:
        raise InputError(f"Take 1 to {MOST_STEPS} steps, not {job.steps}.")
    for title, weight in (
        ("total variation", job.total_variation),
        ("the alpha norm", job.alpha_norm),
    ):
        if not 0 <= weight <= MOST_WEIGHT:
            raise InputError(
                f"The weight of {title} multiplies the authors' and is 0 to {MOST_WEIGHT:g}, not "
                f"{weight:g}."
            )
    if not 0 < job.learning_rate <= MOST_RATE:
        raise InputError(
            f"The learning rate is above 0 and at most {MOST_RATE:g}, not {job.learning_rate:g}."
        )
    if not 0 <= job.seed < 2**63:
        raise InputError(f"The seed is a whole number from 0 on, not {job.seed}.")


def _weighted(config: NetworkConfig) -> list[str]:
    return [row.name for row in config.layers if row.kind in ("conv", "linear")]


def _weights_before(config: NetworkConfig, layer: str) -> str:
    """The last layer with weights up to `layer`; every network begins with one."""
    names = [row.name for row in config.layers]
    upto = names[: names.index(layer) + 1]
    return [name for name in _weighted(config) if name in upto][-1]


def _seen(photo: Photo, preprocessing: Preprocessing) -> Tensor:
    """What the network sees of a photo, on the scale 0 to 1: (1, 3, H, W)."""
    mean, std = (
        torch.tensor(values).view(3, 1, 1) for values in (preprocessing.mean, preprocessing.std)
    )
    read = torch.from_numpy(prepare(photo.pixels, preprocessing))
    picture = (read * std + mean).clamp(0, 1)[None]
    return picture.contiguous(memory_format=torch.channels_last)
