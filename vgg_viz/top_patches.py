"""The units that images excite most, channel by channel: what figure 2 of ZFNet shows.

Of every channel of every convolution the units with the largest values are kept, at most one an
image, as in the figure (Zeiler & Fergus, arXiv 1311.2901, section 4.1): nine windows of one photo
that overlap would say nothing new. A value is the one before the ReLU, behind the batch norm where
there is one, so that a channel that never fires has its largest value too.

    z_c(image) = max over (row, column) of z[c, row, column]      the first one where several are
    top_c      = the K images of largest z_c                      the lower number where equal

One forward pass of a batch gives all layers; every output is reduced to one value a channel as soon
as it is there, so that memory does not grow with depth or with the number of images.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from vgg_viz.capture import undisturbed, watching
from vgg_viz.errors import UnknownNameError
from vgg_viz.patch_index import NONE, LayerTop

KEPT = 16  # units of a channel; nine are shown
_ROW = 2**15  # row and column in one number: row * _ROW + column


@dataclass(frozen=True, eq=False)
class _Units:
    """Units of each channel, all (C, n), on the network's device."""

    values: Tensor  # float32
    images: Tensor  # int64
    places: Tensor  # int64, row * _ROW + column


class TopUnits:
    """Takes images batch by batch and keeps the top units of every watched layer.

    `watched` maps the name of each convolution to the layer whose output is looked at (its batch
    norm where it has one). `batch` is how many images a pass has: a smaller one is filled up with
    zeros, so that a value does not depend on what it was computed together with. `groups` (N,)
    gives each image number a group of which at most one image counts: the crops of one photo.
    `known` goes on from an earlier state.
    """

    def __init__(
        self,
        network: nn.Module,
        watched: Mapping[str, str],
        *,
        batch: int,
        kept: int = KEPT,
        groups: Sequence[int] | None = None,
        known: Mapping[str, LayerTop] | None = None,
    ) -> None:
        self._device = next(network.parameters()).device
        self._dtype = next(network.parameters()).dtype
        self._trunk = trunk(network, list(watched.values())[-1])
        self._layer_of = {name: conv for conv, name in watched.items()}
        self._batch, self._kept = batch, kept
        self._groups = None if groups is None else torch.tensor(groups, device=self._device)
        self._units = {conv: self._from(top) for conv, top in (known or {}).items()}

    def add(self, images: Tensor, numbers: Sequence[int]) -> None:
        """Look at `images` (n, 3, H, W), at most a batch, with their numbers; one forward pass."""
        count, shape = len(numbers), (self._batch, *images.shape[1:])
        full = torch.zeros(shape, dtype=self._dtype, device=self._device)
        full[:count] = images
        full = full.contiguous(memory_format=torch.channels_last)
        of = torch.tensor(numbers, device=self._device)

        def on_output(name: str, output: Tensor) -> None:
            conv = self._layer_of[name]
            found = strongest(output[:count], of)
            kept = self._units.get(conv)
            self._units[conv] = self._merged(found if kept is None else _beside(kept, found))

        with (
            torch.no_grad(),
            undisturbed(self._trunk),
            watching(self._trunk, self._layer_of, on_output),
        ):
            self._trunk(full)

    def tops(self) -> dict[str, LayerTop]:
        """What is kept by now, on the host."""
        return {
            conv: _on_host(self._units[conv])
            for conv in self._layer_of.values()
            if conv in self._units
        }

    def _merged(self, units: _Units) -> _Units:
        """The largest of all, ordered; of equal ones the lower image number first."""
        units = _ordered(units)
        if self._groups is not None:
            units = _ordered(_one_of_each(units, self._groups))
        missing = self._kept - units.values.shape[1]
        if missing > 0:
            units = _beside(units, _nothing(len(units.values), missing, self._device))
        return _Units(*(part[:, : self._kept] for part in vars(units).values()))

    def _from(self, top: LayerTop) -> _Units:
        places = top.rows.astype(np.int64) * _ROW + top.columns
        return _Units(
            torch.from_numpy(top.values.copy()).to(self._device),
            torch.from_numpy(top.images.astype(np.int64)).to(self._device),
            torch.from_numpy(places).to(self._device),
        )


def strongest(output: Tensor, numbers: Tensor) -> _Units:
    """The first largest unit of each channel of (N, C, h, w) in each image, as (C, N)."""
    width = output.shape[3]
    values, at = output.float().flatten(2).max(dim=2)  # (N, C): NaN where any value is NaN
    values, at = values.T, at.T
    finite = values.isfinite()  # what is no number cannot be compared
    return _Units(
        values.where(finite, -torch.inf),
        numbers.expand_as(at).where(finite, NONE),
        at // width * _ROW + at % width,
    )


def trunk(network: nn.Module, last: str) -> nn.Sequential:
    """The children of a flat `network` up to `last`: the same modules, nothing is copied."""
    children = dict(network.named_children())
    if last not in children:
        raise UnknownNameError.among("layer", last, children)
    names = list(children)
    return nn.Sequential(
        OrderedDict((name, children[name]) for name in names[: names.index(last) + 1])
    )


def _ordered(units: _Units) -> _Units:
    by_image = units.images.argsort(dim=1, stable=True)
    by_value = units.values.gather(1, by_image).argsort(dim=1, descending=True, stable=True)
    order = by_image.gather(1, by_value)
    return _Units(*(part.gather(1, order) for part in vars(units).values()))


def _one_of_each(units: _Units, groups: Tensor) -> _Units:
    """Ordered units with every later one of the same group taken out."""
    of = groups[units.images.clamp(min=0)]
    same = of[:, :, None] == of[:, None, :]  # (C, n, n)
    again = same.tril(-1).any(dim=2)
    return _Units(
        units.values.masked_fill(again, -torch.inf),
        units.images.masked_fill(again, NONE),
        units.places,
    )


def _beside(one: _Units, other: _Units) -> _Units:
    pairs = zip(vars(one).values(), vars(other).values(), strict=True)
    return _Units(*(torch.cat(pair, dim=1) for pair in pairs))


def _nothing(channels: int, count: int, device: torch.device) -> _Units:
    shape = (channels, count)
    return _Units(
        torch.full(shape, -torch.inf, device=device),
        torch.full(shape, NONE, device=device),
        torch.zeros(shape, dtype=torch.int64, device=device),
    )


def _on_host(units: _Units) -> LayerTop:
    values, images, places = (part.cpu().numpy() for part in vars(units).values())
    there = images != NONE
    return LayerTop(
        values.astype(np.float32),
        images.astype(np.int32),
        np.where(there, places // _ROW, 0).astype(np.int16),
        np.where(there, places % _ROW, 0).astype(np.int16),
    )
