"""The one selection of a visitor: photo, two networks, class, layer and channel of each, scales.

`Selection` is a value; the functions below return changed copies and know nothing of Streamlit.
`dashboard.session` keeps the visitor's selection and writes it into the address bar.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, get_args

from dashboard.links import LinkReader
from vgg_viz.architecture import pair_by_depth, pair_by_receptive_field
from vgg_viz.requests import Precision
from vgg_viz.results import LayerInfo, ModelInfo, ServiceDescription

Where = Literal["left", "right"]
Pairing = Literal["depth", "field", "free"]
Scale = Literal["shared", "own"]

Place = tuple[float, float]  # x and y as shares of the square that a network sees

WHERE: tuple[Where, Where] = ("left", "right")
SHARE = re.compile(r"[01](\.\d{1,6})?")
DEFAULT_MODELS: dict[Where, str] = {"left": "zfnet_b:bundled", "right": "vgg16:bundled"}


@dataclass(frozen=True)
class Side:
    """One network's part. `label` None: the network's own most probable class."""

    model: str
    layer: str
    label: str | None = None
    channel: int | None = None


@dataclass(frozen=True)
class Selection:
    """Everything the address bar holds."""

    image: str
    left: Side
    right: Side
    pairing: Pairing = "depth"
    scale: Scale = "shared"
    precision: Precision = "fp32"
    place: Place | None = None  # None: none chosen; pages then show the middle

    @property
    def shown_place(self) -> Place:
        """The place chosen, else the middle of the photo."""
        return self.place or (0.5, 0.5)

    def side(self, where: Where) -> Side:
        """The left or the right network's part."""
        return self.left if where == "left" else self.right

    def with_side(self, where: Where, **changes: str | int | None) -> "Selection":
        """A copy with one side changed."""
        changed = replace(self.side(where), **changes)  # type: ignore[arg-type]
        return replace(self, left=changed) if where == "left" else replace(self, right=changed)


def other(where: Where) -> Where:
    """The side opposite."""
    return "right" if where == "left" else "left"


# --- what a person can change --------------------------------------------------------------------


def with_image(selection: Selection, image: str) -> Selection:
    """Another photo: each network explains its top class again, no channel is chosen."""
    for where in WHERE:
        selection = selection.with_side(where, label=None, channel=None)
    return replace(selection, image=image)


def with_model(
    selection: Selection, where: Where, model: str, offered: ServiceDescription
) -> Selection:
    """Another network: its layer is paired with the other side's, its class kept if known."""
    info = model_info(offered, model)
    label = selection.side(where).label
    changed = selection.with_side(
        where,
        model=model,
        layer=info.convs[-1].name,
        label=label if label in class_labels(info.classes) else None,
        channel=None,
    )
    opposite = changed.side(other(where))
    layer = paired(changed, other(where), opposite.layer, offered)
    return changed.with_side(where, layer=layer) if layer else changed


def with_layer(
    selection: Selection, where: Where, layer: str, offered: ServiceDescription
) -> Selection:
    """Another layer; the other network follows by the rule of pairing."""
    changed = selection.with_side(where, layer=layer, channel=None)
    follower = paired(changed, where, layer, offered)
    if follower is None or follower == changed.side(other(where)).layer:
        return changed
    return changed.with_side(other(where), layer=follower, channel=None)


def with_pairing(selection: Selection, pairing: Pairing, offered: ServiceDescription) -> Selection:
    """Another rule: the right layer is paired anew with the left one."""
    return with_layer(
        replace(selection, pairing=pairing), "left", selection.left.layer, offered
    ).with_side("left", channel=selection.left.channel)


def with_label(
    selection: Selection, where: Where, label: str | None, offered: ServiceDescription
) -> Selection:
    """Another class; the other network follows when it knows a class of that name."""
    changed = selection.with_side(where, label=label)
    opposite = model_info(offered, selection.side(other(where)).model)
    if label is None or label in class_labels(opposite.classes):
        changed = changed.with_side(other(where), label=label)
    return changed


def with_place(selection: Selection, x: float, y: float) -> Selection:
    """Another place in the photo, in four digits; each layer shows its unit nearest to it."""
    return replace(selection, place=(four_digits(x), four_digits(y)))


