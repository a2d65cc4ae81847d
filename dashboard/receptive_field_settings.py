"""What page "Receptive fields" keeps besides the selection, and what follows from both."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.page_settings import one_of, whole
from dashboard.selection import Selection, Where
from dashboard.side_layers import layer_of, nearest_unit, own_layer
from vgg_viz.architecture import (
    Architecture,
    LayerRow,
    UnitFields,
    describe_model,
    pair_by_receptive_field,
    unit_fields,
)
from vgg_viz.figures import drawn_rows
from vgg_viz.requests import EffectiveFieldRequest
from vgg_viz.results import LayerInfo, ModelInfo

LARGEST_INPUT = 1024  # px; beyond it the map of conv1_1 alone would have a million units
PAPER_SIZE = 224  # px, of ZFNet's and VGG's papers


@dataclass(frozen=True)
class FieldSettings:
    """What is shown of the selection's place.

    A `map` names a pool or fc6 in place of the selection's convolution.
    """

    input_size: int = whole(PAPER_SIZE, least=0, most=LARGEST_INPUT)  # px; 0: each network's own
    left_map: str = own_layer()
    right_map: str = own_layer()
    average: str = one_of("samples", "samples", "photo")


@dataclass(frozen=True)
class Shown:
    """One network's layer at an input size, and the unit of it nearest to the place."""

    where: Where
    info: ModelInfo
    architecture: Architecture
    row: LayerRow
    fields: UnitFields
    unit: tuple[int, int]  # (row, column)

    @property
    def title(self) -> str:
        """The layer with its network: "conv5_3 of VGG-16 (D)"."""
        return f"{self.row.name} of {self.info.title}"


def shown(where: Where, info: ModelInfo, selection: Selection, settings: FieldSettings) -> Shown:
    """What a side shows; InputError when the input is too small for its network."""
    architecture = describe_model(info, settings.input_size or None)
    row = architecture.row(layer_of(where, info, selection, settings, offered_layers))
    fields = unit_fields(architecture, row.name)
    return Shown(where, info, architecture, row, fields, nearest_unit(fields, selection))


def offered_layers(info: ModelInfo) -> tuple[LayerInfo, ...]:
    """The layers with a field of their own: convolutions, pools and fc6."""
    names = {row.name for row in drawn_rows(describe_model(info))}
    return tuple(layer for layer in info.layers if layer.name in names)


def matched(of: Architecture, to: Architecture) -> tuple[tuple[str, str], ...]:
    """Convolutions of the network with fewer of them, each with its partner by equal field.

    Named in the order of the arguments.
    """
    if len(to.convs) < len(of.convs):
        return tuple((one, two) for two, one in matched(to, of))
    names = [row.name for row in of.convs]
    infos = [[row.info for row in each.rows] for each in (of, to)]
    return tuple((name, pair_by_receptive_field(name, *infos)) for name in names)


def request(
    seen: Shown, settings: FieldSettings, image: str, samples: Sequence[str]
) -> EffectiveFieldRequest:
    """The question behind the heat of a side."""
    return EffectiveFieldRequest(
        seen.info.name,
        seen.row.name,
        *seen.unit,
        images=tuple(samples) if settings.average == "samples" else (image,),
        input_size=settings.input_size or None,
    )
