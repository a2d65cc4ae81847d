"""What the service offers, from tables and model cards alone: no torch, nothing loaded."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from uuid import uuid4

from vgg_viz.architecture import describe
from vgg_viz.errors import (
    CheckpointError,
    InputError,
    UnknownNameError,
    WeightsUnavailableError,
)
from vgg_viz.models.configs import NETWORKS, NetworkConfig, build, spec
from vgg_viz.models.registry import (
    PUBLISHED,
    Card,
    ModelName,
    bundled_cards,
    class_names,
    imagenet_available,
    parse_model_name,
    weights_title,
)
from vgg_viz.preprocessing import IMAGENET, Preprocessing
from vgg_viz.results import ModelInfo

MAX_UPLOADS = 8  # checkpoints kept; the one added first goes first
MAX_WEIGHTS_BYTES = 600 * 2**20  # VGG-19 in float32 is 575 MB; .streamlit/config.toml says the same


@dataclass(frozen=True)
class Added:
    """A checkpoint of a person's own."""

    info: ModelInfo
    preprocessing: Preprocessing
    digest: str  # sha256 of the file; an upload is kept under this name


class Catalogue:
    """The models by name. Checkpoints of a person's own join it while the service lives.

    `uploads` is the folder where uploaded ones are kept; `allow_paths` lets names be paths.
    """

    def __init__(self, uploads: Path, *, allow_paths: bool = False) -> None:
        self._uploads = uploads
        self._allow_paths = allow_paths
        self._cards = bundled_cards()
        self._added: dict[str, Added] = {}
        self._lock = Lock()

    def models(self) -> tuple[ModelInfo, ...]:
        """Bundled models first, then ImageNet's, random ones, and a person's own."""
        names = [ModelName(name, "bundled") for name in NETWORKS if name in self._cards]
        names += [ModelName(name, "imagenet") for name in NETWORKS if name in PUBLISHED]
        names += [ModelName(name, "random") for name in NETWORKS]
        known = [self._known(name) for name in names]
        with self._lock:
            return (*known, *(added.info for added in self._added.values()))

    def model(self, name: str) -> ModelInfo:
        """The model called `name`, ready to be asked for.

        UnknownNameError when there is none; WeightsUnavailableError when it must be fetched first.
        """
        parsed = parse_model_name(name, bundled=self._cards)
        info = self._own(parsed) if parsed.weights in ("file", "path") else self._known(parsed)
        if not info.available:
            raise WeightsUnavailableError(
                f"The ImageNet weights of {info.title} are not on this machine. Fetch them with "
                f"the button beside the picker, or with: vgg-viz weights fetch {info.network}"
            )
        return info

    def preprocessing(self, name: str) -> Preprocessing:
        """How the model called `name` wants its photos."""
        parsed = parse_model_name(name, bundled=self._cards)
        if parsed.weights == "bundled":
            return self._card(parsed.network).preprocessing
        with self._lock:
            added = self._added.get(str(parsed))
        return added.preprocessing if added else IMAGENET

    def add(self, data: bytes, filename: str) -> ModelInfo:
        """Check an uploaded checkpoint and keep it as a file; CheckpointError when it is bad."""
        if len(data) > MAX_WEIGHTS_BYTES:
            raise CheckpointError(
                f"{filename} is larger than {MAX_WEIGHTS_BYTES >> 20} MB; save only the network's "
                "state_dict, in float32 or float16."
            )
        digest = hashlib.sha256(data).hexdigest()
        path = self._uploads / digest
        self._uploads.mkdir(parents=True, exist_ok=True)
        part = self._uploads / f".{uuid4().hex}"
        part.write_bytes(data)
        try:
            info = self._register(part, filename)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return info

    def _own(self, name: ModelName) -> ModelInfo:
        with self._lock:
            if str(name) in self._added:
                return self._added[str(name)].info
        if name.weights == "file":
            raise UnknownNameError(f"{name} is not kept here (any more); upload the file again.")
        if not self._allow_paths:
            raise InputError("This server opens no files by their path; upload the file.")
        path = Path(name.detail).expanduser()
        return self._register(path, path.name, name)

    def _register(self, path: Path, filename: str, name: ModelName | None = None) -> ModelInfo:
        from vgg_viz.models.weights import inspect_file  # loads torch

        found = inspect_file(path, filename, network=name.network if name else None)
        name = name or ModelName(found.config.network, "file", found.digest[:8])
        title = weights_title(name, found.config, filename)
        info = _info(name, found.config, found.classes, title, licence=found.licence)
        with self._lock:
            self._added[info.name] = Added(info, found.preprocessing, found.digest)
            while len(self._added) > MAX_UPLOADS:
                oldest = self._added.pop(next(iter(self._added)))
                (self._uploads / oldest.digest).unlink(missing_ok=True)
        return info

    def _known(self, name: ModelName) -> ModelInfo:
        match name.weights:
            case "bundled":
                return _bundled(self._card(name.network))
            case "imagenet":
                return _imagenet(name, available=imagenet_available(name.network))
            case _:
                return _random(name)

    def _card(self, network: str) -> Card:
        if network not in self._cards:
            raise UnknownNameError.among("network with bundled weights", network, self._cards)
        return self._cards[network]


def _bundled(card: Card) -> ModelInfo:
    name = ModelName(card.network, "bundled")
    title = weights_title(name, card.config)
    return _info(name, card.config, card.classes, title, top1=card.top1, licence=card.licence)


def _imagenet(name: ModelName, *, available: bool) -> ModelInfo:
    if name.network not in PUBLISHED:
        raise UnknownNameError.among("network with ImageNet weights", name.network, PUBLISHED)
    entry = PUBLISHED[name.network]
    config = _paper_config(name.network)
    return _info(
        name,
        config,
        class_names(),
        weights_title(name, config),
        top1=entry.top1,
        licence=entry.licence,
        download_bytes=0 if available else entry.file.bytes,
    )


def _random(name: ModelName) -> ModelInfo:
    config = _paper_config(name.network)
    return _info(name, config, class_names(), weights_title(name, config))


@cache
def _paper_config(network: str) -> NetworkConfig:
    return build(network)


@cache
def _info(
    name: ModelName,
    config: NetworkConfig,
    classes: tuple[str, ...],
    weights_title: str,
    *,
    top1: float | None = None,
    licence: str = "",
    download_bytes: int = 0,
) -> ModelInfo:
    architecture = describe(config)
    return ModelInfo(
        name=str(name),
        network=name.network,
        title=spec(name.network).title,
        weights="file" if name.weights == "path" else name.weights,
        weights_title=weights_title,
        available=not download_bytes,
        download_bytes=download_bytes,
        input_size=config.input_size,
        parameters=architecture.parameters,
        macs=architecture.macs,
        classes=classes,
        layers=tuple(row.info for row in architecture.rows),
        top1=top1,
        licence=licence,
    )
