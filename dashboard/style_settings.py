"""What page "Style" keeps besides the selection, and the job that follows from both."""

import re
from dataclasses import dataclass, field

from dashboard.links import LinkReader
from dashboard.page_settings import one_of, switch, whole
from dashboard.selection import Selection
from vgg_viz.requests import StyleJob
from vgg_viz.results import ModelInfo, ServiceDescription

LEAST_STEPS, MOST_STEPS, MOST_SEED = 10, 1000, 9999
CONTENT_ALONE, STYLE_ALONE = "content", "style"
# What content and style count, each relative to the other picture's loss.
_SHARES = ("10", "3", "1", "0.3", "0.1", "0.03", "0.01", "0.003", "0.001")
MIXES = {
    CONTENT_ALONE: "content alone",
    **{share: f"{share} : 1" for share in _SHARES},
    STYLE_ALONE: "style alone",
}
SMOOTHNESS = {"0": "None", "0.003": "Little", "0.03": "Some", "0.3": "Much"}
STARTS = {"content": "Content", "style": "Style", "noise": "Noise"}
OPTIMIZERS = {"lbfgs": "L-BFGS", "adam": "Adam"}
POOLINGS = {"average": "Average", "max": "Max"}
SIZES = {text: f"{text} px" for text in ("128", "192", "256", "384", "512")}
SHOWN = {"losses": "Losses", "gram": "Gram", "entry": "One entry"}
STAGES = ("1", "2", "3", "4", "5")  # of the style layers
MOST_RANK = 50


def _read_style(reader: LinkReader, name: str, default: str) -> str:
    value = reader.params[name]
    offered = (*reader.offered.textures, *reader.offered.samples)
    if any(picture.name == value for picture in offered):
        return value
    if re.fullmatch(r"[0-9a-f]{64}", value) and reader.keeps(value):
        return value
    reader.note(name, value[:20], "which is no picture here; showing the usual one.")
    return default


@dataclass(frozen=True)
class StyleSettings:
    """Style picture, balance, way down, and what is shown below the pictures."""

    style: str = field(default="", metadata={"read": _read_style})
    mix: str = one_of("0.03", *MIXES)
    smoothness: str = one_of("0.03", *SMOOTHNESS)
    start: str = one_of("content", *STARTS)
    optimizer: str = one_of("lbfgs", *OPTIMIZERS)
    pooling: str = one_of("average", *POOLINGS)
    keep_colour: bool = switch(False)
    size: str = one_of("256", *SIZES)
    steps: int = whole(200, least=LEAST_STEPS, most=MOST_STEPS)
    seed: int = whole(0, least=0, most=MOST_SEED)
    shown: str = one_of("losses", *SHOWN)
    stage: str = one_of("3", *STAGES)
    rank: int = whole(1, least=1, most=MOST_RANK)

    @property
    def real_start(self) -> str:
        """The start, but noise where the start would be all that is wanted."""
        return "noise" if self.mix == self.start else self.start


def chosen_style(settings: StyleSettings, offered: ServiceDescription) -> str:
    """The style picture; the first texture when none is chosen."""
    return settings.style or (*offered.textures, *offered.samples)[0].name


def style_title(name: str, offered: ServiceDescription) -> str:
    """A style picture in words, with author and licence."""
    for picture in (*offered.textures, *offered.samples):
        if picture.name == name:
            return f"{picture.title}, {picture.author}, {picture.licence}"
    return f"uploaded, sha256 {name[:12]}"


def job_of(
    info: ModelInfo, selection: Selection, settings: StyleSettings, offered: ServiceDescription
) -> StyleJob:
    """One network's work."""
    alone = settings.mix in (CONTENT_ALONE, STYLE_ALONE)
    return StyleJob(
        info.name,
        selection.image,
        chosen_style(settings, offered),
        content_weight=float(settings.mix == CONTENT_ALONE) if alone else float(settings.mix),
        style_weight=float(settings.mix != CONTENT_ALONE),
        smoothness=float(settings.smoothness),
        start=settings.real_start,  # type: ignore[arg-type] # one of STARTS
        optimizer=settings.optimizer,  # type: ignore[arg-type] # one of OPTIMIZERS
        pooling=settings.pooling,  # type: ignore[arg-type] # one of POOLINGS
        keep_colour=settings.keep_colour,
        size=int(settings.size),
        steps=settings.steps,
        seed=settings.seed,
    )
