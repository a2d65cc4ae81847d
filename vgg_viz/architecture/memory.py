"""How many bytes a network needs to run, and to be trained, from its table alone.

What is counted is what torch holds for the modules of `vgg_viz.models.networks`: ReLU out of place,
maps channels last. Not counted: what a library's kernel takes for itself (cuDNN's workspace), what
an allocator holds in reserve, the loss, and the two gradients of maps that a backward pass has at
a time.
"""

from dataclasses import dataclass
from itertools import pairwise

from vgg_viz.architecture.description import Architecture, LayerRow
from vgg_viz.models.configs import LRN_SIZE, Kind

INDEX_BYTES = 8  # torch notes the place of a maximum as int64
STATISTIC_BYTES = 4  # batch norm keeps its batch's mean and deviation in fp32
COPIES = 3  # of each parameter in a training by SGD with momentum: itself, gradient, momentum

# Their backward passes read their input again; ReLU's reads its output.
READ_THEIR_INPUT: tuple[Kind, ...] = ("conv", "linear", "batch_norm", "lrn", "max_pool")


@dataclass(frozen=True)
class LayerMemory:
    """Bytes of a layer for the whole batch."""

    name: str
    kind: Kind
    alive: int  # inference: the batch of images, this layer's input, scratch space and output
    kept: int  # training: what this layer adds to what has to stay until the backward pass


@dataclass(frozen=True)
class NetworkMemory:
    """Bytes of a network for one batch; every part of `inference` and `training` is given."""

    batch: int
    bytes_per_value: int
    parameters: int
    image: int  # the batch of images
    rows: tuple[LayerMemory, ...]

    @property
    def peak(self) -> LayerMemory:
        """The layer with most alive at a time in an inference; the first one of several."""
        return max(self.rows, key=lambda row: row.alive)

    @property
    def inference(self) -> int:
        """Parameters and the peak of what is alive at a time."""
        return self.parameters + self.peak.alive

    @property
    def kept(self) -> int:
        """What stays from the forward to the backward pass: the images and every row's share."""
        return self.image + sum(row.kept for row in self.rows)

    @property
    def training(self) -> int:
        """Parameters, their gradients, SGD's momentum, and what is kept for the backward pass."""
        return COPIES * self.parameters + self.kept

    def row(self, name: str) -> LayerMemory:
        """The row called `name`, one of the architecture's."""
        return next(row for row in self.rows if row.name == name)


def memory_of(
    architecture: Architecture, batch: int = 1, bytes_per_value: int = 4
) -> NetworkMemory:
    """Return the memory of a network for `batch` images; 4 bytes a value is fp32, 2 is bf16.

    Inference, layer by layer: alive = images + input + scratch + output, where the images stay
    because their owner holds them. Max-pooling's scratch is an int64 index for every output, which
    torch makes even where nobody wants it; LRN takes two maps of its output's size beside input
    and output. Dropout passes its input on. Flatten copies, as maps lie channels last.

    Training, with dropout on: a convolution or linear layer, batch norm, LRN and pooling need
    their input again, ReLU its output. So ReLU's output is kept once for ReLU and for what
    follows, and the output of a convolution before a ReLU not at all; with batch norm between
    them it is. On top come, per layer: an int64 index for every output of a max-pooling; a mask
    value for every output of a dropout (as on the CPU; CUDA's masks take 1 byte); batch norm's
    mean and deviation per channel; LRN's three maps (padded squares, base and power).
    """
    rows = architecture.rows
    image = batch * bytes_per_value * 3 * architecture.input_size**2
    found = []
    for i, (row, following) in enumerate(pairwise((*rows, None))):
        if row is None:  # for the type checker: only `following` is
            continue
        source = 0 if i == 0 else _inputs(row)
        alive = image + batch * (bytes_per_value * (source + _made(row)) + _indices(row))
        kept = bytes_per_value * (_outputs_kept(row, following) + _notes(row)) + _indices(row)
        found.append(LayerMemory(row.name, row.kind, alive, batch * kept + _statistics(row)))
    parameters = architecture.parameter_bytes(bytes_per_value)
    return NetworkMemory(batch, bytes_per_value, parameters, image, tuple(found))


def moved_bytes(
    architecture: Architecture, batch: int = 1, bytes_per_value: int = 4
) -> dict[str, int]:
    """Return what each layer has to move at least: parameters, input and output, each once.

    Dropout passes its input on and moves nothing.
    """

    def values(row: LayerRow) -> int:
        return row.parameters + batch * (_inputs(row) + row.activations)

    return {
        row.name: 0 if row.kind == "dropout" else bytes_per_value * values(row)
        for row in architecture.rows
    }


def _inputs(row: LayerRow) -> int:
    """Values of the input of one image."""
    return row.in_channels * row.in_side**2


def _made(row: LayerRow) -> int:
    """Values a layer has beside its input at its busiest moment: output and scratch."""
    match row.kind:
        case "dropout":
            return 0
        case "flatten":
            return row.activations if row.in_side > 1 else 0
        case "lrn":  # squares and padded squares; then mean, scaled and raised one after another
            return max(row.activations + _padded(row), 3 * row.activations)
        case _:
            return row.activations


def _indices(row: LayerRow) -> int:
    """Bytes of a max-pooling's indices for one image."""
    return INDEX_BYTES * row.activations if row.kind == "max_pool" else 0


def _outputs_kept(row: LayerRow, following: LayerRow | None) -> int:
    """Values of the output of one image, if a backward pass reads them."""
    needed = row.kind == "relu" or (following is not None and _reads_its_input(following))
    return row.activations if needed else 0


def _reads_its_input(row: LayerRow) -> bool:
    # An average over the whole map is a mean, whose gradient needs its size alone.
    return row.kind in READ_THEIR_INPUT or (row.kind == "avg_pool" and row.out_side > 1)


def _notes(row: LayerRow) -> int:
    """Values of one image that only this layer's own backward pass reads."""
    match row.kind:
        case "dropout":
            return row.activations
        case "lrn":
            return _padded(row) + 2 * row.activations
        case _:
            return 0


def _padded(row: LayerRow) -> int:
    """LRN's squares with its window's margin of channels."""
    return (row.in_channels + LRN_SIZE - 1) * row.in_side**2


def _statistics(row: LayerRow) -> int:
    """Batch norm's bytes for the whole batch."""
    return 2 * STATISTIC_BYTES * row.out_channels if row.kind == "batch_norm" else 0
