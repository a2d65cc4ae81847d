"""Fully convolutional networks: a class for every pixel (Long, Shelhamer & Darrell).

arXiv 1411.4038. A classifier becomes FCN-32s in three steps: its fully-connected layers are read as
convolutions, the last one is replaced by a 1 x 1 convolution to the new classes (from zero), and
its coarse scores are enlarged bilinearly to the photo. FCN-16s adds the scores of a finer layer to
the coarse ones enlarged twice, FCN-8s of a still finer one; both skips begin at zero, so that each
net starts with the scores that the one before it has at the finer centres.

Where a score belongs. Cell i of a map with receptive field (size r, stride s, padding p) has its
centre at px c + s i of the photo, with c = (r - 1) / 2 - p. Enlarging interpolates between
these centres, and beyond the outermost ones the outermost scores hold. That is the paper's
transposed convolution, cropped by the shift between the two grids, for every size of photo; instead
of 100 px of zeros around the photo, fc6 is padded by half its kernel.
"""

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vgg_viz.architecture import ReceptiveField, describe
from vgg_viz.errors import UnknownNameError
from vgg_viz.models.configs import NetworkConfig, out_side
from vgg_viz.models.networks import ConvNet, build_network

STRIDES = (32, 16, 8)  # px between neighbouring scores
BORDER = 2  # cells repeated at each border before the transposed convolution

# The layers whose maps have 16 and 8 px between cells and come just before the resolution halves:
# the paper's pool4 and pool3, and in ZFNet, whose conv2 strides too, pool2 and norm2.
SKIPS: Mapping[str, tuple[str, str]] = {
    "zfnet_b": ("pool2", "norm2"),
    "vgg11": ("pool4", "pool3"),
    "vgg16": ("pool4", "pool3"),
}


