"""A pass of many pictures that differ from one photo inside a small rectangle each, exactly.

What changes at the input changes a window of every layer's output, and nothing outside it: a
convolution of k taps lets a window grow by k - 1, a stride lets it shrink. So each layer computes
the windows alone and takes everything else from the one pass that looked at the photo. Windows of
equal size are stacked into a batch; from where they cover the whole map, layers run as always.

A convolution of stride 1 is linear: its output changes by the convolution of what its input
changed by. Padding that difference with k - 1 zeros costs 9 products an input unit for 3 x 3, not
9 an output unit, because the taps on the zeros are left out; the windows of the input are the
smaller ones. Everything else reads a window with the border it needs. Nothing is left out:
results differ from a full pass's by float rounding alone. With `many`, wide convolutions on a CPU
take the tiles of `fast_passes`, whose rounding is about five times a plain convolution's, here of
the difference and not of the whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgg_viz.attribution.fast_passes import WinogradConv, pays

ELEMENTWISE = (nn.ReLU, nn.BatchNorm2d, nn.LocalResponseNorm, nn.Dropout, nn.Identity)
AXES = (0, 1)  # rows, columns


@dataclass(frozen=True, eq=False)
class Patches:
    """Rectangles of one size, one for each picture: what stands in them, and where they lie.

    `values` is (N, C, h, w), `corners` (2, N) the first row and column of each, on the host.
    """

    values: Tensor
    corners: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of each."""
        return self.values.shape[2], self.values.shape[3]


@dataclass(frozen=True, eq=False)
class Watched:
    """The sum over one channel of a layer's output, for every picture."""

    layer: str
    channel: int
    sums: list[Tensor]  # (N,) of each call, appended


