"""The correspondence measure, unit by unit."""

import numpy as np


def delta_share(plain, covered):
    """Mean over ordered pairs i != j of the share of units whose signs of change differ."""
    changes = [np.sign(a - b) for a, b in zip(plain, covered, strict=True)]
    total, pairs = 0.0, 0
    for i in range(len(changes)):
        for j in range(len(changes)):
            if i == j:
                continue
            hamming = 0
            for one, other in zip(changes[i], changes[j], strict=True):
                if one != other:
                    hamming += 1
            total += hamming / len(changes[i])
            pairs += 1
    return total / pairs
