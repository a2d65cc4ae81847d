"""ZFNet's invariance experiment: what layers make of a photo that moves, grows or turns.

Zeiler & Fergus (arXiv 1311.2901) translate a photo vertically, scale it and rotate it, and follow
two things: how far the features of a layer move away from those of the untouched photo, and the
probability of the class. Here, for a transformation T_v of the square x that the network sees,

    d_l(v) = || f_l(T_v x) - f_l(x) || / || f_l(x) ||      (Euclidean, over all units of layer l)

The division makes layers and networks comparable; the paper's distances are not divided. T_v
samples bilinearly without a filter. What it leaves empty has the mean colour of the training photos
(0 after normalisation), or repeats the edge.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vgg_viz.capture import undisturbed
from vgg_viz.errors import InputError, UnknownNameError

Transform = Literal["translate", "scale", "rotate"]
Fill = Literal["mean", "edge"]

# (first, last, unchanged): shares of the side downwards; times larger; degrees counter-clockwise.
# Our choice of ranges.
RANGES: Mapping[Transform, tuple[float, float, float]] = {
    "translate": (-0.25, 0.25, 0.0),
    "scale": (0.5, 2.0, 1.0),
    "rotate": (-180.0, 180.0, 0.0),
}
BATCH = 4  # transformed photos at a time: full VGG-19 keeps 100 MB of maps for them


@dataclass(frozen=True, eq=False)
class InvarianceCurve:
    """One row for each value v: distances (V, layers) and logits (V, classes)."""

    distances: Tensor
    logits: Tensor


def values(transform: Transform, steps: int) -> tuple[float, ...]:
    """Return `steps` values over the transformation's range; an odd number holds the unchanged one.

    Even steps of a share or an angle; even ratios of a scale. InputError for fewer than 3 or an
    even number.
    """
    if steps < 3 or steps % 2 == 0:
        raise InputError(f"Steps have to be an odd number from 3 on, not {steps}.")
    if transform not in RANGES:
        raise UnknownNameError.among("transformation", transform, RANGES)
    first, last, unchanged = RANGES[transform]
    places = [i / (steps - 1) for i in range(steps)]
    if transform == "scale":
        found = [first * (last / first) ** place for place in places]
    else:
        found = [first + (last - first) * place for place in places]
    found[steps // 2] = unchanged
    return tuple(found)


def transformed(image: Tensor, transform: Transform, value: float, fill: Fill = "mean") -> Tensor:
    """Return T_v of a normalised image (1, 3, H, W), sampled bilinearly; the same shape.

    translate: `value` x H px downwards. scale: `value` times as large around the centre. rotate:
    `value` degrees counter-clockwise around the centre. The unchanged value returns the image.
    """
    if value == RANGES[transform][2]:
        return image
    turn = torch.deg2rad(torch.tensor(value if transform == "rotate" else 0.0))
    zoom = 1 / value if transform == "scale" else 1.0
    down = 2 * value if transform == "translate" else 0.0  # the sampling grid's unit is H / 2
    cos, sin = float(turn.cos()) * zoom, float(turn.sin()) * zoom
    # From a place of the new picture to the place of the old one that is read there.
    matrix = image.new_tensor([[[cos, -sin, 0.0], [sin, cos, -down]]])
    grid = nn.functional.affine_grid(matrix, list(image.shape), align_corners=False)
    padding = "zeros" if fill == "mean" else "border"
    return nn.functional.grid_sample(
        image, grid, mode="bilinear", padding_mode=padding, align_corners=False
    )


def invariance(
    network: nn.Module,
    image: Tensor,
    transform: Transform,
    at: Sequence[float],
    layers: Sequence[str],
    fill: Fill = "mean",
) -> InvarianceCurve:
    """Follow the outputs of `layers` and the logits while `image` (1, 3, H, W) changes.

    A layer that is 0 everywhere for the photo has no distance (NaN). Layers are compared as they
    come, so that only one batch's maps are held. UnknownNameError for a layer that is not there.
    """
    names = [name for name, _ in network.named_children()]
    for layer in layers:
        if layer not in names:
            raise UnknownNameError.among("layer", layer, names)
    image = image.detach()
    reference: dict[str, Tensor] = {}
    distances, logits = [], []
    with torch.no_grad(), undisturbed(network):
        _visit(network, image, layers, reference.__setitem__)
        for first in range(0, len(at), BATCH):
            some = at[first : first + BATCH]
            found: dict[str, Tensor] = {}

            def compare(name: str, output: Tensor, found: dict[str, Tensor] = found) -> None:
                found[name] = _distance(output, reference[name])

            batch = torch.cat([transformed(image, transform, value, fill) for value in some])
            logits.append(_visit(network, batch, layers, compare))
            distances.append(torch.stack([found[name] for name in layers], dim=1))
    return InvarianceCurve(torch.cat(distances), torch.cat(logits))


def _visit(
    network: nn.Module,
    batch: Tensor,
    layers: Collection[str],
    visit: Callable[[str, Tensor], None],
) -> Tensor:
    """Run the network row by row and show the outputs of `layers`; returns the logits."""
    value = batch.contiguous(memory_format=torch.channels_last)
    for name, module in network.named_children():
        value = module(value)
        if name in layers:
            visit(name, value)
    return value


def _distance(output: Tensor, reference: Tensor) -> Tensor:
    """|| output - reference || / || reference || of each of N outputs, (N,)."""
    apart: Tensor = (output - reference).flatten(1).float().norm(dim=1)
    whole: Tensor = reference.flatten(1).float().norm(dim=1)
    return apart / whole
