"""Top patches by brute force: every image alone, every channel and unit looked at by itself."""

import numpy as np
import torch


def maps_of(network, last, image):
    """Outputs of the layers up to `last` for one image (3, H, W), run one by one."""
    outputs, maps = {}, image[None]
    with torch.no_grad():
        for name, module in network.named_children():
            maps = module(maps)
            outputs[name] = maps[0].numpy()
            if name == last:
                return outputs
    raise AssertionError(last)


def best_unit(channel):
    """Value, row and column of the largest unit of a map (h, w), the first one in reading order."""
    best = None
    for row in range(channel.shape[0]):
        for column in range(channel.shape[1]):
            value = float(channel[row, column])
            if best is None or value > best[0]:
                best = (value, row, column)
    return best


def top_units(network, layer, images, kept=None, groups=None):
    """Per channel a list of (value, image number, row, column), largest first, one a group."""
    every = [maps_of(network, layer, image)[layer] for image in images]
    channels = []
    for channel in range(len(every[0])):
        found = []
        for number, maps in enumerate(every):
            value, row, column = best_unit(maps[channel])
            found.append((value, number, row, column))
        found.sort(key=lambda unit: (-unit[0], unit[1]))
        chosen, seen = [], set()
        for unit in found:
            group = unit[1] if groups is None else groups[unit[1]]
            if group not in seen:
                seen.add(group)
                chosen.append(unit)
        channels.append(chosen[:kept])
    return channels


def as_lists(top):
    """A LayerTop as `top_units` writes it, without what is not there."""
    rows = zip(top.values, top.images, top.rows, top.columns, strict=True)
    return [
        [(float(v), int(i), int(r), int(c)) for v, i, r, c in zip(*channel, strict=True) if i >= 0]
        for channel in rows
    ]


def agree(found, everything, kept, tolerance=2e-5):
    """Same images and places as the first of `everything`; values to float rounding.

    Images whose values lie closer than rounding may change places; there are few.
    """
    assert len(found) == len(everything)
    rounding = tolerance * max(abs(unit[0]) for channel in everything for unit in channel)
    compared = 0
    for mine, theirs in zip(found, everything, strict=True):
        values = [unit[0] for unit in theirs]
        np.testing.assert_allclose([u[0] for u in mine], values[:kept], rtol=0, atol=rounding)
        if -np.diff(values[: kept + 1]).max(initial=-np.inf) > 2 * rounding:
            compared += 1
            assert [unit[1:] for unit in mine] == [unit[1:] for unit in theirs[:kept]]
    assert compared > len(found) / 2
