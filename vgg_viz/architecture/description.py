"""Every layer of a network with its shape, cost and receptive field; and their sums."""

from dataclasses import dataclass, field, replace

from vgg_viz.architecture.receptive_field import ReceptiveField
from vgg_viz.errors import UnknownNameError
from vgg_viz.models.configs import Kind, Layer, NetworkConfig, build, out_side, spec
from vgg_viz.results import LayerInfo, ModelInfo

PASSES_ON = ("flatten", "dropout")  # in eval their output is their input: no memory of its own


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
    dilation: int  # step between the kernel's taps; 1: none is left out
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
    def title(self) -> str:
        """The network's name for people: "VGG-16 (D)"."""
        return spec(self.config.network).title

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
        follows = seen.after(layer.kernel, layer.stride, layer.padding, layer.dilation)
        seen = whole if layer.kind == "linear" else follows
        rows.append(_row(layer, channels, side, seen))
        channels, side = rows[-1].out_channels, rows[-1].out_side
    return Architecture(config, size, tuple(rows))


def describe_network(
    network: str, *, width: float = 1.0, classes: int = 1000, input_size: int = 224
) -> Architecture:
    """Return the architecture of a network of the registry, built for `input_size` px.

    fc6 takes the whole last map, so its parameters grow with the input. Errors as `configs.build`.
    """
    return describe(build(network, width=width, classes=classes, input_size=input_size))


def describe_model(info: ModelInfo, input_size: int | None = None) -> Architecture:
    """Return the architecture of a model with weights: its own widths, classes and input size.

    At another `input_size` its weights stay what they are: see `describe`.
    """
    out = {layer.name: layer.channels for layer in info.layers}
    config = build(
        info.network,
        channels=tuple(layer.channels for layer in info.convs),
        hidden=(out["fc6"], out["fc7"]),
        classes=out["fc8"],
        input_size=info.input_size,
    )
    return describe(config, input_size)


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
        dilation=layer.dilation,
        parameters=parameters,
        macs=macs,
        receptive_field=seen,
    )
