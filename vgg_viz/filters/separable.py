"""Separable kernels: an outer product of a column and a row, k + k numbers instead of k^2."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Separability:
    """Singular value decomposition of N kernels of k x k: K = sum_i s_i u_i v_i^T."""

    values: Floats  # (N, k), s, largest first
    columns: Floats  # (N, k), u_1
    rows: Floats  # (N, k), v_1

    @property
    def rank_1_energy(self) -> Floats:
        """Share of ||K||^2 in the best separable kernel, s_1^2 / sum s_i^2; 1 for zeros. (N,)"""
        energy = self.values**2
        total = energy.sum(axis=-1)
        share = energy[..., 0] / np.where(total > 0, total, 1)
        return np.where(total > 0, share, 1.0)

    @property
    def effective_rank(self) -> Floats:
        """exp of the entropy of s_i / sum s (Roy & Vetterli 2007): 1 to k; 1 for zeros. (N,)"""
        total = self.values.sum(axis=-1, keepdims=True)
        p = self.values / np.where(total > 0, total, 1)
        return np.asarray(np.exp(-(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)))

    @property
    def separable(self) -> Floats:
        """The best separable kernels, s_1 u_1 v_1^T, (N, k, k)."""
        outer = self.columns[..., :, None] * self.rows[..., None, :]
        return self.values[..., 0, None, None] * outer


def separability(kernels: Floats) -> Separability:
    """Decompose kernels (N, k, k)."""
    u, s, vt = np.linalg.svd(np.asarray(kernels, float))
    return Separability(s, u[..., :, 0], vt[..., 0, :])
