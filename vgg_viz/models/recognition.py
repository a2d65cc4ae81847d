"""Which network a state dict is for, whether it fits, and the network with its weights in it."""

import json
import logging
import math
from collections.abc import Iterable, Mapping
from functools import cache

import torch
from torch import Tensor

from vgg_viz.errors import CheckpointError, InputError
from vgg_viz.models import configs, registry
from vgg_viz.models.configs import NetworkConfig
from vgg_viz.models.keymaps import (
    Layout,
    detect_layout,
    from_paper_names,
    strip_prefixes,
    to_paper_names,
    unknown_names,
)
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.preprocessing import IMAGENET, Preprocessing

logger = logging.getLogger(__name__)

SHOWN = 5  # tensors named per kind of mistake
MAX_SIDE = 1024  # px of the input that a header may ask for

_COUNTER = "num_batches_tracked"  # batch norm's steps: no use here, and older files lack it

Shape = tuple[int, ...]


def detect_config(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str], *, network: str | None = None
) -> tuple[NetworkConfig, Layout]:
    """Tell which network, width, classes and input size a state dict is for, and in whose names.

    The header decides where names and kernels leave a choice, then `network` where widths do too
    (A and A-LRN). The input size is the header's or 224 px where that gives the grid before fc6,
    else the least that does. Raises CheckpointError when nothing fits.
    """
    state = strip_prefixes(tensors)
    layout = detect_layout(state)
    name = _network_of(state, layout, metadata.get("network"), network)
    shapes = {key: tuple(t.shape) for key, t in to_paper_names(_thin(name), state, layout).items()}
    title = configs.spec(name).title
    if missing := [key for key in _thin_shapes(name) if key not in shapes and _needed(key)]:
        raise CheckpointError(
            f"These look like the weights of {title}, but some lack.\n"
            f"{_listed('missing', missing)}\n"
            "Give the complete state_dict, with fc6 to fc8 (torchvision: classifier)."
        )
    try:
        return _config_of(name, shapes, metadata.get("input_size", "")), layout
    except (IndexError, InputError) as error:
        raise CheckpointError(
            f"These look like the weights of {title}, but their shapes do not fit together: "
            f"{error}. Give the state_dict of one network as it was trained."
        ) from error


def _network_of(
    state: Mapping[str, Tensor], layout: Layout, header: str | None, wish: str | None
) -> str:
    misfits = {name: _misfit(name, state, layout) for name in configs.NETWORKS}
    best = min(misfits, key=misfits.__getitem__)
    if misfits[best][0] > len(_thin_shapes(best)) / 2:
        raise unknown_names(state)
    if header in misfits:
        if misfits[header][:2] == misfits[best][:2]:
            return header
        logger.warning("The header says %s, but names and kernels say %s", header, best)
    return wish if wish in misfits and misfits[wish] == misfits[best] else best


def _misfit(name: str, state: Mapping[str, Tensor], layout: Layout) -> tuple[int, int, float]:
    """How badly `state` fits a network: names missing or extra, wrong kernels, odd widths."""
    expected = from_paper_names(_thin(name), _thin_shapes(name), layout)
    strange = {key for key in state.keys() ^ expected.keys() if _needed(key)}
    kernels = {key: shape[2:] for key, shape in expected.items() if len(shape) == 4}
    convs = [key for key in kernels if key in state and state[key].dim() == 4]
    wrong = sum(tuple(state[key].shape[2:]) != kernels[key] for key in convs)
    return len(strange), wrong, _unevenness([state[key].shape[0] for key in convs], name)


def _unevenness(widths: list[int], name: str) -> float:
    """0 when all widths are the paper's times one factor; tells ZFNet (a) from (b)."""
    paper = configs.spec(name).channels
    if len(widths) != len(paper) or min(widths) < 1:
        return math.inf
    factors = [math.log(width / own) for width, own in zip(widths, paper, strict=True)]
    return round(max(factors) - min(factors), 3)


