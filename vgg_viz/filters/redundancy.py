"""Kernels that do nothing, and kernels that do the same."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
AnyFloats = NDArray[np.floating[Any]]

DEAD_SHARE = 0.1  # of the median norm: a response ten times weaker than is usual in its layer
MOST_PAIRS = 1000  # that are kept of a layer's
BLOCK = 128  # kernels compared with all others at a time
SAME_COSINE = 0.9  # |cosine| from which two kernels count as one (Zeiler & Fergus judge by eye)

Pair = tuple[int, int, float]  # two kernels, and their cosine: negative when one is the other's -1


def norms(kernels: AnyFloats) -> Floats:
    """Euclidean norms of kernels (N, ...): (N,)."""
    return np.asarray(np.linalg.norm(kernels.reshape(len(kernels), -1), axis=1))


def dead(kernels: AnyFloats, share: float = DEAD_SHARE) -> NDArray[np.bool_]:
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


def most_alike(kernels: NDArray[np.float32], *, least: float, few: int = 12) -> tuple[Pair, ...]:
    """Pairs as `duplicates` finds them, most alike first, and at least the `few` closest of all.

    In single precision and for a block of kernels at a time: 1024 kernels of 512 x 3 x 3 take 40 MB
    besides themselves. At most MOST_PAIRS pairs.
    """
    unit = _directions(kernels)
    kept: list[Pair] = []
    for start in range(0, len(unit), BLOCK):
        alike = unit[start : start + BLOCK] @ unit.T  # (block, N)
        above = np.arange(len(unit)) > np.arange(start, start + len(alike))[:, None]  # i < j
        size = np.where(above, np.abs(alike), -1)
        floor = min(least, _nth_largest(size, few))
        rows, columns = np.nonzero(size >= max(floor, 1e-6))
        kept += [
            (start + int(i), int(j), float(np.clip(alike[i, j], -1, 1)))
            for i, j in zip(rows, columns, strict=True)
        ]
        kept = sorted(kept, key=lambda pair: (-abs(pair[2]), pair[:2]))[:MOST_PAIRS]
    wanted = max(few, sum(abs(pair[2]) >= least for pair in kept))
    return tuple(kept[:wanted])


def cosines(kernels: NDArray[np.float32], one: int) -> NDArray[np.float32]:
    """Cosine of every kernel to kernel `one`, in [-1, 1]; 0 for kernels of zeros. (N,)"""
    unit = _directions(kernels)
    return np.asarray(np.clip(unit @ unit[one], -1, 1))


def _directions(kernels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Kernels as vectors of length 1, zeros as they are, (N, values)."""
    flat = kernels.reshape(len(kernels), -1)
    size = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.divide(flat, size, out=np.zeros_like(flat), where=size > 0))


def _nth_largest(values: NDArray[np.float32], n: int) -> float:
    flat = values.ravel()
    return float(np.partition(flat, -n)[-n]) if n <= flat.size else -1.0
