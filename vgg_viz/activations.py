"""Statistics of a layer's maps: which channels answer to this photo, and how strongly."""

from typing import NamedTuple

from torch import Tensor


class ChannelStatistics(NamedTuple):
    """One value a channel, float32 (C,)."""

    means: Tensor
    maxima: Tensor
    dead_shares: Tensor  # in [0, 1]: units that are 0 after ReLU


def channel_statistics(maps: Tensor) -> ChannelStatistics:
    """Mean, maximum and share of dead units of every channel of (C, h, w), taken after ReLU.

    A dead unit is one whose value after ReLU is exactly 0: it passes neither signal nor gradient
    for this photo.
    """
    after = maps.float().relu()
    return ChannelStatistics(
        after.mean(dim=(1, 2)), after.amax(dim=(1, 2)), (after == 0).float().mean(dim=(1, 2))
    )


def strongest(statistics: ChannelStatistics, count: int) -> Tensor:
    """Indices of the `count` channels of highest mean, best first; ties by channel number."""
    order = statistics.means.argsort(descending=True, stable=True)
    return order[:count]
