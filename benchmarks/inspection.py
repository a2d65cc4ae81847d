"""One Inspection against a plain pass and against the peers, on VGG-16 in one process.

What is compared: the Grad-CAM of one class at all 13 convolutions. All contenders' maps are checked
against ours before anything is timed.
"""

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.measure import Timing, in_turns, machine, table, verdict
from vgg_viz.attribution.cam import grad_cam
from vgg_viz.capture import inspect
from vgg_viz.models.configs import build
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.service.allocator import keep_freed_memory
from vgg_viz.service.devices import supported_precisions
from vgg_viz.service.execution import RECORDED

Maps = Mapping[str, Tensor]  # by layer, (N, h, w)

PLAIN, OURS, BF16 = "plain forward + backward", "ours", "ours, bf16"
SERVICE = "ours, all layers as in the service"
TORCHCAM, CAPTUM, PYTORCH_GRAD_CAM = "torchcam", "captum x 13", "pytorch-grad-cam x 13"


@dataclass(frozen=True)
class Case:
    """What every contender is given: a frozen network, an image (1, 3, H, W), a class."""

    network: ConvNet
    image: Tensor
    target: int
    convs: tuple[str, ...]
    recorded: tuple[str, ...]

    def leaf(self) -> Tensor:
        """A copy of the image that gradients can reach."""
        return self.image.clone().requires_grad_()


@dataclass(frozen=True)
class Contender:
    """`run` is what is timed; `shown` turns our raw maps into what this contender returns."""

    run: Callable[[], Maps]
    shown: Callable[[Tensor], Tensor] = lambda raw: raw
    tolerance: float | None = 1e-4  # of the largest value of the map; None: said, not checked


@dataclass(frozen=True)
class Report:
    """Times, and the largest difference from our maps, as a share of each map's largest value."""

    timings: dict[str, Timing]
    differences: dict[str, float] = field(default_factory=dict)

    def ratio(self, name: str, to: str) -> float:
        """Best round to best round."""
        return self.timings[name].best / self.timings[to].best


def vgg16_case(width: float = 1, side: int = 224, classes: int = 1000) -> Case:
    """VGG-16 with random weights, channels last; small for tests."""
    config = build("vgg16", width=width, classes=classes, input_size=side)
    network = build_network(config, seed=0).requires_grad_(False)
    image = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    recorded = tuple(row.name for row in config.layers if row.kind in RECORDED)
    layout = torch.channels_last
    return Case(network, image.contiguous(memory_format=layout), 1, config.convs, recorded)


# --- the contenders ------------------------------------------------------------------------------


def plain(case: Case) -> Maps:
    """What torch needs at least: one forward and one backward pass to the image, nothing kept."""
    leaf = case.leaf()
    (gradient,) = torch.autograd.grad(case.network(leaf)[0, case.target], leaf)
    return {"input": gradient[:, 0]}


def ours(case: Case, layers: tuple[str, ...]) -> Maps:
    """One Inspection that keeps `layers`, and from it every map."""
    seen = inspect(case.network, case.image, layers)
    gradients = seen.gradients(case.target)
    return {name: grad_cam(seen.outputs[name].detach(), gradients[name]) for name in case.convs}


def torchcam_pass(case: Case) -> Callable[[], Maps]:
    """All layers in one pass, hooks already in place, no scaling to [0, 1]: its fastest way.

    It is right here because no ReLU of this network works in place.
    """
    from torchcam.methods import GradCAM

    extractor = GradCAM(case.network, target_layer=list(case.convs), enable_hooks=False)

    def run() -> Maps:
        extractor.enable_hooks()
        try:
            maps = extractor(case.target, case.network(case.leaf()), normalized=False)
        finally:
            extractor.disable_hooks()
            extractor.reset_hooks()
        return dict(zip(case.convs, maps, strict=True))

    return run


def captum_passes(case: Case) -> Maps:
    """captum knows one layer at a time."""
    from captum.attr import LayerGradCam

    maps = {}
    for name in case.convs:
        method = LayerGradCam(case.network, case.network.get_submodule(name))
        maps[name] = method.attribute(case.leaf(), target=case.target)[:, 0].detach()
    return maps


