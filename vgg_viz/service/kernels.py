"""Answers about kernels: weights are read and pictures convolved here, no network runs."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from vgg_viz import __version__
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.filters import aliasing, factorisation, frequency, redundancy, separable
from vgg_viz.filters.designs import designed
from vgg_viz.filters.layer_factorisation import layer_residuals
from vgg_viz.images import Photo
from vgg_viz.models.configs import Layer
from vgg_viz.preprocessing import Preprocessing, prepare
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
    Float32,
    Kernels,
    KernelStudy,
    LayerFactorisation,
    Provenance,
    SharedFactorisation,
    single,
)

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready

Floats = NDArray[np.float64]
Photos = tuple[Photo, ...]

FITTED_KERNELS = 300  # of a layer, evenly spaced: a second of work
FITTED_CHANNELS = (64, 24)  # (out, in) of a layer that are fitted together: the bundled ZFNet's
SHARED_CHANNELS = (1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)  # of `out`
LARGEST_VALUE = 1e6  # of a kernel's values: larger ones lose the digits of the others
DESIGN_SIDE = 224  # px of the picture that designed kernels see
DESIGN_KERNELS, DESIGN_STRIDES = range(1, 32), range(1, 9)
PLAIN = Preprocessing(256, DESIGN_SIDE, (0, 0, 0), (1, 1, 1))


def kernels(executor: "Executor", request: KernelsRequest, _: Photos) -> Kernels:
    """The weights of a convolution."""
    ready = executor.ready(request.model)
    return kernels_of(executor, ready, conv_row(ready, request.layer))


def kernel_study(executor: "Executor", request: KernelStudyRequest, _: Photos) -> KernelStudy:
    """The first convolution's kernels, each with what can be said of it."""
    ready = executor.ready(request.model)
    found = kernels_of(executor, ready, conv_row(ready, None))
    weights = found.weights.astype(float)
    outputs, inputs = weights.shape[:2]
    responses = frequency.colour_response(weights)
    parts = separable.separability(weights.reshape(-1, found.side, found.side))
    mean = np.sqrt((responses**2).mean(axis=0))
    return KernelStudy(
        kernels=found,
        norms=single(redundancy.norms(weights)),
        dead=redundancy.dead(weights),
        dead_share=redundancy.DEAD_SHARE,
        duplicates=redundancy.duplicates(weights),
        same_cosine=redundancy.SAME_COSINE,
        rank_1_energy=single(parts.rank_1_energy.reshape(outputs, inputs).mean(axis=1)),
        effective_rank=single(parts.effective_rank.reshape(outputs, inputs).mean(axis=1)),
        response=single(mean),
        frequencies=single(frequency.frequencies()),
        peaks=single(frequency.peak_frequencies(responses)),
        grey_shares=single(_grey_shares(weights, responses)),
        beyond_nyquist=single(frequency.beyond_nyquist(responses, found.stride)),
        beyond_nyquist_mean=float(frequency.beyond_nyquist(mean, found.stride)),
        provenance=found.provenance,
    )


def factorise(_: "Executor", request: FactorisationRequest, __: Photos) -> Factorisation:
    """One 5x5 kernel by pairs of 3x3, and by a column and a row."""
    values = np.array(request.kernel, float)
    if values.shape != (25,) or not np.isfinite(values).all():
        raise InputError("A 5x5 kernel has 25 numbers; give them row by row.")
    if np.abs(values).max() > LARGEST_VALUE:
        raise InputError("Give values between -1,000,000 and 1,000,000.")
    if not 1 <= request.channels <= factorisation.ENOUGH_CHANNELS:
        raise InputError(
            f"{request.channels} channels in between; choose 1 to {factorisation.ENOUGH_CHANNELS}, "
            "which make every kernel."
        )
    kernel = values.reshape(1, 5, 5)
    starts = factorisation.CAREFUL_STARTS
    counts = range(1, factorisation.ENOUGH_CHANNELS + 1)
    fits = [factorisation.fit_stack(kernel, count, starts=starts) for count in counts]
    chosen, parts = fits[request.channels - 1], separable.separability(kernel)
    return Factorisation(
        kernel=single(kernel[0]),
        first=single(chosen.first[0]),
        second=single(chosen.second[0]),
        product=single(chosen.products[0]),
        residuals=tuple(float(fit.residuals[0]) for fit in fits),
        separable=single(parts.separable[0]),
        singular_values=single(parts.values[0]),
        rank_1_energy=float(parts.rank_1_energy[0]),
        effective_rank=float(parts.effective_rank[0]),
    )


