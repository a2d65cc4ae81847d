"""The networks of the lecture as tables of layers. Pure data: nothing here imports torch.

A table is a tuple of `Layer` rows in the order of computation. Rows carry the papers' names
(conv5_3, relu5_3, pool5, fc6), so "which layer is that" never needs an index. Modules are built
from the tables by `networks`; shapes, costs and receptive fields by `vgg_viz.architecture`.

Sources: VGG table 1 of Simonyan & Zisserman (arXiv 1409.1556v6); ZFNet figure 3 and section 4.3
of Zeiler & Fergus (arXiv 1311.2901) with the paddings of pytorchcv's `zfnetb`; AlexNet as in
torchvision ("One weird trick", arXiv 1404.5997).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from vgg_viz.errors import InputError, UnknownNameError

Kind = Literal[
    "conv",
    "batch_norm",
    "relu",
    "lrn",
    "max_pool",
    "avg_pool",
    "flatten",
    "dropout",
    "linear",
]


@dataclass(frozen=True)
class Layer:
    """One row of a table.

    `out` is the number of output channels (conv) or features (linear), or the side of the output
    grid (avg_pool); `kernel`, `stride`, `padding` and `dilation` (the step between the kernel's
    taps) are in px of the layer's own input.
    """

    name: str
    kind: Kind
    out: int = 0
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    ceil_mode: bool = False
    lrn_k: float = 2.0  # AlexNet's constants: n = 5, alpha = 1e-4, beta = 0.75, k = 2
    dilation: int = 1


LRN_SIZE, LRN_ALPHA, LRN_BETA = 5, 1e-4, 0.75
DROPOUT = 0.5


@dataclass(frozen=True)
class NetworkConfig:
    """A network fully determined: its table at a width, an input size and a number of classes.

    `channels` lists the output channels of the convolutions in order, `hidden` those of fc6 and
    fc7. `input_size` is the side in px the network is declared for; it fixes the grid before fc6.
    Other input sizes run too: the grid is then average-pooled to the declared one.
    """

    network: str
    channels: tuple[int, ...]
    hidden: tuple[int, int]
    classes: int
    input_size: int
    layers: tuple[Layer, ...] = field(repr=False, compare=False)

    @property
    def convs(self) -> tuple[str, ...]:
        """Names of the convolutions, first to last."""
        return tuple(layer.name for layer in self.layers if layer.kind == "conv")

    @property
    def width(self) -> float:
        """First-layer channels over those of the paper's network: 0.25 means a quarter."""
        return self.channels[0] / NETWORKS[self.network].channels[0]

    def layer(self, name: str) -> Layer:
        """Return the row called `name`; UnknownNameError when there is none."""
        for row in self.layers:
            if row.name == name:
                return row
        raise UnknownNameError.among(f"layer of {self.network}", name, self.convs)


@dataclass(frozen=True)
class NetworkSpec:
    """What the registry knows about a network before its width is chosen."""

    name: str
    title: str  # for people: "VGG-16 (D)"
    paper: str
    channels: tuple[int, ...]  # of the paper's network
    table: Callable[[tuple[int, ...]], tuple[Layer, ...]] = field(repr=False)
    dropout_first: bool = False  # torchvision's AlexNet drops before fc6 and fc7, not after


