"""The study that optimises pictures: what may be asked, in steps, with previews.

Pictures that do not depend on each other (no diversity) are optimised in groups small enough for
one step to be short; a group's step is one call on the device's worker.
"""

import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from vgg_viz.feature_vis import Optimisation, Parametrization, bind
from vgg_viz.feature_vis.objectives import moved_share
from vgg_viz.feature_vis.optimize import REDIRECTED_STEPS, start_from
from vgg_viz.feature_vis.transforms import STANDARD
from vgg_viz.images import Photo
from vgg_viz.models.configs import NetworkConfig
from vgg_viz.preprocessing import Preprocessing, cropped
from vgg_viz.requests import FeatureVisJob, Term
from vgg_viz.results import FeatureVis, Float32
from vgg_viz.service.feature_vis_limits import (
    check,
    check_room,
    group_size,
    room_of,
    size_of,
)

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready

MARGIN = 12  # px around the picture, seen only as it is shifted and turned (lucid's padding)
VALUES_SHARE = 0.1  # of the time, at most, goes into values for previews


def begin(executor: "Executor", job: FeatureVisJob, photos: tuple[Photo, ...]) -> "FeatureVisStudy":
    """The study of `job`; InputError or UnknownNameError for what it cannot be."""
    ready = executor.ready(job.model)
    check(job, ready.loaded.config, ready.loaded.classes)
    together = group_size(job, ready.loaded.config, executor.device)
    check_room(job, ready.loaded.config, together, room_of(executor.device))
    return FeatureVisStudy(executor, ready, job, photos)


class FeatureVisStudy:
    """A Study: one step of one group of pictures at a time. It holds no network."""

    def __init__(
        self, executor: "Executor", ready: "Ready", job: FeatureVisJob, photos: tuple[Photo, ...]
    ) -> None:
        self._job = job
        self._config = ready.loaded.config
        self._size = size_of(job, self._config)
        self._groups = list(_groups(job, ready, executor.device, photos))
        self._values: Float32 = np.zeros(0, np.float32)
        self._values_seconds = 0.0
        self._valued = -1  # at how many calls `_values` were computed
        self._calls = 0

    def advance(self, executor: "Executor") -> None:
        """One step of the group that is furthest behind."""
        behind = min(self._groups, key=lambda group: group.steps)
        behind.step(executor.ready(self._job.model).network)
        self._calls += 1

    def go_on(self, job: FeatureVisJob) -> None:
        """Continue up to the steps of `job`."""
        self._job = job

    @property
    def finished(self) -> bool:
        """Whether every picture had its steps."""
        return self._steps >= self._job.steps

    @property
    def share(self) -> float:
        """Of all steps of all groups."""
        done = sum(min(group.steps, self._job.steps) for group in self._groups)
        return done / (len(self._groups) * self._job.steps)

    @property
    def words(self) -> str:
        """How far it is."""
        return f"step {self._steps} of {max(self._steps, self._job.steps)}"

    def result(self, executor: "Executor") -> FeatureVis:
        """The pictures now. Values cost a pass: in previews they can be some steps older."""
        ready = executor.ready(self._job.model)
        spent = sum(group.seconds for group in self._groups)
        if self._valued != self._calls and (
            self.finished or self._values_seconds <= VALUES_SHARE * spent
        ):
            self._evaluate(ready.network)
        pixels = np.concatenate([group.pixels() for group in self._groups])
        pixels.flags.writeable = False
        return FeatureVis(
            pixels=pixels,
            history=self._history(),
            values=self._values,
            step=self._steps,
            steps=max(self._steps, self._job.steps),
            seconds=spent,
            notes=tuple(self._notes(ready)),
            provenance=executor.provenance(ready),
        )

    @property
    def _steps(self) -> int:
        return min(group.steps for group in self._groups)

    def _evaluate(self, network: nn.Module) -> None:
        started = time.perf_counter()
        self._values = np.concatenate([group.values(network) for group in self._groups])
        self._values.flags.writeable = False
        self._valued = self._calls
        self._values_seconds += time.perf_counter() - started

    def _history(self) -> Float32:
        """Mean over all pictures at every step that all have done."""
        weights = [group.objective.pictures for group in self._groups]
        curves = [group.history[: self._steps] for group in self._groups]
        mean = np.average(np.array(curves, np.float64), axis=0, weights=weights)
        history: Float32 = mean.astype(np.float32).reshape(-1)
        history.flags.writeable = False
        return history

    def _notes(self, ready: "Ready") -> list[str]:
        found = []
        if self._job.diversity and self._job.pictures == 1:
            found.append("Diversity needs two pictures or more; with one it changes nothing.")
        share = moved_share(self._config, self._job.terms)
        if share < 1 and self._job.transforms == "standard":
            found.append(
                "A unit that sees few pixels would be averaged over its surroundings by the whole "
                f"transformations; here they are reduced to {share:.0%}."
            )
        names = {name for group in self._groups for name in group.redirected}
        if names:
            listed = ", ".join(row.name for row in self._config.layers if row.name in names)
            found.append(
                f"Nothing was alive behind {listed} at first. In the first {REDIRECTED_STEPS} "
                "steps the gradient was let through there, so that the picture could begin to move."
            )
        found += sign_notes(ready.network, self._config, self._job.terms)
        if self.finished:
            found += self._endings(ready.network)
        return found

    def _endings(self, network: nn.Module) -> list[str]:
        """What is to be said of pictures that did not get there."""
        stuck, first = [], 0
        for group in self._groups:
            stuck += [first + picture for picture in group.stuck]
            first += group.objective.pictures
        reasons = [why_silent(network, self._config, term) for term in self._job.terms]
        reason = " ".join(dict.fromkeys(filter(None, reasons)))
        found = [
            f"{self._name(picture)} is still as it began: no pixel changes the objective. {reason}"
            "Choose another channel, or start from a photo."
            for picture in stuck
        ]
        (term, *more) = self._job.terms
        if found or more or term.kind not in ("channel", "neuron") or term.weight <= 0:
            return found
        row = self._config.layer(term.layer).kind
        ending = ", which the ReLU behind it makes 0. " if row in ("conv", "batch_norm") else ". "
        return [
            f"{self._name(picture)}: channel {term.channel} of {term.layer} stays silent, at "
            f"{value / term.weight:.3g}{ending}{reason}".rstrip()
            for picture, value in enumerate(self._values)
            if value <= 0
        ]

    def _name(self, picture: int) -> str:
        return "The picture" if self._job.pictures == 1 else f"Picture {picture + 1}"


