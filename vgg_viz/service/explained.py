"""Attribution for outputs of other tasks: a network with another head, read on another picture.

Every method asks a flat network whose last module gives scores (N, K). A network of the lecture,
cut at a layer, with a small module behind it is one, so all methods work on it as they are. The
network's own modules are shared, never changed.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vgg_viz.attribution.methods import METHODS
from vgg_viz.capture import inspect
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.images import Photo
from vgg_viz.preprocessing import prepare
from vgg_viz.requests import BoxScore, ExplainedRequest, GramEntry, RegionScore
from vgg_viz.results import Attribution
from vgg_viz.service import detection, segmentation
from vgg_viz.service.attribution import MapStudy, question_of
from vgg_viz.service.chosen_layer import after_relu, spatial_layer
from vgg_viz.transfer.style import GramScore

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready


@dataclass(frozen=True, eq=False)
class Asked:
    """What a method of attribution is asked for an output."""

    network: nn.Sequential  # flat: rows of the lecture's network, then the head
    image: Tensor  # (1, 3, H, W), as the network reads it
    classes: tuple[str, ...]  # names of the K scores
    picture: str  # what the image is, in words, in place of the preprocessing's
    layer: str | None = None  # that is meant when none is named; None: the last convolution
    linear: bool = True  # whether the scores are sums, as rules of relevance need them


def headed(ready: "Ready", last: str, **head: nn.Module) -> nn.Sequential:
    """The rows of a network up to `last`, and the modules of `head` behind them."""
    rows: OrderedDict[str, nn.Module] = OrderedDict()
    for name, module in ready.network.named_children():
        rows[name] = module
        if name == last:
            break
    return nn.Sequential(OrderedDict([*rows.items(), *head.items()])).eval()


def _box_score(_: "Executor", ready: "Ready", output: BoxScore, photo: Photo) -> Asked:
    svm, classes = detection.svm_of(ready)
    crop, words = detection.crop_of(ready, output.box, photo)
    place = next(ready.network.parameters())
    network = headed(ready, "relu7", svm=svm.to(place.device, place.dtype))
    return Asked(network, crop.to(place.device), classes, words)


def _region_score(_: "Executor", ready: "Ready", output: RegionScore, photo: Photo) -> Asked:
    network, image, classes, words = segmentation.region_network(ready, output.region, photo)
    return Asked(network, image, classes, words)


def _gram_entry(_: "Executor", ready: "Ready", output: GramEntry, photo: Photo) -> Asked:
    config, wanted = ready.loaded.config, ready.loaded.preprocessing
    if output.layer not in config.convs:
        raise UnknownNameError.among(f"convolution of {config.network}", output.layer, config.convs)
    count = config.layer(output.layer).out
    for channel in (output.first, output.second):
        if not 0 <= channel < count:
            raise UnknownNameError(
                f"{output.layer} has channels 0 to {count - 1}; {channel} is not one of them."
            )
    network = headed(
        ready, after_relu(ready, output.layer), gram=GramScore(output.first, output.second)
    )
    image = torch.from_numpy(prepare(photo.pixels, wanted))[None]
    place = next(ready.network.parameters())
    name = f"Gram entry ({output.first}, {output.second}) at {output.layer}"
    image = image.to(place.device).contiguous(memory_format=torch.channels_last)
    return Asked(network, image, (name,), wanted.describe(), output.layer, linear=False)


# (executor, model, output, photo) -> what is asked
OUTPUTS: Mapping[type, Callable[["Executor", "Ready", Any, Photo], Asked]] = {
    BoxScore: _box_score,
    RegionScore: _region_score,
    GramEntry: _gram_entry,
}


class ExplainedStudy(MapStudy):
    """A map of an output, one pass a step."""

    def __init__(
        self, executor: "Executor", request: ExplainedRequest, photos: tuple[Photo, ...]
    ) -> None:
        ready = executor.ready(request.model, request.precision)
        asked = OUTPUTS[type(request.output)](executor, ready, request.output, photos[0])
        if not 0 <= request.output.target < len(asked.classes):
            raise UnknownNameError(
                f"No class {request.output.target}; choose 0 to {len(asked.classes) - 1}."
            )
        if not asked.linear and METHODS[request.method].family == "relevance":
            raise InputError(
                f"{METHODS[request.method].title} shares out sums, and this output is a product. "
                "Choose a gradient, a CAM or a perturbation method."
            )
        loaded = replace(ready.loaded, classes=asked.classes)
        own = replace(ready, loaded=loaded, network=asked.network)
        image = asked.image.to(next(ready.network.parameters()).dtype)
        rows = dict(asked.network.named_children())
        seen = inspect(asked.network, image, [name for name in ready.layers if name in rows])
        layer = spatial_layer(own, request.layer or asked.layer)
        if layer not in rows:
            convs = [name for name in ready.loaded.config.convs if name in rows]
            raise UnknownNameError.among("layer before the output", layer, convs)
        question = question_of(own, request.attribution, layer, seen)
        made = executor.provenance(ready, request.precision)
        super().__init__(own, request.attribution, question, made)
        self._picture = asked.picture

    def result(self, executor: "Executor") -> Attribution | None:
        """The map of the passes so far; it says what it lies over."""
        found = super().result(executor)
        return None if found is None else replace(found, normalisation=self._picture)


def begin(
    executor: "Executor", request: ExplainedRequest, photos: tuple[Photo, ...]
) -> ExplainedStudy:
    """The study of `request`; UnknownNameError or InputError for what it cannot ask."""
    return ExplainedStudy(executor, request, photos)


def explained(
    executor: "Executor", request: ExplainedRequest, photos: tuple[Photo, ...]
) -> Attribution:
    """The whole map at once."""
    study = begin(executor, request, photos)
    while not study.finished:
        study.advance(executor)
    found = study.result(executor)
    assert found is not None  # noqa: S101 - it has advanced
    return found
