"""A unit of a network: its layer, and the layers that change the same unit behind it."""

from torch import Tensor

from vgg_viz.arithmetic.layers import STRONGEST, Unit, check_unit, of_layer
from vgg_viz.arithmetic.windows import as_maps
from vgg_viz.capture import Inspection
from vgg_viz.errors import UnknownNameError
from vgg_viz.models.networks import ConvNet
from vgg_viz.results import LayerArithmetic

SAME_UNIT = ("batch_norm", "relu", "lrn")  # change a unit without moving it


def of_unit(
    network: ConvNet, seen: Inspection, layer: str, unit: Unit, *, count: int = STRONGEST
) -> tuple[LayerArithmetic, ...]:
    """What `unit` (channel, row, column) of `layer` is computed from, and what follows it.

    `seen` is an Inspection of one photo that kept all layers. The layers behind `layer` that
    change the same unit (batch norm, ReLU, LRN) come after it. `count` channels are named as the
    strongest. UnknownNameError for a layer or channel, InputError for a row or column, that is
    not there.
    """
    rows = network.config.layers
    names = [row.name for row in rows]
    if layer not in names:
        raise UnknownNameError.among(f"layer of {network.config.network}", layer, names)
    at = names.index(layer)
    end = at + 1
    while end < len(rows) and rows[end].kind in SAME_UNIT:
        end += 1
    outputs = _outputs(network, seen)
    steps = []
    for i in range(at, end):
        before = names[i - 1] if i else "input"
        steps.append(
            of_layer(
                network.get_submodule(names[i]),
                outputs[before],
                outputs[names[i]],
                unit,
                layer=names[i],
                kind=rows[i].kind,
                before=before,
                count=count,
                grid=_flattened(network, outputs, i),
            )
        )
    return tuple(steps)


def strongest_channel(layer: str, output: Tensor, row: int, column: int) -> int:
    """The channel of largest value at a place of (1, C, h, w) or (1, K); errors as `of_unit`."""
    maps = as_maps(output)
    check_unit(layer, maps.shape, (0, row, column))
    return int(maps[:, row, column].argmax())


def output_of(network: ConvNet, seen: Inspection, layer: str) -> Tensor:
    """The output (1, C, h, w) or (1, K) of any row; UnknownNameError when there is none."""
    outputs = _outputs(network, seen)
    if layer not in outputs:
        names = [row.name for row in network.config.layers]
        raise UnknownNameError.among(f"layer of {network.config.network}", layer, names)
    return outputs[layer]


def _outputs(network: ConvNet, seen: Inspection) -> dict[str, Tensor]:
    """Every row's output; flatten and dropout, which an Inspection leaves out, are made here."""
    outputs = {"input": seen.image.detach()}
    last = outputs["input"]
    for row in network.config.layers:
        if row.name in seen.outputs:
            last = seen.outputs[row.name].detach()
        elif row.kind == "flatten":
            last = last.flatten(1)
        elif row.kind != "dropout":  # which passes everything on in eval mode
            raise UnknownNameError.among("layer that was kept", row.name, seen.outputs)
        outputs[row.name] = last
    return outputs


def _flattened(
    network: ConvNet, outputs: dict[str, Tensor], at: int
) -> tuple[int, int, int] | None:
    """Shape of the map whose values a linear layer reads as features, else None."""
    rows = network.config.layers
    behind = at - 1
    while behind > 0 and rows[behind].kind == "dropout":
        behind -= 1
    if rows[at].kind != "linear" or rows[behind].kind != "flatten":
        return None
    _, c, h, w = outputs[rows[behind - 1].name].shape
    return c, h, w
