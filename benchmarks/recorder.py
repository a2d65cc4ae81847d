"""What recording costs a training: VGG-16, batch 16, 64 px, plain SGD, steps in turns.

Beside it stands what a careless logger does: hooks on every layer and histograms of every gradient
at every step. Seconds are of the processor, not of the clock: trainings share machines, and all
contenders use the same threads.
"""

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measure import Timing, machine, table, verdict
from vgg_viz.models.configs import build
from vgg_viz.models.networks import build_network
from vgg_viz.training import Recorder

EVERY = 50
BAR = 1.05

PLAIN = "no recorder"
BETWEEN = "Recorder, a step between"
MEASURED = "Recorder, a measured step"
CARELESS = "histograms of all gradients, every step"


@dataclass(frozen=True)
class Case:
    """What is trained, and on what."""

    network: nn.Module
    images: Tensor
    labels: Tensor
    optimizer: torch.optim.Optimizer

    def step(self) -> Tensor:
        """One step of plain SGD; its loss."""
        loss = F.cross_entropy(self.network(self.images), self.labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss


@dataclass(frozen=True)
class Report:
    """Processor seconds of each kind of step."""

    timings: dict[str, Timing]

    def of(self, name: str) -> float:
        """Median seconds."""
        return self.timings[name].median

    @property
    def recorder(self) -> float:
        """A step of a training recorded every EVERY steps, as a multiple of a plain one.

        Pairs of one round are compared, so that a machine that slows down slows both.
        """
        between = self._ratio(BETWEEN)
        return between + (self._ratio(MEASURED) - between) / EVERY

    @property
    def careless(self) -> float:
        """The same of a careless logger."""
        return self._ratio(CARELESS)

    def _ratio(self, name: str) -> float:
        pairs = zip(self.timings[name].seconds, self.timings[PLAIN].seconds, strict=True)
        return Timing(tuple(mine / plain for mine, plain in pairs)).median


def vgg16_case(width: float = 1, side: int = 64, batch: int = 16, classes: int = 1000) -> Case:
    """VGG-16 in training mode with random weights and noise for photos."""
    config = build("vgg16", width=width, classes=classes, input_size=side)
    network = build_network(config, seed=0).train()
    draws = torch.Generator().manual_seed(1)
    images = torch.randn(batch, 3, side, side, generator=draws)
    labels = torch.randint(0, classes, (batch,), generator=draws)
    # So small that no weight moves far: every round does the same work.
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-6)
    return Case(network, images, labels, optimizer)


@contextmanager
def careless(network: nn.Module) -> Iterator[Callable[[], None]]:
    """Hooks on every layer that keep its gradient; yields what logs all of them after a step."""
    kept: dict[str, Tensor] = {}

    def watch(name: str) -> Callable[..., None]:
        def keep(gradient: Tensor) -> None:
            kept[name] = gradient.clone()

        def hook(_: nn.Module, __: object, output: Tensor) -> None:
            output.register_hook(keep)

        return hook

    def log() -> None:
        named = network.named_parameters()
        found = kept | {name: p.grad for name, p in named if p.grad is not None}
        for values in found.values():
            torch.histc(values.float(), bins=64)
        kept.clear()

    with ExitStack() as stack:
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                handle = module.register_forward_hook(watch(name))
                stack.callback(handle.remove)
        yield log


def measure(case: Case, *, rounds: int = 12) -> Report:
    """Every kind of step once a round, in turns that start with another kind each time."""
    with tempfile.TemporaryDirectory() as folder:
        kinds = {
            PLAIN: lambda _: _seconds(case.step),
            BETWEEN: lambda at: _recorded(case, Path(folder, f"between{at}"), measured=False),
            MEASURED: lambda at: _recorded(case, Path(folder, f"measured{at}"), measured=True),
            CARELESS: lambda _: _logged(case),
        }
        for kind in kinds.values():
            kind(-1)  # to warm up: memory, threads, imports
        seconds: dict[str, list[float]] = {name: [] for name in kinds}
        names = list(kinds)
        for at in range(rounds):
            start = at % len(names)
            for name in names[start:] + names[:start]:
                seconds[name].append(kinds[name](at))
    return Report({name: Timing(tuple(values)) for name, values in seconds.items()})


def _recorded(case: Case, folder: Path, *, measured: bool) -> float:
    """A step with everything that the recorder does for it, attaching included."""
    recorder = Recorder(case.network, folder, every=EVERY)
    if not measured:
        seconds = _seconds(lambda: recorder.step(loss=case.step()))
    else:

        def work() -> None:
            with recorder:  # attaches, as it does for every EVERY-th step
                recorder.step(loss=case.step())

        seconds = _seconds(work)
    recorder.close()
    return seconds


def _logged(case: Case) -> float:
    with careless(case.network) as log:

        def work() -> None:
            case.step()
            log()

        return _seconds(work)


def _seconds(work: Callable[[], object]) -> float:
    """Processor seconds of one call, over all threads; garbage is collected before it."""
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def describe(report: Report) -> str:
    """The table of steps, and the bar."""
    rows = [
        (
            name,
            f"{timing.best:.2f}",
            f"{timing.median:.2f}",
            f"{timing.median / report.of(PLAIN):.3f}",
        )
        for name, timing in report.timings.items()
    ]
    header = ("one step", "best cpu s", "median cpu s", "x plain")
    bars = [
        (
            f"Recorder, every={EVERY}",
            f"{report.recorder:.3f}",
            verdict(report.recorder, BAR),
        ),
        (CARELESS, f"{report.careless:.3f}", ""),
    ]
    return f"{table(header, rows)}\n\n{table(('over a training', 'x plain', ''), bars)}"


def main() -> None:
    """Measure at full size and print."""
    print("A training step of VGG-16 at full width, batch 16, 64 px, SGD, fp32")
    print(machine())
    print(describe(measure(vgg16_case())))
