"""Shapes, parameters, MACs, memory and receptive fields of a network, from its table alone.

No forward pass and no torch: a network of 138 million parameters is described in a millisecond.

Counted as torchvision's `_ops` and torch's flop counter (which counts 2 per MAC) do: convolutions
and linear layers have MACs, everything else has none; a bias is a parameter and no MAC.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Protocol

from vgg_viz.errors import UnknownNameError
from vgg_viz.models.configs import Kind, Layer, NetworkConfig, build, out_side
from vgg_viz.results import LayerInfo

PASSES_ON = ("flatten", "dropout")  # in eval their output is their input: no memory of its own


@dataclass(frozen=True)
class ReceptiveField:
    """The square of the input that one unit can see (Araujo, Norris & Sim, Distill 2019).

    All three in px of the input, before clipping at its border: near a border, and for a field
    larger than the input, part of the square lies outside and sees padding.
    """

    size: int = 1
    jump: int = 1  # between the fields of neighbouring units
    padding: int = 0  # how far the first unit's field begins before the input

    def after(self, kernel: int, stride: int = 1, padding: int = 0) -> "ReceptiveField":
        """Return the field one layer later: r + (k - 1) j, j s, p + pad j."""
        return ReceptiveField(
            self.size + (kernel - 1) * self.jump,
            self.jump * stride,
            self.padding + padding * self.jump,
        )

    def span(self, i: int) -> tuple[int, int]:
        """First px and the px after the last one that unit `i` of a row sees, not clipped."""
        start = i * self.jump - self.padding
        return start, start + self.size

    def center(self, i: int) -> float:
        """Centre of what unit `i` of a row sees, where px 0 has its centre at 0."""
        return -self.padding + i * self.jump + (self.size - 1) / 2


@dataclass(frozen=True)
class LayerRow:
    """A row of the table with everything that follows from it, for one image.

    Fully-connected layers work on vectors: their sides are 1. The adaptive pool's `kernel` and
    `stride` are both 1 at the declared input size; where its windows are uneven, they are the
    largest window and the mean stride, rounded.
    """

    name: str
    kind: Kind
    in_channels: int
    out_channels: int
    in_side: int  # px
    out_side: int  # px
    kernel: int  # px of the layer's own input, like stride and padding
    stride: int
    padding: int
    parameters: int  # learned values; the running statistics of batch norm are none
    macs: int  # multiply-accumulates; FLOPs = 2 x MACs
    receptive_field: ReceptiveField

    @property
    def activations(self) -> int:
        """Elements of the output."""
        return self.out_channels * self.out_side**2

    @property
    def info(self) -> LayerInfo:
        """The row as pickers and cost strips need it."""
        return LayerInfo(
            name=self.name,
            kind=self.kind,
            channels=self.out_channels,
            side=self.out_side,
            receptive_field=self.receptive_field.size,
            jump=self.receptive_field.jump,
            parameters=self.parameters,
            macs=self.macs,
        )


@dataclass(frozen=True)
class Architecture:
    """A network's rows at one input size, and their sums."""

    config: NetworkConfig
    input_size: int  # px
    rows: tuple[LayerRow, ...] = field(repr=False)

    @property
    def parameters(self) -> int:
        """Learned values of the whole network."""
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image; FLOPs are twice as many."""
        return sum(row.macs for row in self.rows)

    @property
    def fc_parameters(self) -> int:
        """Parameters of fc6, fc7 and fc8."""
        return sum(row.parameters for row in self.rows if row.kind == "linear")

    @property
    def conv_parameters(self) -> int:
        """Parameters of everything before fc6: the convolutions and their batch norms."""
        return self.parameters - self.fc_parameters

    @property
    def conv_macs(self) -> int:
        """MACs of the convolutions."""
        return sum(row.macs for row in self.rows if row.kind == "conv")

    @property
    def fc_parameter_share(self) -> float:
        """Share of the fully-connected layers in the parameters, in [0, 1]."""
        return self.fc_parameters / self.parameters

    @property
    def conv_mac_share(self) -> float:
        """Share of the convolutions in the MACs, in [0, 1]."""
        return self.conv_macs / self.macs

    @property
    def convs(self) -> tuple[LayerRow, ...]:
        """The convolutions, first to last."""
        return tuple(row for row in self.rows if row.kind == "conv")

    def row(self, name: str) -> LayerRow:
        """Return the row called `name`; UnknownNameError when there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        kind = f"layer of {self.config.network}"
        raise UnknownNameError.among(kind, name, (row.name for row in self.rows))

    def parameter_bytes(self, bytes_per_value: int = 4) -> int:
        """Memory of the parameters; 4 bytes a value is fp32, 2 is bf16."""
        return self.parameters * bytes_per_value

    def activation_bytes(
        self, batch: int = 1, bytes_per_value: int = 4, kind: Kind | None = None
    ) -> int:
        """Memory to keep every layer's output at once, as a pass with gradients has to.

        Flatten and dropout (in eval) cost nothing. With `kind`, only the rows of that kind count.
        """
        kept = (row for row in self.rows if row.kind not in PASSES_ON)
        values = sum(row.activations for row in kept if kind in (None, row.kind))
        return batch * bytes_per_value * values


