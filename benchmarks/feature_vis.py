"""Feature visualisation beside torch-lucent: one channel of VGG-16 at 224 px, and beside photos.

The same objective (mean of a channel's map before the ReLU), parametrisation (Fourier, decorrelated
colours), optimiser (Adam, 0.05) and transformations (lucid's standard set) for all. What differs:
torch-lucent runs the classifier too, samples the picture several times a step, and its canvas grows
with padding and scale to 248 to 273 px; ours is the picture's 224 px, or 248 px where it says
"wide". It computes gradients of all weights as well unless the network is frozen, as this
project's networks are and torchvision's are not.

torch-lucent is no dependency: it holds on to kornia of 2020 and brings coveralls, IPython and some
twenty more. `pip install torch-lucent` puts it beside the others; without it ours is timed alone.
"""

import importlib.util
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.measure import Timing, in_turns, machine, table
from vgg_viz.feature_vis import STANDARD, Optimisation, Parametrization, bind
from vgg_viz.feature_vis.front import run_front
from vgg_viz.feature_vis.gallery import in_precision, plans, random_patches
from vgg_viz.feature_vis.objectives import moved_share
from vgg_viz.models.configs import NetworkConfig, build
from vgg_viz.models.networks import build_network
from vgg_viz.models.registry import parse_model_name
from vgg_viz.models.weights import LoadedModel, load_model
from vgg_viz.preprocessing import IMAGENET, Preprocessing
from vgg_viz.requests.studies import Term, TermKind
from vgg_viz.service.devices import supported_precisions

OURS, WIDE, BF16, MARGIN = "ours", "ours, wide canvas", "ours, bf16", "ours, with a margin"
LUCENT, FROZEN = "torch-lucent", "torch-lucent, network frozen"
BAR = 1.5  # torch-lucent's time over ours
PHOTOS = "VGG_VIZ_TRAINING_PHOTOS"  # names a folder of photos
# Ten channels at ten depths, chosen before looking at any.
TEN = (
    *(("conv2_1", 3), ("conv2_2", 7), ("conv3_1", 5), ("conv3_3", 20), ("conv4_1", 11)),
    *(("conv4_2", 64), ("conv4_3", 100), ("conv5_1", 8), ("conv5_2", 77), ("conv5_3", 50)),
)


@dataclass(frozen=True)
class Case:
    """A channel of a network, and pictures of a size."""

    network: nn.Module
    config: NetworkConfig
    layer: str
    channel: int
    size: int = 224
    preprocessing: Preprocessing = IMAGENET  # the constants that torch-lucent has built in
    seed: int = 0

    def value(self, pictures: Tensor) -> float:
        """The channel's mean for pictures (1, 3, S, S) in [0, 1], as they are: for everybody."""
        mean = torch.tensor(self.preprocessing.mean).view(1, 3, 1, 1)
        deviation = torch.tensor(self.preprocessing.std).view(1, 3, 1, 1)
        with torch.no_grad():
            outputs = run_front(self.network, [self.layer], (pictures - mean) / deviation)
        return float(outputs[self.layer][0, self.channel].mean())


def vgg16_case(width: float = 1, size: int = 224, layer: str = "conv5_1") -> Case:
    """VGG-16 with random weights; narrow for tests."""
    config = build("vgg16", width=width, classes=1000, input_size=size)
    return Case(build_network(config, seed=0).requires_grad_(False), config, layer, 7, size)


# --- the contenders ------------------------------------------------------------------------------


def optimisation(case: Case, *, wide: bool = False, margin: int = 0) -> Optimisation:
    """Ours."""
    term = Term("channel", case.layer, case.channel)
    return Optimisation(
        bind(case.config, [(term,)], case.size),
        Parametrization(case.size + 2 * margin),
        case.preprocessing,
        window=case.size + 24 * wide,
        seed=case.seed,
    )