def _vgg(name: str, title: str, stages: str, *, bn: bool = False, lrn: bool = False) -> NetworkSpec:
    """A VGG from a stage string such as "64 64 | 128": 3x3; "c256" is 1x1, "f256" is 5x5."""
    plan = [stage.split() for stage in stages.split("|")]
    channels = tuple(int(item.lstrip("cf")) for stage in plan for item in stage)

    def table(widths: tuple[int, ...]) -> tuple[Layer, ...]:
        rows: list[Layer] = []
        left = list(widths)
        for i, stage in enumerate(plan, start=1):
            for j, item in enumerate(stage, start=1):
                kernel = {"c": 1, "f": 5}.get(item[0], 3)
                rows.append(
                    Layer(f"conv{i}_{j}", "conv", left.pop(0), kernel, padding=(kernel - 1) // 2)
                )
                if bn:
                    rows.append(Layer(f"bn{i}_{j}", "batch_norm"))
                rows.append(Layer(f"relu{i}_{j}", "relu"))
                if lrn and (i, j) == (1, 1):
                    rows.append(Layer("norm1", "lrn"))
            rows.append(Layer(f"pool{i}", "max_pool", kernel=2, stride=2))
        return tuple(rows)

    return NetworkSpec(name, title, "arXiv 1409.1556", channels, table)


def _eight_layers(name: str, title: str, paper: str, rows: tuple[Layer, ...]) -> NetworkSpec:
    """AlexNet or ZFNet: the convolutional rows as written, their channels replaceable."""

    def table(widths: tuple[int, ...]) -> tuple[Layer, ...]:
        left = list(widths)
        return tuple(replace(row, out=left.pop(0)) if row.kind == "conv" else row for row in rows)

    channels = tuple(row.out for row in rows if row.kind == "conv")
    return NetworkSpec(name, title, paper, channels, table, dropout_first=name == "alexnet")


def _zfnet(name: str, title: str, middle: tuple[int, int, int]) -> NetworkSpec:
    """ZFNet. pytorchcv normalises before pooling, as the lecture's slides do; the paper after."""
    rows = (
        Layer("conv1", "conv", 96, kernel=7, stride=2, padding=1),
        Layer("relu1", "relu"),
        Layer("norm1", "lrn"),
        Layer("pool1", "max_pool", kernel=3, stride=2, ceil_mode=True),
        Layer("conv2", "conv", 256, kernel=5, stride=2),
        Layer("relu2", "relu"),
        Layer("norm2", "lrn"),
        Layer("pool2", "max_pool", kernel=3, stride=2, ceil_mode=True),
        *_three_convs(middle),
        Layer("pool5", "max_pool", kernel=3, stride=2, ceil_mode=True),
    )
    return _eight_layers(name, title, "arXiv 1311.2901", rows)


def _alexnet() -> NetworkSpec:
    rows = (
        Layer("conv1", "conv", 64, kernel=11, stride=4, padding=2),
        Layer("relu1", "relu"),
        Layer("pool1", "max_pool", kernel=3, stride=2),
        Layer("conv2", "conv", 192, kernel=5, padding=2),
        Layer("relu2", "relu"),
        Layer("pool2", "max_pool", kernel=3, stride=2),
        *_three_convs((384, 256, 256)),
        Layer("pool5", "max_pool", kernel=3, stride=2),
    )
    return _eight_layers("alexnet", "AlexNet", "arXiv 1404.5997", rows)


def _three_convs(channels: tuple[int, int, int]) -> tuple[Layer, ...]:
    return tuple(
        row
        for i, out in enumerate(channels, start=3)
        for row in (Layer(f"conv{i}", "conv", out, kernel=3, padding=1), Layer(f"relu{i}", "relu"))
    )


_A = "64 | 128 | 256 256 | 512 512 | 512 512"
_B = "64 64 | 128 128 | 256 256 | 512 512 | 512 512"
_B5 = "f64 | f128 | f256 | f512 | f512"  # each pair of 3x3 of B is one 5x5: the paper's comparison
_C = "64 64 | 128 128 | 256 256 c256 | 512 512 c512 | 512 512 c512"
_D = "64 64 | 128 128 | 256 256 256 | 512 512 512 | 512 512 512"
_E = "64 64 | 128 128 | 256 256 256 256 | 512 512 512 512 | 512 512 512 512"

NETWORKS: dict[str, NetworkSpec] = {
    spec.name: spec
    for spec in (
        _alexnet(),
        _zfnet("zfnet_a", "ZFNet (a)", (384, 384, 256)),
        _zfnet("zfnet_b", "ZFNet (b)", (512, 1024, 512)),
        _vgg("vgg11", "VGG-11 (A)", _A),
        _vgg("vgg11_lrn", "VGG-11 (A-LRN)", _A, lrn=True),
        _vgg("vgg13", "VGG-13 (B)", _B),
        _vgg("vgg13_5x5", "Shallow B (5x5)", _B5),
        _vgg("vgg16_c", "VGG-16 (C)", _C),
        _vgg("vgg16", "VGG-16 (D)", _D),
        _vgg("vgg19", "VGG-19 (E)", _E),
        _vgg("vgg11_bn", "VGG-11 (A) + BN", _A, bn=True),
        _vgg("vgg13_bn", "VGG-13 (B) + BN", _B, bn=True),
        _vgg("vgg16_bn", "VGG-16 (D) + BN", _D, bn=True),
        _vgg("vgg19_bn", "VGG-19 (E) + BN", _E, bn=True),
    )
}


def spec(network: str) -> NetworkSpec:
    """Return the registry's entry; UnknownNameError with the choices when there is none."""
    if network not in NETWORKS:
        raise UnknownNameError.among("network", network, NETWORKS)
    return NETWORKS[network]


def build(
    network: str,
    *,
    width: float = 1.0,
    channels: tuple[int, ...] | None = None,
    hidden: tuple[int, int] | None = None,
    classes: int = 1000,
    input_size: int = 224,
) -> NetworkConfig:
    """Return the table of `network` at a width, an input size and a number of classes.

    `width` multiplies the channels of every convolution and the 4096 of fc6 and fc7 (rounded, at
    least 1); `channels` and `hidden` override it. Raises InputError for sizes that cannot be
    built: the message names the layer that collapses and the least input size that works.
    """
    entry = spec(network)
    if not 0 < width <= 4:
        raise InputError(f"Width {width} is out of range; give a factor above 0 and up to 4.")
    if classes < 1:
        raise InputError(f"{classes} classes cannot be told apart; give at least 1.")
    widths = channels or tuple(_scaled(out, width) for out in entry.channels)
    if len(widths) != len(entry.channels) or min(widths) < 1:
        raise InputError(f"{network} has {len(entry.channels)} convolutions; got widths {widths}.")
    units = hidden or (_scaled(4096, width), _scaled(4096, width))
    features = entry.table(widths)
    grid = _grid_side(network, features, input_size)
    rows = (*features, Layer("avgpool", "avg_pool", grid), *_head(entry, units, classes))
    return NetworkConfig(network, widths, units, classes, input_size, rows)


def _head(entry: NetworkSpec, units: tuple[int, int], classes: int) -> tuple[Layer, ...]:
    rows = [Layer("flatten", "flatten")]
    for name, out in zip(("6", "7"), units, strict=True):
        block = [Layer(f"fc{name}", "linear", out), Layer(f"relu{name}", "relu")]
        drop = Layer(f"drop{name}", "dropout")
        rows += [drop, *block] if entry.dropout_first else [*block, drop]
    return (*rows, Layer("fc8", "linear", classes))


def _scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width))