def pytorch_grad_cam_passes(case: Case) -> Maps:
    """pytorch-grad-cam averages over layers when it is given several, so one layer at a time."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    maps = {}
    for name in case.convs:
        with GradCAM(case.network, [case.network.get_submodule(name)]) as method:
            made = method(case.leaf(), targets=[ClassifierOutputTarget(case.target)])
        maps[name] = torch.from_numpy(made)
    return maps


def pytorch_grad_cam_shown(raw: Tensor, side: int) -> Tensor:
    """Our raw map as pytorch-grad-cam returns it: ReLU, to [0, 1], enlarged, to [0, 1] again."""
    scaled = _to_unit(raw.relu())[:, None]
    large = F.interpolate(scaled, size=(side, side), mode="bilinear", align_corners=False)
    return _to_unit(large[:, 0])


def _to_unit(maps: Tensor) -> Tensor:
    maps = maps - maps.amin(dim=(1, 2), keepdim=True)
    return maps / (1e-7 + maps.amax(dim=(1, 2), keepdim=True))


def contenders(case: Case) -> dict[str, Contender]:
    """Everybody who makes the maps, by name; bf16 where the processor computes it."""
    side = case.image.shape[-1]
    found = {
        OURS: Contender(lambda: ours(case, case.convs)),
        SERVICE: Contender(lambda: ours(case, case.recorded)),
        TORCHCAM: Contender(torchcam_pass(case), torch.relu),
        CAPTUM: Contender(lambda: captum_passes(case)),
        PYTORCH_GRAD_CAM: Contender(
            lambda: pytorch_grad_cam_passes(case),
            lambda raw: pytorch_grad_cam_shown(raw, side),
            tolerance=1e-3,
        ),
    }
    if "bf16" in supported_precisions(torch.device("cpu")):
        network = copy.deepcopy(case.network).to(torch.bfloat16)
        half = Case(network, case.image.bfloat16(), case.target, case.convs, case.recorded)
        # Random weights are its worst case: alpha is a mean of gradients that nearly cancel.
        found[BF16] = Contender(lambda: ours(half, half.convs), tolerance=None)
    return found


# --- agreement, times, tables --------------------------------------------------------------------


def differences(entries: Mapping[str, Contender]) -> dict[str, float]:
    """The largest difference of each contender from our maps, as a share of the map's largest."""
    raw = entries[OURS].run()
    return {
        name: max(_difference(entry.shown(raw[layer]), made) for layer, made in entry.run().items())
        for name, entry in entries.items()
        if name != OURS
    }


def _difference(expected: Tensor, made: Tensor) -> float:
    largest = expected.abs().max().clamp(min=1e-30)
    return float((expected - made.float()).abs().max() / largest)


def measure(case: Case, *, rounds: int = 12, slow_rounds: int = 3) -> Report:
    """Check that all agree, then time them in turns. Raises ValueError when they do not agree."""
    entries = contenders(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum announces its hooks
        found = differences(entries)
        for name, difference in found.items():
            tolerance = entries[name].tolerance
            if tolerance is not None and not difference <= tolerance:
                raise ValueError(f"{name} makes other maps: they differ by {difference:.2g}")
        work: dict[str, Callable[[], object]] = {PLAIN: lambda: plain(case)}
        work |= {name: entry.run for name, entry in entries.items()}
        slow = {CAPTUM: slow_rounds, PYTORCH_GRAD_CAM: slow_rounds}
        return Report(in_turns(work, rounds, slow=slow), found)


def measure_ours(case: Case, *, rounds: int = 12) -> Report:
    """The plain pass and our two alone."""
    work: dict[str, Callable[[], object]] = {
        PLAIN: lambda: plain(case),
        OURS: lambda: ours(case, case.convs),
        SERVICE: lambda: ours(case, case.recorded),
    }
    for each in work.values():
        each()
    return Report(in_turns(work, rounds))


def describe(report: Report) -> str:
    """The table of times, and the bars."""
    rows = [
        (
            name,
            f"{1000 * timing.best:.0f}",
            f"{1000 * timing.median:.0f}",
            f"{report.ratio(name, PLAIN):.2f}",
            f"{report.ratio(name, OURS):.2f}",
            f"{report.differences[name]:.1e}" if name in report.differences else "",
        )
        for name, timing in report.timings.items()
    ]
    header = ("contender", "best ms", "median ms", "x plain", "x ours", "max difference")
    return f"{table(header, rows)}\n\n{table(('bar', 'ratio', ''), bars(report))}"


def bars(report: Report) -> list[tuple[str, str, str]]:
    """What was promised, and whether it holds."""
    promised = [
        (OURS, PLAIN, 1.15),
        (SERVICE, PLAIN, 1.15),
        (OURS, TORCHCAM, 1.15),
        (OURS, CAPTUM, 0.125),  # about a ninth
        (BF16, OURS, 0.65),
    ]
    return [
        (f"{name} / {to}", f"{report.ratio(name, to):.3f}", verdict(report.ratio(name, to), bar))
        for name, to, bar in promised
        if name in report.timings and to in report.timings
    ]


def main() -> None:
    """Measure at full size and print."""
    print("Grad-CAM of one class at all 13 convolutions of VGG-16, 224 px, fp32, channels last")
    print(machine())
    case = vgg16_case()
    print(describe(measure(case)))
    if keep_freed_memory():
        print("\nThe same while the C library keeps freed memory")
        print(describe(measure_ours(case)))