def lucent_picture(case: Case, steps: int) -> Tensor:
    """What torch-lucent makes in `steps` steps: (1, 3, S, S). Its hooks are taken off again."""
    from lucent.optvis import objectives, param, render

    torch.manual_seed(case.seed)
    np.random.seed(case.seed)  # noqa: NPY002 - where it draws its transformations
    try:
        pictures = render.render_vis(
            case.network,
            objectives.channel(case.layer, case.channel),
            lambda: param.image(case.size),
            thresholds=(steps,),
            show_image=False,
            progress=False,
        )
    finally:
        for module in case.network.modules():
            module._forward_hooks.clear()  # noqa: SLF001 - it leaves one on every module
        for parameter in case.network.parameters():
            parameter.grad = None
    # (1, S, S, 3) -> (1, 3, S, S)
    return torch.from_numpy(pictures[-1]).permute(0, 3, 1, 2)


def with_lucent() -> bool:
    """Whether torch-lucent is installed."""
    return importlib.util.find_spec("lucent") is not None


@contextmanager
def thawed(network: nn.Module) -> Iterator[None]:
    """Parameters that require gradients, as torchvision's networks come."""
    try:
        network.requires_grad_(True)
        yield
    finally:
        network.requires_grad_(False)


@dataclass(frozen=True)
class Report:
    """Seconds a step, and the objective after `steps` steps."""

    timings: Mapping[str, Timing]
    values: Mapping[str, Sequence[float]] = field(default_factory=dict)
    steps: int = 0


