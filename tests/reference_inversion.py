"""The objective of an inversion, value by value, for comparison."""

import numpy as np


def total_variation(picture):
    """(C, H, W): squared differences to the right and downwards, summed."""
    total = 0.0
    colours, height, width = picture.shape
    for c in range(colours):
        for i in range(height):
            for j in range(width):
                if i + 1 < height:
                    total += (picture[c, i + 1, j] - picture[c, i, j]) ** 2
                if j + 1 < width:
                    total += (picture[c, i, j + 1] - picture[c, i, j]) ** 2
    return total


def alpha_norm(picture):
    """The sum of all values to the sixth power."""
    return float(sum(value**6 for value in picture.ravel()))


def objective(code, wanted, read, lambda_v, lambda_alpha):
    """E from a code, the photo's code, and the normalised picture (3, H, W)."""
    distance = ((code - wanted) ** 2).sum() / (wanted**2).sum()
    n = read.size
    rough = lambda_v / 2 * total_variation(read) / n
    return distance + rough + lambda_alpha / 2 * alpha_norm(read) / n, distance


def correlation(a, b):
    """Pearson's r of two (H, W, 3) pictures, each colour about its own mean."""
    a = a.astype(np.float64) - a.mean(axis=(0, 1))
    b = b.astype(np.float64) - b.mean(axis=(0, 1))
    return (a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())
