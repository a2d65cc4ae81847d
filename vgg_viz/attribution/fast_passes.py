"""Passes for methods that take dozens or hundreds of them, with fewer multiplications on a CPU.

Winograd's minimal filtering (Lavin & Gray, arXiv 1509.09308): a tile of m x m outputs of a 3 x 3
convolution takes (m + 2)^2 multiplications per pair of channels, not 9 m^2:

    Y = A' [ (G g G') * (B' d B) ] A

d is the (m + 2) x (m + 2) tile of the input, g the kernel, * elementwise and summed over the input
channels, which makes it (m + 2)^2 matrix products. With m = 4 that is a quarter of the work. The
result is the convolution's; rounding is about five times a plain convolution's (5e-5 of outputs up
to 5 in fp32). On a GPU the libraries choose such algorithms themselves, so layers run as they are.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self, TypeGuard, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The transforms cost as much for few channels as for many: below this they do not pay.
LEAST_CHANNELS = 128

CACHED_BYTES = 2**24  # of transformed tiles at a time, so that they stay in the processor's cache

# (B', G, A') of F(m x m, 3 x 3) by m.
_TRANSFORMS = {
    2: (
        [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
        [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
        [[1, 1, 1, 0], [0, 1, -1, -1]],
    ),
    4: (
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ],
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    ),
}


class FastPasses:
    """A flat network's forward pass without a graph: logits of a batch (N, 3, H, W).

    Nothing of the network is changed. Holds the kernels in transformed form, in fp32 four times
    their bytes (235 MB for VGG-16); let it go with the question.
    """

    def __init__(self, network: nn.Sequential) -> None:
        self._layers: list[Callable[[Tensor], Tensor]] = [
            WinogradConv.of(module) if pays(module) else module for module in network.children()
        ]

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (N, classes)."""
        with torch.inference_mode():
            values = images.contiguous(memory_format=torch.channels_last)
            for layer in self._layers:
                values = layer(values)
            return values


def with_fast_gradients(layers: Sequence[nn.Module]) -> list[Callable[[Tensor], Tensor]]:
    """The layers, to be run with a graph down to the image; none down to the weights.

    Only the way back is fast. On the way there rounding decides now and then which unit of a ReLU
    or a pool lets the gradient through, and a map may change by a hundredth.
    """
    return [
        _FastBack(layer) if pays(layer) and max(_padding(layer)) <= 2 else layer for layer in layers
    ]


class _FastBack:
    """A convolution whose gradient at its input takes Winograd's tiles."""

    def __init__(self, conv: nn.Conv2d) -> None:
        self.conv, self.back = conv, WinogradConv.back_through(conv)

    def __call__(self, maps: Tensor) -> Tensor:
        return cast("Tensor", _Through.apply(maps, self))


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, layer: _FastBack) -> Tensor:
        ctx.back = layer.back
        return cast("Tensor", layer.conv(maps))

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> tuple[Tensor, None]:
        return ctx.back(signals[0]), None


