"""Names of parameters in other people's checkpoints, computed from the table of a network.

    ours         conv1_1.weight             bn1_1.running_mean           fc6.weight
    torchvision  features.0.weight          features.1.running_mean      classifier.0.weight
    pytorchcv    features.stage1.unit1.     features.stage1.unit1.       output.fc1.fc.weight
                   conv.weight                bn.running_mean

torchvision counts modules, so an index is the position of a row in its table; pytorchcv counts
convolutions between max-pools. Nothing here imports torch.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

from vgg_viz.errors import CheckpointError
from vgg_viz.models.configs import Layer, NetworkConfig

Layout = Literal["ours", "torchvision", "pytorchcv"]
LAYOUTS: tuple[Layout, ...] = ("ours", "torchvision", "pytorchcv")

# What trainers put before every name: DataParallel, torch.compile, Lightning, saved wrappers.
PREFIXES = ("module.", "_orig_mod.", "model.", "state_dict.", "net.", "network.")

_SIGNS: dict[Layout, re.Pattern[str]] = {
    "ours": re.compile(r"(conv|bn)\d(_\d)?\.|fc[678]\."),
    "pytorchcv": re.compile(r"features\.stage\d+\.unit\d+\.|output\.fc\d\."),
    "torchvision": re.compile(r"(features|classifier)\.\d+\."),
}

Value = TypeVar("Value")


def layer_names(config: NetworkConfig, layout: Layout) -> dict[str, str]:
    """Return {name of a row with parameters: what `layout` puts before ".weight" for it}."""
    if layout == "torchvision":
        return _torchvision(config)
    if layout == "pytorchcv":
        return _pytorchcv(config)
    return {row.name: row.name for row in config.layers if _has_parameters(row)}


def to_paper_names(
    config: NetworkConfig, state: Mapping[str, Value], layout: Layout
) -> dict[str, Value]:
    """Return `state` with the papers' names; names that the network does not have stay."""
    names = {theirs: ours for ours, theirs in layer_names(config, layout).items()}
    return {_renamed(key, names): value for key, value in strip_prefixes(state).items()}


def from_paper_names(
    config: NetworkConfig, state: Mapping[str, Value], layout: Layout
) -> dict[str, Value]:
    """Return a state dict of ours with the names of `layout`, to hand it to another library."""
    names = layer_names(config, layout)
    return {_renamed(key, names): value for key, value in state.items()}


def detect_layout(keys: Iterable[str]) -> Layout:
    """Tell whose names most keys are; CheckpointError when they are of no kind known here."""
    names = list(strip_prefixes(dict.fromkeys(keys)))
    counts = {layout: sum(map(bool, map(sign.match, names))) for layout, sign in _SIGNS.items()}
    best = max(counts, key=counts.__getitem__)
    if not counts[best]:
        raise unknown_names(names)
    return best


def unknown_names(keys: Iterable[str]) -> CheckpointError:
    """The error for tensors that belong to some other network."""
    shown = ", ".join(list(keys)[:5]) or "none"
    return CheckpointError(
        "These are not the weights of an AlexNet, ZFNet or VGG: the names of the tensors "
        f"({shown}) do not belong to one. Give the state_dict of a torchvision or pytorchcv "
        "network, or name the tensors as the papers do: conv1_1.weight, fc6.bias."
    )


def strip_prefixes(state: Mapping[str, Value]) -> dict[str, Value]:
    """Return `state` without the prefixes that all its names share, such as "module."."""
    stripped = dict(state)
    while stripped:
        prefix = next((p for p in PREFIXES if all(key.startswith(p) for key in stripped)), None)
        if prefix is None:
            break
        stripped = {key.removeprefix(prefix): value for key, value in stripped.items()}
    return stripped


def _renamed(key: str, names: Mapping[str, str]) -> str:
    layer, dot, parameter = key.rpartition(".")
    return f"{names[layer]}{dot}{parameter}" if layer in names else key


def _has_parameters(row: Layer) -> bool:
    return row.kind in ("conv", "batch_norm", "linear")


def _torchvision(config: NetworkConfig) -> dict[str, str]:
    rows = [row.name for row in config.layers]
    pool, head = rows.index("avgpool"), rows.index("flatten") + 1
    return {
        row.name: f"features.{i}" if i < pool else f"classifier.{i - head}"
        for i, row in enumerate(config.layers)
        if _has_parameters(row)
    }


def _pytorchcv(config: NetworkConfig) -> dict[str, str]:
    names: dict[str, str] = {}
    stage, unit = 1, 0
    for row in config.layers:
        match row.kind:
            case "max_pool":
                stage, unit = stage + 1, 0
            case "conv":
                unit += 1
                names[row.name] = f"features.stage{stage}.unit{unit}.conv"
            case "batch_norm":
                names[row.name] = f"features.stage{stage}.unit{unit}.bn"
            case _:
                pass
    return names | {"fc6": "output.fc1.fc", "fc7": "output.fc2.fc", "fc8": "output.fc3"}