def layer_factorisation(
    executor: "Executor", request: LayerFactorisationRequest, _: Photos
) -> LayerFactorisation:
    """The kernels of a 5x5 layer, each by one pair of 3x3."""
    ready = executor.ready(request.model)
    found = kernels_of(executor, ready, _five_by_five(ready, request.layer))
    outputs, inputs = found.weights.shape[:2]
    count = outputs * inputs
    chosen = np.linspace(0, count - 1, min(count, FITTED_KERNELS)).round().astype(np.int64)
    each = found.weights.reshape(-1, 5, 5)[chosen].astype(float)
    return LayerFactorisation(
        layer=found.layer,
        shape=(outputs, inputs),
        units=np.stack([chosen // inputs, chosen % inputs], axis=1),
        residuals=single(factorisation.fit_stack(each).residuals),
        rank_1_energy=single(separable.separability(each).rank_1_energy),
        provenance=found.provenance,
    )


def shared_factorisation(
    executor: "Executor", request: SharedFactorisationRequest, _: Photos
) -> SharedFactorisation:
    """All kernels of a 5x5 layer together by a pair of 3x3 layers."""
    ready = executor.ready(request.model)
    found = kernels_of(executor, ready, _five_by_five(ready, request.layer))
    part = found.weights.astype(float)
    for axis, most in enumerate(FITTED_CHANNELS):
        length = part.shape[axis]
        part = part.take(np.linspace(0, length - 1, min(length, most)).round().astype(int), axis)
    outputs, inputs = part.shape[:2]
    channels = tuple(sorted({max(1, round(share * outputs)) for share in SHARED_CHANNELS}))
    return SharedFactorisation(
        layer=found.layer,
        shape=(found.weights.shape[0], found.weights.shape[1]),
        fitted=(outputs, inputs),
        channels=channels,
        residuals=tuple(map(float, layer_residuals(part, channels))),
        weights=tuple(9 * count * (outputs + inputs) for count in channels),
        layer_weights=part.size,
        provenance=found.provenance,
    )


def first_layer_aliasing(
    executor: "Executor", request: AliasingRequest, photos: Photos
) -> Aliasing:
    """What the stride of a network's first convolution does to a picture."""
    ready = executor.ready(request.model)
    found = kernels_of(executor, ready, conv_row(ready, None))
    count = len(found.weights)
    if request.channel is not None and not 0 <= request.channel < count:
        raise UnknownNameError(
            f"{found.layer} has channels 0 to {count - 1}; {request.channel} is not one of them."
        )
    wanted = ready.loaded.preprocessing
    mean, std = (np.array(values)[:, None, None] for values in (wanted.mean, wanted.std))
    if photos:
        picture = prepare(photos[0].pixels, wanted).astype(float)
    else:
        picture = (np.repeat(aliasing.zone_plate(wanted.crop)[None], 3, axis=0) - mean) / std
    maps = aliasing.aliased_maps(picture, found.weights.astype(float), found.stride)
    channel = _shown(maps, request.which) if request.channel is None else request.channel
    return _aliasing(
        f"{found.layer} of {ready.loaded.config.network}",
        picture * std + mean,
        maps,
        found.weights[channel],
        found.stride,
        channel,
        found.provenance,
    )


def designed_aliasing(
    executor: "Executor", request: DesignedAliasingRequest, photos: Photos
) -> Aliasing:
    """What a stride does to a picture through a kernel made by formula, on one grey channel."""
    if request.kernel not in DESIGN_KERNELS or request.stride not in DESIGN_STRIDES:
        raise InputError("Choose a kernel of 1 to 31 px and a stride of 1 to 8.")
    kernel = designed(request.design, request.kernel)[None, None]
    if photos:
        picture = prepare(photos[0].pixels, PLAIN).astype(float).mean(axis=0, keepdims=True)
    else:
        picture = aliasing.zone_plate(DESIGN_SIDE)[None]
    maps = aliasing.aliased_maps(picture, kernel, request.stride)
    made = Provenance(
        model=f"designed:{request.design}",
        weights="kernel made by formula, nothing learned",
        digest="",
        device=str(executor.device),
        precision="fp32",
        input_size=DESIGN_SIDE,
        versions=(("vgg-viz", __version__),),
    )
    title = f"{request.design}, {request.kernel}x{request.kernel}, stride {request.stride}"
    return _aliasing(title, picture, maps, single(kernel[0]), request.stride, 0, made)


# --- reading weights -----------------------------------------------------------------------------


def conv_row(ready: "Ready", layer: str | None) -> Layer:
    """The row of a convolution, the first one by default; UnknownNameError for any other name."""
    config = ready.loaded.config
    name = layer or config.convs[0]
    if name not in config.convs:
        raise UnknownNameError.among(f"convolution of {config.network}", name, config.convs)
    return config.layer(name)


def _five_by_five(ready: "Ready", layer: str | None) -> Layer:
    config = ready.loaded.config
    fitting = [name for name in config.convs if config.layer(name).kernel == factorisation.LARGE]
    if not fitting:
        raise InputError(
            f"{config.network} has no 5x5 kernels to make of two 3x3; choose ZFNet, AlexNet or the "
            "shallow B (5x5), whose conv2 has."
        )
    row = conv_row(ready, layer or fitting[0])
    if row.name not in fitting:
        raise InputError(
            f"{row.name} of {config.network} has {row.kernel}x{row.kernel} kernels, not 5x5; "
            f"choose {' or '.join(fitting)}."
        )
    return row


def kernels_of(executor: "Executor", ready: "Ready", row: Layer) -> Kernels:
    """A copy of the weights of a convolution."""
    module = ready.network.get_submodule(row.name)
    if not isinstance(module, torch.nn.Conv2d) or module.bias is None:
        raise InputError(f"{row.name} is no convolution with a bias.")
    return Kernels(
        layer=row.name,
        weights=_numbers(module.weight),
        bias=_numbers(module.bias),
        stride=row.stride,
        padding=row.padding,
        provenance=executor.provenance(ready),
    )


def _numbers(parameter: torch.Tensor) -> Float32:
    """A copy: what leaves the service does not change with the network, nor the network with it."""
    return single(parameter.detach().float().cpu().numpy())


# --- what is made of them ------------------------------------------------------------------------


def _grey_shares(weights: Floats, responses: Floats) -> Floats:
    grey = (frequency.grey_response(weights) ** 2).sum(axis=(1, 2))
    total = weights.shape[1] * (responses**2).sum(axis=(1, 2))
    return np.asarray(grey / np.where(total > 0, total, 1))


def _shown(maps: aliasing.AliasedMaps, which: str) -> int:
    """The channel to show; where nothing aliases, the strongest."""
    shares = maps.shares
    if which == "strongest" or not shares.any():
        return int(maps.strided.var(axis=(1, 2)).argmax())
    order = shares.argsort(kind="stable")
    return int(order[-1] if which == "most" else order[len(order) // 2])


def _aliasing(
    title: str,
    picture: Floats,
    maps: aliasing.AliasedMaps,
    kernel: Float32,
    stride: int,
    channel: int,
    provenance: Provenance,
) -> Aliasing:
    pixels = np.clip(picture * 255, 0, 255).round().astype(np.uint8).transpose(1, 2, 0)
    pixels = np.repeat(pixels, 3 // pixels.shape[2], axis=2)  # grey: the same in all three
    pixels.flags.writeable = False
    return Aliasing(
        title=title,
        picture=pixels,
        kernel=kernel,
        stride=stride,
        channel=channel,
        strided=single(maps.strided[channel]),
        held=single(maps.held[channel]),
        shares=single(maps.shares),
        provenance=provenance,
    )
