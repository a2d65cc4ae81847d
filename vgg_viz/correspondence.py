"""ZFNet's correspondence experiment: is the same part of different photos the same to a layer?

Zeiler & Fergus (arXiv 1311.2901, section on correspondence) cover the same part of several photos,
say the left eye of five dogs, and ask whether the features change alike. With x_i the output of a
layer for photo i and x~_i for the photo with the part covered,

    eps_i = x_i - x~_i
    Delta = sum over i != j of H(sign eps_i, sign eps_j)

H is the Hamming distance: the number of places where two vectors differ; sign is -1, 0 or 1. The
smaller Delta, the more consistent the change. Here H is divided by the number of units, and Delta
by the number of pairs: the mean share of units whose signs differ. Squares put anywhere are the
comparison. The paper prints no size of the covered part, nor says what its layers 5 and 7 hold.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from vgg_viz.capture import undisturbed
from vgg_viz.errors import InputError, UnknownNameError

Rectangle = tuple[float, float, float, float]  # left, top, right, bottom in shares of the photo


def covered(image: Tensor, rectangle: Rectangle) -> Tensor:
    """A normalised image (1, 3, H, W) with a rectangle at 0, the mean colour of training photos.

    A px belongs to it when its centre does, and at least one px does. InputError for a rectangle
    that does not lie within the photo.
    """
    left, top, right, bottom = rectangle
    if not all(0 <= low < high <= 1 for low, high in ((left, right), (top, bottom))):
        raise InputError(
            "A part needs 0 <= left < right <= 1 and 0 <= top < bottom <= 1, in shares of the "
            f"photo; got {left:g}, {top:g}, {right:g}, {bottom:g}."
        )
    height, width = image.shape[2:]
    rows, columns = _inside(top, bottom, height), _inside(left, right, width)
    made = image.clone()
    made[:, :, rows, columns] = 0
    return made


def _inside(low: float, high: float, count: int) -> slice:
    """Px i of `count` whose centre (i + 1/2) / count is in [low, high); never none."""
    first = max(0, -int(-(low * count - 0.5) // 1))  # rounded up
    last = max(first + 1, -int(-(high * count - 0.5) // 1))
    last = min(last, count)
    return slice(min(first, last - 1), last)


def differing(signs: Tensor) -> Tensor:
    """H / units of every pair i < j of the rows of `signs` (N, K): (N (N - 1) / 2,)."""
    rows, columns = torch.triu_indices(len(signs), len(signs), offset=1)
    return torch.stack(
        [
            (signs[i] != signs[j]).double().mean()
            for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
    )


def outputs(network: nn.Module, image: Tensor, layers: Sequence[str]) -> list[Tensor]:
    """The outputs of `layers` for one normalised image, each flat (K,); later layers are not run.

    UnknownNameError for a layer the network does not have.
    """
    names = [name for name, _ in network.named_children()]
    for layer in layers:
        if layer not in names:
            raise UnknownNameError.among("layer", layer, names)
    found: dict[str, Tensor] = {}
    value = image
    with torch.no_grad(), undisturbed(network):
        for name, module in network.named_children():
            value = module(value)
            if name in layers:
                found[name] = value.flatten()
            if len(found) == len(set(layers)):
                break
    return [found[layer] for layer in layers]


def correspondence(
    network: nn.Module,
    images: Sequence[Tensor],
    coverings: Sequence[Sequence[Rectangle]],
    layers: Sequence[str],
) -> Mapping[str, Tensor]:
    """Return for each layer the shares (coverings, pairs) of units whose signs differ.

    `images` are normalised (1, 3, H, W), at least two; each of `coverings` has a rectangle for
    every image. InputError for numbers that do not fit.
    """
    if len(images) < 2:
        raise InputError("A correspondence is between photos; give at least two.")
    if any(len(rectangles) != len(images) for rectangles in coverings):
        raise InputError(f"Give a part for each of the {len(images)} photos.")
    plain = [outputs(network, image, layers) for image in images]
    shares: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    for rectangles in coverings:
        changes = [
            [
                (before - after).sign().to(torch.int8).cpu()
                for before, after in zip(
                    plain[i], outputs(network, covered(image, rectangles[i]), layers), strict=True
                )
            ]
            for i, image in enumerate(images)
        ]
        for number, layer in enumerate(layers):
            shares[layer].append(differing(torch.stack([each[number] for each in changes])))
    return {layer: torch.stack(each) for layer, each in shares.items()}


def anywhere(
    sizes: Sequence[tuple[float, float]], draws: int, seed: int
) -> tuple[tuple[Rectangle, ...], ...]:
    """Return `draws` sets of rectangles of these (width, height) anywhere in their photos.

    The same for the same seed; the first draws of more are the same too.
    """
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand(draws, len(sizes), 2, generator=generator, dtype=torch.float64).tolist()
    return tuple(
        tuple(
            (
                x * (1 - width),
                y * (1 - height),
                min(1.0, x * (1 - width) + width),
                min(1.0, y * (1 - height) + height),
            )
            for (x, y), (width, height) in zip(draw, sizes, strict=True)
        )
        for draw in places
    )
