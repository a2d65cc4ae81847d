"""What a picture is made to excite: a weighted sum of terms, one number a picture.

    neuron     y[c, i, j]             one unit, the middle one unless said
    channel    mean over i, j of y[c]
    layer      mean of y^2            "DeepDream"
    direction  mean over i, j of sum_c d[c] y[c, i, j]     the dot product, not the cosine: a
               direction has to be strong, not only pure
    class      the logit, before the softmax (after it, other classes could be made unlikely
               instead)

y is the layer's own output: of a convolution before batch norm and ReLU (lucent's convention too),
so a channel that is silent on every photo still has a slope to climb; name the ReLU for the values
behind it. A layer of vectors (fc6) counts as maps of one unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from vgg_viz.architecture import describe
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.models.configs import Kind, Layer, NetworkConfig, least_input_size, out_side
from vgg_viz.requests.studies import Term

# Rows whose output is worth a term; flatten and dropout change nothing that could be looked at.
VALUED: tuple[Kind, ...] = (
    *("conv", "batch_norm", "relu", "lrn", "max_pool", "avg_pool", "linear"),
)

WHOLE_FIELD = 64  # px of a unit's field that bear all of the transformations


@dataclass(frozen=True, eq=False)
class Goal:
    """One term for every picture of a batch: the same kind and layer, own channels and weights."""

    kind: str
    layer: str
    weights: Tensor  # (N,)
    channels: Tensor | None  # (N,) long
    rows: Tensor | None  # (N,) long; None: the middle one
    columns: Tensor | None
    directions: Tensor | None  # (N, C)

    def values(self, output: Tensor) -> Tensor:
        """The term of every picture, not weighted: (N,), from the layer's (N, C, h, w)."""
        maps = output.float()
        maps = maps if maps.dim() == 4 else maps[:, :, None, None]
        pictures = torch.arange(len(maps), device=maps.device)
        if self.kind == "layer":
            return maps.pow(2).mean((1, 2, 3))
        if self.directions is not None:
            return torch.einsum("nchw,nc->n", maps, self.directions.to(maps)) / maps[0, 0].numel()
        channels = self._at(self.channels, 0, maps)
        if self.kind == "neuron":
            rows = self._at(self.rows, maps.shape[2] // 2, maps)
            columns = self._at(self.columns, maps.shape[3] // 2, maps)
            return maps[pictures, channels, rows, columns]
        return maps[pictures, channels].mean((1, 2))

    @staticmethod
    def _at(given: Tensor | None, usual: int, maps: Tensor) -> Tensor:
        if given is None:
            return torch.full((len(maps),), usual, device=maps.device)
        return given.to(maps.device)


@dataclass(frozen=True, eq=False)
class Objective:
    """The weighted sum of `goals` for each of `pictures` pictures."""

    goals: tuple[Goal, ...]
    pictures: int

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers whose outputs are needed."""
        return tuple(dict.fromkeys(goal.layer for goal in self.goals))

    def values(self, outputs: Mapping[str, Tensor]) -> Tensor:
        """One number a picture, (N,), from the outputs of `layers`."""
        parts = [
            goal.weights.to(outputs[goal.layer].device) * goal.values(outputs[goal.layer])
            for goal in self.goals
        ]
        return torch.stack(parts).sum(0)


def similarity(output: Tensor) -> Tensor:
    """Mean cosine of the Gram matrices of all pairs of pictures, in [-1, 1]; 0 for one picture.

    With F the (C, h w) map of a picture, G = F F^T says which channels fire together, whatever the
    place: pictures with unlike G show unlike aspects of a unit (Olah et al. 2017, "Diversity").
    """
    count = len(output)
    if count < 2:
        return output.new_zeros(())
    maps = output.float().flatten(2) if output.dim() == 4 else output.float()[:, :, None]
    grams = torch.bmm(maps, maps.transpose(1, 2)).flatten(1)
    grams = torch.nn.functional.normalize(grams, dim=1)
    cosines = grams @ grams.T
    return (cosines.sum() - cosines.diagonal().sum()) / (count * (count - 1))


def bind(config: NetworkConfig, terms: Sequence[Sequence[Term]], size: int) -> Objective:
    """The objective of pictures of `size` px, `terms[i]` those of picture i.

    Pictures of one batch share kinds and layers in order; channels, places, directions and weights
    may differ. Raises UnknownNameError or InputError, saying what there is, for what the network
    does not have.
    """
    if not terms or not all(terms):
        raise InputError("An objective needs at least one term; name a layer and a channel.")
    for picture in terms:
        for term in picture:
            check_term(config, term, size)
    shapes = {tuple((term.kind, _layer(config, term)) for term in picture) for picture in terms}
    if len(shapes) > 1:
        raise InputError("Pictures of one batch need terms of the same kinds and layers.")
    return Objective(
        tuple(_goal(config, column) for column in zip(*terms, strict=True)), len(terms)
    )


def check_term(config: NetworkConfig, term: Term, size: int) -> None:
    """Raise UnknownNameError or InputError for a term that pictures of `size` px cannot have."""
    kinds = ("neuron", "channel", "layer", "direction", "class")
    if term.kind not in kinds:
        raise UnknownNameError.among("kind of term", term.kind, kinds)
    if not abs(term.weight) < float("inf"):
        raise InputError(f"The weight of a term has to be a number, not {term.weight}.")
    layer = _layer(config, term)
    side = map_side(config, layer, size)
    count = channels_of(config, layer)
    if term.kind in ("neuron", "channel", "class"):
        _check_number(
            "class" if term.kind == "class" else f"channel of {layer}", term.channel, count
        )
    if term.kind == "direction":
        if not any(weight for _, weight in term.direction):
            raise InputError("A direction needs at least one channel with a weight other than 0.")
        for channel, weight in term.direction:
            _check_number(f"channel of {layer}", channel, count)
            if not abs(weight) < float("inf"):
                raise InputError(f"Weight {weight} of channel {channel} has to be a number.")
    for name, at in (("row", term.row), ("column", term.column)):
        if at is not None:
            _check_number(f"{name} of {layer} at {size} px", at, side)


def moved_share(config: NetworkConfig, terms: Sequence[Term]) -> float:
    """How much of the transformations single units bear, 0 to 1.

    A unit whose field moves by much of its own size is pushed the average of many patterns' ways,
    and stays where it is. 64 px bear the whole: shifts of 6 px are a tenth of that.
    """
    units = [term for term in terms if term.kind == "neuron"]
    rows = describe(config)
    fields = [rows.row(term.layer).receptive_field.size for term in units]
    return min([1.0, *(field / WHOLE_FIELD for field in fields)])


def map_side(config: NetworkConfig, layer: str, size: int) -> int:
    """Side of the map of `layer` for a picture of `size` px; InputError when nothing is left."""
    side = size
    for row in config.layers:
        side = 1 if row.kind in ("flatten", "linear") else out_side(row, side)
        if side < 1:
            raise InputError(
                f"Pictures of {size} px are too small: nothing is left at {row.name}. Give at "
                f"least {least_input_size(config.network)} px."
            )
        if row.name == layer:
            break
    return side


def channels_of(config: NetworkConfig, layer: str) -> int:
    """Channels (or features) of the output of `layer`."""
    outs = accumulate(
        ((row.name, row.out if row.kind in ("conv", "linear") else 0) for row in config.layers),
        lambda before, row: (row[0], row[1] or before[1]),
        initial=("", 3),
    )
    return dict(outs)[layer]


def _layer(config: NetworkConfig, term: Term) -> str:
    rows: dict[str, Layer] = {row.name: row for row in config.layers if row.kind in VALUED}
    if term.kind == "class":
        return config.layers[-1].name
    if term.layer not in rows:
        raise UnknownNameError.among(f"layer of {config.network}", term.layer, rows)
    return term.layer


def _check_number(what: str, number: int | None, count: int) -> None:
    if number is None:
        raise InputError(f"Say which {what}: a whole number from 0 to {count - 1}.")
    if number != int(number) or not 0 <= number < count:
        raise UnknownNameError(f"There is no {what} {number}; choose from 0 to {count - 1}.")


def _goal(config: NetworkConfig, terms: Sequence[Term]) -> Goal:
    """One goal from the terms that the pictures have at the same place of their sums."""
    layer = _layer(config, terms[0])
    directions = None
    if terms[0].kind == "direction":
        directions = torch.zeros(len(terms), channels_of(config, layer))
        for picture, term in enumerate(terms):
            for channel, weight in term.direction:
                directions[picture, channel] += weight
    return Goal(
        kind=terms[0].kind,
        layer=layer,
        weights=torch.tensor([float(term.weight) for term in terms]),
        channels=_numbers([term.channel for term in terms]),
        rows=_numbers([term.row for term in terms]),
        columns=_numbers([term.column for term in terms]),
        directions=directions,
    )


def _numbers(given: Sequence[int | None]) -> Tensor | None:
    """(N,), or None when none is given."""
    found = [number for number in given if number is not None]
    if not found:
        return None
    if len(found) < len(given):
        raise InputError("Give the place of a neuron for all pictures of a batch or for none.")
    return torch.tensor(found)
