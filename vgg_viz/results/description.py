"""What a service offers: networks, weights, photos, ways to train."""

from dataclasses import dataclass, field
from typing import Literal

from vgg_viz.results.attribution import MethodInfo


@dataclass(frozen=True)
class LayerInfo:
    """A row of a network's table, as pickers and cost strips need it."""

    name: str  # the paper's: "conv5_3"
    kind: str  # "conv", "max_pool", "linear", ...
    channels: int  # of the output
    side: int  # px of the output; 1 for fully-connected layers
    receptive_field: int  # px of the input
    jump: int  # px of the input between neighbouring units
    parameters: int
    macs: int  # multiply-accumulates for one image


@dataclass(frozen=True)
class ModelInfo:
    """A model that can be asked for: a network with weights."""

    name: str  # "vgg16:bundled"
    network: str  # "vgg16"
    title: str  # "VGG-16 (D)"
    weights: Literal["bundled", "imagenet", "random", "file"]
    weights_title: str  # "bundled weights, 19 classes, 0.25 x width"
    available: bool  # False: fetch it first
    download_bytes: int  # 0 when available or unknown
    input_size: int  # px
    parameters: int
    macs: int  # of one image
    classes: tuple[str, ...] = field(repr=False)
    layers: tuple[LayerInfo, ...] = field(repr=False)
    top1: float | None = None  # validation top-1 in [0, 1], where a model card states one
    licence: str = ""

    @property
    def convs(self) -> tuple[LayerInfo, ...]:
        """The convolutions, first to last."""
        return tuple(layer for layer in self.layers if layer.kind == "conv")


@dataclass(frozen=True)
class SampleInfo:
    """A bundled photo."""

    name: str
    title: str
    author: str
    licence: str
    classes: tuple[str, ...]  # bundled classes it shows


@dataclass(frozen=True)
class ImageInfo:
    """An uploaded photo that the service keeps for a while."""

    id: str  # sha256 hex of the uploaded bytes
    width: int  # px
    height: int  # px
    notes: tuple[str, ...]


@dataclass(frozen=True)
class NetworkInfo:
    """A network of the lecture, without weights."""

    name: str  # "vgg16"
    title: str  # "VGG-16 (D)"


@dataclass(frozen=True)
class InitializationInfo:
    """A way to draw the first weights."""

    name: str  # "he_fan_in"
    title: str  # "He, fan-in"
    formula: str  # "Var[w] = 2 / fan_in"
    explanation: str  # one or two sentences with the paper


@dataclass(frozen=True)
class DatasetInfo:
    """What a network can be trained on here."""

    name: str  # "shapes", "digits", "folder:flowers"
    title: str
    explanation: str


@dataclass(frozen=True)
class DetectorInfo:
    """A detector that its publisher trained whole."""

    name: str  # "ssd300_vgg16:coco"
    title: str
    weights_title: str
    available: bool  # its file is on this machine
    download_bytes: int
    box_map: float  # COCO's box mAP as its publisher states it, in per cent
    measured_on: str  # the photos of that figure
    source: str  # of that figure


@dataclass(frozen=True)
class ServiceDescription:
    """Everything a page offers comes from here; no list of models is written twice."""

    models: tuple[ModelInfo, ...]
    samples: tuple[SampleInfo, ...]
    methods: tuple[MethodInfo, ...]
    precisions: tuple[str, ...]
    device: str
    fingerprint: str  # changes when the same request may get another answer
    version: str
    networks: tuple[NetworkInfo, ...] = ()
    initializations: tuple[InitializationInfo, ...] = ()
    datasets: tuple[DatasetInfo, ...] = ()
    textures: tuple[SampleInfo, ...] = ()  # style pictures that the program draws
    detectors: tuple[DetectorInfo, ...] = ()  # published whole, beside our heads

    def model(self, name: str) -> ModelInfo | None:
        """The model called `name`, or None."""
        return next((model for model in self.models if model.name == name), None)
