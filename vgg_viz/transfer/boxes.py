"""Boxes as R-CNN treats them: overlap, regression targets and their inverse, suppression.

A box is (left, top, right, bottom) in px of the photo, edges and not pixel numbers: its width is
right - left. Arrays are float64 (N, 4).
"""

import numpy as np
import torch
from numpy.typing import NDArray

Boxes = NDArray[np.float64]

# exp of the regressed log of a ratio of sides: a factor of 62.5, as in Detectron. A box cannot be
# that wrong, and larger exponents overflow.
MAX_LOG_RATIO = float(np.log(1000 / 16))


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """Width times height, px^2: (N,)."""
    widths, heights = (boxes[:, 2:] - boxes[:, :2]).T
    found: NDArray[np.float64] = np.clip(widths, 0, None) * np.clip(heights, 0, None)
    return found


def overlaps(boxes: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every pair, in [0, 1]: (N, M); 0 where a box has no area."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    inner = np.clip(high - low, 0, None).prod(-1)
    union = areas(boxes)[:, None] + areas(others)[None] - inner
    shares: NDArray[np.float64] = np.divide(inner, union, out=np.zeros_like(inner), where=union > 0)
    return shares


def regression_targets(boxes: Boxes, wanted: Boxes) -> NDArray[np.float64]:
    """What moves each box onto the wanted one (Girshick et al., arXiv 1311.2524, appendix C).

    (dx, dy, dw, dh) with dx = (Gx - Px) / Pw, dw = ln(Gw / Pw), x and y of the centres: (N, 4).
    """
    centres, sides = _centres_and_sides(boxes)
    wanted_centres, wanted_sides = _centres_and_sides(wanted)
    return np.concatenate([(wanted_centres - centres) / sides, np.log(wanted_sides / sides)], 1)


def moved(boxes: Boxes, deltas: NDArray[np.float64]) -> Boxes:
    """The inverse of `regression_targets`: boxes moved and scaled by (dx, dy, dw, dh).

    `deltas` is (N, 4), or (N, K, 4) for K moves of each box; the answer has its shape.
    """
    centres, sides = _centres_and_sides(boxes)
    if deltas.ndim == 3:
        centres, sides = centres[:, None], sides[:, None]
    middle = centres + deltas[..., :2] * sides
    half = sides * np.exp(np.minimum(deltas[..., 2:], MAX_LOG_RATIO)) / 2
    return np.concatenate([middle - half, middle + half], -1)


def clipped(boxes: Boxes, width: int, height: int) -> Boxes:
    """Boxes cut at the edges of a photo; any shape (..., 4)."""
    limits = np.array([width, height, width, height], np.float64)
    return np.clip(boxes, 0, limits)


def suppressed(boxes: Boxes, scores: NDArray[np.floating], iou: float) -> NDArray[np.intp]:
    """Non-maximum suppression: which boxes stay, best score first.

    Greedy: the best box stays, every other one that overlaps it by more than `iou` goes, and so on
    with the best that is left. Among equal scores the first one counts as better.
    """
    from torchvision.ops import nms  # a second that a start of the service need not wait for

    # torchvision sorts by score without promising an order among equals; ranks have no equals.
    order = np.argsort(-scores, kind="stable")
    ranks = np.empty(len(order), np.float32)
    ranks[order] = np.arange(len(order), 0, -1, dtype=np.float32)
    kept = nms(torch.from_numpy(np.ascontiguousarray(boxes)).float(), torch.from_numpy(ranks), iou)
    numbers: NDArray[np.intp] = kept.numpy().astype(np.intp)
    return numbers


def _centres_and_sides(boxes: Boxes) -> tuple[Boxes, Boxes]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
