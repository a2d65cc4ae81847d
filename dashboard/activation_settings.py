"""What page "Activations" keeps besides the selection, and what follows from both."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard import session
from dashboard.page_settings import checked, one_of, switch, whole
from dashboard.selection import Selection, Where, class_labels, other, with_layer, with_place
from vgg_viz.architecture import (
    Architecture,
    LayerRow,
    UnitFields,
    describe_model,
    pair_by_depth,
    pair_by_receptive_field,
    unit_fields,
)
from vgg_viz.requests import ChannelsRequest, LayerStripRequest, MapRequest
from vgg_viz.results import LayerInfo, ModelInfo, ServiceDescription

KINDS = ("conv", "batch_norm", "lrn", "max_pool", "avg_pool", "linear")
LAYER_NAME = re.compile(r"[a-z]+\d{0,2}(_\d{1,2})?")
PHOTO_NAME = re.compile(r"[a-z0-9_-]{1,64}")
LAYER, PHOTO = "a layer's name", "the name of a photo"
MOST_FEATURES = 25088  # of pool5 of VGG as a vector


def _is_layer(name: str) -> bool:
    return bool(LAYER_NAME.fullmatch(name))


@dataclass(frozen=True)
class ActivationSettings:
    """What is shown of the selection's layers.

    A `map` names a pool, a normalisation or a fully-connected layer in place of the selection's
    convolution; a `feature` is the channel chosen there, -1 its strongest.
    """

    relu: bool = switch(default=True)
    left_map: str = checked("", _is_layer, LAYER)
    right_map: str = checked("", _is_layer, LAYER)
    left_feature: int = whole(-1, least=-1, most=MOST_FEATURES)
    right_feature: int = whole(-1, least=-1, most=MOST_FEATURES)
    numbers: str = one_of("layer", "layer", "depth", "photos")
    second: str = checked("", lambda name: bool(PHOTO_NAME.fullmatch(name)), PHOTO)

    def map_of(self, where: Where) -> str:
        """The layer of a side that is no convolution, "" for the selection's convolution."""
        return self.left_map if where == "left" else self.right_map

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
    own = settings.map_of(where)
    owned = own in {layer.name for layer in offered_layers(info)}
    row = architecture.row(own if owned else selection.side(where).layer)
    fields = unit_fields(architecture, row.name)
    x, y = (share * fields.input_size - 0.5 for share in selection.shown_place)
    unit = fields.nearest(y), fields.nearest(x)
    if row.out_side == 1:  # a vector: each of its features is a channel of one unit
        unit = (0, 0)
    return Shown(where, info, architecture, row, fields, unit, owned)


def offered_layers(info: ModelInfo) -> tuple[LayerInfo, ...]:
    """The layers with values of their own; ReLUs are the "after" of the layer before them."""
    return tuple(layer for layer in info.layers if layer.kind in KINDS)


def chosen_channel(seen: Shown, selection: Selection, settings: ActivationSettings) -> int | None:
    """The channel of a side, None when nobody chose one that the layer has."""
    channel: int | None = selection.side(seen.where).channel
    if seen.own:
        channel = settings.feature_of(seen.where)
    return channel if channel is not None and 0 <= channel < seen.row.out_channels else None


# --- changes, to be called from callbacks --------------------------------------------------------


def choose_layer(where: Where, info: ModelInfo, name: str, settings: ActivationSettings) -> None:
    """Show another layer; the other side follows by the selection's rule."""
    here, there = f"{where}_map", f"{other(where)}_map"
    fresh = {"left_feature": -1, "right_feature": -1}
    if any(layer.name == name for layer in info.convs):
        session.set_settings(**{here: "", there: ""}, **fresh)
        session.change(lambda chosen, known: with_layer(chosen, where, name, known))
        return

    def follow(chosen: Selection, known: ServiceDescription) -> Selection:
        opposite = known.model(chosen.side(other(where)).model)
        follower = settings.map_of(other(where))
        if chosen.pairing != "free" and opposite is not None:
            found = partner(name, info, opposite, by_depth=chosen.pairing == "depth")
            follower = found or follower
        session.set_settings(**{here: name, there: follower}, **fresh)
        return chosen

    session.change(follow)


def partner(layer: str, of: ModelInfo, to: ModelInfo, *, by_depth: bool) -> str | None:
    """The layer of `to` that goes with `layer` of `of`, of its kind; None where it has none."""
    kind = next(each.kind for each in of.layers if each.name == layer)
    if not any(each.kind == kind for each in to.layers):
        return None
    rule = pair_by_depth if by_depth else pair_by_receptive_field
    return rule(layer, of.layers, to.layers, kind=kind)


def choose_channel(seen: Shown, channel: int) -> None:
    """Show another channel of a side."""
    if not 0 <= channel < seen.row.out_channels:
        return
    if seen.own:
        session.set_settings(**{f"{seen.where}_feature": channel})
    else:
        session.change(lambda chosen, _: chosen.with_side(seen.where, channel=channel))


def keep_unit(seen: Shown, row: int, column: int) -> None:
    """Keep a unit of one network as the place that both show."""
    if max(row, column) >= seen.fields.side or min(row, column) < 0 or seen.row.out_side == 1:
        return
    size = seen.fields.input_size
    y, x = ((seen.fields.center(i) + 0.5) / size for i in (row, column))
    session.change(lambda chosen, _: with_place(chosen, x, y))


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
