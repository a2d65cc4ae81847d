"""Attributions against captum and torchcam, VGG-16, same process, same threads, same maps.

    Grad-CAM of one class at all 13 convolutions    captum 13 times; torchcam in one pass
    integrated gradients, `STEPS` steps             captum at each of `BATCHES` images a pass
    SmoothGrad, `STEPS` noisy copies                captum at each of `BATCHES` copies a pass

captum's best setting counts; of integrated gradients it tells the convergence delta, as ours does.
All maps are checked against ours before anything is timed, captum's SmoothGrad with the noise drawn
for ours. Memory is the highest resident size of the process above what it had before the call.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.inspection import Case, Maps, captum_passes, torchcam_pass, vgg16_case
from benchmarks.measure import Timing, in_turns, machine, peak_memory, table, verdict
from vgg_viz.attribution.baselines import baseline
from vgg_viz.attribution.cam import MAPS, layer_sweep
from vgg_viz.attribution.gradients import noisy_images
from vgg_viz.attribution.methods import METHODS, checked_parameters
from vgg_viz.attribution.question import Question, Target
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.capture import inspect
from vgg_viz.preprocessing import IMAGENET
from vgg_viz.service.allocator import keep_freed_memory

STEPS = 12
BATCHES = (1, 4, 12)
NOISE = 0.15

OURS, VARIANTS = "ours", f"ours, {len(MAPS)} methods"
CAPTUM, TORCHCAM = "captum", "torchcam"


@dataclass(frozen=True)
class Contender:
    """`run` is timed; `shown` turns our raw maps into what this contender returns."""

    run: Callable[[], Maps]
    shown: Callable[[Tensor], Tensor] = lambda raw: raw
    checked: bool = True


@dataclass(frozen=True)
class Part:
    """One method: who makes it, and what was promised as (contender, to whom, largest ratio)."""

    title: str
    contenders: Mapping[str, Contender]
    slow: tuple[str, ...] = ()
    bars: tuple[tuple[str, str, float], ...] = ()


@dataclass(frozen=True)
class Report:
    """Times, peak memory in MB where the system tells, largest difference from our maps."""

    timings: dict[str, Timing]
    memory: dict[str, float | None] = field(default_factory=dict)
    differences: dict[str, float] = field(default_factory=dict)

    def ratio(self, name: str, to: str) -> float:
        """Best round to best round; a peer at several settings counts with its best."""
        return self._best(name) / self._best(to)

    def _best(self, name: str) -> float:
        mine = [t.best for n, t in self.timings.items() if n == name or n.startswith(f"{name},")]
        return self.timings[name].best if name in self.timings else min(mine)


def question_of(case: Case, method: str, **parameters: float | str) -> Question:
    """One look at the photo, then a question about it."""
    seen = inspect(case.network, case.image, case.recorded)
    checked = checked_parameters(METHODS[method], parameters)
    return Question(
        case.network, seen, Target(case.target), case.convs[-1], IMAGENET, checked, batch=16
    )


# --- Grad-CAM at all convolutions ----------------------------------------------------------------


def swept(case: Case, names: tuple[str, ...]) -> Maps:
    """One look at the photo, one backward pass, every map; those of Grad-CAM are compared."""
    found = layer_sweep(question_of(case, "grad_cam"), names, case.convs)
    return {layer: grid[None] for layer, grid in found["grad_cam"].items()}


def grad_cam(case: Case) -> Part:
    """From the photo to 13 maps, the forward pass included for all."""
    return Part(
        f"Grad-CAM at {len(case.convs)} convolutions",
        {
            OURS: Contender(lambda: swept(case, ("grad_cam",))),
            VARIANTS: Contender(lambda: swept(case, tuple(MAPS))),
            TORCHCAM: Contender(torchcam_pass(case), torch.relu),
            CAPTUM: Contender(lambda: captum_passes(case)),
        },
        slow=(CAPTUM,),
        bars=((OURS, CAPTUM, 1 / 8), (OURS, TORCHCAM, 1.15)),
    )


# --- methods of many passes ----------------------------------------------------------------------


def finished(question: Question, method: str) -> Maps:
    """Our map, with every partial map on the way as a page gets them."""
    *_, last = COMPUTE[method](question)
    return {method: last.grid[None]}


def integrated_gradients(case: Case, steps: int = STEPS) -> Part:
    """The same steps (Gauss and Legendre), from a black picture."""
    from captum.attr import IntegratedGradients

    question = question_of(case, "integrated_gradients", steps=steps)
    start = baseline(question, "black", question.generator())
    theirs = IntegratedGradients(case.network)

    def captum(batch: int) -> Maps:
        made = theirs.attribute(
            case.image,
            start,
            target=case.target,
            n_steps=steps,
            internal_batch_size=batch,
            return_convergence_delta=True,
        )[0]
        return {"integrated_gradients": made.detach().sum(dim=1).float()}

    return _beside(
        f"integrated gradients, {steps} steps",
        lambda: finished(question, "integrated_gradients"),
        {batch: lambda batch=batch: captum(batch) for batch in BATCHES},
    )


def smoothgrad(case: Case, samples: int = STEPS) -> Part:
    """The same noise for both."""
    from captum.attr import NoiseTunnel, Saliency

    question = question_of(case, "smoothgrad", samples=samples, noise=NOISE, colours="sum")
    noise = noisy_images(question, question.generator(), samples) - case.image
    theirs = NoiseTunnel(Saliency(case.network))

    def captum(batch: int) -> Maps:
        rest = iter(noise.split(batch))
        with patch("torch.normal", lambda *_, **__: next(rest)):
            made = theirs.attribute(
                case.image,
                nt_type="smoothgrad",
                nt_samples=samples,
                nt_samples_batch_size=batch,
                stdevs=1.0,
                target=case.target,
                abs=False,
            )
        return {"smoothgrad": made.detach().sum(dim=1)}

    return _beside(
        f"SmoothGrad, {samples} copies",
        lambda: finished(question, "smoothgrad"),
        {batch: lambda batch=batch: captum(batch) for batch in BATCHES},
    )


def _beside(title: str, ours: Callable[[], Maps], captum: Mapping[int, Callable[[], Maps]]) -> Part:
    theirs = {f"{CAPTUM}, {batch} a pass": Contender(run) for batch, run in captum.items()}
    return Part(title, {OURS: Contender(ours), **theirs}, bars=((OURS, CAPTUM, 1.0),))


# --- agreement, times, tables --------------------------------------------------------------------


def differences(part: Part) -> dict[str, float]:
    """The largest difference of each contender from our maps, as a share of the map's largest."""
    raw = part.contenders[OURS].run()
    return {
        name: max(_difference(each.shown(raw[key]), made) for key, made in each.run().items())
        for name, each in part.contenders.items()
        if name != OURS and each.checked
    }