def measure(case: Case, *, rounds: int = 3, steps: int = 4) -> Report:
    """Time `steps` steps of everybody in turns; the timings are of one step."""
    ours, wide = optimisation(case), optimisation(case, wide=True)
    work: dict[str, Callable[[], object]] = {
        OURS: lambda: ours.step(case.network, steps),
        WIDE: lambda: wide.step(case.network, steps),
    }
    ours.step(case.network)
    wide.step(case.network)
    if "bf16" in supported_precisions(torch.device("cpu")):
        half, network = optimisation(case), in_precision(case.network, "bf16")
        half.step(network)
        work[BF16] = lambda: half.step(network, steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kornia of 2020
        if with_lucent():
            lucent_picture(case, 1)

            def as_it_comes() -> None:
                with thawed(case.network):
                    lucent_picture(case, steps)

            work |= {LUCENT: as_it_comes, FROZEN: lambda: lucent_picture(case, steps)}
        timings = in_turns(work, rounds)
    return Report(
        {name: Timing(tuple(s / steps for s in timing.seconds)) for name, timing in timings.items()}
    )


def objectives_reached(cases: Sequence[Case], steps: int) -> dict[str, list[float]]:
    """The objective of everybody's pictures, untransformed, after `steps` steps, for each case."""
    found: dict[str, list[float]] = {OURS: [], MARGIN: []}
    for case in cases:
        for name, margin in ((OURS, 0), (MARGIN, 12)):
            made = optimisation(case, margin=margin)
            made.step(case.network, steps)
            found[name].append(case.value(made.pictures()))
        if with_lucent():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.setdefault(LUCENT, []).append(case.value(lucent_picture(case, steps)))
    return found


def describe(report: Report) -> str:
    """Seconds a step and the bar."""
    ours = report.timings[OURS].best
    rows = [
        (name, f"{timing.best:.3f}", f"{timing.median:.3f}", f"{timing.best / ours:.2f}")
        for name, timing in report.timings.items()
    ]
    text = table(("contender", "best s a step", "median", "x ours"), rows)
    if LUCENT in report.timings:
        ratio = report.timings[LUCENT].best / ours
        text += f"\n{LUCENT} / {OURS} {ratio:.2f}, >= {BAR}: {'held' if ratio >= BAR else 'MISSED'}"
    return text


def describe_values(cases: Sequence[Case], values: Mapping[str, Sequence[float]]) -> str:
    """The objective each contender reached."""
    names = [f"{case.layer}:{case.channel}" for case in cases]
    rows = [(name, *(f"{value:.3f}" for value in found)) for name, found in values.items()]
    return table(("objective", *names), rows)


# --- beside photos -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rival:
    """A channel: what the best patch and the optimised picture reach, both of `size` px."""

    layer: str
    channel: int
    kind: TermKind  # "channel": the map's mean; "neuron": its middle unit
    size: int
    photo: float
    picture: float


def rivals(
    model: LoadedModel,
    channels: Sequence[tuple[str, int]],
    patches: Sequence[np.ndarray],
    *,
    steps: int = 256,
) -> list[Rival]:
    """For each channel: the best of all patches, and a picture optimised for the same objective."""
    sizes = {plan.layer: plan.size for plan in plans(model)}
    found = []
    kinds: tuple[TermKind, ...] = ("channel", "neuron")
    for kind in kinds:
        for layer, channel in channels:
            size = sizes[layer]
            term = Term(kind, layer, channel)
            objective = bind(model.config, [(term,)], size)
            made = Optimisation(
                objective,
                Parametrization(size + 16),
                model.preprocessing,
                transforms=STANDARD.gentler(moved_share(model.config, [term])),
                learning_rate=0.1,
                window=size,
            )
            made.step(model.network, steps)
            photo = best_patch(model, layer, channel, kind, size, patches)
            picture = float(made.values(model.network)[0])
            found.append(Rival(layer, channel, kind, size, photo, picture))
    return found


def best_patch(
    model: LoadedModel,
    layer: str,
    channel: int,
    kind: TermKind,
    size: int,
    patches: Sequence[np.ndarray],
) -> float:
    """The largest objective of the central squares of all patches."""
    mean = torch.tensor(model.preprocessing.mean).view(1, 3, 1, 1)
    deviation = torch.tensor(model.preprocessing.std).view(1, 3, 1, 1)
    first = (patches[0].shape[0] - size) // 2
    best = -np.inf
    for start in range(0, len(patches), 50):
        some = patches[start : start + 50]
        squares = np.stack([p[first : first + size, first : first + size] for p in some])
        batch = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255
        term = Term(kind, layer, channel)
        objective = bind(model.config, [(term,)] * len(batch), size)
        seen = ((batch - mean) / deviation).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            values = objective.values(run_front(model.network, [layer], seen))
        best = max(best, float(values.max()))
    return best


def describe_rivals(found: Sequence[Rival], patches: int) -> str:
    """The table, and how many pictures win."""
    rows = [
        (f"{r.layer}:{r.channel}", r.kind, f"{r.size}", f"{r.photo:.2f}", f"{r.picture:.2f}")
        for r in found
    ]
    won = sum(r.picture > r.photo for r in found)
    header = ("channel", "objective", "px", f"best of {patches:,} patches", "optimised")
    return f"{table(header, rows)}\n{won} of {len(found)} optimised pictures are above every patch"


def main() -> None:
    """Measure at full size and print."""
    case = vgg16_case()
    print(f"{case.layer}:{case.channel} of VGG-16, random weights, {case.size} px, fp32")
    print(machine())
    if not with_lucent():
        print("torch-lucent is not installed here: ours alone")
    print(describe(measure(case)))
    model = load_model(parse_model_name("vgg16:bundled"))
    cases = [
        Case(model.network, model.config, "conv5_1", channel, 224, model.preprocessing)
        for channel in (7, 40, 90)
    ]
    steps = 512
    print(f"\nAfter {steps} steps, {cases[0].size} px, bundled weights")
    print(describe_values(cases, objectives_reached(cases, steps)))
    folder = os.environ.get(PHOTOS)
    if folder is None:
        print(f"\nSet {PHOTOS} to a folder of photos to compare with their patches.")
        return
    photos = sorted(Path(folder).rglob("*.jpg"))
    patches = random_patches(photos, 10_000, model.config.input_size)
    print()
    print(describe_rivals(rivals(model, TEN, patches), len(patches)))
