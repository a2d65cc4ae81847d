"""Answers about kernels from seeded numbers, in the shapes and relations the real ones have."""

from typing import Any

import numpy as np

from tests import fake_reconstruction
from vgg_viz.models.configs import build
from vgg_viz.requests import (
    AliasingRequest,
    DesignedAliasingRequest,
    FactorisationRequest,
    KernelsRequest,
    KernelStudyRequest,
    LayerFactorisationRequest,
    SharedFactorisationRequest,
)
from vgg_viz.results import (
    Aliasing,
    Factorisation,
    Kernels,
    KernelStudy,
    LayerFactorisation,
    ModelInfo,
    Provenance,
    SharedFactorisation,
)

SIDE = 32  # px of the pictures


def answer(request: Any, info: ModelInfo | None) -> Any:
    match request:
        case KernelsRequest():
            return kernels(info, request.layer)
        case KernelStudyRequest():
            return study(info)
        case FactorisationRequest():
            return factorisation(request)
        case LayerFactorisationRequest():
            return layer_factorisation(info)
        case SharedFactorisationRequest():
            return shared_factorisation(info)
        case AliasingRequest():
            first = kernels(info, None)
            return aliasing(f"{first.layer} of {info.network}", first.stride, made_by(info))
        case DesignedAliasingRequest():
            title = f"{request.design}, {request.kernel}x{request.kernel}, stride {request.stride}"
            made = Provenance("designed", "kernel made by formula", "", "cpu", "fp32", 224, ())
            return aliasing(title, request.stride, made)
    return fake_reconstruction.answer(request, info)


def made_by(info: ModelInfo) -> Provenance:
    return Provenance(info.name, info.weights_title, "0" * 64, "cpu", "fp32", 224, ())


def kernels(info: ModelInfo, layer: str | None) -> Kernels:
    config = build(info.network)
    row = config.layer(layer or config.convs[0])
    inputs = 3 if row.name == config.convs[0] else 6
    shape = (12, inputs, row.kernel, row.kernel)
    weights = np.random.default_rng(row.kernel).normal(size=shape).astype(np.float32)
    return Kernels(row.name, weights, weights[:, 0, 0, 0], row.stride, row.padding, made_by(info))


def study(info: ModelInfo) -> KernelStudy:
    found = kernels(info, None)
    count, stride = len(found.weights), found.stride
    axis = np.fft.fftshift(np.fft.fftfreq(16)).astype(np.float32)
    dead = np.zeros(count, bool)
    dead[3] = True
    return KernelStudy(
        kernels=found,
        norms=np.ones(count, np.float32),
        dead=dead,
        dead_share=0.1,
        duplicates=((1, 4, 0.97), (4, 5, -0.93)),
        same_cosine=0.9,
        rank_1_energy=np.full(count, 0.5, np.float32),
        effective_rank=np.full(count, 2, np.float32),
        response=np.exp(-(axis[:, None] ** 2 + axis**2) * 8),
        frequencies=axis,
        peaks=np.linspace(0, 0.5, count, dtype=np.float32),
        grey_shares=np.full(count, 0.4, np.float32),
        beyond_nyquist=np.full(count, 1 - 1 / stride, np.float32),
        beyond_nyquist_mean=1 - 1 / stride,
        provenance=found.provenance,
    )


def factorisation(request: FactorisationRequest) -> Factorisation:
    kernel = np.array(request.kernel, np.float32).reshape(5, 5)
    count = request.channels
    return Factorisation(
        kernel=kernel,
        first=np.ones((count, 3, 3), np.float32),
        second=np.full((count, 3, 3), -0.5, np.float32),
        product=kernel * 0.75,
        residuals=(0.25, 0.125, 0.0625, 0.0),
        separable=kernel * 0.5,
        singular_values=np.array([2, 1, 0, 0, 0], np.float32),
        rank_1_energy=0.8,
        effective_rank=1.89,
    )


def layer_factorisation(info: ModelInfo) -> LayerFactorisation:
    units = np.stack([np.arange(40) // 6, np.arange(40) % 6], axis=1)
    residuals = np.linspace(0.1, 0.5, 40, dtype=np.float32)
    return LayerFactorisation("conv2", (12, 6), units, residuals, 1 - residuals, made_by(info))


def shared_factorisation(info: ModelInfo) -> SharedFactorisation:
    channels = (3, 6, 9, 12)
    weights = tuple(9 * count * 18 for count in channels)
    residuals = (0.7, 0.4, 0.1, 0.002)
    return SharedFactorisation(
        "conv2", (256, 96), (12, 6), channels, residuals, weights, 1800, made_by(info)
    )


def aliasing(title: str, stride: int, provenance: Provenance) -> Aliasing:
    side = SIDE // stride
    strided = np.random.default_rng(stride).normal(size=(side, side)).astype(np.float32)
    share = 1 - 1 / stride**2
    return Aliasing(
        title=title,
        picture=np.full((SIDE, SIDE, 3), 128, np.uint8),
        kernel=np.ones((3, 3, 3), np.float32),
        stride=stride,
        channel=1,
        strided=strided,
        held=strided * (1 - share),
        shares=np.array([0, share, share], np.float32),
        provenance=provenance,
    )
