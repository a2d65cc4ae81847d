"""Kernels that do nothing, and kernels that do the same."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DEAD_SHARE = 0.1  # of the median norm: a response ten times weaker than is usual in its layer
SAME_COSINE = 0.9  # |cosine| from which two kernels count as one (Zeiler & Fergus judge by eye)

Pair = tuple[int, int, float]  # two kernels, and their cosine: negative when one is the other's -1


def norms(kernels: Floats) -> Floats:
    """Euclidean norms of kernels (N, ...): (N,)."""
    return np.asarray(np.linalg.norm(kernels.reshape(len(kernels), -1), axis=1))


def dead(kernels: Floats, share: float = DEAD_SHARE) -> NDArray[np.bool_]:
    """Which of N kernels have a norm below `share` of the median norm; zeros always. (N,)"""
    size = norms(kernels)
    return np.asarray((size < share * np.median(size)) | (size == 0))


def duplicates(kernels: Floats, cosine: float = SAME_COSINE) -> tuple[Pair, ...]:
    """Pairs (i, j, cosine) with i < j and |cosine| of at least `cosine`, most alike first.

    Kernels of zeros have no direction and are in no pair.
    """
    flat = kernels.reshape(len(kernels), -1).astype(float)
    size = norms(kernels)[:, None]
    unit = np.where(size > 0, flat / np.where(size > 0, size, 1), 0)
    alike = unit @ unit.T
    pairs = [
        (int(i), int(j), float(alike[i, j]))
        for i, j in zip(*np.nonzero(np.triu(np.abs(alike) >= cosine, 1)), strict=True)
    ]
    return tuple(sorted(pairs, key=lambda pair: -abs(pair[2])))
