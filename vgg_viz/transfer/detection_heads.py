"""What R-CNN learns on top of a network: a linear SVM and a box regression for each class."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from vgg_viz.errors import CheckpointError
from vgg_viz.transfer.detection_cards import heads_card, heads_file
from vgg_viz.transfer.region_features import Features, Way

WAYS: tuple[Way, ...] = ("rcnn", "fast")


@dataclass(frozen=True, eq=False)
class Head:
    """Scores and moves from features, both linear; float32.

    score = svm fc7 + bias, the signed distance to the margin in units of the margin: above 1 the
    SVM is sure, below 0 it says no. moves = ridge pooled + offset.
    """

    svm: Tensor  # (K, fc7)
    bias: Tensor  # (K,)
    ridge: Tensor  # (K, 4, pooled)
    offset: Tensor  # (K, 4)

    def scores(self, features: Features) -> Tensor:
        """(N, K)."""
        return features.fc7 @ self.svm.T + self.bias

    def moves(self, features: Features) -> Tensor:
        """(dx, dy, dw, dh) of every box for every class: (N, K, 4)."""
        flat = features.pooled @ self.ridge.flatten(0, 1).T
        return flat.view(len(flat), len(self.bias), 4) + self.offset

    def to(self, device: torch.device) -> "Head":
        """The same on `device`."""
        return Head(*(each.to(device) for each in (self.svm, self.bias, self.ridge, self.offset)))

    def tensors(self, way: Way) -> dict[str, Tensor]:
        """As they are stored."""
        names = ("svm", "bias", "ridge", "offset")
        return {f"{way}.{name}": getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False)
class DetectionHeads:
    """The heads of one network."""

    classes: tuple[str, ...]
    heads: Mapping[Way, Head]
    digest: str  # sha256 of the file


def load_heads(network: str, digest: str, folder: Path | None = None) -> DetectionHeads:
    """The heads for a network whose weights have the sha256 `digest`; see `heads_card`.

    CheckpointError when the file is not the one that its card describes.
    """
    card = heads_card(network, digest, folder)
    return _loaded(heads_file(network, folder), card["sha256"])


@lru_cache(maxsize=4)
def _loaded(path: Path, digest: str) -> DetectionHeads:
    if not path.is_file() or _sha256(path) != digest:
        raise CheckpointError(
            f"{path.name} is not the file its model card describes; reinstall vgg-viz."
        )
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    stored = {name: tensor.float() for name, tensor in load_file(path).items()}
    heads = {
        way: Head(*(stored[f"{way}.{name}"] for name in ("svm", "bias", "ridge", "offset")))
        for way in WAYS
    }
    return DetectionHeads(tuple(card["classes"]), heads, digest)


def save_heads(
    heads: Mapping[Way, Head], card: Mapping[str, Any], network: str, folder: Path
) -> Path:
    """Write fp16 safetensors and the model card beside them; return the card's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = heads_file(network, folder)
    tensors = {
        name: tensor.half().contiguous()
        for way, head in heads.items()
        for name, tensor in head.tensors(way).items()
    }
    save_file(tensors, path, metadata={"network": network, "task": "detection"})
    path.chmod(0o644)  # safetensors writes for its owner alone
    whole = {
        "task": "detection",
        "network": network,
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": _sha256(path),
        "dtype": "float16",
        **card,
    }
    target = path.with_suffix(".json")
    target.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return target


def rounded(head: Head) -> Head:
    """As fp16 keeps it: what is measured is what ships."""
    tensors = (head.svm, head.bias, head.ridge, head.offset)
    return Head(*(tensor.half().float() for tensor in tensors))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
