"""Does a map point into a box: the pointing game, and the share of its energy inside."""

import numpy as np
from numpy.typing import NDArray

from vgg_viz.attribution.extent import Box, check_box
from vgg_viz.results import Pointing


def pointing(
    grid: NDArray[np.floating],
    upsampled: NDArray[np.floating],
    box: Box,
    *,
    tolerance: float = 0.0,
) -> Pointing:
    """The largest value of a raw map (h, w) against a box, and the energy of the drawn one inside.

    The place is the middle of its cell, where the map upsampled to (side, side) is largest too.
    `tolerance` is a share of the side by which the box grows for the hit (Zhang et al., arXiv
    1608.00507), not for the energy. Energy is the positive part's share (Wang et al., arXiv
    1910.01279).
    """
    check_box(box)
    x0, y0, x1, y1 = box
    share = (x1 - x0) * (y1 - y0)
    at = (np.arange(upsampled.shape[0]) + 0.5) / upsampled.shape[0]
    across, down = (at >= x0) & (at < x1), (at >= y0) & (at < y1)
    positive = np.maximum(upsampled, 0).astype(np.float64)
    total = float(positive.sum())
    energy = float(positive[down][:, across].sum()) / total if total > 0 else None
    largest = np.argwhere(grid == grid.max())  # none where a value is no number
    if len(largest) != 1:
        return Pointing(box, share, None, None, None, energy)
    y, x = ((float(i) + 0.5) / n for i, n in zip(largest[0], grid.shape, strict=True))
    hit = x0 - tolerance <= x <= x1 + tolerance and y0 - tolerance <= y <= y1 + tolerance
    return Pointing(box, share, x, y, hit, energy)
