"""Channel statistics against numpy and by hand."""

import numpy as np
import torch

from tests import reference
from vgg_viz.activations import channel_statistics, strongest


def test_statistics_equal_the_literal_loops() -> None:
    maps = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0))
    means, maxima, dead = reference.channel_statistics(maps.numpy())
    assert reference.spread(means) > 0.05
    found = channel_statistics(maps)
    np.testing.assert_allclose(found.means, means, rtol=1e-6)
    np.testing.assert_allclose(found.maxima, maxima, rtol=1e-6)
    np.testing.assert_allclose(found.dead_shares, dead, rtol=1e-6)


def test_statistics_worked_out_by_hand() -> None:
    maps = torch.tensor([[[-1.0, 3.0], [0.0, 1.0]], [[-1.0, -2.0], [-3.0, -4.0]]])
    found = channel_statistics(maps)
    assert found.means.tolist() == [1.0, 0.0]
    assert found.maxima.tolist() == [3.0, 0.0]
    assert found.dead_shares.tolist() == [0.5, 1.0]


def test_strongest_channels_come_first_and_ties_keep_their_order() -> None:
    maps = torch.tensor([1.0, 5.0, 1.0, 7.0]).view(4, 1, 1)
    assert strongest(channel_statistics(maps), 3).tolist() == [3, 1, 0]
    assert strongest(channel_statistics(maps), 99).tolist() == [3, 1, 0, 2]
