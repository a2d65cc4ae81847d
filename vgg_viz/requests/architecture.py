"""Questions about what a network really does: fields, milliseconds, dense maps."""

from dataclasses import dataclass

from vgg_viz.requests.base import Precision, Request
from vgg_viz.results import DenseMap, EffectiveField, LayerTimings


@dataclass(frozen=True)
class EffectiveFieldRequest(Request[EffectiveField]):
    """Which px of its field does unit (row, column) of `layer` depend on, averaged over `images`?

    `channel` None: the sum of all channels. `input_size` None: the model's own; at another size
    the adaptive pool brings the last map to the grid its weights know.
    """

    model: str
    layer: str
    row: int
    column: int
    images: tuple[str, ...]
    channel: int | None = None
    input_size: int | None = None


@dataclass(frozen=True)
class LayerTimingsRequest(Request[LayerTimings]):
    """How long does each layer take on this device, and how fast could the device be?

    "<network>:random" is the paper's network at full width, built for this and forgotten: times do
    not depend on what the weights are. `input_size` None: the model's own. Another `attempt` is
    another measurement of the same.
    """

    model: str
    batch: int = 1
    input_size: int | None = None
    precision: Precision = "fp32"
    attempt: int = 0


@dataclass(frozen=True)
class DenseMapRequest(Request[DenseMap]):
    """Which classes are where? The fully-connected layers slid over the whole photo in one pass.

    `side` is the photo's short side in px. With `crops` the network is also run crop by crop, for
    comparison: as many passes as there are positions.
    """

    model: str
    image: str
    side: int
    crops: bool = False
    precision: Precision = "fp32"
