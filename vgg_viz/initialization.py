"""First weights: each way of drawing them that the lecture and its papers name, seeded.

The ways are described in `vgg_viz.models.schemes.SCHEMES`; here they are computed. All biases start
at 0, batch norm starts as the identity.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

from vgg_viz.capture import as_in_training, watching
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.models.configs import NetworkConfig
from vgg_viz.models.schemes import SCHEMES, STAGED

Weighted = nn.Conv2d | nn.Linear
Draw = Callable[[Weighted, Tensor, torch.Generator], None]  # a layer, rows of its weight

BLOCK_VALUES = 2**22  # values a thread draws at a time
BLOCKS = 1000  # more than any network has, so that no two seeds share a block's generator

STAGED_CONVS, STAGED_FCS = 4, 3  # VGG paper, section 3.1


def initialize(
    network: nn.Module,
    scheme: str,
    *,
    seed: int = 0,
    batch: Tensor | None = None,
    source: Mapping[str, Tensor] | None = None,
) -> tuple[tuple[str, str], ...]:
    """Give every convolution and linear layer of `network` first weights, in place.

    "lsuv" needs a `batch` (N, C, H, W) to measure outputs on; "staged" the state dict `source` of
    a trained A, and returns the pairs (layer of A, layer here) it copied; all others return ().
    The same seed gives the same weights on any number of threads; torch's global random state is
    not touched. Raises UnknownNameError for an unknown scheme, InputError for what it lacks.
    """
    if scheme not in SCHEMES:
        raise UnknownNameError.among("initialisation", scheme, SCHEMES)
    _draw(tuple(weighted_layers(network).values()), DRAWS[scheme], seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    if scheme == "lsuv":
        if batch is None:
            raise InputError("LSUV measures the outputs of a batch; give one.")
        _scale_to_unit_variance(network, batch)
    if scheme == STAGED:
        if source is None:
            raise InputError("Staged initialisation copies from a trained A; give its weights.")
        return copy_stages(network, source)
    return ()


def weighted_layers(network: nn.Module) -> dict[str, Weighted]:
    """Convolutions and linear layers by name, in the order they stand in."""
    return {n: m for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}


def fans(weight: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight: k²c and k²d for c input and d output channels."""
    field = math.prod(weight.shape[2:])
    return weight.shape[1] * field, weight.shape[0] * field


# --- staged --------------------------------------------------------------------------------------


def staged_layers(config: NetworkConfig) -> tuple[str, ...]:
    """The layers of a VGG that staged initialisation takes from A: these names, in both nets.

    The paper says "the first four convolutional layers and the last three fully-connected layers".
    Taken by position they do not fit (A's second convolution has 64 inputs and 128 outputs, that
    of B to E 64 and 64), so each goes to the layer of the same name: A's first four are conv1_1,
    conv2_1, conv3_1 and conv3_2, the entries of its first three stages and one more, and a deeper
    net has layers of these shapes under the same names.
    """
    a_convs = ("conv1_1", "conv2_1", "conv3_1", "conv3_2")
    fcs = ("fc6", "fc7", "fc8")
    names = {row.name for row in config.layers}
    if not {*a_convs, *fcs} <= names:
        raise InputError(
            f"Staged initialisation copies layers of A into a VGG; {config.network} is none."
        )
    return (*a_convs[:STAGED_CONVS], *fcs[:STAGED_FCS])


def copy_stages(network: nn.Module, source: Mapping[str, Tensor]) -> tuple[tuple[str, str], ...]:
    """Copy weight and bias of `staged_layers` from A's state dict; return (A's layer, ours) pairs.

    Nothing is copied when one of them is missing or has another shape: InputError says which.
    """
    config = getattr(network, "config", None)
    if not isinstance(config, NetworkConfig):
        raise InputError("Staged initialisation knows the networks of this project only.")
    names = staged_layers(config)
    own = network.state_dict()
    keys = [f"{name}.{part}" for name in names for part in ("weight", "bias")]
    for key in keys:
        if key not in source or source[key].shape != own[key].shape:
            found = tuple(source[key].shape) if key in source else "missing"
            raise InputError(
                f"{key} of the trained A does not fit: {found}, needed {tuple(own[key].shape)}. "
                "Both networks need the same width, input size and classes."
            )
    with torch.no_grad():
        for key in keys:
            own[key].copy_(source[key])
    return tuple((name, name) for name in names)


