"""Answers about measured costs: layer timings and dense evaluations; on the worker's thread alone.

Both hold the device for a while, so both are bounded before they start, in work and in memory.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vgg_viz import __version__
from vgg_viz.architecture import Architecture, describe, memory_of, moved_bytes
from vgg_viz.dense import (
    Positions,
    dense_macs,
    dense_scores,
    least_side,
    normalised,
    positions,
    scores_by_crops,
    whole_photo,
)
from vgg_viz.errors import InputError
from vgg_viz.images import Photo
from vgg_viz.models.configs import NetworkConfig, build
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.models.registry import parse_model_name, weights_title
from vgg_viz.profiling import (
    BUDGET,
    bandwidth,
    device_title,
    median,
    peak_flops,
    time_layers,
)
from vgg_viz.requests import DenseMapRequest, LayerTimingsRequest, Precision
from vgg_viz.results import (
    CropComparison,
    DenseMap,
    LayerTiming,
    LayerTimings,
    Provenance,
)
from vgg_viz.service.allocator import return_freed_memory
from vgg_viz.service.devices import host_copy

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

Number = TypeVar("Number", bound=np.generic)

SIZES = range(32, 513)  # px
BATCHES = range(1, 257)
LONGEST_SIDE = 1024  # px, of a photo's short side
MOST_MACS = 256 * 10**9  # of one pass: VGG-16 with a batch of 16; 5 to 10 s on two cores
MOST_BYTES = 4 * 2**30  # of parameters and maps alive at a time


# --- layer timings -------------------------------------------------------------------------------


def layer_timings(
    executor: "Executor", request: LayerTimingsRequest, _: tuple[Photo, ...]
) -> LayerTimings:
    """Time every layer, and measure the device before and after, of which the better counts.

    InputError for a batch or an input size that is out of range, or that would take the device
    for too long or more memory than is allowed.
    """
    try:
        return _timings(executor, request)
    finally:  # its frame held a network that was built for this
        gc.collect()
        return_freed_memory()
        if executor.device.type == "cuda":
            torch.cuda.empty_cache()


def _timings(executor: "Executor", request: LayerTimingsRequest) -> LayerTimings:
    network, made_by = _network(executor, request.model, request.precision)
    parameter = next(network.parameters())
    device, dtype = parameter.device, parameter.dtype
    architecture = _described(network.config, request, dtype.itemsize)
    before = peak_flops(device, dtype), bandwidth(device)
    images = _noise(request.batch, architecture.input_size, parameter)
    times = time_layers(network, images, budget=BUDGET)
    after = peak_flops(device, dtype), bandwidth(device)
    moved = moved_bytes(architecture, request.batch, dtype.itemsize)
    layers = tuple(
        LayerTiming(
            row.name,
            row.kind,
            median(seconds),
            min(seconds),
            request.batch * row.macs,
            moved[row.name],
        )
        for row, (_, seconds) in zip(architecture.rows, times.layers, strict=True)
    )
    return LayerTimings(
        title=architecture.title,
        layers=layers,
        batch=request.batch,
        whole_seconds=median(times.whole),
        repeats=len(times.whole),
        peak_flops=max(before[0], after[0]),
        bandwidth=max(before[1], after[1]),
        device_title=device_title(device),
        provenance=replace(made_by, input_size=architecture.input_size),
    )


def _described(
    config: NetworkConfig, request: LayerTimingsRequest, bytes_per_value: int
) -> Architecture:
    """The network at the size asked for, found to be measurable."""
    size = config.input_size if request.input_size is None else request.input_size
    _check_range("An input", size, SIZES, " px")
    _check_range("A batch", request.batch, BATCHES, " images")
    architecture = describe(config, size)
    most = MOST_MACS // architecture.macs
    if request.batch > most:
        raise InputError(
            f"A batch of {request.batch} through {architecture.title} at {size} px is "
            f"{request.batch * architecture.macs / 1e9:.0f} G MACs a pass; up to "
            f"{MOST_MACS / 1e9:.0f} G are measured here. Choose a batch of at most {most}."
            if most
            else f"{architecture.title} at {size} px is more than {MOST_MACS / 1e9:.0f} G MACs a "
            "pass; choose a smaller input."
        )
    needed = memory_of(architecture, request.batch, bytes_per_value).inference
    if needed > MOST_BYTES:
        raise InputError(
            f"A batch of {request.batch} through {architecture.title} at {size} px needs "
            f"{needed / 2**30:.1f} GiB; up to {MOST_BYTES / 2**30:.0f} GiB are used here. Choose "
            "a smaller batch."
        )
    return architecture


def _network(executor: "Executor", model: str, precision: Precision) -> tuple[ConvNet, Provenance]:
    """A network of the service; a random one is built now and is nobody else's."""
    name = parse_model_name(model)
    if name.weights != "random":
        ready = executor.ready(model, precision)
        return ready.loaded.network, executor.provenance(ready, precision)
    config = build(name.network)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    network = build_network(config, seed=name.seed).requires_grad_(requires_grad=False)
    made_by = Provenance(
        model=model,
        weights=weights_title(name, config),
        digest="",  # as built from the seed; nobody asks for what is forgotten
        device=str(executor.device),
        precision=precision,
        input_size=config.input_size,
        versions=(("vgg-viz", __version__), ("torch", str(torch.__version__))),
    )
    return network.to(executor.device, dtype), made_by


