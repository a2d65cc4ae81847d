"""From the name of a model to a network with its weights: bundled, published, by file or random."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from vgg_viz.errors import CheckpointError, InputError, UnknownNameError, WeightsUnavailableError
from vgg_viz.models import configs, registry
from vgg_viz.models.checkpoint import read_checkpoint
from vgg_viz.models.configs import NetworkConfig
from vgg_viz.models.fetch import cache_folder, verified_copy
from vgg_viz.models.keymaps import detect_layout, to_paper_names
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.models.recognition import (
    check,
    classes_of,
    detect_config,
    load_into,
    preprocessing_of,
)
from vgg_viz.models.registry import ModelName, bundled_cards, published, weights_title
from vgg_viz.preprocessing import Preprocessing


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network ready to answer: fp32 on the CPU, channels_last, eval, parameters frozen."""

    name: ModelName
    network: ConvNet
    config: NetworkConfig
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    digest: str  # sha256 of the weights file, or of random parameters
    weights_title: str  # in words: "bundled weights, 19 classes, 0.25 x width"
    licence: str  # "" when unknown


def load_model(
    name: ModelName, *, allow_paths: bool = False, uploads: Path | None = None
) -> LoadedModel:
    """Build the network `name` and load its weights, verified.

    `allow_paths` lets a name open a file of this machine: for a person's own terminal, never for
    a server. `uploads` holds uploaded files under their sha256 as name. Raises UnknownNameError,
    InputError, WeightsUnavailableError (with the command that fetches them) or CheckpointError.
    """
    match name.weights:
        case "bundled":
            return _bundled(name)
        case "imagenet":
            return _imagenet(name)
        case "random":
            return _random(name)
        case "file":
            return _file(name, _upload(name.detail, uploads), f"upload {name.detail}")
        case "path":
            if not allow_paths:
                raise InputError("This server opens no files by their path; upload the file.")
            path = Path(name.detail).expanduser()
            return _file(name, path, path.name)


def _bundled(name: ModelName) -> LoadedModel:
    cards = bundled_cards()
    if name.network not in cards:
        raise UnknownNameError.among("network with bundled weights", name.network, cards)
    card = cards[name.network]
    checkpoint = read_checkpoint(card.file)
    if checkpoint.digest != card.sha256:
        raise CheckpointError(
            f"{card.file} is not the file its model card describes; reinstall vgg-viz."
        )
    return LoadedModel(
        name=name,
        network=load_into(card.config, checkpoint.tensors),
        config=card.config,
        classes=card.classes,
        preprocessing=card.preprocessing,
        digest=card.sha256,
        weights_title=weights_title(name, card.config),
        licence=card.licence,
    )


def _imagenet(name: ModelName) -> LoadedModel:
    entry = published(name.network)
    path = verified_copy(entry.file)
    if path is None:
        raise WeightsUnavailableError(
            f"The ImageNet weights of {name.network} ({entry.file.bytes / 1e6:.0f} MB) are not on "
            f"this machine. Fetch them with `vgg-viz weights fetch {name.network}` or the button "
            f"in the dashboard, or copy {entry.file.filename} into {cache_folder()}."
        )
    checkpoint = read_checkpoint(path)
    config = configs.build(name.network)
    layout = detect_layout(checkpoint.tensors)
    return LoadedModel(
        name=name,
        network=load_into(config, to_paper_names(config, checkpoint.tensors, layout)),
        config=config,
        classes=registry.class_names(),
        preprocessing=preprocessing_of({}, config.input_size),
        digest=checkpoint.digest,
        weights_title=weights_title(name, config),
        licence=entry.licence,
    )


def _random(name: ModelName) -> LoadedModel:
    config = configs.build(name.network)
    network = build_network(config, seed=name.seed).requires_grad_(requires_grad=False)
    return LoadedModel(
        name=name,
        network=network,
        config=config,
        classes=registry.class_names(),
        preprocessing=preprocessing_of({}, config.input_size),
        digest=parameters_digest(network),
        weights_title=weights_title(name, config),
        licence="",
    )


def parameters_digest(network: ConvNet) -> str:
    """sha256 over the bytes of all parameters in the order of the table, 64 hex digits."""
    digest = hashlib.sha256()
    for parameter in network.parameters():
        digest.update(parameter.detach().contiguous().numpy().data)
    return digest.hexdigest()


# --- files of a person's own ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class WeightsFile:
    """A weights file that was read, recognised and found to fit."""

    config: NetworkConfig
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    digest: str  # sha256 of the file, 64 hex digits
    licence: str  # as its header says; "" when it does not
    tensors: Mapping[str, Tensor] = field(repr=False)  # by the papers' names, as stored


def inspect_file(path: Path, filename: str = "", *, network: str | None = None) -> WeightsFile:
    """Read a weights file of any origin and check that it makes a network; builds none.

    `filename` stands in messages instead of the path's own. `network`, when given, must be what
    the file holds. Raises CheckpointError, whose message lists all that does not fit.
    """
    checkpoint = read_checkpoint(path, filename)
    metadata = checkpoint.metadata
    config, layout = detect_config(checkpoint.tensors, metadata, network=network)
    if network and network != config.network:
        raise CheckpointError(
            f"{checkpoint.filename} holds {configs.spec(config.network).title}, not "
            f"{configs.spec(network).title}; ask for {config.network} with this file."
        )
    tensors = to_paper_names(config, checkpoint.tensors, layout)
    check(tensors, config)
    return WeightsFile(
        config=config,
        classes=classes_of(metadata, config.classes),
        preprocessing=preprocessing_of(metadata, config.input_size),
        digest=checkpoint.digest,
        licence=metadata.get("licence", "")[:200],
        tensors=tensors,
    )


def _upload(short: str, uploads: Path | None) -> Path:
    kept = sorted(uploads.glob(f"{short}*")) if uploads else []
    if not kept:
        raise UnknownNameError(f"The upload {short} is not kept here (any more); upload it again.")
    return kept[0]


def _file(name: ModelName, path: Path, filename: str) -> LoadedModel:
    found = inspect_file(path, filename, network=name.network)
    return LoadedModel(
        name=name,
        network=load_into(found.config, found.tensors),
        config=found.config,
        classes=found.classes,
        preprocessing=found.preprocessing,
        digest=found.digest,
        weights_title=weights_title(name, found.config, filename),
        licence=found.licence,
    )
