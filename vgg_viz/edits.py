"""Edits that show cause: change one layer's output, and run the rest of the network from there.

The networks are flat Sequentials, so what comes behind a row is the children behind it. No hook is
needed and nothing is written to the network: an edit makes a new map, and the later rows read it.
Editing a late layer therefore costs only the rows behind it.

A convolution is edited behind its ReLU (and batch norm): setting a channel to 0 there equals a
network in which that channel's weights and bias (and those of its batch norm) are 0.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vgg_viz.capture import undisturbed
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.models.configs import NetworkConfig

BATCH = 64  # edited maps that run behind the layer at a time,
BATCH_BYTES = 2**26  # and bytes of them: the later maps are at most twice as large
REMOVED = 0.0


@dataclass(frozen=True)
class Region:
    """A rectangle as shares of the square that the network sees, from its top left corner.

    A unit belongs to it when the centre of its cell does: unit i of n lies at (i + 1/2) / n.
    """

    left: float
    top: float
    right: float
    bottom: float
    outside: bool = False  # True: what is *not* in the rectangle

    def __post_init__(self) -> None:
        """Refuse what is no rectangle within the photo."""
        across, down = (self.left, self.right), (self.top, self.bottom)
        if not all(0 <= low < high <= 1 for low, high in (across, down)):
            raise InputError(
                "A region needs 0 <= left < right <= 1 and 0 <= top < bottom <= 1, in shares of "
                f"the photo; got left {self.left:g}, top {self.top:g}, right {self.right:g}, "
                f"bottom {self.bottom:g}."
            )

    def units(self, height: int, width: int) -> Tensor:
        """Which units of a map are in it: bool (height, width)."""
        y = (torch.arange(height) + 0.5) / height
        x = (torch.arange(width) + 0.5) / width
        inside_y = (y >= self.top) & (y < self.bottom)
        inside_x = (x >= self.left) & (x < self.right)
        inside = inside_y[:, None] & inside_x[None]
        return ~inside if self.outside else inside


@dataclass(frozen=True)
class Edit:
    """What is done to the output of row `layer`, in this order:

    `replaced` channels come from another photo's map: () all of them, None no channel. Each
    channel in `factors` is multiplied: 0 removes it, 2 doubles it. Units in `region` become 0 in
    all channels.
    """

    layer: str
    factors: tuple[tuple[int, float], ...] = ()
    region: Region | None = None
    replaced: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class EditedPass:
    """What the rows behind an edit made: logits (N, classes) and the outputs that were kept."""

    logits: Tensor
    outputs: Mapping[str, Tensor]


def edited_row(config: NetworkConfig, layer: str) -> str:
    """The row whose output an edit of `layer` changes: a convolution's ReLU, else the row itself.

    UnknownNameError for a layer the network does not have, or behind which nothing could differ.
    """
    rows = config.layers
    names = [row.name for row in rows]
    if layer not in names[:-1]:
        raise UnknownNameError.among(f"layer of {config.network} to edit", layer, config.convs)
    at = names.index(layer)
    if rows[at].kind not in ("conv", "batch_norm", "linear"):
        return layer
    return next(row.name for row in rows[at:] if row.kind == "relu")


def edited(maps: Tensor, edit: Edit, other: Tensor | None = None) -> Tensor:
    """Return `maps` (N, C, h, w) or (N, K) as `edit` makes them; `maps` itself is not touched.

    `other`, of the same shape, is the other photo's output. InputError for a channel that is not
    there, a factor that is no number, a region of a layer without maps, or no `other` to take from.
    """
    _check(maps, edit, other)
    result = maps
    if edit.replaced is not None and other is not None:
        chosen = edit.replaced or range(maps.shape[1])
        result = torch.where(_per_channel(maps, chosen), other.to(maps), result)
    scaled = {channel: factor for channel, factor in edit.factors if factor != REMOVED}
    if scaled:
        factors = maps.new_ones(maps.shape[1])
        factors[list(scaled)] = maps.new_tensor(list(scaled.values()))
        result = result * _shaped(factors, maps)
    removed = [channel for channel, factor in edit.factors if factor == REMOVED]
    if removed:
        result = result.masked_fill(_per_channel(maps, removed), 0)
    if edit.region is not None:
        units = edit.region.units(*maps.shape[2:]).to(maps.device)
        result = result.masked_fill(units, 0)
    return result


def run_edited(
    network: nn.Module,
    start: str,
    maps: Tensor,
    edit: Edit,
    *,
    other: Tensor | None = None,
    keep: Collection[str] = (),
) -> EditedPass:
    """Run the rows behind `start` on its output `maps`, with `edit` on the way.

    `start` is the edited row or one before it. `keep` names rows from the edited one on, whose
    outputs come back; the edited row's is its output after the edit. Whether a graph is made is
    the caller's choice. UnknownNameError for rows the network does not have or that come too late.
    """
    names = [name for name, _ in network.named_children()]
    for name in (start, edit.layer, *keep):
        if name not in names:
            raise UnknownNameError.among("layer", name, names)
    if names.index(start) > names.index(edit.layer):
        raise InputError(f"{edit.layer} comes before {start}, where this pass begins.")
    kept: dict[str, Tensor] = {}
    value = maps
    with undisturbed(network):
        for name, module in list(network.named_children())[names.index(start) :]:
            if name != start:
                value = module(value)
            if name == edit.layer:
                value = edited(value, edit, other)
            if name in keep:
                kept[name] = value
    return EditedPass(value, kept)


def edited_gradients(
    network: nn.Module,
    outputs: Mapping[str, Tensor],
    edit: Edit,
    layer: str,
    target: int,
    *,
    other: Tensor | None = None,
    keep: Collection[str] = (),
) -> tuple[Tensor, Tensor, EditedPass]:
    """Return a layer's output in the edited pass, d logit[target] / d that output, and the pass.

    `outputs` are an unedited pass's, of the edited row and of `layer`. At the edited row and behind
    it the output is as edited; a layer before it keeps its values, and its gradients come back
    through the edit.
    """
    names = [name for name, _ in network.named_children()]
    with torch.enable_grad():
        if names.index(layer) < names.index(edit.layer):
            source = outputs[layer].detach().requires_grad_()
            made = run_edited(network, layer, source, edit, other=other, keep=keep)
        else:
            changed = edited(outputs[edit.layer].detach(), edit, other).requires_grad_()
            wanted = {*keep, layer}
            made = run_edited(network, edit.layer, changed, Edit(edit.layer), keep=wanted)
            source = made.outputs[layer]
        (gradient,) = torch.autograd.grad(made.logits[:, target].sum(), source)
    return source.detach(), gradient, made


# --- channels that carry a class -----------------------------------------------------------------


def gradient_scores(maps: Tensor, gradients: Tensor) -> Tensor:
    """Return sum over units of gradient x activation of every channel, (C,), for N = 1.

    It is what removing the channel takes from the logit if the logit were linear in the map: the
    first term of its Taylor series. One backward pass gives it for all channels.
    """
    return (maps * gradients)[0].reshape(maps.shape[1], -1).sum(1)


def greedy_channels(
    network: nn.Module,
    layer: str,
    maps: Tensor,
    target: int,
    count: int,
    candidates: int | None = None,
) -> tuple[int, ...]:
    """Return `count` channels, each the one whose removal then lowers the logit most.

    Every step tries every channel that is not 0 everywhere by a pass of the rows behind `layer`,
    so each step's choice is exact; ties go to the lower number. With `candidates` a step tries
    that many only: those of the largest gradient x activation without the channels removed so far.
    Fewer come back when fewer are there. `maps` is (1, C, h, w).
    """
    alive = answering(maps)
    removed: list[int] = []
    while len(removed) < min(count, len(alive)):
        left = [channel for channel in alive if channel not in removed]
        if candidates is not None and len(left) > candidates:
            scores = _scores_without(network, layer, maps, target, removed)
            left = sorted(sorted(left, key=lambda channel: -scores[channel])[:candidates])
        logits = removal_logits(network, layer, maps, [(*removed, channel) for channel in left])
        removed.append(left[int(logits[:, target].argmin())])
    return tuple(removed)


def _scores_without(
    network: nn.Module, layer: str, maps: Tensor, target: int, removed: Sequence[int]
) -> list[float]:
    """Gradient x activation of every channel while some are removed."""
    edit = Edit(layer, tuple((channel, REMOVED) for channel in removed))
    values, gradients, _ = edited_gradients(network, {layer: maps}, edit, layer, target)
    found: list[float] = gradient_scores(values, gradients).tolist()
    return found


def answering(maps: Tensor) -> list[int]:
    """Return the channels of (1, C, ...) that are not 0 everywhere; only these can change it."""
    units = maps.detach()[0].reshape(maps.shape[1], -1)
    found: list[int] = units.ne(0).any(1).nonzero()[:, 0].tolist()
    return found


def removal_logits(
    network: nn.Module, layer: str, maps: Tensor, removed: Sequence[Collection[int]]
) -> Tensor:
    """Return the logits (len(removed), classes) with each of these sets of channels set to 0."""
    maps = maps.detach()
    batch = max(1, min(BATCH, BATCH_BYTES // max(1, maps.nbytes)))
    found = []
    with torch.no_grad():
        for first in range(0, len(removed), batch):
            some = removed[first : first + batch]
            keep = torch.ones(len(some), maps.shape[1], dtype=torch.bool)
            for row, channels in enumerate(some):
                keep[row, list(channels)] = False
            shape = (*keep.shape, *[1] * (maps.dim() - 2))
            variants = torch.where(keep.view(shape).to(maps.device), maps, maps.new_zeros(()))
            found.append(run_edited(network, layer, variants, Edit(layer)).logits)
    return torch.cat(found)


def random_orders(channels: int, count: int, orders: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """Return `orders` random choices of `count` channels each, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        tuple(torch.randperm(channels, generator=generator)[:count].tolist()) for _ in range(orders)
    )


