"""Which layer a side of a page shows, and which unit of it.

The selection knows convolutions. A page that shows more (pools, fully-connected layers) keeps the
name of such a layer in its settings `left_map` and `right_map`, "" for the selection's convolution.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from dashboard import session
from dashboard.page_settings import checked
from dashboard.selection import Selection, Where, other, with_layer, with_place
from vgg_viz.architecture import UnitFields, pair_by_depth, pair_by_receptive_field
from vgg_viz.results import LayerInfo, ModelInfo, ServiceDescription

LAYER_NAME = re.compile(r"[a-z]+\d{0,2}(_\d{1,2})?")
Offered = Callable[[ModelInfo], Sequence[LayerInfo]]  # the layers a page can show


class HasMaps(Protocol):
    """Settings of such a page."""

    left_map: str
    right_map: str


def own_layer() -> Any:
    """The setting `left_map` or `right_map`."""
    return checked("", lambda name: bool(LAYER_NAME.fullmatch(name)), "a layer's name")


def map_of(settings: HasMaps, where: Where) -> str:
    """The layer of a side that is no convolution, "" for the selection's convolution."""
    return settings.left_map if where == "left" else settings.right_map


def layer_of(
    where: Where, info: ModelInfo, selection: Selection, settings: HasMaps, offered: Offered
) -> str:
    """The layer of a side: the page's own where this network has it, else the selection's."""
    own = map_of(settings, where)
    return own if own in {each.name for each in offered(info)} else selection.side(where).layer


def nearest_unit(fields: UnitFields, selection: Selection) -> tuple[int, int]:
    """Row and column of the unit nearest to the place; a vector's units are all at 0, 0."""
    if fields.side == 1:
        return 0, 0
    x, y = (share * fields.input_size - 0.5 for share in selection.shown_place)
    return fields.nearest(y), fields.nearest(x)


# --- changes, to be called from callbacks --------------------------------------------------------


def keep_unit(fields: UnitFields, unit: tuple[int, int]) -> None:
    """Keep a unit of one network as the place that both show; what is no unit changes nothing."""
    if fields.side == 1 or min(unit) < 0 or max(unit) >= fields.side:
        return
    y, x = ((fields.center(i) + 0.5) / fields.input_size for i in unit)
    session.change(lambda chosen, _: with_place(chosen, x, y))


def choose_layer(
    where: Where, info: ModelInfo, name: str, settings: HasMaps, offered: Offered, **fresh: Any
) -> None:
    """Show another layer; the other side follows by the selection's rule.

    `fresh` are settings that begin anew with another layer.
    """
    here, there = f"{where}_map", f"{other(where)}_map"
    if any(layer.name == name for layer in info.convs):
        session.set_settings(**{here: "", there: ""}, **fresh)
        session.change(lambda chosen, known: with_layer(chosen, where, name, known))
        return

    def follow(chosen: Selection, known: ServiceDescription) -> Selection:
        opposite = known.model(chosen.side(other(where)).model)
        follower = map_of(settings, other(where))
        if chosen.pairing != "free" and opposite is not None:
            by_depth = chosen.pairing == "depth"
            follower = partner(name, info, opposite, offered, by_depth=by_depth) or follower
        session.set_settings(**{here: name, there: follower}, **fresh)
        return chosen

    session.change(follow)


def partner(
    layer: str, of: ModelInfo, to: ModelInfo, offered: Offered, *, by_depth: bool
) -> str | None:
    """The layer of `to` that goes with `layer` of `of`, of its kind; None where it has none."""
    kind = next(each.kind for each in of.layers if each.name == layer)
    if not any(each.kind == kind for each in offered(to)):
        return None
    rule = pair_by_depth if by_depth else pair_by_receptive_field
    return rule(layer, offered(of), offered(to), kind=kind)
