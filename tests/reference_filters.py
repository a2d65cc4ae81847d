"""Filters written out literally: loops instead of matrices and transforms."""

import cmath
import math

import numpy as np


def full_convolution(a, b):
    """(a * b)[y, x] = sum_ij a[i, j] b[y - i, x - j]."""
    side_a, side_b = len(a), len(b)
    out = np.zeros((side_a + side_b - 1,) * 2)
    for i in range(side_a):
        for j in range(side_a):
            for m in range(side_b):
                for n in range(side_b):
                    out[i + m, j + n] += a[i, j] * b[m, n]
    return out


def response(kernel, f_y, f_x):
    """|sum_yx k[y, x] exp(-2 pi i (f_y y + f_x x))|, f in cycles per px."""
    total = sum(
        kernel[y, x] * cmath.exp(-2j * math.pi * (f_y * y + f_x * x))
        for y in range(kernel.shape[0])
        for x in range(kernel.shape[1])
    )
    return abs(total)


def correlate(picture, kernels):
    """What a convolution layer computes, stride 1, no padding."""
    count, channels, side, _ = kernels.shape
    height, width = picture.shape[1] - side + 1, picture.shape[2] - side + 1
    out = np.zeros((count, height, width))
    for n in range(count):
        for y in range(height):
            for x in range(width):
                out[n, y, x] = sum(
                    (picture[c, y : y + side, x : x + side] * kernels[n, c]).sum()
                    for c in range(channels)
                )
    return out


def low_pass(row, stride):
    """Keep the cosines cos(pi k (2 n + 1) / (2 N)) with k / (2 N) < 1 / (2 stride): one row."""
    length = len(row)
    kept = np.zeros(length)
    for k in range(length):
        if k / (2 * length) < 0.5 / stride:
            wave = np.cos(np.pi * k * (2 * np.arange(length) + 1) / (2 * length))
            kept += wave * (row @ wave) / (wave @ wave)
    return kept
