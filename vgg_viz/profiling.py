"""Measured seconds of every layer, and what the device can do at best.

Nothing here needs a hook: our networks are flat sequences, so each child is run on its real input.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vgg_viz.capture import undisturbed

MOST_REPEATS = 25
BUDGET = 12.0  # s for the repeats of one network; a pass that takes longer is repeated once
MATRICES = (512, 1024, 2048, 4096, 8192)  # sides; the first that takes LONG_ENOUGH is the last
LONG_ENOUGH = 0.05  # s: start and end of a call no longer count
TRIALS = 3
COPIED_BYTES = 128 * 2**20  # of one array; three are more than any cache holds


@dataclass(frozen=True)
class PassTimes:
    """Seconds of one network on one batch."""

    layers: tuple[tuple[str, tuple[float, ...]], ...]  # (name, seconds of each repeat)
    whole: tuple[float, ...]  # the network in one go, of each repeat
    logits: Tensor  # (N, classes), what the layers made one after another


def time_layers(
    network: nn.Sequential,
    images: Tensor,
    *,
    most_repeats: int = MOST_REPEATS,
    budget: float = BUDGET,
) -> PassTimes:
    """Time each child of `network` on its real input, and the network in one go.

    Layers are timed in walks from the first to the last, so every layer finds the caches as the
    one before left them; walks and passes in one go take turns, so that a busy machine slows both
    alike. One of each goes first to warm up and is not counted; then as many as fit into `budget`
    seconds, at least 1 and at most `most_repeats`. On a GPU each layer is waited for, which adds
    the microseconds of a launch.

    Runs in eval mode without gradients; modes and flags are put back, also after an error.
    """
    with torch.inference_mode(), undisturbed(network):
        logits, warm = _walk(network, images)
        once = sum(warm.values()) + _seconds(lambda: network(images), images.device)
        repeats = max(1, min(most_repeats, int(budget / once)))
        layers: dict[str, list[float]] = {name: [] for name in warm}
        whole = []
        for _ in range(repeats):
            logits, seconds = _walk(network, images)
            for name, value in seconds.items():
                layers[name].append(value)
            whole.append(_seconds(lambda: network(images), images.device))
    return PassTimes(tuple((n, tuple(v)) for n, v in layers.items()), tuple(whole), logits)


def peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Measured FLOP/s: the best of square matrix products, 2 n^3 FLOPs each.

    As a matrix product and as a 1x1 convolution, which may run in another library or number
    format (TF32 on CUDA); sizes double until one takes 50 ms.
    """
    best = 0.0
    with torch.inference_mode():
        for n in MATRICES:
            fastest = min(
                _seconds(work, device)
                for work in _products(n, device, dtype)
                for _ in range(TRIALS)
            )
            best = max(best, 2 * n**3 / fastest)
            if fastest >= LONG_ENOUGH:
                break
    return best


def _products(n: int, device: torch.device, dtype: torch.dtype) -> tuple[Callable[[], Tensor], ...]:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, n, n, generator=generator).to(device, dtype)
    pixels = a.T.reshape(1, n, n, 1).contiguous(memory_format=torch.channels_last)
    kernels = b.T.reshape(n, n, 1, 1)
    return (lambda: a @ b, lambda: F.conv2d(pixels, kernels))


def bandwidth(device: torch.device) -> float:
    """Measured bytes/s of memory: the best of copies (2 arrays) and triads a = b + 3 c (3 arrays).

    Every array of 128 MiB is counted once, read or written, as STREAM (McCalpin 1995) counts; a
    CPU that reads a line before writing it moves more than that.
    """
    with torch.inference_mode():
        a, b, c = (torch.ones(COPIED_BYTES // 4, device=device) for _ in range(3))
        works: tuple[tuple[int, Callable[[], Tensor]], ...] = (
            (2, lambda: a.copy_(b)),
            (3, lambda: torch.add(b, c, alpha=3, out=a)),
        )
        rates = [
            arrays * COPIED_BYTES / _seconds(work, device)
            for arrays, work in works
            for _ in range(2 * TRIALS)
        ]
    return max(rates)


def median(seconds: tuple[float, ...]) -> float:
    """The usual repeat."""
    return statistics.median(seconds)


def device_title(device: torch.device) -> str:
    """The device for people: "cpu, AVX512, 2 threads", "NVIDIA H100"."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "mps":
        return "Apple GPU (mps)"
    threads = torch.get_num_threads()
    cores = f"{threads} thread{'s' if threads > 1 else ''} of {os.cpu_count() or threads}"
    return f"cpu, {torch.backends.cpu.get_cpu_capability()}, {cores}"


def _walk(network: nn.Sequential, images: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Run the children one after another; seconds of each."""
    x, seconds = images, {}
    with _synchronised(images.device) as synchronise:
        for name, module in network.named_children():
            started = time.perf_counter()
            x = module(x)
            synchronise()
            seconds[name] = time.perf_counter() - started
    return x, seconds


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, until the device has finished."""
    with _synchronised(device) as synchronise:
        started = time.perf_counter()
        work()
        synchronise()
        return time.perf_counter() - started


@contextmanager
def _synchronised(device: torch.device) -> Iterator[Callable[[], None]]:
    """Begin with nothing queued on the device; yield how to wait for it."""

    def synchronise() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()

    synchronise()
    yield synchronise
