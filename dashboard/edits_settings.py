"""What the page "Edits" keeps besides the selection, how the address writes it, and its pickers."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import streamlit as st

from dashboard import controls, service, session
from dashboard.edits_parts import read_parts
from dashboard.links import LinkReader
from dashboard.page_head import page_head, settings_of
from dashboard.page_settings import checked, one_of, switch, whole
from dashboard.selection import WHERE, Selection, Where, class_labels, layer_info, model_info
from vgg_viz.requests import EditRequest
from vgg_viz.results import ModelInfo, RectangleShares, ServiceDescription

VIEWS = {
    "channels": "Channels",
    "carry": "Which carry the class",
    "invariance": "Invariance",
    "correspondence": "Correspondence",
}
TRANSFORMS = {"translate": "Translate", "scale": "Scale", "rotate": "Rotate"}
FILLS = {"mean": "Mean colour", "edge": "Edge"}
ORDERS = {"strongest": "Strongest", "carrying": "Gradient × activation"}
MOST_STEPS, MOST_COUNT, MOST_FACTOR, MOST_DRAWS = 41, 16, 100.0, 30
# model and layer, then channels with their factors: "vgg16:bundled conv5_3 3x0 17x2"
EDIT = re.compile(r"\S{1,200} [a-z]+\d+(_\d+)?( \d{1,5}x-?\d{1,3}(\.\d{1,4})?){0,512}")
TYPED = re.compile(r"(\d{1,5})(?:x(-?\d{1,3}(?:\.\d{1,4})?))?")
TIMES = re.compile(r"\s*[x×*]\s*")
REGION = re.compile(r"(\d(\.\d{1,4})?,){3}\d(\.\d{1,4})?")

setting = settings_of("edits")
Factors = Mapping[int, float]


def _is_region(text: str) -> bool:
    if not REGION.fullmatch(text):
        return False
    left, top, right, bottom = map(float, text.split(","))
    return 0 <= left < right <= 1 and 0 <= top < bottom <= 1


def _read_swap(reader: LinkReader, name: str, default: str) -> str:
    value = reader.params[name]
    if any(sample.name == value for sample in reader.offered.samples):
        return value
    if re.fullmatch(r"[0-9a-f]{64}", value) and reader.keeps(value):
        return value
    reader.note(name, value[:12], "which is not a photo here; swapping nothing.")
    return default


@dataclass(frozen=True)
class EditsSettings:
    """Everything the address bar holds of this page."""

    view: str = one_of("channels", *VIEWS)
    left_edit: str = checked("", lambda text: bool(EDIT.fullmatch(text)), "an edit")
    right_edit: str = checked("", lambda text: bool(EDIT.fullmatch(text)), "an edit")
    order: str = one_of("strongest", *ORDERS)
    region: str = checked("", _is_region, "left,top,right,bottom in shares of the photo")
    outside: bool = switch(False)
    swap: str = field(default="", metadata={"read": _read_swap})
    listed: bool = switch(False)  # swap the listed channels only
    count: int = whole(5, least=1, most=MOST_COUNT)
    transform: str = one_of("translate", *TRANSFORMS)
    fill: str = one_of("mean", *FILLS)
    steps: int = whole(13, least=3, most=MOST_STEPS)
    parts: str = field(default="", metadata={"read": read_parts})
    draws: int = whole(10, least=2, most=MOST_DRAWS)

    def rectangle(self) -> RectangleShares | None:
        """The masked region."""
        if not self.region:
            return None
        left, top, right, bottom = map(float, self.region.split(","))
        return left, top, right, bottom

    def odd_steps(self) -> int:
        """Steps with the unchanged photo among them."""
        return min(MOST_STEPS, self.steps | 1)

    def edits_anything(self, where: Where, selection: Selection, info: ModelInfo) -> bool:
        """Whether a side's answer can differ from the network's own."""
        listed = factors_of(self, where, selection, info)
        swapped = bool(self.swap) and (bool(listed) or not self.listed)
        return bool(listed) or bool(self.region) or swapped


def factors_of(
    settings: EditsSettings, where: Where, selection: Selection, info: ModelInfo
) -> dict[int, float]:
    """The factors of the channels of a side's layer; an edit of another layer is none of this."""
    text = settings.left_edit if where == "left" else settings.right_edit
    model, _, rest = text.partition(" ")
    layer, *items = rest.split(" ")
    side = selection.side(where)
    if (model, layer) != (side.model, side.layer):
        return {}
    channels = layer_info(info, layer).channels
    pairs = (item.split("x") for item in items)
    return {int(channel): float(factor) for channel, factor in pairs if int(channel) < channels}


