"""What page "Optimised" keeps besides the selection, and the jobs that follow from both."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.page_settings import checked, one_of, real, switch, whole
from dashboard.selection import Selection, Where, label_of, layer_info
from vgg_viz.architecture import describe_model, unit_fields
from vgg_viz.requests import FeatureVisJob, Term
from vgg_viz.results import ModelInfo

OBJECTIVES = ("channel", "neuron", "layer", "class", "direction")
LEAST_SIZE, MOST_SIZE, MOST_STEPS = 32, 512, 2048
PAIR = re.compile(r"(\d{1,5})\s*[:=]\s*([+-]?\d{1,3}(?:\.\d{1,4})?)")
LONGEST = 64  # pairs that are typed
Pairs = tuple[tuple[int, float], ...]


def pairs_of(text: str) -> Pairs | None:
    """ "12:1, 40:-0.5" as pairs (channel, weight); None when it is anything else."""
    found: dict[int, float] = {}
    for item in filter(None, re.split(r"\s*[,;]\s*", text.strip())):
        match = PAIR.fullmatch(item)
        if match is None:
            return None
        found[int(match[1])] = float(match[2])
    return tuple(found.items()) if len(found) <= LONGEST else None


def pairs_text(pairs: Pairs) -> str:
    """As a person types them, and as the address holds them."""
    return ",".join(f"{channel}:{weight:g}" for channel, weight in pairs)


def _are_pairs(text: str) -> bool:
    return bool(pairs_of(text))


PAIRS = "pairs such as 12:1,40:-0.5"


@dataclass(frozen=True)
class FeatureVisSettings:
    """Objective and way of optimising; channel, layer, class and place are the selection's.

    `left_second` is the channel of a second term, -1 the one after the selection's; pairs "" mean
    what the photo has.
    """

    objective: str = one_of("channel", *OBJECTIVES)
    left_pairs: str = checked("", _are_pairs, PAIRS)
    right_pairs: str = checked("", _are_pairs, PAIRS)
    second: str = one_of("none", "none", "channel", "class")
    left_second: int = whole(-1, least=-1, most=99999)
    right_second: int = whole(-1, least=-1, most=99999)
    weight: float = real(1.0, least=-100.0, most=100.0)
    parametrization: str = one_of("fourier", "fourier", "pixels")
    decorrelated: bool = switch(default=True)
    transforms: str = one_of("standard", "standard", "none")
    start: str = one_of("noise", "noise", "photo")
    pictures: int = whole(1, least=1, most=9)
    diversity: float = real(0.0, least=0.0, most=100.0)
    steps: int = whole(256, least=1, most=MOST_STEPS)
    rate: float = real(0.05, least=0.0001, most=1.0)
    size: int = whole(0, least=0, most=MOST_SIZE)
    seed: int = whole(0, least=0, most=999_999)

    def pairs(self, where: Where) -> Pairs:
        """The direction that was typed for a side, () for the photo's."""
        return pairs_of(self.left_pairs if where == "left" else self.right_pairs) or ()

    def second_channel(self, where: Where) -> int:
        """The channel of a side's second term, -1 for the one after the selection's."""
        return self.left_second if where == "left" else self.right_second

    @property
    def needs_channel(self) -> bool:
        """Whether a channel of the layer is part of the objective."""
        return self.objective in ("channel", "neuron") or self.second == "channel"

    @property
    def second_class(self) -> bool:
        """Whether the second term has a class that the first has not."""
        return self.second == "class" and self.objective != "class"

    @property
    def needs_class(self) -> bool:
        """Whether a class is."""
        return "class" in (self.objective, self.second)


# Ways to begin; what a way does not name is as on a first visit.
PRESETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Standard": (
        "Fourier, decorrelated colours, transformations: what Lucid and its successors do.",
        {},
    ),
    "Plain pixels": (
        "No priors at all: the noise that comes out is the reason for them.",
        {"parametrization": "pixels", "decorrelated": False, "transforms": "none"},
    ),
    "Four unlike": (
        "Four pictures of the same objective, pushed to be unlike one another.",
        {"pictures": 4, "diversity": 1.0},
    ),
    "From the photo": (
        "The photo is changed instead of noise, as in DeepDream; few steps keep it recognisable.",
        {"start": "photo", "steps": 64, "rate": 0.02},
    ),
}
KEPT = ("objective", "left_pairs", "right_pairs", "second", "left_second", "right_second", "weight")


@dataclass(frozen=True)
class Goal:
    """What one network's picture is made for."""

    where: Where
    info: ModelInfo
    layer: str
    channel: int  # the selection's, else the strongest on the photo
    label: int  # number of the class
    photo: Pairs  # mean activations on the photo, () where no objective needs them

    @property
    def valued(self) -> str:
        """The row whose values count: the convolution, or the batch norm behind it."""
        names = [layer.name for layer in self.info.layers]
        after = self.info.layers[names.index(self.layer) + 1]
        return after.name if after.kind == "batch_norm" else self.layer

    def gallery_layer(self, settings: FeatureVisSettings) -> str:
        """Whose pictures the gallery shows: the chosen convolution's, or the classes'."""
        if settings.objective != "class":
            return self.layer
        return [layer.name for layer in self.info.layers if layer.kind == "linear"][-1]

    def gallery_channel(self, settings: FeatureVisSettings) -> int:
        """Which of them."""
        return self.label if settings.objective == "class" else self.channel