def out_side(row: Layer, side: int) -> int:
    """Side in px of what `row` makes of a map of `side` px, by torch's rules (ceil mode too)."""
    if row.kind not in ("conv", "max_pool"):
        return row.out if row.kind == "avg_pool" else side
    span = side + 2 * row.padding - row.dilation * (row.kernel - 1) - 1
    steps = -(-span // row.stride) if row.ceil_mode else span // row.stride
    # torch drops a last window that would start beyond the map and its left padding.
    if row.ceil_mode and steps * row.stride >= side + row.padding:
        steps -= 1
    return max(0, steps + 1)


def _grid_side(network: str, rows: tuple[Layer, ...], input_size: int) -> int:
    collapsed = _collapsing_layer(rows, input_size)
    if collapsed is None:
        side = input_size
        for row in rows:
            side = out_side(row, side)
        return side
    raise InputError(
        f"An input of {input_size} px is too small for {network}: nothing is left at {collapsed}. "
        f"Give at least {least_input_size(network)} px."
    )


def least_input_size(network: str) -> int:
    """Return the least input in px that leaves a last map; UnknownNameError as `spec`."""
    entry = spec(network)
    rows = entry.table(entry.channels)
    return next(size for size in range(1, 1024) if _collapsing_layer(rows, size) is None)


def _collapsing_layer(rows: tuple[Layer, ...], input_size: int) -> str | None:
    side = input_size
    for row in rows:
        side = out_side(row, side)
        if side < 1:
            return row.name
    return None