# --- draws ---------------------------------------------------------------------------------------


def _draw(layers: Sequence[Weighted], draw: Draw, seed: int) -> None:
    """Fill all weights on two threads: fc6 alone has 103 million.

    Linear weights are cut into blocks of rows. Every block has a generator of its own, so what is
    drawn does not depend on who draws first.
    """

    def fill(number: int, layer: Weighted, block: Tensor) -> None:
        with torch.no_grad():  # a mode of the thread
            draw(layer, block, torch.Generator().manual_seed(seed * BLOCKS + number))

    blocks = [(layer, block) for layer in layers for block in _blocks(layer, draw)]
    with ThreadPoolExecutor(2) as pool:
        filled = [pool.submit(fill, i, layer, block) for i, (layer, block) in enumerate(blocks)]
        for future in filled:
            future.result()
    with torch.no_grad():
        for layer in layers:
            if layer.bias is not None:
                layer.bias.zero_()


def _blocks(layer: Weighted, draw: Draw) -> tuple[Tensor, ...]:
    weight = layer.weight.detach()
    if draw is _orthogonal or isinstance(layer, nn.Conv2d):
        return (weight,)
    return torch.split(weight, max(1, BLOCK_VALUES // weight.shape[1]))


def _normal(std: Callable[[Weighted], float]) -> Draw:
    def draw(layer: Weighted, block: Tensor, generator: torch.Generator) -> None:
        block.normal_(0.0, std(layer), generator=generator)

    return draw


def _glorot(layer: Weighted, block: Tensor, generator: torch.Generator) -> None:
    fan_in, fan_out = fans(layer.weight)
    bound = math.sqrt(6 / (fan_in + fan_out))
    block.uniform_(-bound, bound, generator=generator)


def _orthogonal(_: Weighted, block: Tensor, generator: torch.Generator) -> None:
    rows = torch.empty(block.shape)  # torch's needs contiguous memory; ours is not
    nn.init.orthogonal_(rows, gain=math.sqrt(2), generator=generator)
    block.copy_(rows)


def _he_fan_out(layer: Weighted) -> float:
    """As torchvision's VGG: its linear layers keep std 0.01."""
    return 0.01 if isinstance(layer, nn.Linear) else math.sqrt(2 / fans(layer.weight)[1])


DRAWS: dict[str, Draw] = {
    "std_0.01": _normal(lambda _: 0.01),
    "variance_0.01": _normal(lambda _: 0.1),
    "glorot": _glorot,
    "he_fan_in": _normal(lambda layer: math.sqrt(2 / fans(layer.weight)[0])),
    "he_fan_out": _normal(_he_fan_out),
    "orthogonal": _orthogonal,
    "lsuv": _orthogonal,
    STAGED: _normal(lambda _: 0.01),
}


def _scale_to_unit_variance(network: nn.Module, batch: Tensor) -> None:
    """LSUV (arXiv 1511.06422, algorithm 1): W ← W / std(z), one layer after the other.

    The paper repeats the division until the variance is within a tolerance; a layer without bias
    is linear in W, so that one division is exact but for rounding.
    """
    std = 0.0

    def measure(_: str, z: Tensor) -> None:
        nonlocal std
        std = float(z.double().std(correction=0))

    for name, layer in weighted_layers(network).items():
        with torch.no_grad(), as_in_training(network), watching(network, (name,), measure):
            network(batch)
        if std > 0 and math.isfinite(std):
            with torch.no_grad():
                layer.weight.div_(std)