class PhotoPass:
    """One photo's pass through a flat network, kept to be changed in windows.

    `outputs` are outputs of layers by name, as an Inspection has them; what is missing is
    computed. Nothing of the network or of `outputs` is changed. The network is in eval mode. `many`
    pictures pay for transforming the kernels of wide convolutions, which are kept with this.
    """

    def __init__(
        self,
        network: nn.Sequential,
        image: Tensor,
        outputs: Mapping[str, Tensor] | None = None,
        *,
        many: bool = False,
    ) -> None:
        self.image = _channels_last(image.detach())
        self._layers: list[tuple[str, nn.Module]] = list(network.named_children())
        firsts = (i for i, (_, module) in enumerate(self._layers) if isinstance(module, nn.Linear))
        self._dense_from = next(firsts, len(self._layers))
        # maps[i] is what layer i reads, maps[i + 1] what it makes of the photo.
        self._maps = [self.image]
        self._padded: dict[int, Tensor] = {}
        self._fast = {
            at: WinogradConv.of(module)
            for at, (_, module) in enumerate(self._layers)
            if many and pays(module)
        }
        known = outputs or {}
        with torch.inference_mode():
            for name, module in self._layers[: self._dense_from]:
                made = known[name].detach() if name in known else module(self._maps[-1])
                self._maps.append(_channels_last(made))

    def dense(self, values: Tensor) -> Tensor:
        """The fully connected layers, on what `features` returned: logits (N, classes)."""
        with torch.inference_mode():
            for _, module in self._layers[self._dense_from :]:
                values = module(values)
            return values

    def features(self, patches: Patches, watched: Watched | None = None) -> Tensor:
        """What the fully connected layers read, of the photo with each patch in its place: (N, F).

        They run apart, in `dense`, because reading their weights once for many pictures is what
        makes them cheap.
        """
        with torch.inference_mode():
            state: Patches | Tensor = patches
            for at, (name, module) in enumerate(self._layers[: self._dense_from]):
                state = self._through(at, module, state)
                if watched is not None and watched.layer == name:
                    watched.sums.append(self._sums(at, watched.channel, state))
            if isinstance(state, Patches):
                state = self._whole(self._dense_from, state)
            return state

    def batches(
        self, corners: Sequence[tuple[int, int]], size: tuple[int, int], count: int
    ) -> list[list[int]]:
        """Which patches to stack, at most `count` together: those whose windows are of like sizes.

        Near the border windows are cut off; stacking them with whole ones would compute more.
        """
        kept: dict[tuple[int, int], tuple[int, ...]] = {}

        def sizes(at: int, axis: int) -> tuple[int, ...]:
            start = corners[at][axis]
            if (start, axis) not in kept:
                kept[start, axis] = self._sizes(start, size[axis], axis)
            return kept[start, axis]

        order = sorted(range(len(corners)), key=lambda at: (sizes(at, 0), sizes(at, 1)))
        found = []
        for _, group in groupby(order, key=lambda at: sizes(at, 0)):
            rows = list(group)
            parts = -(-len(rows) // count)
            found += [
                rows[len(rows) * i // parts : len(rows) * (i + 1) // parts] for i in range(parts)
            ]
        return found

    # --- one layer ---------------------------------------------------------------------------

    def _through(self, at: int, module: nn.Module, state: Patches | Tensor) -> Patches | Tensor:
        if isinstance(state, Patches) and not _windowed(module):
            state = self._whole(at, state)
        if not isinstance(state, Patches):
            if at in self._fast:
                fast = self._fast[at]
                return self._maps[at + 1] + fast.change(state - self._maps[at], fast.padding)
            return module(state)  # type: ignore[no-any-return]
        if isinstance(module, ELEMENTWISE):
            return Patches(module(state.values), state.corners)
        if isinstance(module, nn.Conv2d) and _pair(module.stride) == (1, 1):
            made = self._by_difference(at, module, state)
        else:
            made = self._with_border(at, module, state)
        whole = made.size == tuple(self._maps[at + 1].shape[2:])
        return made.values if whole else made

    def _by_difference(self, at: int, conv: nn.Conv2d, patches: Patches) -> Patches:
        """A convolution of stride 1: the photo's output plus that of the difference."""
        before, after = self._maps[at], self._maps[at + 1]
        difference = patches.values - _windows(before, patches.corners, patches.size)
        grown = _reach(conv, 0), _reach(conv, 1)
        if at in self._fast:
            change = self._fast[at].change_all_round(difference)
        else:
            change = F.conv2d(difference, conv.weight, None, 1, grown, conv.dilation, conv.groups)
        first, size = _touched(conv, patches, after)
        padding = torch.tensor([_pair(conv.padding)]).T
        offset = first - (patches.corners - torch.tensor([grown]).T + padding)
        made = _windows(after, first, size)
        made += _cut(change, offset, size)
        return Patches(made, first)

    def _with_border(self, at: int, module: nn.Module, patches: Patches) -> Patches:
        """Any layer with a kernel: windows of its input with their border, and the patch inside."""
        first, size = _touched(module, patches, self._maps[at + 1])
        steps, padding = _pair(module.stride), _pair(module.padding)  # type: ignore[arg-type]
        reads = [(size[axis] - 1) * steps[axis] + _reach(module, axis) + 1 for axis in AXES]
        start = first * torch.tensor([steps]).T - torch.tensor([padding]).T
        # Rows of the patch that no window reads need a place as well: a margin, cut off again.
        offset = patches.corners - start
        before = [max(0, -int(offset[axis].min())) for axis in AXES]
        behind = [
            max(0, int(offset[axis].max()) + patches.size[axis] - reads[axis]) for axis in AXES
        ]
        extent = (reads[0] + before[0] + behind[0], reads[1] + before[1] + behind[1])
        margin = torch.tensor([before]).T
        corners = start - margin + torch.tensor([padding]).T
        values = _windows(self._padded_input(at, module), corners, extent)
        _put(values, patches.values, offset + margin)
        values = values[:, :, before[0] : before[0] + reads[0], before[1] : before[1] + reads[1]]
        return Patches(_unpadded(module, values), first)

    def _padded_input(self, at: int, module: nn.Module) -> Tensor:
        """The layer's input with all the padding that its windows reach, kept."""
        if at not in self._padded:
            before, after = self._maps[at], self._maps[at + 1]
            padding, steps = _pair(module.padding), _pair(module.stride)  # type: ignore[arg-type]
            around = []
            for axis in AXES:
                end = (after.shape[2 + axis] - 1) * steps[axis] + _reach(module, axis) + 1
                around.append((padding[axis], max(0, end - before.shape[2 + axis] - padding[axis])))
            value = float("-inf") if isinstance(module, nn.MaxPool2d) else 0.0
            padded = before
            if any(map(any, around)):
                padded = _channels_last(F.pad(before, (*around[1], *around[0]), value=value))
            self._padded[at] = padded
        return self._padded[at]

    def _whole(self, at: int, patches: Patches) -> Tensor:
        """The whole map that layer `at` reads, for every picture."""
        values = self._maps[at].repeat(len(patches.values), 1, 1, 1)
        _put(values, patches.values, patches.corners)
        return values

    def _sums(self, at: int, channel: int, state: Patches | Tensor) -> Tensor:
        if not isinstance(state, Patches):
            return state[:, channel].float().sum((1, 2))
        photo = self._maps[at + 1][:, channel : channel + 1]
        change = state.values[:, channel : channel + 1] - _windows(photo, state.corners, state.size)
        return photo.float().sum() + change.float().sum((1, 2, 3))

    def _sizes(self, start: int, size: int, axis: int) -> tuple[int, ...]:
        """How long the window is along an axis, at every layer until one reads the whole map."""
        found = [size]
        for at, (_, module) in enumerate(self._layers[: self._dense_from]):
            if not _windowed(module):
                break
            if not isinstance(module, ELEMENTWISE):
                out = self._maps[at + 1].shape[2 + axis]
                first, length = _span(module, axis, torch.tensor([start]), found[-1], out)
                start = int(first)
                found.append(length)
        return tuple(found)


# --- geometry ------------------------------------------------------------------------------------


def _windowed(module: nn.Module) -> bool:
    """Whether a window of the output needs no more than a window of the input."""
    if isinstance(module, nn.Conv2d):
        return module.padding_mode == "zeros" and not isinstance(module.padding, str)
    if isinstance(module, nn.MaxPool2d):
        return not module.return_indices
    return isinstance(module, ELEMENTWISE)


def _touched(module: nn.Module, patches: Patches, after: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Windows of one size that hold every output unit that reads a patch: corners and size."""
    spans = [
        _span(module, axis, patches.corners[axis], patches.size[axis], after.shape[2 + axis])
        for axis in AXES
    ]
    return torch.stack([first for first, _ in spans]), (spans[0][1], spans[1][1])


def _span(module: nn.Module, axis: int, start: Tensor, size: int, out: int) -> tuple[Tensor, int]:
    """Along one axis: first unit of each window, and their common length; within the map."""
    padding, step = _pair(module.padding)[axis], _pair(module.stride)[axis]  # type: ignore[arg-type]
    first = -((_reach(module, axis) - start - padding) // step)  # rounded up
    last = (start + size - 1 + padding) // step
    first, last = first.clamp(0, out - 1), last.clamp(0, out - 1)
    length = max(1, int((last - first).max()) + 1)
    return first.clamp(max=out - length), length


def _reach(module: nn.Module, axis: int) -> int:
    """Units between the first and the last tap of the kernel."""
    return _pair(module.dilation)[axis] * (_pair(module.kernel_size)[axis] - 1)  # type: ignore[arg-type]


def _pair(value: int | tuple[int, ...] | str) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return int(value[0]), int(value[1])


# --- windows of maps, channels last so that each unit's channels are copied in one piece ----------


def _windows(maps: Tensor, corners: Tensor, size: tuple[int, int]) -> Tensor:
    """Copies of windows of a map (1, C, H, W): (N, C, *size); beyond the map its edge is taken."""
    rows, columns = _places(corners, size, maps.device)
    rows, columns = rows.clamp(0, maps.shape[2] - 1), columns.clamp(0, maps.shape[3] - 1)
    return maps[0].permute(1, 2, 0)[rows, columns].permute(0, 3, 1, 2)


def _put(maps: Tensor, values: Tensor, corners: Tensor) -> None:
    """Write each of `values` (N, C, h, w) into its own map of `maps` (N, C, H, W)."""
    rows, columns = _places(corners, (values.shape[2], values.shape[3]), maps.device)
    each = torch.arange(len(maps), device=maps.device)[:, None, None]
    maps.permute(0, 2, 3, 1)[each, rows, columns] = values.permute(0, 2, 3, 1)


def _cut(maps: Tensor, corners: Tensor, size: tuple[int, int]) -> Tensor:
    """A window of each map (N, C, H, W); beyond a map it is 0."""
    around = []
    for axis in AXES:
        low, high = int(corners[axis].min()), int(corners[axis].max())
        around.append((max(0, -low), max(0, high + size[axis] - maps.shape[2 + axis])))
    if any(map(any, around)):
        maps = F.pad(maps, (*around[1], *around[0]))
        corners = corners + torch.tensor([[around[0][0]], [around[1][0]]])
    top, left = (int(corners[axis, 0]) for axis in AXES)
    if bool((corners == corners[:, :1]).all()):
        return maps[:, :, top : top + size[0], left : left + size[1]]
    rows, columns = _places(corners, size, maps.device)
    each = torch.arange(len(maps), device=maps.device)[:, None, None]
    return maps.permute(0, 2, 3, 1)[each, rows, columns].permute(0, 3, 1, 2)


def _places(corners: Tensor, size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    rows = corners[0][:, None] + torch.arange(size[0])
    columns = corners[1][:, None] + torch.arange(size[1])
    return rows[:, :, None].to(device), columns[:, None, :].to(device)


def _unpadded(module: nn.Module, values: Tensor) -> Tensor:
    """The layer on windows that bring their own border."""
    if isinstance(module, nn.Conv2d):
        return F.conv2d(
            values, module.weight, module.bias, module.stride, 0, module.dilation, module.groups
        )
    if isinstance(module, nn.MaxPool2d):
        return F.max_pool2d(values, module.kernel_size, module.stride, 0, module.dilation)
    raise TypeError(f"{type(module).__name__} reads no windows")


def _channels_last(maps: Tensor) -> Tensor:
    if maps.dim() != 4:
        return maps
    return maps.contiguous(memory_format=torch.channels_last)
