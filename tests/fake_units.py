"""The arithmetic of one unit without a network: real arithmetic of single random layers."""

import hashlib

import torch
from torch import nn

from vgg_viz import arithmetic
from vgg_viz.architecture import LayerRow, describe_model
from vgg_viz.requests import UnitRequest
from vgg_viz.results import ModelInfo, Provenance, UnitArithmetic

SAME_UNIT = ("batch_norm", "relu", "lrn")


def unit_arithmetic(
    request: UnitRequest, info: ModelInfo, provenance: Provenance
) -> UnitArithmetic:
    """As LocalService answers; weights and inputs depend on the names alone."""
    rows = describe_model(info).rows
    names = [row.name for row in rows]
    describe_model(info).row(request.layer)
    at = names.index(request.layer)
    given = _given(rows[at], request)
    steps = []
    channel = request.channel
    for i in range(at, len(rows)):
        if i > at and rows[i].kind not in SAME_UNIT:
            break
        module = _module(rows[i], request)
        with torch.no_grad():
            output = module(given)
        if channel is None:
            channel = arithmetic.strongest_channel(
                request.layer, output, request.row, request.column
            )
        steps.append(
            arithmetic.of_layer(
                module,
                given,
                output,
                (channel, request.row, request.column),
                layer=names[i],
                kind=rows[i].kind,
                before=names[i - 1] if i else "input",
                count=request.count,
            )
        )
        given = output
    return UnitArithmetic(tuple(steps), provenance)


def _given(row: LayerRow, request: UnitRequest) -> torch.Tensor:
    """(1, C, h, w) or (1, K): like maps after a ReLU, sparse; the photo has both signs."""
    shape = (1, row.in_channels, row.in_side, row.in_side)
    if row.kind == "linear":
        shape = (1, row.in_channels)
    noise = torch.randn(shape, generator=_generator("given", request.model, request.image, row))
    return noise if row.in_channels == 3 else noise.relu()


def _module(row: LayerRow, request: UnitRequest) -> nn.Module:
    match row.kind:
        case "conv":
            made = nn.utils.skip_init(
                *(nn.Conv2d, row.in_channels, row.out_channels, row.kernel),
                stride=row.stride,
                padding=row.padding,
            )
        case "linear":
            made = nn.utils.skip_init(nn.Linear, row.in_channels, row.out_channels)
        case "max_pool":
            return nn.MaxPool2d(row.kernel, row.stride, row.padding, ceil_mode=True)
        case "avg_pool":
            return nn.AdaptiveAvgPool2d(row.out_side)
        case "lrn":
            return nn.LocalResponseNorm(5, 1e-4, 0.75, 2)
        case _:
            return nn.ReLU()
    generator = _generator("weights", request.model, row)
    fan_in = made.weight[0].numel()
    with torch.no_grad():
        made.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
        made.bias.normal_(0, 0.1, generator=generator)
    return made.eval()


def _generator(*words: object) -> torch.Generator:
    named = "|".join(word.name if isinstance(word, LayerRow) else str(word) for word in words)
    digest = hashlib.sha256(named.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))
