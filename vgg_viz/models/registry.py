"""Names of models, and which weights exist for them: bundled, published, by file, random.

A model's name is "<network>:<weights>": "vgg16:bundled", "zfnet_b:imagenet", "vgg16:random-7",
"vgg16:/home/me/mine.safetensors", "vgg16:file-1a2b3c4d" (an upload). Nothing here imports torch.
"""

import json
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from vgg_viz.errors import InputError, UnknownNameError, VggVizError
from vgg_viz.models import configs
from vgg_viz.models.configs import NetworkConfig
from vgg_viz.models.fetch import RemoteFile, local_copies
from vgg_viz.preprocessing import Preprocessing

Weights = Literal["bundled", "imagenet", "random", "file", "path"]

_RANDOM = re.compile(r"random(?:-(\d{1,18}))?")
_UPLOAD = re.compile(r"file-([0-9a-f]{8})")
_SUFFIXES = (".safetensors", ".pth", ".pt", ".zip", ".bin", ".ckpt")


@dataclass(frozen=True)
class ModelName:
    """A network with weights.

    `detail` is a seed (random), the first 8 hex digits of a file's sha256 (file: an upload), or
    the path of a file (path).
    """

    network: str
    weights: Weights
    detail: str = ""

    @property
    def seed(self) -> int:
        """The seed of random weights."""
        return int(self.detail or 0)

    def __str__(self) -> str:
        """The name as a person types it; `parse_model_name` reads it back."""
        match self.weights:
            case "random" if self.detail:
                return f"{self.network}:random-{self.detail}"
            case "file":
                return f"{self.network}:file-{self.detail}"
            case "path":
                return f"{self.network}:{self.detail}"
            case _:
                return f"{self.network}:{self.weights}"


def parse_model_name(text: str, *, bundled: Collection[str] | None = None) -> ModelName:
    """Read "vgg16:random-7"; "vgg16" alone means its bundled weights, or random ones.

    `bundled` lists the networks with bundled weights; None looks into the assets. Raises
    UnknownNameError for a network or weights that do not exist.
    """
    network, _, weights = text.strip().partition(":")
    configs.spec(network)
    if not weights:
        names = bundled_cards() if bundled is None else bundled
        return ModelName(network, "bundled" if network in names else "random")
    if weights in ("bundled", "imagenet"):
        return ModelName(network, "bundled" if weights == "bundled" else "imagenet")
    if match := _RANDOM.fullmatch(weights):
        seed = int(match[1] or 0)
        return ModelName(network, "random", str(seed) if seed else "")
    if match := _UPLOAD.fullmatch(weights):
        return ModelName(network, "file", match[1])
    if "/" in weights or "\\" in weights or weights.lower().endswith(_SUFFIXES):
        return ModelName(network, "path", weights)
    choices = ["bundled", "imagenet", "random", "random-<seed>", "<path of a file>"]
    raise UnknownNameError.among(f"weights of {network}", weights, choices)


# --- data that ships with the program ------------------------------------------------------------


def assets_folder() -> Path:
    """The folder of bundled data: $VGG_VIZ_ASSETS, or `assets` beside the package."""
    if folder := os.environ.get("VGG_VIZ_ASSETS"):
        return Path(folder).expanduser()
    return Path(__file__).resolve().parents[2] / "assets"


def transfer_folder() -> Path:
    """Where the heads of other tasks ship: assets/weights/transfer."""
    return assets_folder() / "weights" / "transfer"


@dataclass(frozen=True)
class Card:
    """A model card: what a bundled weights file holds and how good it is."""

    config: NetworkConfig
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    file: Path  # safetensors, fp16
    bytes: int
    sha256: str
    parameters: int
    top1: float | None  # on the validation photos, in [0, 1]
    licence: str
    fields: Mapping[str, Any] = field(repr=False, compare=False)  # all that the JSON says

    @property
    def network(self) -> str:
        """Name in the registry of networks."""
        return self.config.network


def bundled_cards(folder: Path | None = None) -> dict[str, Card]:
    """Read the model cards (*.json) in `folder`, assets/weights by default; {network: card}.

    No folder gives no cards. Raises VggVizError for a card that cannot be read.
    """
    folder = folder or assets_folder() / "weights"
    cards = (_card(path) for path in sorted(folder.glob("*.json")))
    return {card.network: card for card in cards}


def _card(path: Path) -> Card:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        config = configs.build(
            data["network"],
            channels=tuple(data["channels"]),
            hidden=(data["hidden"][0], data["hidden"][1]),
            classes=len(data["classes"]),
            input_size=data["input_size"],
        )
        return Card(
            config=config,
            classes=tuple(data["classes"]),
            preprocessing=preprocessing_from(data["preprocessing"]),
            file=path.parent / Path(data["file"]).name,
            bytes=int(data["bytes"]),
            sha256=data["sha256"],
            parameters=int(data["parameters"]),
            top1=data.get("validation", {}).get("top1"),
            licence=data.get("licence", "MIT"),
            fields=data,
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, InputError) as e:
        raise VggVizError(
            f"The model card {path} cannot be read ({type(e).__name__}: {e}); reinstall vgg-viz."
        ) from e


