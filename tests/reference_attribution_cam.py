"""Slow, literal re-implementations of the CAM family: sums over channels and places in Python.

Nothing here imports the code it checks. Maps A and gradients g are (C, h, w).
"""

import numpy as np


def grad_cam_pp(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    """facts.md 7.1: w_k = sum a_ij ReLU(g_ij), a = g^2 / (2 g^2 + (sum A) g^3), 0 where g = 0."""
    grid = np.zeros(a.shape[1:])
    for maps, gradients in zip(a, g, strict=True):
        weight, total = 0.0, maps.sum()
        for value in gradients.ravel():
            if value > 0:
                weight += value**2 / (2 * value**2 + total * value**3) * value
        grid += weight * maps
    return grid


def xgrad_cam(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    grid = np.zeros(a.shape[1:])
    for maps, gradients in zip(a, g, strict=True):
        total = maps.sum()
        if total:
            weight = 0.0
            for value, gradient in zip(maps.ravel(), gradients.ravel(), strict=True):
                weight += value / total * gradient
            grid += weight * maps
    return grid


def place_by_place(a: np.ndarray, g: np.ndarray, *, positive: bool) -> np.ndarray:
    """HiResCAM, or LayerCAM where only positive gradients count."""
    grid = np.zeros(a.shape[1:])
    for k, i, j in np.ndindex(*a.shape):
        gradient = max(0.0, g[k, i, j]) if positive else g[k, i, j]
        grid[i, j] += gradient * a[k, i, j]
    return grid


def eigen_cam(a: np.ndarray, *, centred: bool) -> np.ndarray:
    """By numpy's singular value decomposition of the table of places x channels."""
    table = a.reshape(len(a), -1).T.astype(np.float64)
    if centred:
        table = table - table.mean(axis=0)
    _, _, directions = np.linalg.svd(table, full_matrices=False)
    grid = (table @ directions[0]).reshape(a.shape[1:])
    return grid * np.sign(grid.ravel()[np.abs(grid).argmax()])
