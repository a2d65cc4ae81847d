"""What a network says of regions: one pass for each (R-CNN), or one for the photo (Fast R-CNN).

Both use a flat network unchanged, cut in three: the convolutions up to the last map, the pooling
behind it, and fc6 and fc7. R-CNN runs all three on every warped region. Fast R-CNN (Girshick,
arXiv 1504.08083) runs the convolutions once on the whole photo and puts a RoI pooling where the
last pooling was, so that only fc6 and fc7 are computed for every region.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from vgg_viz.architecture import describe
from vgg_viz.images import Pixels, as_image
from vgg_viz.models.configs import NetworkConfig
from vgg_viz.models.networks import ConvNet
from vgg_viz.preprocessing import Preprocessing
from vgg_viz.transfer.boxes import Boxes
from vgg_viz.transfer.warping import normalised, warped_batch

Way = Literal["rcnn", "fast"]  # a pass for every region, or one for the photo

CROPS_AT_ONCE = 16
# px, long side of the whole photo as Fast R-CNN's convolutions read it, in the network's own input
# sides: 320 px for the bundled networks, declared for 128. An object that fills half of the photo
# is then about as large as in a warped region.
PHOTO_SIDES = 2.5


@dataclass(frozen=True, eq=False)
class Features:
    """Of regions: the last pooled map, flattened (N, C g g), and fc7 after its ReLU (N, K)."""

    pooled: Tensor
    fc7: Tensor

    def half(self) -> "Features":
        """In fp16, so that those of tens of thousands of regions fit into memory."""
        return Features(self.pooled.half(), self.fc7.half())


def joined(parts: Sequence[Features]) -> Features:
    """Regions one after the other."""
    return Features(
        torch.cat([part.pooled for part in parts]), torch.cat([part.fc7 for part in parts])
    )


@dataclass(frozen=True, eq=False)
class SharedMap:
    """The last map of a whole photo, (1, C, h, w), and the way from its px to cells."""

    map: Tensor
    across: float  # px of the input for one px of the photo
    down: float


class RegionNetwork:
    """A network cut for regions; its modules are the network's own, on its device."""

    def __init__(
        self, network: ConvNet, config: NetworkConfig, preprocessing: Preprocessing
    ) -> None:
        rows = [row.name for row in config.layers]
        kinds = [row.kind for row in config.layers]
        last = len(kinds) - 1 - kinds[::-1].index("max_pool")
        flat = rows.index("flatten")
        self.last_map = rows[last - 1]  # "relu5_3"
        self.grid = config.layer("avgpool").out
        self.preprocessing = preprocessing
        self.convolutions = _part(network, 0, last)
        self.pooling = _part(network, last, flat + 1)
        self.head = _part(network, flat + 1, rows.index("relu7") + 1)
        self.device = next(network.parameters()).device
        field = describe(config).row(self.last_map).receptive_field
        self._jump = field.jump
        # Where the part of the input begins that is nearest to cell 0; 0 px for VGG.
        self._start = field.center(0) + 0.5 - field.jump / 2

    @property
    def photo_side(self) -> int:
        """px, long side of a photo that is read as a whole."""
        return round(PHOTO_SIDES * self.preprocessing.crop)

    def of_crops(self, pixels: Pixels, boxes: Boxes) -> Features:
        """R-CNN: warp each region and run the network on it; use CROPS_AT_ONCE at a time."""
        with torch.inference_mode():
            batch = warped_batch(pixels, boxes, self.preprocessing).to(self.device)
            pooled = self.pooling(self.convolutions(batch))
            return Features(pooled, self.head(pooled))

    def of_all_crops(self, pixels: Pixels, boxes: Boxes) -> Features:
        """The same of any number of regions, in batches."""
        starts = range(0, max(len(boxes), 1), CROPS_AT_ONCE)
        return joined([self.of_crops(pixels, boxes[i : i + CROPS_AT_ONCE]) for i in starts])

    def shared_map(self, pixels: Pixels) -> SharedMap:
        """Fast R-CNN: the convolutions, once, on the whole photo."""
        image = as_image(pixels)
        scale = self.photo_side / max(image.size)
        least = self.preprocessing.crop // 2  # of a very long photo: a map has to be left
        size = max(least, round(image.width * scale)), max(least, round(image.height * scale))
        whole = np.array(image.resize(size, Image.Resampling.BILINEAR))[None]
        with torch.inference_mode():
            found = self.convolutions(normalised(whole, self.preprocessing).to(self.device))
        return SharedMap(found, size[0] / image.width, size[1] / image.height)

    def cells(self, shared: SharedMap, boxes: Boxes) -> Tensor:
        """First and last cell of each box along both axes, not yet rounded: float32 (N, 4).

        A cell stands for the `jump` px of the input around the centre of its receptive field.
        """
        scale = np.array([shared.across, shared.down] * 2)
        cells = (boxes * scale - self._start) / self._jump
        cells[:, 2:] -= 1  # the last cell belongs to the region
        return torch.from_numpy(cells).float()

    def of_regions(self, shared: SharedMap, boxes: Boxes) -> Features:
        """Fast R-CNN: the largest value in each bin of a g x g grid over the box, then fc6, fc7."""
        from torchvision.ops import roi_pool  # a second that a start need not wait for

        with torch.inference_mode():
            rois = [self.cells(shared, boxes).to(shared.map.device)]
            maps = roi_pool(shared.map.contiguous(), rois, (self.grid, self.grid))
            pooled = maps.flatten(1)
            return Features(pooled, self.head(pooled))


def _part(network: ConvNet, start: int, end: int) -> nn.Sequential:
    """Rows `start` up to `end` of a flat network, the same modules."""
    return nn.Sequential(OrderedDict(list(network.named_children())[start:end]))