def preprocessing_from(data: Mapping[str, Any]) -> Preprocessing:
    """Read the JSON form, {"resize": px, "crop": px, "mean": [r, g, b], "std": [r, g, b]}.

    Raises KeyError, TypeError, ValueError or InputError for anything else.
    """
    red, green, blue = map(float, data["mean"])
    std_red, std_green, std_blue = map(float, data["std"])
    return Preprocessing(
        resize=int(data["resize"]),
        crop=int(data["crop"]),
        mean=(red, green, blue),
        std=(std_red, std_green, std_blue),
    )


@cache
def class_names() -> tuple[str, ...]:
    """The 1000 classes of ImageNet in the order of the networks' outputs, tench first.

    Raises VggVizError when assets/imagenet_classes.json is missing or damaged.
    """
    path = assets_folder() / "imagenet_classes.json"
    try:
        names = tuple(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise VggVizError(f"{path} cannot be read ({error}); reinstall vgg-viz.") from error
    if len(names) != 1000:
        raise VggVizError(f"{path} lists {len(names)} classes, not 1000; reinstall vgg-viz.")
    return names


# --- weights that others publish -----------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """ImageNet weights: where they are and how good their publisher found them."""

    publisher: str
    file: RemoteFile
    top1: float  # on ImageNet's validation photos, one 224-px crop, in [0, 1]
    licence: str


# Weights come with the terms of their publisher's repository; ImageNet's own terms may add to them.
_TORCHVISION = "BSD-3-Clause (torchvision); ImageNet's terms may apply"
_PYTORCHCV = "MIT (pytorchcv); ImageNet's terms may apply"


def _torchvision(name: str, mebibytes: float, top1: float, *older: tuple[str, str]) -> Published:
    filename = f"{name}.pth"
    source = RemoteFile(
        url=f"https://download.pytorch.org/models/{filename}",
        filename=filename,
        bytes=round(mebibytes * 2**20),
        digest_kind="sha256-prefix",
        digest=name.rpartition("-")[2],
        older=older,
    )
    return Published("torchvision IMAGENET1K_V1", source, top1, _TORCHVISION)


def _pytorchcv(
    model: str, error: str, sha1: str, release: str, size: int, top1: float
) -> Published:
    filename = f"{model}-{error}-{sha1[:8]}.pth"
    source = RemoteFile(
        url=f"https://github.com/osmr/imgclsmob/releases/download/{release}/{filename}.zip",
        filename=filename,
        bytes=size,
        digest_kind="sha1",
        digest=sha1,
    )
    return Published(f"pytorchcv {model}", source, top1, _PYTORCHCV)


# Figures as torchvision 0.29 and pytorchcv 0.0.74 state them; tests compare them with both.
# pytorchcv's size is 4 bytes a parameter; its error is the top-5 error in 1/100 %. Its ZFNets were
# evaluated with the short side resized to 224 / 0.875 = 256 px (Pillow's bilinear), the central
# 224 px, and ImageNet's mean and deviation: preprocessing.IMAGENET, as for torchvision.
PUBLISHED: dict[str, Published] = {
    "alexnet": _torchvision(
        "alexnet-owt-7be5be79", 233.087, 0.56522, ("alexnet-owt-4df8aa71.pth", "4df8aa71")
    ),
    "zfnet_a": _pytorchcv(
        "zfnet", "1727", "d010ddca1eb32a50a8cceb475c792f53e769b631", "v0.0.395", 249_430_432, 0.6021
    ),
    "zfnet_b": _pytorchcv(
        "zfnetb",
        "1490",
        "f6bec24eba037c8e4956704ed5bafaed29966601",
        "v0.0.400",
        430_510_496,
        0.6363,
    ),
    "vgg11": _torchvision("vgg11-8a719046", 506.840, 0.69020, ("vgg11-bbd30ac9.pth", "bbd30ac9")),
    "vgg11_bn": _torchvision("vgg11_bn-6002323d", 506.881, 0.70370),
    "vgg13": _torchvision("vgg13-19584684", 507.545, 0.69928, ("vgg13-c768596a.pth", "c768596a")),
    "vgg13_bn": _torchvision("vgg13_bn-abd245e5", 507.590, 0.71586),
    "vgg16": _torchvision("vgg16-397923af", 527.796, 0.71592),
    "vgg16_bn": _torchvision("vgg16_bn-6c64b313", 527.866, 0.73360),
    "vgg19": _torchvision("vgg19-dcbb9e9d", 548.051, 0.72376),
    "vgg19_bn": _torchvision("vgg19_bn-c79401a0", 548.143, 0.74218),
}


def published(network: str) -> Published:
    """Return where the ImageNet weights of `network` are; UnknownNameError if nobody offers any."""
    if network not in PUBLISHED:
        raise UnknownNameError.among("network with ImageNet weights", network, PUBLISHED)
    return PUBLISHED[network]


def imagenet_available(network: str) -> bool:
    """Tell whether the ImageNet weights of `network` lie on this machine (hash checked at load)."""
    if network not in PUBLISHED:
        return False
    return any(True for _ in local_copies(PUBLISHED[network].file))


def weights_title(name: ModelName, config: NetworkConfig, filename: str = "") -> str:
    """Where weights come from, in words, as it stands on every picture."""
    match name.weights:
        case "bundled":
            return f"bundled weights, {config.classes} classes, {config.width:g} x width"
        case "imagenet":
            return f"ImageNet weights ({published(name.network).publisher})"
        case "random":
            return f"random weights (He), seed {name.seed}"
        case "file" | "path":
            return f"weights from {filename}, {config.classes} classes"