def _noise(batch: int, side: int, like: Tensor) -> Tensor:
    """Seeded N(0, 1) images, (batch, 3, side, side)."""
    images = torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(0))
    return images.to(like.device, like.dtype).contiguous(memory_format=torch.channels_last)


# --- dense evaluation ----------------------------------------------------------------------------


def dense_map(
    executor: "Executor", request: DenseMapRequest, photos: tuple[Photo, ...]
) -> DenseMap:
    """Evaluate the whole photo in one pass; with `crops` also crop by crop, for comparison.

    InputError for a side that is too small for the network (the message names the least) or too
    large to be computed here (it names the largest).
    """
    ready = executor.ready(request.model, request.precision)
    network, config = ready.loaded.network, ready.loaded.config
    preprocessing = ready.loaded.preprocessing
    _check_range("A photo's short side", request.side, range(1, LONGEST_SIDE + 1), " px")
    positions(config, request.side)  # raises when the side is too small
    pixels = whole_photo(photos[0].pixels, preprocessing, request.side)
    height, width = pixels.shape[:2]
    macs, one = dense_macs(config, height, width), describe(config).macs
    down, across = positions(config, height), positions(config, width)
    count = len(down.corners) * len(across.corners)
    _check_work(config, request, macs + (count * one if request.crops else 0))
    like = next(network.parameters())
    images = normalised(pixels, preprocessing).to(like.device, like.dtype)
    executor.forward_passes += 1
    dense_scores(network, images)  # kernels for a new size are made in the first pass
    seconds, scores = _timed(lambda: dense_scores(network, images), like.device)
    probabilities = scores[0].float().softmax(0)  # (classes, h, w)
    comparison = None
    if request.crops:
        executor.forward_passes += count
        spent, logits = _timed(lambda: scores_by_crops(network, images), like.device)
        comparison = _compared(probabilities, logits.float().softmax(-1), spent)
    return DenseMap(
        probabilities=host_copy(probabilities),
        classes=ready.loaded.classes,
        photo=_frozen(pixels),
        window=config.input_size,
        field=down.seen.size,
        stride=down.seen.jump,
        offset=down.seen.center(0),
        whole=_frozen(_both(down, across)),
        macs=macs,
        crop_macs=one,
        seconds=seconds,
        provenance=executor.provenance(ready, request.precision),
        crops=comparison,
    )


def _both(down: Positions, across: Positions) -> NDArray[np.bool_]:
    both: NDArray[np.bool_] = np.logical_and.outer(down.whole, across.whole)
    return both


def _compared(dense: Tensor, crops: Tensor, seconds: float) -> CropComparison:
    """`dense` (classes, h, w) beside `crops` (rows, columns, classes), which may be fewer."""
    rows, columns, _ = crops.shape
    same = dense[:, :rows, :columns].permute(1, 2, 0)
    tops = crops.argmax(-1)
    of_top = (crops - same).gather(-1, tops[..., None]).abs()
    return CropComparison(
        crops=rows * columns,
        largest_difference=float((crops - same).abs().max()),
        mean_difference=float(of_top.mean()),
        same_top_share=float((tops == same.argmax(-1)).float().mean()),
        seconds=seconds,
    )


def _check_work(config: NetworkConfig, request: DenseMapRequest, macs: int) -> None:
    if macs <= MOST_MACS:
        return
    advice = "leave out the comparison with crops, or " if request.crops else ""
    raise InputError(
        f"This photo at {request.side} px is {macs / 1e9:.0f} G MACs for {config.network}; up to "
        f"{MOST_MACS / 1e9:.0f} G are computed here. Choose {advice}a smaller photo (from "
        f"{least_side(config)} px)."
    )


# --- shared --------------------------------------------------------------------------------------


def _check_range(what: str, value: int, allowed: range, unit: str) -> None:
    if value not in allowed:
        raise InputError(
            f"{what} of {value}{unit} cannot be measured here; choose {allowed.start} to "
            f"{allowed.stop - 1}{unit}."
        )


def _timed(work: Callable[[], Tensor], device: torch.device) -> tuple[float, Tensor]:
    """Seconds until the device has finished, and what came out."""
    started = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started, result


def _frozen(array: NDArray[Number]) -> NDArray[Number]:
    own = np.ascontiguousarray(array)
    own.flags.writeable = False
    return own