def describe(config: NetworkConfig, input_size: int | None = None) -> Architecture:
    """Return the architecture of `config` at `input_size` px (default: the declared size).

    At another size the adaptive pool brings the last map to the declared grid, so fc6 and the
    parameters stay what they are. InputError when the size is too small to leave a last map.
    """
    size = config.input_size if input_size is None else input_size
    if size != config.input_size:
        build(config.network, input_size=size)  # raises, saying which layer collapses
    rows: list[LayerRow] = []
    channels, side = 3, size
    seen = whole = ReceptiveField()
    for declared in config.layers:
        layer = _at_side(declared, side)
        if layer.kind == "avg_pool":
            whole = seen.after(side)  # fc6 is a convolution over the whole last map; fc7, fc8 1x1
        follows = seen.after(layer.kernel, layer.stride, layer.padding)
        seen = whole if layer.kind == "linear" else follows
        rows.append(_row(layer, channels, side, seen))
        channels, side = rows[-1].out_channels, rows[-1].out_side
    return Architecture(config, size, tuple(rows))


def layer_infos(config: NetworkConfig) -> tuple[LayerInfo, ...]:
    """Return every row of `config` at its declared input size, as the service describes it."""
    return tuple(row.info for row in describe(config).rows)


def _at_side(layer: Layer, side: int) -> Layer:
    """An adaptive pool with the kernel and stride it works with on a map of `side` px."""
    if layer.kind != "avg_pool":
        return layer
    starts = [i * side // layer.out for i in range(layer.out)]
    ends = [-(-(i + 1) * side // layer.out) for i in range(layer.out)]
    kernel = max(end - start for start, end in zip(starts, ends, strict=True))
    return replace(layer, kernel=kernel, stride=max(1, round(side / layer.out)))


def _row(layer: Layer, channels: int, side: int, seen: ReceptiveField) -> LayerRow:
    out_channels, result_side = channels, out_side(layer, side)
    parameters = macs = 0
    match layer.kind:
        case "conv":
            out_channels = layer.out
            weights = layer.kernel**2 * channels * layer.out
            parameters, macs = weights + layer.out, weights * result_side**2
        case "linear":
            out_channels = layer.out
            parameters, macs = (channels + 1) * layer.out, channels * layer.out
        case "batch_norm":
            parameters = 2 * channels
        case "flatten":
            out_channels, result_side = channels * side**2, 1
        case _:
            pass
    return LayerRow(
        name=layer.name,
        kind=layer.kind,
        in_channels=channels,
        out_channels=out_channels,
        in_side=side,
        out_side=result_side,
        kernel=layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        parameters=parameters,
        macs=macs,
        receptive_field=seen,
    )


class SeesPartOfTheInput(Protocol):
    """What pairing has to know of a layer; `results.LayerInfo` is one."""

    @property
    def name(self) -> str:
        """The paper's name."""
        ...

    @property
    def kind(self) -> str:
        """Only "conv" is paired."""
        ...

    @property
    def receptive_field(self) -> int:
        """Side of the field in px of the input."""
        ...


def pair_by_receptive_field(
    layer: str, of: Sequence[SeesPartOfTheInput], to: Sequence[SeesPartOfTheInput]
) -> str:
    """Name the convolution of `to` that sees most nearly as much of the input as `layer` of `of`.

    Nearest on a log scale: a field of half the size is as far away as one of twice the size. Ties
    come from 1x1 convolutions, which repeat a field: then relative depth decides, as in
    `pair_by_depth`, and so a network is paired with itself layer by layer.

    Takes the layers of two networks (`layer_infos(config)` or `ModelInfo.layers`); what is not a
    convolution is passed over. UnknownNameError when `layer` is no convolution of `of`.
    """
    convs, convs_to = _convs(of), _convs(to)
    position = _position(layer, convs)
    size = convs[position].receptive_field

    def distance(i: int) -> tuple[Fraction, int]:
        low, high = sorted((size, convs_to[i].receptive_field))
        # Fractions, not logarithms: a tie is a tie on every machine.
        return Fraction(high, low), _depth_gap(position, i, len(convs), len(convs_to))

    return convs_to[min(range(len(convs_to)), key=distance)].name


def pair_by_depth(
    layer: str, of: Sequence[SeesPartOfTheInput], to: Sequence[SeesPartOfTheInput]
) -> str:
    """Name the convolution of `to` at the same relative depth as `layer` of `of`.

    The first is paired with the first and the last with the last, the others in proportion; half
    way between two, the earlier one is taken. Arguments and errors as `pair_by_receptive_field`.
    """
    convs, convs_to = _convs(of), _convs(to)
    position = _position(layer, convs)
    gaps = [_depth_gap(position, i, len(convs), len(convs_to)) for i in range(len(convs_to))]
    return convs_to[gaps.index(min(gaps))].name


def _depth_gap(position: int, i: int, count: int, count_to: int) -> int:
    """Distance in relative depth, times (count - 1)(count_to - 1) to stay a whole number."""
    return abs(i * (count - 1) - position * (count_to - 1))


def _convs(layers: Sequence[SeesPartOfTheInput]) -> list[SeesPartOfTheInput]:
    return [layer for layer in layers if layer.kind == "conv"]


def _position(name: str, convs: Sequence[SeesPartOfTheInput]) -> int:
    names = [conv.name for conv in convs]
    if name not in names:
        raise UnknownNameError.among("convolution", name, names)
    return names.index(name)
