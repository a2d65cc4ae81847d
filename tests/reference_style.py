"""Style transfer value by value, for comparison."""

import numpy as np


def gram(maps):
    """(N, M): every product of two rows, summed."""
    count, places = maps.shape
    found = np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            for k in range(places):
                found[i, j] += maps[i, k] * maps[j, k]
    return found


def content_loss(maps, wanted):
    return sum((a - b) ** 2 for a, b in zip(maps.ravel(), wanted.ravel(), strict=True)) / 2


def style_loss(maps, wanted):
    """E_l against a Gram matrix."""
    count, places = maps.shape
    return ((gram(maps) - wanted) ** 2).sum() / (4 * count**2 * places**2)


def style_gradient(maps, wanted):
    """The paper's dE_l / dF_ij = (F^T (G - A))_ji / (N^2 M^2) where F_ij > 0, else 0."""
    count, places = maps.shape
    found = (maps.T @ (gram(maps) - wanted)).T / (count**2 * places**2)
    return np.where(maps > 0, found, 0)