def terms_of(goal: Goal, selection: Selection, settings: FeatureVisSettings) -> tuple[Term, ...]:
    """The objective: one term, or two."""
    terms = [_first(goal, selection, settings)]
    if settings.second == "class":
        terms.append(Term("class", channel=goal.label, weight=settings.weight))
    if settings.second == "channel":
        channel = second_channel(goal, settings)
        terms.append(Term("channel", goal.valued, channel, weight=settings.weight))
    return tuple(terms)


def second_channel(goal: Goal, settings: FeatureVisSettings) -> int:
    """The channel of the second term."""
    count = layer_info(goal.info, goal.layer).channels
    wanted = settings.second_channel(goal.where)
    return wanted if 0 <= wanted < count else (goal.channel + 1) % count


def _first(goal: Goal, selection: Selection, settings: FeatureVisSettings) -> Term:
    match settings.objective:
        case "layer":
            return Term("layer", goal.valued)
        case "class":
            return Term("class", channel=goal.label)
        case "direction":
            return Term("direction", goal.valued, direction=direction_of(goal, settings))
        case "neuron":
            row, column = unit_of(goal, selection, settings)
            return Term("neuron", goal.valued, goal.channel, row, column)
        case _:
            return Term("channel", goal.valued, goal.channel)


def direction_of(goal: Goal, settings: FeatureVisSettings) -> Pairs:
    """What was typed of the layer's channels, else what the photo has."""
    count = layer_info(goal.info, goal.layer).channels
    typed = settings.pairs(goal.where)
    return tuple((c, w) for c, w in typed if c < count) or goal.photo


def photo_pairs(means: Sequence[float]) -> Pairs:
    """Mean activations as a direction of length 1; channels below a thousandth are left out."""
    length = sum(float(mean) ** 2 for mean in means) ** 0.5
    if not 0 < length < float("inf"):
        return ()
    scaled = ((channel, round(float(mean) / length, 3)) for channel, mean in enumerate(means))
    return tuple((channel, weight) for channel, weight in scaled if weight)


def unit_of(goal: Goal, selection: Selection, settings: FeatureVisSettings) -> tuple[int, int]:
    """Row and column of the unit nearest to the place, in a picture of the chosen size."""
    architecture = describe_model(goal.info, settings.size or None)
    fields = unit_fields(architecture, goal.layer)
    x, y = (share * fields.input_size - 0.5 for share in selection.shown_place)
    return fields.nearest(y), fields.nearest(x)


def job_of(goal: Goal, selection: Selection, settings: FeatureVisSettings) -> FeatureVisJob:
    """One side's work; the same settings are the same job."""
    several = settings.pictures > 1
    return FeatureVisJob(
        goal.info.name,
        terms_of(goal, selection, settings),
        parametrization=settings.parametrization,  # type: ignore[arg-type] # checked there
        decorrelated=settings.decorrelated,
        transforms=settings.transforms,  # type: ignore[arg-type]
        size=settings.size if settings.size >= LEAST_SIZE else 0,
        pictures=settings.pictures,
        diversity=settings.diversity if several else 0.0,
        image=selection.image if settings.start == "photo" else "",
        steps=settings.steps,
        learning_rate=settings.rate,
        seed=settings.seed,
    )


def objective_words(terms: Sequence[Term], info: ModelInfo) -> str:
    """What is maximised: "mean of channel 12 of conv5_3 - 0.5 x logit of dog"."""
    words = ""
    for term in terms:
        size = abs(term.weight)
        part = f"{size:g} × {_term_words(term, info)}" if size != 1 else _term_words(term, info)
        sign = "−" if term.weight < 0 else "+"
        words += f" {sign} {part}" if words or sign == "−" else part
    return words.strip()


def _term_words(term: Term, info: ModelInfo) -> str:
    match term.kind:
        case "class":
            return f"logit of {label_of(term.channel or 0, info)}"
        case "layer":
            return f"mean square of {term.layer}"
        case "neuron":
            return f"unit ({term.row}, {term.column}) of channel {term.channel} of {term.layer}"
        case "direction":
            strongest = sorted(term.direction, key=lambda pair: -abs(pair[1]))
            shown = ", ".join(f"{channel}:{weight:g}" for channel, weight in strongest[:4])
            more = f" and {len(strongest) - 4} more" if len(strongest) > 4 else ""
            return f"direction {shown}{more} of {term.layer}"
        case _:
            return f"mean of channel {term.channel} of {term.layer}"
