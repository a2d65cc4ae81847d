"""Slow, literal truths about receptive fields; nothing here imports the code under test."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def with_ones(network: nn.Module) -> nn.Module:
    """The network with weights 1 and biases 0: from inputs >= 0 on, no layer loses a px it sees."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.fill_(1 / module.weight[0].numel())
                module.bias.zero_()
    return network


def changed_units(network: nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """For every child of a flat network, which units are not 0: (N, h, w); of vectors (N, 1, 1).

    A unit that is 0 for an input of zeros and not for one px more depends on that px.
    """
    found = {}
    values = images
    with torch.inference_mode():
        for name, module in network.named_children():
            values = module(values)
            flat = values.flatten(1) if values.dim() == 2 else values
            changed = (flat != 0).any(dim=1)
            found[name] = changed if values.dim() == 4 else changed[:, None, None]
    return found


def single_px(side: int) -> torch.Tensor:
    """(side * side, 3, side, side): one grey px each, row by row."""
    return torch.eye(side * side).view(-1, 1, side, side).expand(-1, 3, -1, -1)


def lines(side: int) -> torch.Tensor:
    """(2 * side, 3, side, side): every row of px, then every column."""
    rows = torch.eye(side)[:, None, :, None].expand(side, 3, side, side)
    return torch.cat((rows, rows.transpose(2, 3)))


def who_sees_what(rows, side: int) -> np.ndarray:
    """(side, units): does unit u of the last row of a table depend on px p? Along one axis."""
    x = torch.eye(side, dtype=torch.float64)[:, None]  # (px, 1, side)
    for row in rows:
        if row.kind == "conv":
            ones = torch.ones(1, 1, row.kernel, dtype=torch.float64)
            x = F.conv1d(x, ones, None, row.stride, row.padding, row.dilation)
            x = (x > 0).double()
        else:
            x = F.max_pool1d(
                x, row.kernel, row.stride, row.padding, row.dilation, ceil_mode=row.ceil_mode
            )
    return (x[:, 0] > 0).numpy()


def heat(network: nn.Module, image: torch.Tensor, pick, step: float = 1e-6) -> np.ndarray:
    """(H, W) sum over colours of |dS / d px| by central differences, S = `pick(network, image)`."""
    found = np.zeros(tuple(image.shape[1:]))
    for colour, y, x in np.ndindex(found.shape):
        change = torch.zeros_like(image)
        change[0, colour, y, x] = step
        with torch.no_grad():
            up, down = pick(network, image + change), pick(network, image - change)
        found[colour, y, x] = abs(float(up - down)) / (2 * step)
    return found.sum(axis=0)


def side_with(heat: np.ndarray, span_y, span_x, share: float) -> int:
    """Side of the smallest square around the field's centre with `share` of the heat."""
    total, side = heat.sum(), 0
    while True:
        side += 1
        held = 0.0
        for y, x in np.ndindex(heat.shape):
            away_y = abs(y - (span_y[0] + span_y[1] - 1) / 2)
            away_x = abs(x - (span_x[0] + span_x[1] - 1) / 2)
            # A px counts when its centre lies within (side - 1) / 2 of the square's.
            if max(away_y, away_x) <= (side - 1) / 2:
                held += heat[y, x]
        if held >= share * total * (1 - 1e-9):
            return side
