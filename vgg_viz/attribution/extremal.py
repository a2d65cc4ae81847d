"""Extremal perturbation: the part of a given area that alone keeps the score up the most."""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from vgg_viz.attribution.baselines import blurred
from vgg_viz.attribution.question import Partial, Question

CELL = 8  # px of the photo that one number of the mask stands for
HIDDEN = 1 / 11  # sigma of the blur of what is hidden, over the side: about 20 px of 224
SMOOTH = 1 / 32  # sigma of the blur of the mask, over the side: 7 px of 224
# Our choices. The area is a soft wish first and a hard one at the end: were it hard at once, chance
# would choose the part. Weights are of its mean squared distance, against a score of range 1.
FIRST_WEIGHT, LAST_WEIGHT = 1.0, 300.0
LEARNING_RATE, MOMENTUM = 0.002, 0.9  # of the gradient times the number of cells


def extremal_perturbation(question: Question) -> Iterator[Partial]:
    """Extremal perturbation of Fong et al. (arXiv 1910.08485), simplified: a mask (H, W) in [0, 1].

    Maximises y(m x + (1 - m) blurred x) - w |sorted m - r|^2 over a smooth mask m, by gradient
    ascent with momentum; r is 0 but for the share `area`, where it is 1. The simplification: one
    blur instead of a pyramid of them, a Gaussian over the mask instead of the paper's smooth max,
    the score in units of its own range, and no search over areas. All 0 when the score does not
    depend on the mask at all.
    """
    image = question.image
    side = image.shape[-1]
    hidden = blurred(image.float(), HIDDEN * side).to(image)
    cells = max(2, math.ceil(side / CELL))
    mask = torch.full((1, 1, cells, cells), 0.5, device=image.device)
    speed = torch.zeros_like(mask)
    ordered = torch.zeros(side * side, device=image.device)
    ordered[round((1 - question.number("area")) * side * side) :] = 1
    unit = _range(question, hidden)
    steps, moved = question.count("steps"), False
    for step in range(steps):
        with torch.enable_grad():
            leaf = mask.detach().requires_grad_()
            large = smooth(leaf, side)
            shown = (large * image.float() + (1 - large) * hidden.float()).to(image)
            score = question.target.score(question.network(shown))[0].float()
            (uphill,) = torch.autograd.grad(score / unit, leaf, retain_graph=True)
            area = ((large.flatten().sort(stable=True).values - ordered) ** 2).mean()
            (crowded,) = torch.autograd.grad(area, leaf)
        moved = moved or bool(uphill.any())
        weight = FIRST_WEIGHT * (LAST_WEIGHT / FIRST_WEIGHT) ** (step / max(1, steps - 1))
        speed = MOMENTUM * speed + cells**2 * (uphill - weight * crowded)
        mask = (mask + LEARNING_RATE * speed).clamp(0, 1)
        grid = smooth(mask, side)[0, 0] if moved else mask.new_zeros(side, side)
        checks = {
            "area of the mask": float(grid.mean()),
            "score with the mask": float(score.detach()),
        }
        yield Partial(grid.detach(), step + 1, steps, checks)


def smooth(mask: Tensor, side: int) -> Tensor:
    """A coarse mask (1, 1, c, c) enlarged to the photo's size, then blurred: (1, 1, side, side)."""
    large = F.interpolate(mask, size=(side, side), mode="bilinear", align_corners=False)
    return blurred(large, SMOOTH * side)


def _range(question: Question, hidden: Tensor) -> float:
    """|y(photo) - y(hidden)|, so that the same weights serve networks of any scale."""
    whole = question.target.score(question.seen.logits.detach())[0].item()
    return max(abs(whole - question.scores(hidden)[0].item()), 1e-6)
