"""Answers about edits of a layer, about channels that carry a class, and about moved photos."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.attribution import Attribution
from vgg_viz.results.provenance import Float32, Provenance

RectangleShares = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, eq=False)
class Edited:
    """What an edit of one layer changes: scores, Grad-CAM and the layers behind it.

    Distances are || edited - before || / || before ||, Euclidean, over all units of a layer.
    """

    layer: str  # as asked for: "conv5_3"
    row: str  # whose output was edited: "relu5_3"
    channels: int  # of that layer
    classes: tuple[str, ...]
    logits_before: Float32  # (classes,), pre-softmax
    logits_after: Float32
    probabilities_before: Float32  # (classes,)
    probabilities_after: Float32
    cam_before: Attribution
    cam_after: Attribution
    layers: tuple[str, ...]  # from the edited one on
    distances: Float32  # (layers,); NaN where the layer was 0 everywhere
    watched: str  # the layer whose maps follow
    watched_channels: tuple[int, ...]  # those that changed most first; () without maps
    maps_before: Float32  # (watched channels, h, w)
    maps_after: Float32
    work_share: float  # of the network's MACs, that one edited pass runs
    provenance: Provenance

    @property
    def target(self) -> int:
        """The class that Grad-CAM explains."""
        return self.cam_before.target

    def top(self, count: int = 5) -> tuple[int, ...]:
        """The most probable classes before and after, by their larger probability."""
        before, after = (
            np.argsort(-values, kind="stable")[:count]
            for values in (self.probabilities_before, self.probabilities_after)
        )
        larger = np.maximum(self.probabilities_before, self.probabilities_after)
        both = {*before.tolist(), *after.tolist()}
        return tuple(sorted(both, key=lambda index: (-float(larger[index]), index)))


@dataclass(frozen=True, eq=False)
class CarryingChannels:
    """Channels removed one after another, and what is left of the class.

    A greedy step that tried fewer `candidates` than are `alive` tried those of the largest
    gradient x activation. For method "random" the curves are means over `orders` random orders,
    with the lowest and the highest beside them, and `channels` is empty.
    """

    method: str  # "gradient", "greedy" or "random"
    layer: str
    row: str  # whose channels are set to 0: "relu5_3"
    target: int
    target_name: str
    channels: tuple[int, ...]  # in order of removal
    logits: Float32  # (removed + 1,), the class's; [0] is the unedited network's
    probabilities: Float32  # (removed + 1,)
    lowest: Float32  # (removed + 1,) logits; equal to `logits` but for "random"
    highest: Float32
    orders: int
    passes: int  # partial passes that were run
    candidates: int  # channels that a step of the greedy search tried at most; 0 for other methods
    alive: int  # channels that are not 0 everywhere: removing one of the others changes nothing
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class Invariance:
    """Features and class probability while a photo moves, grows or turns.

    Distances are || f(T x) - f(x) || / || f(x) ||, Euclidean, over all units of a layer.
    """

    transform: str  # "translate", "scale" or "rotate"
    fill: str  # "mean" or "edge": what stands where the photo is gone
    values: tuple[float, ...]  # shares of the side downwards; times larger; degrees
    layers: tuple[
        str, ...
    ]  # convolutions and fully-connected layers, behind their ReLU; last: logits
    distances: Float32  # (values, layers)
    target: int
    target_name: str
    logits: Float32  # (values,), of the target
    probabilities: Float32  # (values,), of the target
    top: tuple[str, ...]  # (values,): the most probable class
    pictures: NDArray[np.uint8]  # (values, h, w, 3): what the network sees, made small
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class Correspondence:
    """How consistently layers change when the same part of several photos is covered.

    Shares of a layer's units whose sign of change differs, for each pair of photos: ZFNet's Delta,
    divided by pairs and units. 0: all photos change alike.
    """

    layers: tuple[str, ...]  # as a reader knows them: "conv5_3", "fc7"
    rows: tuple[str, ...]  # whose outputs were compared: "relu5_3", "relu7"
    images: tuple[str, ...]
    part: Float32  # (layers, pairs): the part was covered
    anywhere: Float32  # (layers, draws, pairs): squares of the same sizes, anywhere
    pictures: NDArray[np.uint8]  # (photos, h, w, 3): what the network sees, the part covered
    elsewhere: NDArray[np.uint8]  # (photos, h, w, 3): the first draw
    provenance: Provenance

    def of_part(self, layer: int) -> tuple[float, float]:
        """Mean and standard deviation over the pairs."""
        return float(self.part[layer].mean()), float(self.part[layer].std())

    def of_anywhere(self, layer: int) -> tuple[float, float]:
        """Mean over draws and pairs; standard deviation over the draws, of their means."""
        each = self.anywhere[layer].mean(axis=1)
        return float(each.mean()), float(each.std())
