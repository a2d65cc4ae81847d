"""Where indexes of patches are kept: one's own in a writable folder, those of the samples shipped.

No torch: the service asks for the stamp of an index on the caller's thread.
"""

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_data_path

from vgg_viz import patch_index
from vgg_viz.errors import InputError
from vgg_viz.models.registry import ModelName, assets_folder, parse_model_name
from vgg_viz.patch_index import IndexKey, PatchIndex
from vgg_viz.service.photo_sources import SAMPLES, source_key

logger = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int, int], ...]


def indexes_folder() -> Path:
    """Where one's own indexes live: $VGG_VIZ_INDEXES, or `indexes` in the user's data folder."""
    if folder := os.environ.get("VGG_VIZ_INDEXES"):
        return Path(folder).expanduser().resolve()
    return user_data_path("vgg-viz", appauthor=False) / "indexes"


def index_path(model: str, key: IndexKey) -> Path:
    """The file for the index of `key` by the model of that name."""
    rest = _digest(key.weights, key.preprocessing)
    return indexes_folder() / f"{_digest(model, key.source)}-{rest}.npz"


def shipped_path(network: str) -> Path:
    """The file of the samples' index that ships for the bundled weights of `network`."""
    return assets_folder() / "top_patches" / f"{network}.npz"


def stamp(model: str, source: str, folders: Mapping[str, Path]) -> Stamp:
    """Changes when an index of this model and source is written, by whichever process."""
    found = []
    for path in sorted(indexes_folder().glob(f"{_digest(model, source_key(source, folders))}-*")):
        try:
            status = path.stat()
        except OSError:  # just replaced
            continue
        found.append((path.name, status.st_mtime_ns, status.st_size))
    return tuple(found)


def newest(model: str, key: IndexKey) -> PatchIndex | None:
    """The index of `key`, one's own before the shipped one; None when there is none.

    InputError when one's own is damaged and none is shipped. An index of other weights, or of other
    photos under the same name, is none.
    """
    own = damaged = None
    try:
        own = patch_index.read(index_path(model, key))
    except InputError as error:
        damaged = error
    if own is not None and own.key == key:
        return own
    came = shipped(parse_model_name(model), key) if key.source == SAMPLES else None
    if came is None and damaged is not None:
        raise damaged
    return came


def shipped(name: ModelName, key: IndexKey) -> PatchIndex | None:
    """The index that came with the program, if it is one of `key`."""
    if name.weights != "bundled":
        return None
    try:
        found = patch_index.read(shipped_path(name.network))
    except InputError as error:
        logger.warning("%s", error)
        return None
    return found if found is not None and found.key == key else None


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
