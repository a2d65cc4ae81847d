"""What page "Attribution" keeps besides the selection, and the questions that follow from both."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.links import LinkReader
from dashboard.page_settings import checked, one_of, whole
from dashboard.selection import Selection, Where, class_labels
from vgg_viz.requests import AttributionRequest
from vgg_viz.results import MethodInfo, MethodParameter, ModelInfo, ParameterValue

VIEWS = {"methods": "Methods", "layers": "Layers", "method": "One method", "occlusion": "Occlusion"}
FAMILIES = {
    "cam": "Class activation maps",
    "gradient": "Gradient",
    "relevance": "Relevance",
    "perturbation": "Perturbation",
}
ENDS = {"most": "99.5 % of the pixels", "maximum": "Maximum"}
QUANTILE = 0.995  # of a map over the image, where a few pixels would leave all others dark
AT_ONCE = "grad_cam,layer_cam,gradient,guided_backprop,deconvnet,lrp"
MOST_SEED = 9999
BOX = re.compile(r"(\d(\.\d{1,4})?,){3}\d(\.\d{1,4})?")

Box = tuple[float, float, float, float]
Parameters = Mapping[str, Mapping[str, ParameterValue]]  # method -> parameter -> value


def typed(parameter: MethodParameter, text: str) -> ParameterValue | None:
    """The value that `text` writes; None when the parameter cannot have it."""
    if parameter.choices:
        return text if text in parameter.choices else None
    try:
        value = int(text) if isinstance(parameter.default, int) else float(text)
    except ValueError:
        return None
    low = value if parameter.low is None else parameter.low
    high = value if parameter.high is None else parameter.high
    return value if low <= value <= high else None


def parameters_of(text: str, methods: tuple[MethodInfo, ...]) -> dict[str, dict[str, Any]] | None:
    """ "rise.masks:50,lrp.gamma:0.5" by method and parameter; None when something is not there."""
    known = {(info.name, each.name): each for info in methods for each in info.parameters}
    found: dict[str, dict[str, Any]] = {}
    for item in filter(None, text.split(",")):
        name, _, value = item.partition(":")
        method, _, parameter = name.partition(".")
        each = known.get((method, parameter))
        read = None if each is None else typed(each, value)
        if read is None:
            return None
        found.setdefault(method, {})[parameter] = read
    return found


def parameters_text(parameters: Parameters, methods: tuple[MethodInfo, ...]) -> str:
    """How the address writes them; what is at its default is left out."""
    return ",".join(
        f"{info.name}.{each.name}:{value}"
        for info in methods
        for each in info.parameters
        if (value := parameters.get(info.name, {}).get(each.name, each.default)) != each.default
    )


def _read_methods(reader: LinkReader, name: str, default: str) -> str:
    text = reader.params[name]
    known = [info.name for info in reader.offered.methods]
    there = [each for each in dict.fromkeys(text.split(",")) if each in known]
    if len(there) < len(text.split(",")):
        reader.note(name, text, f"not all of which exist; showing {', '.join(there) or default}.")
    return ",".join(there) or default


def _read_one(reader: LinkReader, name: str, default: str) -> str:
    methods = reader.offered.methods
    swept = name == "swept"
    known = tuple(info.name for info in methods if info.at_every_layer or not swept)
    return reader.choice(name, known, default)


def _read_parameters(reader: LinkReader, name: str, default: str) -> str:
    text = reader.params[name]
    if parameters_of(text, reader.offered.methods) is None:
        reader.note(name, text, "which no method has; showing defaults.")
        return default
    return text


def _read_class(reader: LinkReader, name: str, default: str) -> str:
    label = reader.params[name]
    if any(label in class_labels(info.classes) for info in reader.offered.models):
        return label
    reader.note("the second class", label, "which no network knows; explaining the score alone.")
    return default


def _is_box(text: str) -> bool:
    if not BOX.fullmatch(text):
        return False
    left, top, right, bottom = map(float, text.split(","))
    return 0 <= left < right <= 1 and 0 <= top < bottom <= 1


@dataclass(frozen=True)
class AttributionSettings:
    """Which methods are shown, how they are set, and against which class."""

    view: str = one_of("methods", *VIEWS)
    methods: str = field(default=AT_ONCE, metadata={"read": _read_methods})
    parameters: str = field(default="", metadata={"read": _read_parameters})
    swept: str = field(default="grad_cam", metadata={"read": _read_one})
    method: str = field(default="grad_cam", metadata={"read": _read_one})
    against: str = field(default="", metadata={"read": _read_class})
    ends: str = one_of("most", *ENDS)
    seed: int = whole(0, least=0, most=MOST_SEED)
    box: str = checked("", _is_box, "left,top,right,bottom in shares of the photo")

    @property
    def rectangle(self) -> Box | None:
        """The box around what a map should point at."""
        if not self.box:
            return None
        left, top, right, bottom = map(float, self.box.split(","))
        return left, top, right, bottom

    def chosen(self, methods: tuple[MethodInfo, ...]) -> list[MethodInfo]:
        """The methods of the matrix, in the order of the table."""
        names = self.methods.split(",")
        return [
            info
            for family in FAMILIES
            for info in methods
            if info.family == family and info.name in names
        ]

    def values(self, info: MethodInfo) -> dict[str, ParameterValue]:
        """What is set of one method; the rest is at its default."""
        items = self.parameters.split(",")
        own = ",".join(item for item in items if item.startswith(f"{info.name}."))
        return (parameters_of(own, (info,)) or {}).get(info.name, {})

    def quantile(self, info: MethodInfo) -> float:
        """Where a scale ends: only maps over the image have few pixels far above all others."""
        return QUANTILE if self.ends == "most" and info.space == "input" else 1.0


def request_of(
    where: Where,
    selection: Selection,
    settings: AttributionSettings,
    info: ModelInfo,
    method: MethodInfo,
) -> AttributionRequest:
    """The question behind one cell."""
    side, labels = selection.side(where), class_labels(info.classes)
    return AttributionRequest(
        side.model,
        selection.image,
        side.layer,
        labels.get(side.label) if side.label else None,
        method.name,
        selection.precision,
        labels.get(settings.against),
        tuple(settings.values(method).items()),
        settings.seed,
    )