class FCN(nn.Module):
    """FCN-32s, 16s and 8s with one trunk.

    `trunk` is flat, its children named as in the paper of the network, with `score` at its end.
    """

    def __init__(self, config: NetworkConfig, classes: int) -> None:
        super().__init__()
        if config.network not in SKIPS:
            raise UnknownNameError.among("network with a segmentation head", config.network, SKIPS)
        self.config, self.classes = config, classes
        self.trunk = convolutional_trunk(config, classes)
        channels = _channels(config)
        self.skips = nn.ModuleDict(
            {name: _from_zero(nn.Conv2d(channels[name], classes, 1)) for name in self.skip_names}
        )
        fields = [self.field(stride) for stride in STRIDES]
        self.enlarge = nn.ModuleDict(
            {
                name: bilinear_twice(classes, coarse, fine)
                for name, coarse, fine in zip(self.skip_names, fields[:-1], fields[1:], strict=True)
            }
        )

    @property
    def skip_names(self) -> tuple[str, str]:
        """Layers whose scores are added for 16s and 8s."""
        return SKIPS[self.config.network]

    def field(self, stride: int) -> ReceptiveField:
        """Where the scores of a stride lie: those of fc6 as padded here, or of the skip's layer."""
        architecture = describe(self.config)
        if stride == STRIDES[0]:
            grid = self.config.layer("avgpool").out
            return architecture.row("avgpool").receptive_field.after(grid, padding=grid // 2)
        return architecture.row(self.skip_names[STRIDES.index(stride) - 1]).receptive_field

    def cells(self, side: int) -> int:
        """How many coarse scores there are along `side` px."""
        for row in self.config.layers:
            if row.kind == "avg_pool":
                break
            side = out_side(row, side)
        grid = self.config.layer("avgpool").out
        return side + 2 * (grid // 2) - grid + 1

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """The trunk's scores under "score" and the maps of the two skips' layers, by name."""
        kept: dict[str, Tensor] = {}
        x = images
        for name, module in self.trunk.named_children():
            x = module(x)
            if name in self.skip_names:
                kept[name] = x
        return {**kept, "score": x}

    def fuse(self, maps: Mapping[str, Tensor]) -> dict[int, Tensor]:
        """From `maps` to the scores (N, classes, h, w) of every stride, coarse to fine."""
        scores = maps["score"]
        found = {STRIDES[0]: scores}
        for name, coarse, fine in zip(self.skip_names, STRIDES[:-1], STRIDES[1:], strict=True):
            own = self.skips[name](maps[name])
            scores = own + enlarged_twice(
                scores, self.enlarge[name], self.field(coarse), self.field(fine), own.shape[2:]
            )
            found[fine] = scores
        return found

    def coarse(self, images: Tensor) -> dict[int, Tensor]:
        """Scores (N, classes, h, w) of every stride for images (N, 3, H, W), normalised."""
        return self.fuse(self.maps(images))

    def forward(self, images: Tensor, stride: int = 8) -> Tensor:
        """Scores (N, classes, H, W) of every pixel of `images` (N, 3, H, W)."""
        return self.enlarged(self.coarse(images)[stride], stride, images.shape[2:])

    def enlarged(self, scores: Tensor, stride: int, size: torch.Size | tuple[int, int]) -> Tensor:
        """Scores (N, classes, h, w) of a stride at every px of a photo of `size` (H, W)."""
        field = self.field(stride)
        down, across = (
            interpolation(side, count, field).to(scores)
            for side, count in zip(size, scores.shape[2:], strict=True)
        )
        return down @ scores @ across.T


def convolutional_trunk(config: NetworkConfig, classes: int) -> nn.Sequential:
    """The table of `config` as convolutions up to fc7, and `score`, 1 x 1 from zero."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    grid = config.layer("avgpool").out
    features = config.channels[-1]
    for name, module in build_network(config, seed=0).named_children():
        match module:
            case nn.AdaptiveAvgPool2d() | nn.Flatten():
                continue
            case nn.Linear() if name == "fc8":
                break
            case nn.Linear():
                side = grid if name == "fc6" else 1
                modules[name] = nn.Conv2d(features, module.out_features, side, padding=side // 2)
                features = module.out_features
            case _:
                modules[name] = module
    modules["score"] = _from_zero(nn.Conv2d(features, classes, 1))
    return nn.Sequential(modules)


def load_classifier(fcn: FCN, network: ConvNet) -> None:
    """Copy every layer of a classifier up to fc7 into the trunk; a row of fc6 is a kernel."""
    with torch.no_grad():
        for name, module in network.named_children():
            if name == "fc8":
                break
            for kind, values in module.named_parameters():
                own = getattr(getattr(fcn.trunk, name), kind)
                own.copy_(values.view_as(own))


def interpolation(side: int, count: int, field: ReceptiveField) -> Tensor:
    """Rows of weights (side, count): px y is w @ cells, linear between the centres of the cells.

    Equals the transposed convolution with the bilinear kernel, whose weight is 1 - |d| / s at a
    distance d below s, wherever two cells are in its reach; outside of them the last one holds.
    """
    place = (torch.arange(side, dtype=torch.float64) - field.center(0)) / field.jump
    place = place.clamp(0, count - 1)
    reach = 1 - (place[:, None] - torch.arange(count, dtype=torch.float64)[None]).abs()
    return reach.clamp(min=0).float()


def bilinear_twice(
    classes: int, coarse: ReceptiveField, fine: ReceptiveField
) -> nn.ConvTranspose2d:
    """A transposed convolution of stride 2 that starts as bilinear enlargement, class by class.

    Its kernel is 4 px where the fine centres lie between the coarse ones and 3 px where every other
    one coincides; both can learn any other.
    """
    kernel = 3 if _shift(coarse, fine).is_integer() else 4
    layer = nn.ConvTranspose2d(classes, classes, kernel, stride=2, bias=False)
    line = 1 - (torch.arange(kernel) - (kernel - 1) / 2).abs() / 2
    with torch.no_grad():
        layer.weight.zero_()
        for k in range(classes):
            layer.weight[k, k] = torch.outer(line, line)
    return layer


def enlarged_twice(
    scores: Tensor,
    layer: nn.Module,
    coarse: ReceptiveField,
    fine: ReceptiveField,
    size: torch.Size | tuple[int, int],
) -> Tensor:
    """`scores` on the grid of `coarse` at the `size` (h, w) cells of the grid of `fine`."""
    kernel = int(layer.kernel_size[0])  # type: ignore[index] # of a ConvTranspose2d
    wide: Tensor = layer(F.pad(scores, (BORDER,) * 4, mode="replicate"))
    first = round(2 * BORDER + (kernel - 1) / 2 - _shift(coarse, fine))
    return wide[..., first : first + size[0], first : first + size[1]]


def _shift(coarse: ReceptiveField, fine: ReceptiveField) -> float:
    """From the first fine centre to the first coarse one, in steps of the fine grid."""
    return (coarse.center(0) - fine.center(0)) / fine.jump


def _from_zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _channels(config: NetworkConfig) -> dict[str, int]:
    """Channels of every layer's output."""
    found, channels = {}, 3
    for row in config.layers:
        channels = row.out if row.kind == "conv" else channels
        found[row.name] = channels
    return found
