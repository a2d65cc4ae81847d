"""What page "Activations" keeps besides the selection, and what follows from both."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard import session, side_layers
from dashboard.page_settings import checked, one_of, switch, whole
from dashboard.selection import WHERE, Selection, Where, class_labels, other
from dashboard.side_layers import layer_of, map_of, nearest_unit, own_layer
from vgg_viz.architecture import Architecture, LayerRow, UnitFields, describe_model, unit_fields
from vgg_viz.requests import ChannelsRequest, LayerStripRequest, MapRequest
from vgg_viz.results import LayerInfo, ModelInfo, ServiceDescription

KINDS = ("conv", "batch_norm", "lrn", "max_pool", "avg_pool", "linear")
PHOTO_NAME = re.compile(r"[a-z0-9_-]{1,64}")
ORDERS = ("mean", "channel", "max", "sparsity", "score", "similarity")  # of a grid's channels
PHOTO = "the name of a photo"
MOST_FEATURES = 25088  # of pool5 of VGG as a vector


@dataclass(frozen=True)
class ActivationSettings:
    """What is shown of the selection's layers.

    A `map` names a pool, a normalisation or a fully-connected layer in place of the selection's
    convolution; a `feature` is the channel chosen there, -1 its strongest. Sorting is the browser's
    affair and sends nothing: the order of a grid arrives with the next click.
    """

    relu: bool = switch(default=True)
    left_map: str = own_layer()
    right_map: str = own_layer()
    left_feature: int = whole(-1, least=-1, most=MOST_FEATURES)
    right_feature: int = whole(-1, least=-1, most=MOST_FEATURES)
    left_sort: str = one_of("mean", *ORDERS)
    right_sort: str = one_of("mean", *ORDERS)
    numbers: str = one_of("layer", "layer", "depth", "photos")
    second: str = checked("", lambda name: bool(PHOTO_NAME.fullmatch(name)), PHOTO)

    def sort_of(self, where: Where) -> str:
        """The order of a side's channels."""
        return self.left_sort if where == "left" else self.right_sort

    def feature_of(self, where: Where) -> int:
        """The channel chosen in `map_of`, -1 for the strongest."""
        return self.left_feature if where == "left" else self.right_feature


@dataclass(frozen=True)
class Shown:
    """One network's layer, and the unit of it nearest to the place."""

    where: Where
    info: ModelInfo
    architecture: Architecture
    row: LayerRow
    fields: UnitFields
    unit: tuple[int, int]  # (row, column)
    own: bool  # the layer is the page's, not the selection's

    @property
    def title(self) -> str:
        """The layer with its network: "conv5_3, VGG-16 (D)"."""
        return f"{self.row.name}, {self.info.title}"

    def when(self, *, relu: bool) -> str:
        """In words, where a ReLU follows the layer."""
        if not self.has_relu:
            return ""
        return "after ReLU" if relu else "before ReLU"

    @property
    def has_relu(self) -> bool:
        """Whether a ReLU follows, behind a batch norm too."""
        if self.row.kind not in ("conv", "batch_norm", "linear"):
            return False
        rows = self.architecture.rows
        at = next(i for i, row in enumerate(rows) if row.name == self.row.name)
        after = [row.kind for row in rows[at + 1 :] if row.kind != "batch_norm"]
        return after[:1] == ["relu"]


def shown(
    where: Where, info: ModelInfo, selection: Selection, settings: ActivationSettings
) -> Shown:
    """What a side shows."""
    architecture = describe_model(info)
    row = architecture.row(layer_of(where, info, selection, settings, offered_layers))
    fields = unit_fields(architecture, row.name)
    unit = nearest_unit(fields, selection)
    own = row.name == map_of(settings, where)
    return Shown(where, info, architecture, row, fields, unit, own)


def offered_layers(info: ModelInfo) -> tuple[LayerInfo, ...]:
    """The layers with values of their own; ReLUs are the "after" of the layer before them."""
    return tuple(layer for layer in info.layers if layer.kind in KINDS)


def chosen_channel(seen: Shown, selection: Selection, settings: ActivationSettings) -> int | None:
    """The channel of a side, None when nobody chose one that the layer has."""
    channel: int | None = selection.side(seen.where).channel
    if seen.own:
        channel = settings.feature_of(seen.where)
    return channel if channel is not None and 0 <= channel < seen.row.out_channels else None


def view_of(seen: Shown, selection: Selection, settings: ActivationSettings) -> str:
    """What the maps of a side depend on besides its layer; equal texts, equal maps."""
    models = [selection.side(where).model for where in WHERE]
    parts = (selection.image, selection.precision, selection.scale, selection.pairing, *models)
    apart = selection.pairing == "free" and selection.scale == "shared"
    there = other(seen.where)
    layer = (map_of(settings, there) or selection.side(there).layer) if apart else ""
    label = selection.side(seen.where).label
    return "|".join(map(str, (seen.where, *parts, settings.relu, label, layer)))


# --- changes, to be called from callbacks --------------------------------------------------------


def choose_layer(where: Where, info: ModelInfo, name: str, settings: ActivationSettings) -> None:
    """Show another layer; the other side follows, and both begin with their strongest channel."""
    fresh = {"left_feature": -1, "right_feature": -1}
    side_layers.choose_layer(where, info, name, settings, offered_layers, **fresh)


def keep_orders(orders: Mapping[str, str]) -> None:
    """Keep how the grids are sorted, side by side."""
    known = {f"{where}_sort": orders.get(where) for where in WHERE}
    session.set_settings(**{name: order for name, order in known.items() if order in ORDERS})


def choose_channel(seen: Shown, channel: int) -> None:
    """Show another channel of a side."""
    if not 0 <= channel < seen.row.out_channels:
        return
    if seen.own:
        session.set_settings(**{f"{seen.where}_feature": channel})
    else:
        session.change(lambda chosen, _: chosen.with_side(seen.where, channel=channel))


# --- questions -----------------------------------------------------------------------------------


def strip_request(seen: Shown, selection: Selection) -> LayerStripRequest:
    """All layers of a side."""
    return LayerStripRequest(seen.info.name, selection.image, selection.precision)


def channels_request(
    seen: Shown, selection: Selection, settings: ActivationSettings
) -> ChannelsRequest:
    """All channels of a side's layer."""
    label = selection.side(seen.where).label
    target = class_labels(seen.info.classes).get(label) if label else None
    return ChannelsRequest(
        seen.info.name,
        selection.image,
        seen.row.name,
        settings.relu,
        target,
        selection.precision,
    )


def map_request(
    seen: Shown, selection: Selection, settings: ActivationSettings, channel: int
) -> MapRequest:
    """One channel of a side's layer in full."""
    return MapRequest(
        *(seen.info.name, selection.image, seen.row.name, channel),
        *(settings.relu, selection.precision),
    )


def photo_title(name: str, offered: ServiceDescription) -> str:
    """A photo for people."""
    titles = {sample.name: sample.title for sample in offered.samples}
    return titles.get(name, "your photo")


def second_photo(settings: ActivationSettings, selection: Selection, samples: Sequence[str]) -> str:
    """The photo to compare with: the one chosen, else the first sample that is another one."""
    return settings.second or next((name for name in samples if name != selection.image), "")
