"""Transformation robustness: at every step the network sees the picture a little differently.

lucid's standard set: padded with grey, shifted, scaled, rotated, shifted again. A pattern that
excites a unit only at one exact place, the noise of adversarial pictures, does not survive it
(Olah et al. 2017, "Transformation robustness"). The five are one affine map, so the picture is
sampled once (bilinear) and not four times. Unlike lucid every picture of a batch has its own
draw, and the network sees a window of the picture's size, not a canvas that grows with it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = 0.5  # beyond the picture


@dataclass(frozen=True)
class Transforms:
    """Sets that every draw is equally likely to come from; shifts are whole px to each side."""

    first_shift: int = 0  # px, before scaling
    scales: tuple[float, ...] = (1.0,)
    degrees: tuple[float, ...] = (0.0,)
    last_shift: int = 0  # px, after rotating

    def gentler(self, share: float) -> "Transforms":
        """The same with everything that moves a px reduced to `share`, 0 to 1; shifts rounded."""
        return Transforms(
            round(share * self.first_shift),
            tuple(1 + share * (scale - 1) for scale in self.scales),
            tuple(share * angle for angle in self.degrees),
            round(share * self.last_shift),
        )

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Affine maps (count, 2, 3), float32: from px of the view to px of the picture.

        Both have their origin in the middle; columns are x, y, 1. For a view point p

            R(-a) (p + t2) / s + t1
        """
        first = _shifts(count, self.first_shift, generator)
        scale = _chosen(count, self.scales, generator)
        angle = torch.deg2rad(_chosen(count, self.degrees, generator))
        last = _shifts(count, self.last_shift, generator)
        cos, sin = angle.cos() / scale, angle.sin() / scale
        turn = torch.stack([cos, sin, -sin, cos], dim=1).view(count, 2, 2)
        shift = (turn @ last[..., None])[..., 0] + first
        return torch.cat([turn, shift[..., None]], dim=2).float()


NONE = Transforms()
# lucid.optvis.transform.standard_transforms: jitter(8) is up to 4 px to each side, the last one 2.
STANDARD = Transforms(
    first_shift=4,
    scales=tuple(1 + (i - 5) / 50 for i in range(11)),
    degrees=(*map(float, range(-10, 11)), *[0.0] * 5),
    last_shift=2,
)


def views(pictures: Tensor, maps: Tensor, side: int) -> Tensor:
    """Each of `pictures` (N, 3, H, W) through its map (N, 2, 3): (N, 3, side, side)."""
    height, width = pictures.shape[2:]
    # grid_sample counts from -1 to 1 over the picture; a view's px reach from -side / 2 to side / 2
    to_picture = maps.new_tensor([2 / width, 2 / height])[:, None]
    from_view = maps.new_tensor([side / 2, side / 2, 1.0])
    theta = maps * to_picture * from_view
    grid = F.affine_grid(theta, [len(pictures), 3, side, side], align_corners=False)
    seen = F.grid_sample(pictures - GREY, grid.to(pictures), align_corners=False)
    return seen + GREY


def _shifts(count: int, most: int, generator: torch.Generator) -> Tensor:
    drawn = torch.randint(-most, most + 1, (count, 2), generator=generator)
    return drawn.double()


def _chosen(count: int, values: tuple[float, ...], generator: torch.Generator) -> Tensor:
    at = torch.randint(len(values), (count,), generator=generator)
    return torch.tensor(values, dtype=torch.float64)[at]