def _difference(expected: Tensor, made: Tensor) -> float:
    largest = expected.abs().max().clamp(min=1e-30)
    return float((expected - made.float()).abs().max() / largest)


def measure(
    part: Part, *, rounds: int = 6, slow_rounds: int = 3, tolerance: float = 1e-3
) -> Report:
    """Check that all agree, then time them in turns. ValueError when they do not agree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum announces its hooks
        found = differences(part)
        for name, difference in found.items():
            if not difference <= tolerance:
                raise ValueError(f"{name} makes other maps: they differ by {difference:.2g}")
        memory = {name: peak_memory(each.run) for name, each in part.contenders.items()}
        work: dict[str, Callable[[], object]] = {n: c.run for n, c in part.contenders.items()}
        timings = in_turns(work, rounds, slow=dict.fromkeys(part.slow, slow_rounds))
    return Report(timings, memory, found)


def describe(part: Part, report: Report) -> str:
    """The table of times, and the bars."""
    rows = [
        (
            name,
            f"{1000 * timing.best:.0f}",
            f"{1000 * timing.median:.0f}",
            f"{timing.best / report.timings[OURS].best:.2f}",
            "" if (peak := report.memory.get(name)) is None else f"{peak:.0f}",
            f"{report.differences[name]:.1e}" if name in report.differences else "",
        )
        for name, timing in report.timings.items()
    ]
    header = ("contender", "best ms", "median ms", "x ours", "peak MB", "max difference")
    bars = [
        (f"{name} / {to}", f"{report.ratio(name, to):.3f}", verdict(report.ratio(name, to), bar))
        for name, to, bar in part.bars
    ]
    return f"{part.title}\n{table(header, rows)}\n\n{table(('bar', 'ratio', ''), bars)}"


def main() -> None:
    """Measure at full size and print."""
    keep_freed_memory()
    print("VGG-16, 224 px, fp32, channels last; best setting of captum counts")
    print(machine())
    case = vgg16_case()
    for part in (grad_cam(case), integrated_gradients(case), smoothgrad(case)):
        print(describe(part, measure(part)))
        print(flush=True)
