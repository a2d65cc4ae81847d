"""How much memory a question to a method takes, told before any of it is allocated.

Counted from the network's table, for what a method adds to the look at the photo: images that are
computed at a time, and what grows with its parameters. A kernel library's own workspace is not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from vgg_viz.architecture import Architecture, memory_of
from vgg_viz.attribution.costs import COSTS, Passes, Settings
from vgg_viz.attribution.fast_passes import kernel_bytes, pays
from vgg_viz.attribution.methods import METHODS
from vgg_viz.attribution.question import Question
from vgg_viz.errors import InputError
from vgg_viz.results import MethodInfo, MethodParameter

# Values are counted twice while a layer's result is put into the next one's order in memory.
COPIES = 2
TAILS = 4  # changed maps that Ablation-CAM sends on for one image of the batch, at most


@dataclass(frozen=True)
class Need:
    """Bytes: whatever the batch is, and for each of its images."""

    fixed: int
    image: int

    def of(self, batch: int) -> int:
        """Bytes for a batch."""
        return self.fixed + batch * self.image


def _squares(settings: Settings, side: int, classes: int) -> int:
    """Occlusion: logits of every place, and what is made of them for the maps."""
    square = min(int(settings["square"]), side)
    along = -(-(side - square) // int(settings["stride"])) + 1
    return 3 * 4 * along**2 * classes


def _grids(settings: Settings, _: int, __: int) -> int:
    """RISE: random numbers and the grids of every mask."""
    return 2 * 4 * int(settings["masks"]) * int(settings["cells"]) ** 2


def _sets(settings: Settings, _: int, __: int) -> int:
    """LIME and Kernel SHAP: the table of samples and parts, centred, weighted and solved."""
    return 4 * 8 * int(settings["samples"]) * int(settings["parts"])


# (parameters, side of the network's input in px, classes) -> bytes
_GROWING: Mapping[str, Callable[[Settings, int, int], int]] = {
    "occlusion": _squares,
    "rise": _grids,
    "lime": _sets,
    "kernel_shap": _sets,
}
# They keep kernels in transformed form: those of few channels stay plain, on a GPU all do.
_FAST = {"occlusion", "score_cam", "rise", "lime", "kernel_shap"} | {
    *("smoothgrad", "vargrad", "integrated_gradients", "gradient_shap")
}


def need(question: Question, method: MethodInfo, architecture: Architecture) -> Need:
    """What `method` needs for the question, beyond the look at the photo."""
    return _need(question, method, architecture, question.parameters, question.image.element_size())


def _need(
    question: Question,
    method: MethodInfo,
    architecture: Architecture,
    parameters: Settings,
    value: int,
) -> Need:
    memory = memory_of(architecture, 1, value)
    channels, side = question.activations.shape[1], architecture.input_size
    taken: Passes = COSTS[method.name]({**method.defaults(), **parameters}, channels, side)
    image = COPIES * memory.peak.alive
    if taken.backward:
        image = max(image, memory.kept)
    if method.name == "ablation_cam":
        image *= TAILS
    fixed = 0
    if method.name in _GROWING:
        fixed = _GROWING[method.name](parameters, side, question.seen.logits.shape[1])
    if method.name in _FAST:
        fixed += sum(kernel_bytes(module) for module in question.network if pays(module))
    return Need(fixed, image)


def fitted(question: Question, method: str, architecture: Architecture, room: int) -> Question:
    """The question with a batch that fits into `room` bytes.

    InputError when one image at a time does not fit, with the estimate and what would.
    """
    info = METHODS[method]
    whole = need(question, info, architecture)
    batch = min(question.batch, (room - whole.fixed) // max(1, whole.image))
    if batch >= 1:
        return question if batch == question.batch else replace(question, batch=batch)
    raise InputError(
        f"{info.title} would need about {whole.of(1) / 1e9:.2g} GB of memory, one image at a time, "
        f"and {max(0, room) / 1e9:.2g} GB are free. {_advice(question, info, architecture, room)}"
    )


def _advice(question: Question, method: MethodInfo, architecture: Architecture, room: int) -> str:
    """The largest settings that fit."""

    def fits(parameters: Settings, value: int = question.image.element_size()) -> bool:
        return _need(question, method, architecture, parameters, value).of(1) <= room

    def fits_at(parameter: MethodParameter, value: int) -> bool:
        return fits({**question.parameters, parameter.name: value})

    found = []
    for parameter in method.parameters:
        nearest = _nearest(parameter, partial(fits_at, parameter))
        if nearest is not None and nearest != question.parameters[parameter.name]:
            found.append(f"{parameter.title} at {nearest}")
    if found:
        return f"This fits: {' or '.join(found)}."
    if question.image.element_size() > 2 and fits(question.parameters, 2):
        return "It fits in bf16."
    return "Choose a smaller network, or close what else takes memory."


def _nearest(parameter: MethodParameter, fits: Callable[[int], bool]) -> int | None:
    """The value nearest to the costly end of a whole-numbered parameter's range that fits."""
    if not isinstance(parameter.default, int) or parameter.low is None or parameter.high is None:
        return None
    low, high = int(parameter.low), int(parameter.high)
    cheap, dear = (low, high) if fits(low) else (high, low)
    if not fits(cheap):
        return None
    while abs(dear - cheap) > 1:
        middle = (cheap + dear) // 2
        cheap, dear = (middle, dear) if fits(middle) else (cheap, middle)
    return cheap