def four_digits(share: float) -> float:
    """A share in [0, 1] as the address and receptive_field_scene.js round it."""
    return max(0.0, min(1.0, int(share * 1e4 + 0.5) / 1e4 if share > 0 else 0.0))


def paired(
    selection: Selection, where: Where, layer: str, offered: ServiceDescription
) -> str | None:
    """The layer opposite to `layer` of side `where`; None when the layers are chosen freely."""
    if selection.pairing == "free":
        return None
    rule = pair_by_depth if selection.pairing == "depth" else pair_by_receptive_field
    of = model_info(offered, selection.side(where).model)
    to = model_info(offered, selection.side(other(where)).model)
    return rule(layer, of.layers, to.layers)


# --- looking things up ---------------------------------------------------------------------------


def model_info(offered: ServiceDescription, name: str) -> ModelInfo:
    """The model called `name`; the first one when there is none."""
    return offered.model(name) or offered.models[0]


def layer_info(info: ModelInfo, name: str) -> LayerInfo:
    """The convolution called `name`; the last one when there is none."""
    return next((layer for layer in info.convs if layer.name == name), info.convs[-1])


@cache
def class_labels(classes: tuple[str, ...]) -> dict[str, int]:
    """Class index by a label that is unique: ImageNet has two cranes and two maillots."""
    counts = Counter(classes)
    return {
        name if counts[name] == 1 else f"{name} (class {index})": index
        for index, name in enumerate(classes)
    }


def label_of(number: int, info: ModelInfo) -> str:
    """The unique label of class `number`."""
    return next(name for name, index in class_labels(info.classes).items() if index == number)


# --- the address bar -----------------------------------------------------------------------------


def default_selection(offered: ServiceDescription) -> Selection:
    """What a first visit shows."""
    sides = {}
    for where, wanted in DEFAULT_MODELS.items():
        info = _first_offered(wanted, offered)
        sides[where] = Side(info.name, info.convs[-1].name)
    image = offered.samples[0].name if offered.samples else ""
    return Selection(image, sides["left"], sides["right"])


def _first_offered(wanted: str, offered: ServiceDescription) -> ModelInfo:
    """`wanted`, else the same network with weights that are here, else anything that is here."""
    network = wanted.partition(":")[0]
    here = [model for model in offered.models if model.available]
    choices = [
        *(model for model in here if model.name == wanted),
        *(model for model in here if model.network == network),
        *here,
        *offered.models,
    ]
    return choices[0]


def as_params(selection: Selection, offered: ServiceDescription) -> dict[str, str]:
    """The address bar's parameters; what is as on a first visit is left out."""
    first = default_selection(offered)
    params = {}
    if selection.image != first.image:
        params["image"] = selection.image
    for name in ("pairing", "scale", "precision"):
        if getattr(selection, name) != getattr(first, name):
            params[name] = getattr(selection, name)
    if selection.place is not None:
        params |= dict(zip(("x", "y"), map(str, selection.place), strict=True))
    for where in WHERE:
        params |= _side_params(selection, where, first.side(where), offered)
    return params


def _side_params(
    selection: Selection, where: Where, first: Side, offered: ServiceDescription
) -> dict[str, str]:
    side, params = selection.side(where), {}
    if side.model != first.model:
        params[where] = side.model
    # Both layers or none: a reader of the address sees what is compared.
    unasked = _with_last_layers(selection, offered)
    if any(selection.side(w).layer != unasked.side(w).layer for w in WHERE):
        params[f"{where}_layer"] = side.layer
    if side.label is not None:
        params[f"{where}_class"] = side.label
    if side.channel is not None:
        params[f"{where}_channel"] = str(side.channel)
    return params


def _with_last_layers(selection: Selection, offered: ServiceDescription) -> Selection:
    """The left network's last convolution and its partner: what an address without layers shows."""
    last = {w: model_info(offered, selection.side(w).model).convs[-1].name for w in WHERE}
    right = paired(selection, "left", last["left"], offered) or last["right"]
    return selection.with_side("left", layer=last["left"]).with_side("right", layer=right)


