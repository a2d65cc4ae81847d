"""SSD300 on the full VGG-16, as torchvision builds and trained it.

Liu et al., "SSD: Single Shot MultiBox Detector", arXiv 1512.02325: one pass scores 8732 default
boxes on six maps, from conv4_3 to 1 x 1; no proposals. The weights are torchvision's
SSD300_VGG16_Weights.COCO_V1. That file was not at hand when this was written: what is tested is a
file of its exact format, filled with random numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vgg_viz.errors import CheckpointError, WeightsUnavailableError
from vgg_viz.images import Pixels
from vgg_viz.models.checkpoint import read_checkpoint
from vgg_viz.models.detectors import DETECTORS, SSD
from vgg_viz.models.fetch import cache_folder, local_copies, verified_copy

SIDE = 300  # px: torchvision's transform stretches every photo to a square
SHOWN = 3  # names in a message


def classes() -> tuple[str, ...]:
    """COCO's category ids 1 to 90; ten of them are not used and called "N/A"."""
    from torchvision.models.detection import SSD300_VGG16_Weights

    return tuple(SSD300_VGG16_Weights.COCO_V1.meta["categories"][1:])


@dataclass(frozen=True, eq=False)
class FoundBoxes:
    """What SSD leaves after its own suppression, best first."""

    boxes: NDArray[np.float32]  # (N, 4): left, top, right, bottom, px of the photo
    labels: NDArray[np.int64]  # (N,): places in classes()
    scores: NDArray[np.float32]  # (N,): softmax over 90 classes and background


@dataclass(frozen=True, eq=False)
class SSD300:
    """The detector, eval, frozen, its ReLUs not in place."""

    module: nn.Module = field(repr=False)
    digest: str  # sha256 of the file, 64 hex digits

    def detect(self, pixels: Pixels) -> FoundBoxes:
        """Objects in a photo, uint8 (H, W, 3), by torchvision's thresholds.

        Scores above 0.01, non-maximum suppression class by class at IoU 0.45, the best 200.
        """
        device = next(self.module.parameters()).device
        image = torch.from_numpy(np.array(pixels)).to(device).permute(2, 0, 1).float() / 255
        with torch.inference_mode():
            (found,) = self.module([image])
        return FoundBoxes(
            boxes=found["boxes"].cpu().numpy(),
            labels=found["labels"].cpu().numpy() - 1,  # theirs begin with the background
            scores=found["scores"].cpu().numpy(),
        )


def load_ssd() -> SSD300:
    """The published weights, their hash checked; WeightsUnavailableError, CheckpointError."""
    source = DETECTORS[SSD].file
    path = verified_copy(source)
    if path is not None:
        return read_ssd(path)
    damaged = [str(place) for place, _ in local_copies(source)]
    state = f"damaged or of another version ({damaged[0]})" if damaged else "not on this machine"
    raise WeightsUnavailableError(
        f"The COCO weights of SSD300 ({source.bytes / 2**20:.0f} MB) are {state}. Fetch them with "
        f"`vgg-viz weights fetch {SSD.partition(':')[0]}` or the button on the page Detection, or "
        f"copy {source.filename} into {cache_folder()}."
    )


def read_ssd(path: Path) -> SSD300:
    """A state_dict file in torchvision's format; CheckpointError when it is anything else."""
    from torchvision.models.detection import ssd300_vgg16
    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

    checkpoint = read_checkpoint(path)
    # On "meta" nothing is drawn, so no random state changes and 138 million first weights of a
    # whole VGG-16 are never made.
    with torch.device("meta"):
        module = ssd300_vgg16(weights=None, weights_backbone=None)
    _check(checkpoint.tensors, module.state_dict(), checkpoint.filename)
    module.load_state_dict(checkpoint.tensors, assign=True)
    boxes = module.anchor_generator  # its numbers are no weights: made again, off "meta"
    module.anchor_generator = DefaultBoxGenerator(
        boxes.aspect_ratios,
        min_ratio=0.0,
        scales=boxes.scales,
        steps=boxes.steps,
        clip=boxes.clip,
    )
    for each in module.modules():
        if isinstance(each, nn.ReLU):
            each.inplace = False
    return SSD300(module.eval().requires_grad_(requires_grad=False), checkpoint.digest)


def _check(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], filename: str) -> None:
    """Names, shapes, numbers."""
    report = {
        "missing": [key for key in wanted if key not in tensors],
        "not of SSD300": [key for key in tensors if key not in wanted],
    }
    shared = [key for key in wanted if key in tensors]
    report["of the wrong shape"] = [k for k in shared if tensors[k].shape != wanted[k].shape]
    report["not float32"] = [k for k in shared if tensors[k].dtype != torch.float32]
    real = [key for key in shared if tensors[key].is_floating_point()]
    report["with NaN or infinite values"] = [
        key for key in real if not tensors[key].isfinite().all()
    ]
    lines = [
        f"- {len(keys)} {kind}: {', '.join(keys[:SHOWN])}{' ...' if len(keys) > SHOWN else ''}"
        for kind, keys in report.items()
        if keys
    ]
    if lines:
        raise CheckpointError(
            "\n".join([f"{filename} does not fit torchvision's SSD300-VGG16.", *lines])
            + f"\nGive {DETECTORS[SSD].file.filename} as torchvision publishes it."
        )
