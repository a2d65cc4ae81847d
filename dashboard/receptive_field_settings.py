"""What page "Receptive fields" keeps besides the selection, and what follows from both."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard import session
from dashboard.page_settings import checked, one_of, whole
from dashboard.selection import Selection, Where, other, with_layer, with_place
from vgg_viz.architecture import (
    Architecture,
    LayerRow,
    UnitFields,
    describe_model,
    pair_by_depth,
    pair_by_receptive_field,
    unit_fields,
)
from vgg_viz.figures import drawn_rows
from vgg_viz.requests import EffectiveFieldRequest
from vgg_viz.results import LayerInfo, ModelInfo, ServiceDescription

LARGEST_INPUT = 1024  # px; beyond it the map of conv1_1 alone would have a million units
PAPER_SIZE = 224  # px, of ZFNet's and VGG's papers
LAYER_NAME = re.compile(r"[a-z]+\d+(_\d+)?")


@dataclass(frozen=True)
class FieldSettings:
    """What is shown of the selection's place.

    A `map` names a pool or fc6 in place of the selection's convolution.
    """

    input_size: int = whole(PAPER_SIZE, least=0, most=LARGEST_INPUT)  # px; 0: each network's own
    left_map: str = checked("", lambda name: bool(LAYER_NAME.fullmatch(name)), "a layer's name")
    right_map: str = checked("", lambda name: bool(LAYER_NAME.fullmatch(name)), "a layer's name")
    average: str = one_of("samples", "samples", "photo")

    def map_of(self, where: Where) -> str:
        """The pool or fc6 of a side, "" for its convolution."""
        return self.left_map if where == "left" else self.right_map


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
    row = architecture.row(layer_name(where, info, selection, settings))
    fields = unit_fields(architecture, row.name)
    x, y = (share * fields.input_size - 0.5 for share in selection.shown_place)
    return Shown(where, info, architecture, row, fields, (fields.nearest(y), fields.nearest(x)))


def layer_name(where: Where, info: ModelInfo, selection: Selection, settings: FieldSettings) -> str:
    """The layer of a side: the page's own choice where this network has it, else the selection."""
    own = settings.map_of(where)
    names = {layer.name for layer in offered_layers(info)}
    return own if own in names else selection.side(where).layer


def offered_layers(info: ModelInfo) -> tuple[LayerInfo, ...]:
    """The layers with a field of their own: convolutions, pools and fc6."""
    names = {row.name for row in drawn_rows(describe_model(info))}
    return tuple(layer for layer in info.layers if layer.name in names)


def keep_unit(seen: Shown, unit: tuple[int, int]) -> None:
    """Keep a unit of one network as the place that both show; to be called from callbacks."""
    size = seen.fields.input_size
    y, x = ((seen.fields.center(i) + 0.5) / size for i in unit)
    session.change(lambda chosen, _: with_place(chosen, x, y))


def choose_layer(where: Where, info: ModelInfo, name: str, settings: FieldSettings) -> None:
    """Show another layer; the other side follows by the selection's rule, from callbacks too."""
    if any(layer.name == name for layer in info.convs):
        session.set_settings(**{f"{where}_map": "", f"{other(where)}_map": ""})
        session.change(lambda chosen, known: with_layer(chosen, where, name, known))
        return

    def follow(chosen: Selection, known: ServiceDescription) -> Selection:
        opposite = known.model(chosen.side(other(where)).model)
        follower = settings.map_of(other(where))
        if chosen.pairing != "free" and opposite is not None:
            follower = partner(name, info, opposite, by_depth=chosen.pairing == "depth")
        session.set_settings(**{f"{where}_map": name, f"{other(where)}_map": follower})
        return chosen

    session.change(follow)


def partner(layer: str, of: ModelInfo, to: ModelInfo, *, by_depth: bool) -> str:
    """The layer of `to` that goes with `layer` of `of`: of its kind, by depth or equal field."""
    kind = next(each.kind for each in of.layers if each.name == layer)
    rule = pair_by_depth if by_depth else pair_by_receptive_field
    return rule(layer, offered_layers(of), offered_layers(to), kind=kind)


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