def sign_notes(network: nn.Module, config: NetworkConfig, terms: tuple[Term, ...]) -> list[str]:
    """Channels of convolutions that the batch norm behind them turns upside down."""
    names = [row.name for row in config.layers]
    found = []
    for term in terms:
        if term.kind not in ("channel", "neuron") or _row_kind(config, term) != "conv":
            continue
        following = names[names.index(term.layer) + 1]
        norm = network.get_submodule(following)
        if isinstance(norm, nn.BatchNorm2d) and norm.weight[term.channel or 0].item() < 0:
            found.append(
                f"The batch norm behind {term.layer} turns channel {term.channel} upside down: it "
                f"fires where the convolution is low. Name {following} to see what makes it fire."
            )
    return found


def why_silent(network: nn.Module, config: NetworkConfig, term: Term) -> str:
    """What in a channel's own weights keeps it low, as a sentence with a space behind it, or ""."""
    if term.kind not in ("channel", "neuron") or term.channel is None:
        return ""
    names = [row.name for row in config.layers]
    rows = config.layers[: names.index(term.layer) + 1]
    made = [row for row in rows if row.kind in ("conv", "linear")]
    if not made or config.layer(term.layer).kind not in ("conv", "linear", "batch_norm", "relu"):
        return ""
    weights: Tensor = network.get_submodule(made[-1].name).weight[term.channel]  # type: ignore[index]
    bias: Tensor = network.get_submodule(made[-1].name).bias[term.channel]  # type: ignore[index]
    of = f"of channel {term.channel} of {made[-1].name}"
    if not weights.any():
        return f"All weights {of} are 0, so it is {bias.item():.3g} for every picture. "
    return f"The bias {of} is {bias.item():.3g}. " if bias.item() < 0 else ""


def _row_kind(config: NetworkConfig, term: Term) -> str:
    return "linear" if term.kind == "class" else config.layer(term.layer).kind


def _groups(
    job: FeatureVisJob, ready: "Ready", device: torch.device, photos: tuple[Photo, ...]
) -> list[Optimisation]:
    config = ready.loaded.config
    size = size_of(job, config)
    together = group_size(job, config, device)
    standard = job.transforms == "standard"
    transforms = STANDARD.gentler(moved_share(config, job.terms)) if standard else None
    parametrization = Parametrization(
        size + 2 * MARGIN * standard, job.parametrization, job.decorrelated
    )
    photo = None
    if job.image and photos:
        photo = photo_start(photos[0], ready.loaded.preprocessing, size, parametrization.size)
    groups = []
    for first in range(0, job.pictures, together):
        count = min(together, job.pictures - first)
        groups.append(
            Optimisation(
                bind(config, [job.terms] * count, size),
                parametrization,
                ready.loaded.preprocessing,
                transforms=transforms,
                diversity=job.diversity,
                learning_rate=job.learning_rate,
                seed=job.seed + 1_000_003 * first,  # far from a neighbouring job's seeds
                start=None if photo is None else photo.expand(count, -1, -1, -1),
                window=size,
                device=device,
            )
        )
    return groups


def photo_start(photo: Photo, preprocessing: Preprocessing, size: int, padded: int) -> Tensor:
    """The part of the photo that the network sees, with a mirrored margin: (1, 3, padded, padded).

    Values are in [0, 1].
    """
    square = cropped(photo.pixels, preprocessing, size)
    margin = (padded - size) // 2
    mirrored = np.pad(square, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    return start_from([mirrored])