def pays(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether it is a 3 x 3 convolution wide enough, on a CPU."""
    return (
        isinstance(module, nn.Conv2d)
        and module.weight.device.type == "cpu"
        and module.weight.dtype in (torch.float32, torch.bfloat16)
        and module.kernel_size == (3, 3)
        and module.stride == module.dilation == (1, 1)
        and module.groups == 1
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
        and min(module.in_channels, module.out_channels) >= LEAST_CHANNELS
    )


def kernel_bytes(conv: nn.Conv2d) -> int:
    """Bytes of a convolution's kernels in transformed form."""
    tile = _tile(conv.weight) + 2
    return conv.weight.nbytes * tile**2 // 9


def _slots(sheet: Tensor, down: int, across: int) -> Tensor:
    """(down x rows, across x columns, C) as (down, across, rows, columns, C), the same memory."""
    each = sheet.unflatten(0, (down, -1)).unflatten(2, (across, -1))  # type: ignore[no-untyped-call]
    return cast("Tensor", each.permute(0, 2, 1, 3, 4))


def _padding(conv: nn.Conv2d) -> tuple[int, int]:
    return int(conv.padding[0]), int(conv.padding[1])


def _tile(weight: Tensor) -> int:
    """Outputs along a side of a tile: 4 in fp32, 2 in bf16, whose 8 bits it rounds less."""
    return 4 if weight.dtype == torch.float32 else 2


class WinogradConv:
    """The same outputs as a convolution of stride 1 by `weight` (out, C, 3, 3)."""

    def __init__(self, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> None:
        self.padding = padding
        self._m = _tile(weight)
        b, g, a = (torch.tensor(rows, dtype=torch.float64) for rows in _TRANSFORMS[self._m])
        self._to_tiles = torch.kron(b, b).to(weight.dtype)  # (t^2, t^2), t = m + 2
        self._from_tiles = torch.kron(a, a).to(weight.dtype)  # (m^2, t^2)
        with torch.inference_mode(False), torch.no_grad():
            out, channels = weight.shape[:2]
            kernels = weight.detach().float().reshape(out * channels, 9)
            made = torch.kron(g, g).float() @ kernels.T  # (t^2, out x channels)
            made = made.view(-1, out, channels).transpose(1, 2).to(weight.dtype)
            self._kernels = made.contiguous()  # (t^2, channels, out)
            self._bias = None if bias is None else bias.detach()

    @classmethod
    def of(cls, conv: nn.Conv2d) -> Self:
        """The outputs of `conv`."""
        return cls(conv.weight, conv.bias, _padding(conv))

    @classmethod
    def back_through(cls, conv: nn.Conv2d) -> Self:
        """From d y / d output of `conv` to d y / d input: its kernels turned around."""
        weight = conv.weight.detach().flip(2, 3).transpose(0, 1)
        around = _padding(conv)
        return cls(weight, None, (2 - around[0], 2 - around[1]))

    def __call__(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, out, H', W'), channels last."""
        return self._run(maps, self.padding, self._bias)

    def change(self, difference: Tensor, padding: tuple[int, int]) -> Tensor:
        """What the output changes by when the input changes by `difference`: without the bias."""
        return self._run(difference, padding, None)

    def change_all_round(self, difference: Tensor) -> Tensor:
        """The same for all outputs that read a unit of it: (N, C, h, w) -> (N, out, h + 2, w + 2).

        Laid out beside each other on one sheet, two units apart, small maps fill its tiles; alone
        each would leave its last tiles half empty.
        """
        count, channels, *size = difference.shape
        rows, columns = size[0] + 2, size[1] + 2
        across = self._maps_across(count, rows, columns)
        down = -(-count // across)
        sheet = difference.new_zeros(down * rows + 2, across * columns + 2, channels)
        places = _slots(sheet[2:, 2:], down, across)
        result = difference.new_empty(count, rows, columns, self._kernels.shape[2])
        for row in range(down):
            some = difference[row * across : (row + 1) * across].permute(0, 2, 3, 1)
            places[row, : len(some), : size[0], : size[1]] = some
        made = self._run(sheet.permute(2, 0, 1)[None], (0, 0), None)[0].permute(1, 2, 0)
        places = _slots(made, down, across)
        for row in range(down):
            some = result[row * across : (row + 1) * across]
            some.copy_(places[row, : len(some)])
        return result.permute(0, 3, 1, 2)

    def _maps_across(self, count: int, rows: int, columns: int) -> int:
        """How many maps in a row of the sheet take the fewest tiles."""

        def tiles(across: int) -> int:
            down = -(-count // across)
            return -(-down * rows // self._m) * -(-across * columns // self._m)

        return min(range(1, count + 1), key=tiles)

    def _run(self, maps: Tensor, padding: tuple[int, int], bias: Tensor | None) -> Tensor:
        height, width = (maps.shape[2 + axis] + 2 * padding[axis] - 2 for axis in (0, 1))
        result = torch.empty(
            (len(maps), self._kernels.shape[2], height, width),
            dtype=maps.dtype,
            memory_format=torch.channels_last,
        )
        by_place = result.permute(0, 2, 3, 1)
        tiles = (-(-height // self._m)) * (-(-width // self._m))
        each = self._kernels.shape[0] * tiles * max(self._kernels.shape[1:]) * maps.element_size()
        count = max(1, CACHED_BYTES // each)
        for start in range(0, len(maps), count):
            some = slice(start, start + count)
            self._convolve(maps[some].permute(0, 2, 3, 1), padding, bias, by_place[some])
        return result

    def _convolve(
        self, maps: Tensor, padding: tuple[int, int], bias: Tensor | None, result: Tensor
    ) -> None:
        """(N, H, W, C) into `result` (N, H', W', out)."""
        m, t = self._m, self._m + 2
        count, made_height, made_width, _ = result.shape
        _, height, width, channels = maps.shape
        top, left = padding
        down, across = -(-made_height // m), -(-made_width // m)
        bottom, right = down * m + 2 - height - top, across * m + 2 - width - left
        padded = F.pad(maps, (0, 0, left, right, top, bottom))
        tiles = maps.new_empty(t * t, count, down, across, channels)
        last = (down - 1) * m + 1, (across - 1) * m + 1
        for i in range(t):
            for j in range(t):
                tiles[i * t + j].copy_(padded[:, i : i + last[0] : m, j : j + last[1] : m])
        values = (self._to_tiles @ tiles.view(t * t, -1)).view(t * t, -1, channels)
        made = torch.bmm(values, self._kernels)
        made = (self._from_tiles @ made.view(t * t, -1)).view(m, m, count, down, across, -1)
        if bias is not None:
            made += bias
        for i in range(m):
            for j in range(m):
                into = result[:, i::m, j::m]
                into.copy_(made[i, j, :, : into.shape[1], : into.shape[2]])
