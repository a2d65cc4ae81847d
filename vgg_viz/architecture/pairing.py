"""Which layer of another network a layer is compared with."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

from vgg_viz.errors import UnknownNameError


class SeesPartOfTheInput(Protocol):
    """What pairing has to know of a layer; `results.LayerInfo` is one."""

    @property
    def name(self) -> str:
        """The paper's name."""
        ...

    @property
    def kind(self) -> str:
        """Layers of one kind are paired."""
        ...

    @property
    def receptive_field(self) -> int:
        """Side of the field in px of the input."""
        ...


def pair_by_receptive_field(
    layer: str,
    of: Sequence[SeesPartOfTheInput],
    to: Sequence[SeesPartOfTheInput],
    *,
    kind: str = "conv",
) -> str:
    """Name the convolution of `to` that sees most nearly as much of the input as `layer` of `of`.

    Nearest on a log scale: a field of half the size is as far away as one of twice the size. Ties
    come from 1x1 convolutions, which repeat a field: then relative depth decides, as in
    `pair_by_depth`, and so a network is paired with itself layer by layer.

    Takes the layers of two networks (`layer_infos(config)` or `ModelInfo.layers`); what is not a
    convolution is passed over, or with `kind` what is not of that kind. UnknownNameError when
    `layer` is no convolution of `of`.
    """
    convs, convs_to = _of_kind(kind, of), _of_kind(kind, to)
    position = _position(layer, convs, kind)
    size = convs[position].receptive_field

    def distance(i: int) -> tuple[Fraction, int]:
        low, high = sorted((size, convs_to[i].receptive_field))
        # Fractions, not logarithms: a tie is a tie on every machine.
        return Fraction(high, low), _depth_gap(position, i, len(convs), len(convs_to))

    return convs_to[min(range(len(convs_to)), key=distance)].name


def pair_by_depth(
    layer: str,
    of: Sequence[SeesPartOfTheInput],
    to: Sequence[SeesPartOfTheInput],
    *,
    kind: str = "conv",
) -> str:
    """Name the convolution of `to` at the same relative depth as `layer` of `of`.

    The first is paired with the first and the last with the last, the others in proportion; half
    way between two, the earlier one is taken. Arguments and errors as `pair_by_receptive_field`.
    """
    convs, convs_to = _of_kind(kind, of), _of_kind(kind, to)
    position = _position(layer, convs, kind)
    gaps = [_depth_gap(position, i, len(convs), len(convs_to)) for i in range(len(convs_to))]
    return convs_to[gaps.index(min(gaps))].name


def _depth_gap(position: int, i: int, count: int, count_to: int) -> int:
    """Distance in relative depth, times (count - 1)(count_to - 1) to stay a whole number."""
    return abs(i * (count - 1) - position * (count_to - 1))


def _of_kind(kind: str, layers: Sequence[SeesPartOfTheInput]) -> list[SeesPartOfTheInput]:
    return [layer for layer in layers if layer.kind == kind]


def _position(name: str, convs: Sequence[SeesPartOfTheInput], kind: str) -> int:
    names = [conv.name for conv in convs]
    if name not in names:
        raise UnknownNameError.among("convolution" if kind == "conv" else kind, name, names)
    return names.index(name)


def one_of_each_stage(layers: Sequence[SeesPartOfTheInput]) -> tuple[str, ...]:
    """Name a layer of every depth: the first convolution, each later stage's last one, fc6, fc7.

    A stage is what the papers number alike, conv3_1 to conv3_3; of ZFNet and AlexNet it is every
    convolution. The last fully-connected layer makes the logits and is left out.
    """
    convs = [layer.name for layer in layers if layer.kind == "conv"]
    stages = {name.partition("_")[0]: name for name in convs}  # the last of each stays
    hidden = [layer.name for layer in layers if layer.kind == "linear"][:-1]
    return (convs[0], *list(stages.values())[1:], *hidden)
