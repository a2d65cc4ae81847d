"""Feature visualisation, literally: loops over px, channels and pairs, in float64 numpy."""

import math

import numpy as np


def neuron(maps, channel, row=None, column=None):
    """maps (C, h, w): one value."""
    row = maps.shape[1] // 2 if row is None else row
    column = maps.shape[2] // 2 if column is None else column
    return maps[channel][row][column]


def channel(maps, index):
    total = 0.0
    for row in maps[index]:
        for value in row:
            total += value
    return total / (maps.shape[1] * maps.shape[2])


def layer(maps):
    total = 0.0
    for value in maps.ravel():
        total += value * value
    return total / maps.size


def direction(maps, pairs):
    total = 0.0
    for row in range(maps.shape[1]):
        for column in range(maps.shape[2]):
            for index, weight in pairs:
                total += weight * maps[index, row, column]
    return total / (maps.shape[1] * maps.shape[2])


def similarity(batch):
    """Mean cosine of the Gram matrices over ordered pairs of (N, C, h, w)."""
    grams = []
    for maps in batch:
        channels = len(maps)
        gram = np.zeros((channels, channels))
        for a in range(channels):
            for b in range(channels):
                gram[a, b] = (maps[a] * maps[b]).sum()
        grams.append(gram)
    cosines = []
    for i, first in enumerate(grams):
        for j, second in enumerate(grams):
            if i != j:
                lengths = math.sqrt((first**2).sum()) * math.sqrt((second**2).sum())
                cosines.append((first * second).sum() / lengths)
    return sum(cosines) / len(cosines)


def fourier_picture(latent, colours):
    """One picture (3, S, S) of a latent (3, S, S // 2 + 1, 2); `colours` (3, 3) or None.

    The inverse transform is numpy's; amplitudes and colours are written out.
    """
    size = latent.shape[1]
    spectrum = np.zeros(latent.shape[:3], complex)
    for row in range(size):
        for column in range(size // 2 + 1):
            down = row / size if row < (size + 1) // 2 else row / size - 1
            frequency = max(math.hypot(down, column / size), 1 / size)
            real, imaginary = latent[:, row, column, 0], latent[:, row, column, 1]
            spectrum[:, row, column] = (real + 1j * imaginary) / frequency
    planes = np.stack([np.fft.irfft2(s, s=(size, size), norm="ortho") / 4 for s in spectrum])
    return squashed(planes, colours)


def squashed(planes, colours):
    if colours is not None:
        mixed = np.zeros_like(planes)
        for out in range(3):
            for into in range(3):
                mixed[out] += colours[out, into] * planes[into]
        planes = mixed
    return 1 / (1 + np.exp(-planes))


def seen_one_by_one(picture, first, scale, degrees, last, side):
    """lucid's chain at every px of the view (C, side, side): shift, scale, rotate, shift.

    A px of the view is traced back through the four, one at a time, and sampled once.
    """
    view = np.zeros((len(picture), side, side))
    turn = math.radians(degrees)
    for i in range(side):
        for j in range(side):
            x, y = j + 0.5 - side / 2, i + 0.5 - side / 2
            x, y = x + last[0], y + last[1]
            x, y = (
                math.cos(turn) * x + math.sin(turn) * y,
                -math.sin(turn) * x + math.cos(turn) * y,
            )
            x, y = x / scale, y / scale
            x, y = x + first[0], y + first[1]
            size = picture.shape[1]
            view[:, i, j] = bilinear(picture, y + size / 2 - 0.5, x + size / 2 - 0.5)
    return view


def bilinear(picture, row, column, beyond=0.5):
    top, left = math.floor(row), math.floor(column)
    total = np.zeros(len(picture))
    for i in (top, top + 1):
        for j in (left, left + 1):
            weight = (1 - abs(row - i)) * (1 - abs(column - j))
            inside = 0 <= i < picture.shape[1] and 0 <= j < picture.shape[2]
            total += weight * (picture[:, i, j] if inside else beyond)
    return total


def adam(gradients, rate):
    """The way of one number uphill along a list of gradients."""
    place, mean, square = 0.0, 0.0, 0.0
    for step, gradient in enumerate(gradients, start=1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        place += rate * (mean / (1 - 0.9**step)) / (math.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return place
