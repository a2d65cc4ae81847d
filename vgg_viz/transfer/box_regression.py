"""Box regression: a ridge from pooled features to R-CNN's four targets, in closed form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vgg_viz.transfer.boxes import Boxes, regression_targets

LEAST = 20  # regions of a class; with fewer, nothing is moved
HELD_OUT = 5  # every fifth photo tries the ridges on the others' regions


@dataclass(frozen=True, eq=False)
class Regression:
    """moves = weights x + offset."""

    weights: Tensor  # (4, features), float32
    offset: Tensor  # (4,)
    ridge: float  # of `ridges`, the best on held-out photos
    count: int  # regions it was fitted to


def ridge_solution(features: Tensor, targets: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Least squares with ridge |w|^2 on centred features (n, F) and targets (n, T), float64.

    W = (X'X + ridge I)^-1 X'T, solved in the smaller of its two forms, X'(XX' + ridge I)^-1 T being
    the same. The offset is not regularised. Returns weights (T, F) and offset (T,).
    """
    mean, middle = features.mean(0), targets.mean(0)
    x, t = features - mean, targets - middle
    if len(x) < x.shape[1]:
        gram = x @ x.T + ridge * torch.eye(len(x), dtype=x.dtype)
        weights = (x.T @ torch.linalg.solve(gram, t)).T
    else:
        gram = x.T @ x + ridge * torch.eye(x.shape[1], dtype=x.dtype)
        weights = torch.linalg.solve(gram, x.T @ t).T
    return weights, middle - weights @ mean


def regress(
    features: Tensor,
    boxes: Boxes,
    wanted: Boxes,
    photos: NDArray[np.intp],
    ridges: Sequence[float],
) -> Regression:
    """Learn to move `boxes` onto `wanted` from `features` (n, F), each in the same order.

    Every fifth of the photos is held out to choose the ridge; the fit is then to all.
    """
    if len(boxes) < LEAST:
        nothing = torch.zeros(4, features.shape[1])
        return Regression(nothing, torch.zeros(4), ridges[-1], len(boxes))
    x = features.double()
    t = torch.from_numpy(regression_targets(boxes, wanted))
    held = torch.from_numpy(photos % HELD_OUT == 0)
    ridge = ridges[-1]
    if 0 < int(held.sum()) < len(held):
        errors = []
        for each in ridges:
            weights, offset = ridge_solution(x[~held], t[~held], each)
            errors.append(float((x[held] @ weights.T + offset - t[held]).square().mean()))
        ridge = ridges[int(np.argmin(errors))]
    weights, offset = ridge_solution(x, t, ridge)
    return Regression(weights.float(), offset.float(), ridge, len(boxes))