def prefixes(order: Sequence[int]) -> list[tuple[int, ...]]:
    """Return (), (a,), (a, b), ...: what is removed at each point of a curve."""
    return [tuple(order[:count]) for count in range(len(order) + 1)]


# --- shapes --------------------------------------------------------------------------------------


def _shaped(values: Tensor, maps: Tensor) -> Tensor:
    """(C,) -> (1, C, 1, 1), or (1, C) for a layer without maps."""
    return values.view(1, -1, *[1] * (maps.dim() - 2))


def _per_channel(maps: Tensor, channels: Collection[int]) -> Tensor:
    chosen = torch.zeros(maps.shape[1], dtype=torch.bool, device=maps.device)
    chosen[list(channels)] = True
    return _shaped(chosen, maps)


def _check(maps: Tensor, edit: Edit, other: Tensor | None) -> None:
    channels = maps.shape[1]
    named = [*(channel for channel, _ in edit.factors), *(edit.replaced or ())]
    for channel in named:
        if not 0 <= channel < channels:
            raise InputError(
                f"{edit.layer} has channels 0 to {channels - 1}; {channel} is not one of them."
            )
    if len({channel for channel, _ in edit.factors}) < len(edit.factors):
        raise InputError("A channel has two factors; give each channel one.")
    for channel, factor in edit.factors:
        if not abs(factor) < float("inf"):
            raise InputError(f"The factor of channel {channel} has to be a number, not {factor}.")
    if edit.region is not None and maps.dim() != 4:
        raise InputError(f"{edit.layer} has no maps, so no region of them can be masked.")
    if edit.replaced is not None and (other is None or other.shape != maps.shape):
        raise InputError("Replacing channels needs another photo's output of the same layer.")
