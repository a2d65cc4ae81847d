"""Effective fields without a pass: a Gaussian around the centre of the unit's field."""

import numpy as np

from vgg_viz.architecture import describe_model, unit_fields
from vgg_viz.requests import EffectiveFieldRequest
from vgg_viz.results import EffectiveField, ModelInfo, Provenance

SPREAD = 6  # standard deviations of the Gaussian within the side of the field
REACH = 0.25, 0.6  # sides that hold 50 % and 95 %, over the field's


def effective_field(
    request: EffectiveFieldRequest, info: ModelInfo, provenance: Provenance
) -> EffectiveField:
    """As LocalService answers, a Gaussian for the gradient."""
    architecture = describe_model(info, request.input_size)
    fields = unit_fields(architecture, request.layer)
    at = np.arange(fields.input_size)
    axes, spans = [], (fields.spans[request.row], fields.spans[request.column])
    for unit, span in zip((request.row, request.column), spans, strict=True):
        sigma = (span[1] - span[0]) / SPREAD
        axis = np.exp(-(((at - fields.center(unit)) / sigma) ** 2) / 2)
        axes.append(np.where((at >= span[0]) & (at < span[1]), axis, 0))
    heat = np.outer(*axes)  # (H, W)
    side = max(end - start for start, end in spans)
    return EffectiveField(
        heat.astype(np.float32),
        request.layer,
        request.row,
        request.column,
        request.channel,
        *spans,
        1.0,
        *(round(share * side) for share in REACH),
        len(request.images),
        provenance,
    )