def _config_of(name: str, shapes: Mapping[str, Shape], declared: str) -> NetworkConfig:
    channels = tuple(shapes[f"{conv}.weight"][0] for conv in _thin(name).convs)
    hidden = shapes["fc6.weight"][0], shapes["fc7.weight"][0]
    inputs = shapes["fc6.weight"][1]
    grid = math.isqrt(inputs // max(1, channels[-1]))
    if grid < 1 or grid * grid * channels[-1] != inputs:
        raise InputError(f"fc6 reads {inputs} numbers, which is no square times {channels[-1]}")
    header = [int(declared)] if declared.isdecimal() and len(declared) < 5 else []
    for size in (*header, 224, *range(1, MAX_SIDE + 1)):
        if size <= MAX_SIDE and _grid(name, size) == grid:
            return configs.build(
                name,
                channels=channels,
                hidden=hidden,
                classes=shapes["fc8.weight"][0],
                input_size=size,
            )
    raise InputError(f"no input up to {MAX_SIDE} px leaves {grid} x {grid} px before fc6")


@cache
def _thin(name: str) -> NetworkConfig:
    """The network at a hundredth of its width: for names, kernels and grids."""
    return configs.build(name, width=0.01)


@cache
def _thin_shapes(name: str) -> dict[str, Shape]:
    return _shapes(_thin(name))


@cache
def _grid(name: str, size: int) -> int:
    try:
        return configs.build(name, width=0.01, input_size=size).layer("avgpool").out
    except InputError:
        return 0


def _shapes(config: NetworkConfig) -> dict[str, Shape]:
    with torch.device("meta"):
        state: dict[str, Tensor] = ConvNet(config).state_dict()
    return {key: tuple(value.shape) for key, value in state.items()}


def _needed(key: str) -> bool:
    return not key.endswith(_COUNTER)


# --- what the header says ------------------------------------------------------------------------


def classes_of(metadata: Mapping[str, str], classes: int) -> tuple[str, ...]:
    """Names of the outputs: from the header, ImageNet's when there are 1000, else "class 0" ...

    Raises CheckpointError when the header lists another number of classes.
    """
    if "classes" not in metadata:
        numbered = tuple(f"class {i}" for i in range(classes))
        return registry.class_names() if classes == 1000 else numbered
    try:
        names = json.loads(metadata["classes"])
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or len(names) != classes:
        count = len(names) if isinstance(names, list) else "no"
        raise CheckpointError(
            f'The header lists {count} classes and fc8 has {classes}; make "classes" a JSON list '
            "of as many names."
        )
    return tuple(str(name)[:100] for name in names)


def preprocessing_of(metadata: Mapping[str, str], input_size: int) -> Preprocessing:
    """How photos are prepared: by the header, else ImageNet's way scaled to `input_size` px.

    Raises CheckpointError when the header's "preprocessing" makes no sense.
    """
    if "preprocessing" not in metadata:
        resize = -(-input_size * IMAGENET.resize // IMAGENET.crop)
        return Preprocessing(resize, input_size, IMAGENET.mean, IMAGENET.std)
    try:
        wanted = registry.preprocessing_from(json.loads(metadata["preprocessing"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, InputError) as error:
        raise CheckpointError(
            f'"preprocessing" in the header cannot be read ({error}); give JSON with resize, crop, '
            "mean and std."
        ) from error
    if wanted.resize > 2 * MAX_SIDE or not all(map(math.isfinite, (*wanted.mean, *wanted.std))):
        raise CheckpointError(
            f'"preprocessing" in the header asks for {wanted.resize} px; give at most '
            f"{2 * MAX_SIDE} px, and finite numbers."
        )
    return wanted


# --- checking and loading ------------------------------------------------------------------------


def check(tensors: Mapping[str, Tensor], config: NetworkConfig) -> None:
    """Raise one CheckpointError that lists all that keeps `tensors` (papers' names) from loading.

    Missing and extra names, wrong shapes, integers where real numbers belong, NaN and infinities.
    Batch norm's step counter may be missing.
    """
    expected = _shapes(config)
    shared = [key for key in expected if key in tensors and _needed(key)]
    real = [key for key in shared if tensors[key].is_floating_point()]
    report = (
        ("missing", [key for key in expected if key not in tensors and _needed(key)]),
        ("not of this network", [key for key in tensors if key not in expected]),
        ("of the wrong shape", _misshapen(tensors, expected, shared)),
        (
            "not real numbers",
            [f"{key} ({_dtype(tensors[key])})" for key in shared if key not in real],
        ),
        ("with NaN or infinite values", _broken(tensors, real)),
    )
    if lines := [_listed(kind, items) for kind, items in report if items]:
        title = configs.spec(config.network).title
        advice = "Give the complete, trained state_dict of one of: " + ", ".join(configs.NETWORKS)
        raise CheckpointError("\n".join([f"This does not fit {title}.", *lines, f"{advice}."]))


def _misshapen(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Shape], keys: Iterable[str]
) -> list[str]:
    return [
        f"{key} is {_by(tuple(tensors[key].shape))} instead of {_by(expected[key])}"
        for key in keys
        if tuple(tensors[key].shape) != expected[key]
    ]


def _broken(tensors: Mapping[str, Tensor], keys: Iterable[str]) -> list[str]:
    # torch has no isfinite for 8-bit floats, so all are asked as fp32. NaN and infinities stay in
    # a sum, which is much quicker than asking 100 million numbers one by one.
    suspects = [key for key in keys if not tensors[key].float().sum().isfinite()]
    counts = {key: int((~tensors[key].float().isfinite()).sum()) for key in suspects}
    return [f"{key} ({count} of {tensors[key].numel()})" for key, count in counts.items() if count]


def _listed(kind: str, items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return f"- {len(items)} {kind}: {', '.join(items[:SHOWN])}{more}"


def _by(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "a single number"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def load_into(config: NetworkConfig, tensors: Mapping[str, Tensor]) -> ConvNet:
    """Return the network with these weights: fp32 on the CPU, channels_last, eval, frozen.

    `tensors` have the papers' names; other precisions are converted. Raises CheckpointError when
    they do not fit.
    """
    check(tensors, config)
    network = build_network(config)
    counters = {key: value for key, value in network.state_dict().items() if not _needed(key)}
    network.load_state_dict({**tensors, **counters}, strict=True)
    return network.requires_grad_(requires_grad=False).eval()
