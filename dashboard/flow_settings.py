"""What the panel "At initialisation" compares: a value, its copy in the address bar, its requests.

Knows nothing of Streamlit; `dashboard.initial_flow` keeps the visitor's value.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from dashboard.links import LinkReader
from vgg_viz.requests import GradientFlowRequest
from vgg_viz.results import QUANTITIES, ServiceDescription

Size = Literal["full", "quarter"]

MOST = 6  # settings side by side: as many as there are colours and markers
STAGED, REFERENCE = "staged", "he_fan_in"
NOISE, SAMPLES = "noise", "samples"
THREE = ("z_std", "gradient_std", "weight_gradient_norm")  # two of them vanish, the third does not
LARGEST_RATE, LARGEST_SEED = 10.0, 2**31 - 1
NOTHING = "none"  # in the address: every setting was removed
LAYER = re.compile(r"[a-z]{2,8}\d{1,2}(_\d{1,2})?")


@dataclass(frozen=True)
class Scale:
    """A width and an input size at which all settings are compared."""

    title: str
    about: str
    width: float  # times the channels of the papers
    input_size: int  # px
    classes: int
    source: str  # the trained A that staged initialisation copies from


SCALES: dict[Size, Scale] = {
    "full": Scale(
        "Full width", "full width, 224 px, 1000 classes", 1.0, 224, 1000, "vgg11:imagenet"
    ),
    "quarter": Scale(
        "Quarter width",
        "quarter width, 128 px, 19 classes, as the bundled A",
        0.25,
        128,
        19,
        "vgg11:bundled",
    ),
}


@dataclass(frozen=True)
class Setting:
    """One curve: a network and how its weights are drawn."""

    network: str
    initialization: str


@dataclass(frozen=True)
class FlowSelection:
    """Everything the address bar holds. `input`: NOISE, SAMPLES or the id of a photo."""

    settings: tuple[Setting, ...]
    size: Size = "full"
    input: str = NOISE
    learning_rate: float = 0.01
    seed: int = 0
    quantities: tuple[str, ...] = THREE
    layer: str | None = None
    reference: bool = True  # He's initialisation as a grey line


def _settings(text: str) -> tuple[Setting, ...]:
    return tuple(Setting(*item.split(":")) for item in text.split())


DEFAULT = FlowSelection(_settings("vgg16:std_0.01 vgg16:he_fan_in vgg16:glorot"))
PRESETS = {
    "Why deep VGG did not train": _settings("vgg11:std_0.01 vgg16:std_0.01 vgg19:std_0.01"),
    "Variance or std?": _settings("vgg16:std_0.01 vgg16:variance_0.01 vgg16:he_fan_in"),
    "The rescues": _settings(
        "vgg16:std_0.01 vgg16:staged vgg16:glorot vgg16:he_fan_in vgg16_bn:he_fan_in"
    ),
}


# --- what a person can change --------------------------------------------------------------------


def with_preset(selection: FlowSelection, name: str, offered: ServiceDescription) -> FlowSelection:
    """Settings of a preset, at a size at which all of them can be computed here."""
    settings, size = PRESETS[name], selection.size
    if any(source_missing(setting, "full", offered) for setting in settings):
        size = "quarter"
    return replace(selection, settings=settings, size=size)


def with_setting(selection: FlowSelection, number: int, **changes: str) -> FlowSelection:
    """Another network or initialisation in one place."""
    settings = list(selection.settings)
    settings[number] = replace(settings[number], **changes)
    return replace(selection, settings=tuple(settings))


def without(selection: FlowSelection, number: int) -> FlowSelection:
    """One setting less."""
    left = selection.settings[:number] + selection.settings[number + 1 :]
    return replace(selection, settings=left)


def with_another(selection: FlowSelection, offered: ServiceDescription) -> FlowSelection:
    """One setting more: the last network with the next initialisation it is not shown with."""
    network = selection.settings[-1].network if selection.settings else "vgg16"
    choices = [Setting(network, scheme.name) for scheme in offered.initializations]
    new = [choice for choice in choices if choice not in selection.settings]
    settings = (*selection.settings, (new or choices)[0])
    return replace(selection, settings=settings[:MOST])


def preset_of(selection: FlowSelection) -> str | None:
    """The preset that is shown, if it is one."""
    return next((name for name, made in PRESETS.items() if made == selection.settings), None)


# --- asking --------------------------------------------------------------------------------------


def request(setting: Setting, selection: FlowSelection) -> GradientFlowRequest:
    """The question to the service behind one curve."""
    scale = SCALES[selection.size]
    return GradientFlowRequest(
        setting.network,
        setting.initialization,
        selection.input,
        scale.width,
        scale.input_size,
        scale.classes,
        scale.source,
        selection.learning_rate,
        selection.seed,
    )


def source_missing(setting: Setting, size: Size, offered: ServiceDescription) -> bool:
    """Whether `setting` copies from ImageNet weights of A that are not on this machine."""
    if setting.initialization != STAGED or size != "full":
        return False
    model = offered.model(SCALES[size].source)
    return model is None or not model.available


def title(setting: Setting, offered: ServiceDescription) -> str:
    """ "VGG-16 (D), He, fan-in"."""
    networks = {network.name: network.title for network in offered.networks}
    schemes = {scheme.name: scheme.title for scheme in offered.initializations}
    network, scheme = setting.network, setting.initialization
    return f"{networks.get(network, network)}, {schemes.get(scheme, scheme)}"


# --- the address bar -----------------------------------------------------------------------------


def as_params(selection: FlowSelection) -> dict[str, str]:
    """The address bar's parameters; what is as on a first visit is left out."""
    first = _written(DEFAULT)
    return {name: text for name, text in _written(selection).items() if text != first[name]}


