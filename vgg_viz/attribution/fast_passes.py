"""Forward passes for methods that take hundreds of them, with fewer multiplications on a CPU.

Winograd's minimal filtering (Lavin & Gray, arXiv 1509.09308): a tile of m x m outputs of a 3 x 3
convolution takes (m + 2)^2 multiplications per pair of channels, not 9 m^2:

    Y = A' [ (G g G') * (B' d B) ] A

d is the (m + 2) x (m + 2) tile of the input, g the kernel, * elementwise and summed over the input
channels, which makes it (m + 2)^2 matrix products. With m = 4 that is a quarter of the work. The
result is the convolution's; rounding is about five times a plain convolution's (5e-5 of outputs up
to 5 in fp32). On a GPU the libraries choose such algorithms themselves, so layers run as they are.
"""

from collections.abc import Callable
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The transforms cost as much for few channels as for many: below this they do not pay.
LEAST_CHANNELS = 128

CACHED_BYTES = 2**23  # of transformed tiles at a time, so that they stay in the processor's cache

# (B', G, A') of F(m x m, 3 x 3) by m; m = 4 for fp32, m = 2 for bf16, whose 8 bits it rounds less.
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
            WinogradConv(module) if pays(module) else module for module in network.children()
        ]

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (N, classes)."""
        with torch.inference_mode():
            values = images.contiguous(memory_format=torch.channels_last)
            for layer in self._layers:
                values = layer(values)
            return values


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


class WinogradConv:
    """The same outputs as a 3 x 3 convolution of stride 1."""

    def __init__(self, conv: nn.Conv2d) -> None:
        self._m = 4 if conv.weight.dtype == torch.float32 else 2
        self._own_padding = int(conv.padding[0]), int(conv.padding[1])
        b, g, a = (torch.tensor(rows, dtype=torch.float64) for rows in _TRANSFORMS[self._m])
        self._to_tiles = torch.kron(b, b).to(conv.weight.dtype)  # (t^2, t^2), t = m + 2
        self._from_tiles = torch.kron(a, a).to(conv.weight.dtype)  # (m^2, t^2)
        with torch.inference_mode():
            out, channels = conv.weight.shape[:2]
            kernels = conv.weight.detach().float().reshape(out * channels, 9)
            made = torch.kron(g, g).float() @ kernels.T  # (t^2, out x channels)
            made = made.view(-1, out, channels).transpose(1, 2).to(conv.weight.dtype)
            self._kernels = made.contiguous()  # (t^2, channels, out)
            self._bias = None if conv.bias is None else conv.bias.detach()

    def __call__(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, out, H', W'), channels last."""
        return self._run(maps, self._own_padding, self._bias)

    def change(self, difference: Tensor) -> Tensor:
        """What an input that differs by `difference` (N, C, h, w) changes: (N, out, h + 2, w + 2).

        Every output that reads a unit of it; no bias.
        """
        return self._run(difference, (2, 2), None)

    def _run(self, maps: Tensor, padding: tuple[int, int], bias: Tensor | None) -> Tensor:
        height, width = (maps.shape[2 + axis] + 2 * padding[axis] - 2 for axis in (0, 1))
        result = maps.new_empty(len(maps), height, width, self._kernels.shape[2])
        tiles = (-(-height // self._m)) * (-(-width // self._m))
        each = self._kernels.shape[0] * tiles * max(self._kernels.shape[1:]) * maps.element_size()
        count = max(1, CACHED_BYTES // each)
        for start in range(0, len(maps), count):
            some = slice(start, start + count)
            self._convolve(maps[some].permute(0, 2, 3, 1), padding, bias, result[some])
        return result.permute(0, 3, 1, 2)

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
