"""The answer to a GradientFlowRequest: a network with fresh weights, one pass, then forgotten."""

import time

import numpy as np
import torch
from torch import Tensor

from vgg_viz import __version__
from vgg_viz.errors import InputError
from vgg_viz.gradient_flow import Pass, euler_spread, measure, verdict
from vgg_viz.images import Photo
from vgg_viz.initialization import initialize
from vgg_viz.models.configs import NETWORKS, NetworkConfig, build
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.models.schemes import SCHEMES, STAGED
from vgg_viz.models.weights import LoadedModel
from vgg_viz.preprocessing import IMAGENET, Preprocessing, prepare
from vgg_viz.requests import GradientFlowRequest
from vgg_viz.results import GradientFlow, Provenance

NOISE_BATCH = 1  # one image has 50,176 positions: statistics of it are steady
SIZES = range(32, 513)  # px


def check(request: GradientFlowRequest) -> None:
    """Raise InputError for numbers that no network can be built or measured with."""
    if request.input_size not in SIZES:
        raise InputError(
            f"An input of {request.input_size} px cannot be measured here; "
            f"choose {SIZES.start} to {SIZES.stop - 1} px."
        )
    if not 0 < request.width <= 1:
        raise InputError(f"Width {request.width} is out of range; choose above 0 and up to 1.")
    if not 1 <= request.classes <= 1000:
        raise InputError(f"{request.classes} classes are out of range; choose 1 to 1000.")
    if not 0 < request.learning_rate < float("inf"):
        raise InputError("The learning rate must be a positive number.")
    if not 0 <= request.seed < 2**31:
        raise InputError("The seed must be a whole number from 0 to 2,147,483,647.")


def gradient_flow(
    request: GradientFlowRequest,
    photos: tuple[Photo, ...],
    source: LoadedModel | None,
    device: torch.device,
) -> GradientFlow:
    """Draw first weights, run one pass forward and back, and describe what came through.

    `photos` is empty for noise; `source` is the trained A of staged initialisation, else None.
    """
    started = time.monotonic()
    config = _config(request, source)
    images = _images(request, config, photos, source).to(device)
    generator = torch.Generator().manual_seed(request.seed)
    labels = torch.randint(config.classes, (len(images),), generator=generator).to(device)
    network = build_network(config).to(device)
    state = None if source is None else source.network.state_dict()
    copied = initialize(
        network, request.initialization, seed=request.seed, batch=images, source=state
    )
    passed = measure(network, images, labels, learning_rate=request.learning_rate)
    return GradientFlow(
        network=config.network,
        title=NETWORKS[config.network].title,
        initialization=request.initialization,
        initialization_title=SCHEMES[request.initialization].title,
        layers=passed.layers,
        loss=passed.loss,
        logit_std=passed.logit_std,
        batch=len(images),
        input_title=_input_title(photos),
        learning_rate=request.learning_rate,
        copied=copied,
        euler_spread=euler_spread(passed.layers, network),
        verdict=_verdict(passed, config),
        seconds=time.monotonic() - started,
        provenance=_provenance(request, network, source, device),
    )


def _config(request: GradientFlowRequest, source: LoadedModel | None) -> NetworkConfig:
    if source is None:
        return build(
            request.network,
            width=request.width,
            classes=request.classes,
            input_size=request.input_size,
        )
    a = source.config
    if a.network != "vgg11":
        raise InputError(f"Staged initialisation copies from a trained A; {a.network} is none.")
    return build(
        request.network,
        width=a.width,
        hidden=a.hidden,
        classes=a.classes,
        input_size=a.input_size,
    )


def _images(
    request: GradientFlowRequest,
    config: NetworkConfig,
    photos: tuple[Photo, ...],
    source: LoadedModel | None,
) -> Tensor:
    side = config.input_size
    if not photos:
        generator = torch.Generator().manual_seed(request.seed)
        images = torch.randn(NOISE_BATCH, 3, side, side, generator=generator)
        return images.contiguous(memory_format=torch.channels_last)
    resize = round(side * IMAGENET.resize / IMAGENET.crop)
    wanted = Preprocessing(resize, side, IMAGENET.mean, IMAGENET.std)
    if source is not None:
        wanted = source.preprocessing
    prepared = np.stack([prepare(photo.pixels, wanted) for photo in photos])
    return torch.from_numpy(prepared).contiguous(memory_format=torch.channels_last)


def _input_title(photos: tuple[Photo, ...]) -> str:
    if not photos:
        return f"seeded noise N(0, 1), batch {NOISE_BATCH}"
    return "1 photo" if len(photos) == 1 else f"{len(photos)} sample photos"


def _verdict(passed: Pass, config: NetworkConfig) -> tuple[str, ...]:
    return verdict(passed.layers, passed.loss, config.classes)


def _provenance(
    request: GradientFlowRequest, network: ConvNet, source: LoadedModel | None, device: torch.device
) -> Provenance:
    weights = f"random weights, {SCHEMES[request.initialization].title}, seed {request.seed}"
    if request.initialization == STAGED and source is not None:
        weights += f"; copied layers: {source.weights_title}"
    return Provenance(
        model=f"{request.network}:{request.initialization}",
        weights=weights,
        digest="" if source is None else source.digest,
        device=str(device),
        precision="fp32",
        input_size=network.config.input_size,
        versions=(("vgg-viz", __version__), ("torch", str(torch.__version__))),
    )