def _written(selection: FlowSelection) -> dict[str, str]:
    settings = ",".join(f"{s.network}:{s.initialization}" for s in selection.settings)
    return {
        "settings": settings or NOTHING,
        "size": selection.size,
        "input": selection.input,
        "lr": repr(selection.learning_rate),
        "seed": str(selection.seed),
        "show": ",".join(selection.quantities),
        "layer": selection.layer or "",
        "reference": "on" if selection.reference else "off",
    }


def parse(
    params: Mapping[str, str], offered: ServiceDescription, keeps: Callable[[str], bool]
) -> tuple[FlowSelection, tuple[str, ...]]:
    """Read an address; what cannot be used is named in the notes, with what is shown instead.

    `keeps` says whether the server still has an uploaded photo, by its sha256.
    """
    reader = _Reader(params, offered, keeps)
    return reader.selection(), tuple(reader.notes)


class _Reader(LinkReader):
    """One address being read."""

    def selection(self) -> FlowSelection:
        """Every part on its own: one bad part spoils no other."""
        return FlowSelection(
            self.settings(),
            "quarter" if self.choice("size", tuple(SCALES), "full") == "quarter" else "full",
            self.input(),
            self.learning_rate(),
            self.seed(),
            self.quantities(),
            self.layer(),
            self.choice("reference", ("on", "off"), "on") == "on",
        )

    def settings(self) -> tuple[Setting, ...]:
        value = self.params.get("settings")
        if value is None:
            return DEFAULT.settings
        if value == NOTHING:
            return ()
        found = [self.setting(item) for item in value.split(",", 2 * MOST)[: 2 * MOST]]
        known = tuple(setting for setting in found if setting is not None)
        if len(known) > MOST:
            self.notes.append(f"The link asks for more than {MOST} settings; showing {MOST}.")
        return known[:MOST] or DEFAULT.settings

    def setting(self, item: str) -> Setting | None:
        network, _, scheme = item.partition(":")
        if network not in {network.name for network in self.offered.networks}:
            self.note("the network", network, "which is not offered here; leaving it out.")
            return None
        if scheme not in {scheme.name for scheme in self.offered.initializations}:
            self.note("the initialisation", scheme, "which is not offered here; leaving it out.")
            return None
        return Setting(network, scheme)

    def input(self) -> str:
        value = self.params.get("input", NOISE)
        if value in (NOISE, SAMPLES) or any(s.name == value for s in self.offered.samples):
            return value
        is_upload = re.fullmatch("[0-9a-f]{64}", value) is not None
        if is_upload and self.keeps(value):
            return value
        reason = (
            "an upload that this server no longer keeps" if is_upload else "which is not offered"
        )
        shown = f"{value[:12]}..." if is_upload else value
        self.note("the input", shown, f"{reason}; showing noise.")
        return NOISE

    def learning_rate(self) -> float:
        value = self.params.get("lr")
        if value is None:
            return DEFAULT.learning_rate
        try:
            rate = float(value)
        except ValueError:
            rate = math.nan
        if 0 < rate <= LARGEST_RATE:
            return rate
        instead = f"but it has to be above 0 and up to {LARGEST_RATE:g}; showing 0.01."
        self.note("the learning rate", value, instead)
        return DEFAULT.learning_rate

    def seed(self) -> int:
        value = self.params.get("seed", "0")
        if value.isascii() and value.isdecimal() and len(value) < 11 and int(value) <= LARGEST_SEED:
            return int(value)
        self.note("the seed", value, "but it has to be a whole number from 0; showing seed 0.")
        return DEFAULT.seed

    def quantities(self) -> tuple[str, ...]:
        value = self.params.get("show")
        if value is None:
            return THREE
        names = tuple(value.split(","))
        if len(names) == len(THREE) and set(names) <= set(QUANTITIES):
            return names
        self.note("the charts", value, "which do not exist; showing the three that matter.")
        return THREE

    def layer(self) -> str | None:
        value = self.params.get("layer")
        if value is None or LAYER.fullmatch(value):
            return value
        self.note("the layer", value, "which is no layer's name; showing none.")
        return None
