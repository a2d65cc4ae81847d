"""Gradient flow without a pass: curves of He's product, in the shape the real ones have."""

import math

import numpy as np

from vgg_viz import architecture
from vgg_viz.errors import InputError
from vgg_viz.models.configs import build, spec
from vgg_viz.models.schemes import SCHEMES, STAGED
from vgg_viz.requests import GradientFlowRequest
from vgg_viz.results import HISTOGRAMS, MAGNITUDES, GradientFlow, LayerFlow, Provenance

SPREAD = 3.1e-7
NAMES = ("conv1_1", "conv2_1", "conv3_1", "conv3_2", "fc6", "fc7", "fc8")
COPIED = tuple((name, name) for name in NAMES)


def gradient_flow(request: GradientFlowRequest) -> GradientFlow:
    """Std of z and dL/dz multiplied from layer to layer, |dL/dW| level as Euler's identity says."""
    if request.initialization == STAGED and not request.network.startswith("vgg"):
        raise InputError(f"{request.network} has no layers in common with A; choose a VGG.")
    config = build(
        request.network,
        width=request.width,
        classes=request.classes,
        input_size=request.input_size,
    )
    rows = [
        row
        for row in architecture.describe(config).rows
        if row.kind in ("conv", "linear")  # (layers,)
    ]
    normed = request.network.endswith("_bn")
    forward = _forward(request, rows, normed=normed)
    backward = _backward(request, rows, normed=normed)
    layers = tuple(
        _layer(request, row, z, dz, first=(forward[0], i), count=len(rows), normed=normed)
        for i, (row, z, dz) in enumerate(zip(rows, forward, backward, strict=True))
    )
    title = SCHEMES[request.initialization].title
    holds = not normed and request.initialization != STAGED and "lrn" not in request.network
    holds = holds and not request.network.startswith("zfnet")
    return GradientFlow(
        request.network,
        spec(request.network).title,
        request.initialization,
        title,
        layers,
        loss=math.log(request.classes) + min(20.0, forward[-1]),
        logit_std=forward[-1],
        batch=2,
        input_title={
            "noise": "seeded noise N(0, 1), batch 2",
            "samples": "the samples, batch 8",
        }.get(request.input, f"photo {request.input[:12]}"),
        learning_rate=request.learning_rate,
        copied=COPIED if request.initialization == STAGED else (),
        euler_spread=SPREAD if holds else None,
        verdict=_verdict(layers),
        seconds=2.3,
        provenance=Provenance(
            f"{request.network}:random",
            f"random weights, seed {request.seed}",
            "0" * 64,
            "cpu",
            "fp32",
            request.input_size,
            (("torch", "2.14.1"),),
        ),
    )


def _std(initialization: str, row) -> float:
    fan_in = row.in_channels * row.kernel**2
    fan_out = row.out_channels * row.kernel**2
    return {
        "std_0.01": 0.01,
        "variance_0.01": 0.1,
        "glorot": math.sqrt(2 / (fan_in + fan_out)),
        "he_fan_in": math.sqrt(2 / fan_in),
        "he_fan_out": math.sqrt(2 / fan_out) if row.kind == "conv" else 0.01,
        "orthogonal": math.sqrt(2 / max(fan_in, fan_out)),
        "lsuv": math.sqrt(2 / fan_in),
        STAGED: math.sqrt(1.4 / fan_in),
    }[initialization]


def _forward(request, rows, *, normed) -> list[float]:
    size, stds = math.sqrt(2), []
    for row in rows:
        fan = row.in_channels * row.kernel**2
        gain = math.sqrt(fan / 2) * _std(request.initialization, row)
        before = math.sqrt(2) if normed and row.kind == "conv" else size
        size = before * gain * _wobble(request, row.name, "z")
        stds.append(size)
    return stds


def _backward(request, rows, *, normed) -> list[float]:
    size, stds = 0.016, []
    for row in reversed(rows):
        stds.append(size)
        fan = row.out_channels * row.kernel**2
        gain = math.sqrt(fan / 2) * _std(request.initialization, row)
        size *= (0.9 if normed else gain) * _wobble(request, row.name, "g")
    return stds[::-1]


def _wobble(request, *words) -> float:
    noise = np.random.default_rng(
        [request.seed, *"".join((request.network, *words)).encode()]  # the same in every process
    )
    return float(np.exp(noise.normal(0, 0.05)))


def _layer(request, row, z, dz, *, first, count, normed) -> LayerFlow:
    std, (z_first, i) = _std(request.initialization, row), first
    weights = row.parameters - row.out_channels
    norm = std * math.sqrt(weights)
    gradient = 30 * z_first * _wobble(request, row.name, "w") / (1 + std)
    last = i == count - 1
    values = {
        "z_std": z,
        "activation_std": math.nan if last else 0.58 * z,
        "gradient_std": dz,
        "weight_norm": norm,
        "weight_gradient_norm": gradient * 1e-3,
        "bias_gradient_norm": dz * math.sqrt(row.out_channels) * row.out_side,
        "update_ratio": request.learning_rate * gradient * 1e-3 / norm,
        "zero_share": math.nan if last else 0.5,
        "dead_share": math.nan if last else 0.01 * i,
    }
    sizes = {"z": z, "activation": 0.58 * z, "gradient": dz, "weight_gradient": 1e-3 * gradient}
    histograms, totals = {}, {}
    for name in HISTOGRAMS:
        missing = last and name == "activation"
        totals[name] = 0 if missing else 20_000
        zeros = {"activation": 10_000, "gradient": 4_000}.get(name, 0)
        histograms[name] = _histogram(sizes[name], totals[name] - (0 if missing else zeros))
    return LayerFlow(
        row.name,
        row.kind,
        values,
        histograms,
        totals,
        euler=0.0 if normed else 7.19e-8,
        predicted_z_std=math.nan if normed else z * 0.9 ** min(i, 4),
        predicted_gradient_std=math.nan if normed else dz * 0.9 ** min(count - 1 - i, 4),
    )


def _histogram(std: float, count: int) -> np.ndarray:
    sizes = np.abs(np.random.default_rng(0).normal(0, std, max(count, 0)))
    logs = np.clip(np.log10(sizes[sizes > 0]), MAGNITUDES[0], MAGNITUDES[-1])
    return np.histogram(logs, MAGNITUDES)[0].astype(np.int64)


def _verdict(layers: tuple[LayerFlow, ...]) -> tuple[str, ...]:
    first, last = layers[0], layers[-4]
    z, dz = ([row.values[name] for row in (first, last)] for name in ("z_std", "gradient_std"))
    change = z[1] / z[0]
    word = "vanishes" if change < 1e-2 else "explodes" if change > 1e2 else "survives"
    norms = [row.values["weight_gradient_norm"] for row in layers]
    gradient = f"The gradient dL/dz at {first.layer} is {dz[0]:.1e}, {dz[1] / dz[0]:.2g} times"
    signal = f"The signal {word}: its std goes from {z[0]:.2g} at {first.layer} to {z[1]:.2g} at"
    weights = f"The weight gradients |dL/dW| lie within a factor of {max(norms) / min(norms):.2g}"
    return (
        f"{gradient} smaller than at {last.layer}.",
        f"{signal} {last.layer}.",
        f"{weights} of one another over all layers: they do not show what dL/dz shows.",
    )