def edit_text(selection: Selection, where: Where, factors: Factors) -> str:
    """How the address writes an edit; "" when no channel is edited."""
    side = selection.side(where)
    items = [f"{channel}x{factor:.4g}" for channel, factor in factors.items()]
    return " ".join((side.model, side.layer, *items)) if items else ""


def typed(text: str, channels: int) -> dict[int, float]:
    """ "3, 17x2" as {3: 0, 17: 2}; ValueError with words for a person."""
    found: dict[int, float] = {}
    for item in re.split(r"[,;\s]+", TIMES.sub("x", text)):
        if not item:
            continue
        match = TYPED.fullmatch(item)
        if match is None:
            raise ValueError(
                f"`{item[:20]}` is no channel; type 3 to switch it off, 17x2 to double."
            )
        channel = int(match[1])
        if channel >= channels:
            raise ValueError(f"This layer has channels 0 to {channels - 1}; not {channel}.")
        factor = float(match[2]) if match[2] else 0.0
        if abs(factor) > MOST_FACTOR:
            raise ValueError(f"A factor is -{MOST_FACTOR:.0f} to {MOST_FACTOR:.0f}.")
        found[channel] = factor
    return found


def keep_factors(where: Where, factors: Factors) -> None:
    """Make these the factors of a side's layer; to be called from callbacks."""

    def keep(chosen: Selection, _: ServiceDescription) -> Selection:
        session.set_settings(**{f"{where}_edit": edit_text(chosen, where, factors)})
        return chosen

    session.change(keep)


def edit_channel(where: Where, channel: int, factor: float) -> None:
    """Give one channel a factor and select it; to be called from callbacks."""

    def apply(chosen: Selection, known: ServiceDescription) -> Selection:
        # The settings of now, not those of the run that drew the tile: clicks can be faster.
        settings: EditsSettings = st.session_state["settings"][EditsSettings]
        info = model_info(known, chosen.side(where).model)
        factors = factors_of(settings, where, chosen, info)
        factors.pop(channel, None)
        if factor != 1:
            factors[channel] = factor
        session.set_settings(**{f"{where}_edit": edit_text(chosen, where, factors)})
        return chosen.with_side(where, channel=channel)

    session.change(apply)


def edit_request(
    where: Where, selection: Selection, settings: EditsSettings, info: ModelInfo
) -> EditRequest:
    """The question behind a side's pictures."""
    side = selection.side(where)
    factors = factors_of(settings, where, selection, info)
    swap: str | None = settings.swap or None
    taken: tuple[int, ...] = ()
    if swap and settings.listed:  # replacing takes the place of multiplying
        taken, factors = tuple(factors), {}
        swap = swap if taken else None
    return EditRequest(
        side.model,
        selection.image,
        side.layer,
        tuple(factors.items()),
        settings.rectangle(),
        outside=settings.outside and bool(settings.region),
        swap=swap,
        swap_channels=taken,
        target=target_of(where, selection, info),
        precision=selection.precision,
    )


def target_of(where: Where, selection: Selection, info: ModelInfo) -> int | None:
    """The class chosen on a side; None: the network's most probable one."""
    label = selection.side(where).label
    return class_labels(info.classes).get(label) if label else None


# --- pickers -------------------------------------------------------------------------------------


def head(settings: EditsSettings, offered: ServiceDescription) -> None:
    """Title, view, and what to take away."""
    page_head("edits", "Edits", VIEWS, settings.view, offered)


def top_row(selection: Selection, offered: ServiceDescription, *extra: Callable[[], None]) -> None:
    """Photo, class, pairing of layers; `extra` pickers stand behind."""
    infos = [model_info(offered, selection.side(where).model) for where in WHERE]
    same = class_labels(infos[0].classes) == class_labels(infos[1].classes)
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            controls.photo_picker(selection, offered)
        controls.add_photo()
        if same:
            controls.class_picker("left", selection, infos[0], both=True)
        for picker in extra:
            picker()


def side_head(
    where: Where, selection: Selection, offered: ServiceDescription, *, layer: bool = True
) -> None:
    """Network and layer of one side, and its class where the two know different ones."""
    infos = {each: model_info(offered, selection.side(each).model) for each in WHERE}
    same = class_labels(infos["left"].classes) == class_labels(infos["right"].classes)
    columns = st.columns([4, *([] if same else [3]), *([3] if layer else [])])
    with columns[0]:
        controls.model_picker(where, selection, offered)
    if not same:
        with columns[1]:
            controls.class_picker(where, selection, infos[where], both=False)
    if layer:
        with columns[-1]:
            controls.layer_picker(where, selection, infos[where])