def parse(
    params: Mapping[str, str], offered: ServiceDescription, keeps: Callable[[str], bool]
) -> tuple[Selection, tuple[str, ...]]:
    """Read an address; what cannot be used is named in the notes, with what is shown instead.

    `keeps` says whether the server still has an uploaded photo, by its sha256.
    """
    reader = _Reader(params, offered, keeps)
    return reader.selection(), tuple(reader.notes)


class _Reader(LinkReader):
    """One address being read."""

    def __init__(
        self, params: Mapping[str, str], offered: ServiceDescription, keeps: Callable[[str], bool]
    ) -> None:
        super().__init__(params, offered, keeps)
        self.first = default_selection(offered)

    def selection(self) -> Selection:
        """Read in the order of dependence: networks, then what they know."""
        pairing: Pairing = self.choice("pairing", get_args(Pairing), "depth")
        scale: Scale = self.choice("scale", get_args(Scale), "shared")
        precision: Precision = self.choice("precision", self.offered.precisions, "fp32")
        models = {where: self.model(where) for where in WHERE}
        layers = {where: self.layer(where, models[where]) for where in WHERE}
        sides = {
            where: Side(info.name, layers[where] or info.convs[-1].name, self.label(where, info))
            for where, info in models.items()
        }
        chosen = Selection(
            *(self.image(), sides["left"], sides["right"]),
            *(pairing, scale, precision, self.place()),
        )
        if not any(layers.values()):
            chosen = _with_last_layers(chosen, self.offered)
        for where in WHERE:
            given = layers[where]
            if given is not None and layers[other(where)] is None:
                chosen = with_layer(chosen, where, given, self.offered)
        for where in WHERE:
            chosen = chosen.with_side(where, channel=self.channel(where, chosen.side(where)))
        return chosen

    def image(self) -> str:
        value = self.params.get("image")
        first = self.first.image
        if value is None or any(sample.name == value for sample in self.offered.samples):
            return first if value is None else value
        title = next((s.title for s in self.offered.samples if s.name == first), first)
        is_upload = len(value) == 64 and all(digit in "0123456789abcdef" for digit in value)
        if is_upload and self.keeps(value):
            return value
        reason = (
            "an upload that this server no longer keeps. Upload it again"
            if is_upload
            else "which is not among the samples"
        )
        self.note(
            "the photo", f"{value[:12]}..." if is_upload else value, f"{reason}; showing {title}."
        )
        return first

    def place(self) -> Place | None:
        if not {"x", "y"} & set(self.params):
            return None
        x, y = (self.params.get(name, "0.5") for name in ("x", "y"))
        if SHARE.fullmatch(x) and SHARE.fullmatch(y) and max(float(x), float(y)) <= 1:
            return float(x), float(y)
        self.note("the place", f"{x}, {y}", "but x and y have to be 0 to 1; showing the middle.")
        return None

    def model(self, where: Where) -> ModelInfo:
        value = self.params.get(where)
        default = model_info(self.offered, self.first.side(where).model)
        if value is None:
            return default
        info = self.offered.model(value)
        if info is None:
            instead = (
                f"which is not offered here; showing {default.title}, {default.weights_title}."
            )
            self.note("the network", value, instead)
        return info or default

    def layer(self, where: Where, info: ModelInfo) -> str | None:
        value = self.params.get(f"{where}_layer")
        if value is None or any(layer.name == value for layer in info.convs):
            return value
        last = info.convs[-1].name
        self.note("the layer", value, f"which {info.title} does not have; showing {last}.")
        return None

    def label(self, where: Where, info: ModelInfo) -> str | None:
        value = self.params.get(f"{where}_class")
        if value is None or value in class_labels(info.classes):
            return value
        instead = f"which {info.title} does not know; showing its most probable class."
        self.note("the class", value, instead)
        return None

    def channel(self, where: Where, side: Side) -> int | None:
        value = self.params.get(f"{where}_channel")
        if value is None:
            return None
        info = model_info(self.offered, side.model)
        channels = layer_info(info, side.layer).channels
        if value.isdecimal() and len(value) < 6 and int(value) < channels:
            return int(value)
        instead = (
            f"but {side.layer} of {info.title} has 0 to {channels - 1}; showing the strongest."
        )
        self.note("channel", value, instead)
        return None
