"""Moved photos against a literal sampler; distances against whole passes; nothing left behind."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import reference_edits
from tests.test_capture import assert_same, snapshot
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.invariance import RANGES, invariance, transformed, values


def picture(side: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def test_values_hold_the_unchanged_photo_in_the_middle():
    assert values("translate", 5) == (-0.25, -0.125, 0.0, 0.125, 0.25)
    assert values("rotate", 5) == (-180.0, -90.0, 0.0, 90.0, 180.0)
    assert values("scale", 5) == pytest.approx((0.5, 2**-0.5, 1, 2**0.5, 2))
    for transform, (first, last, unchanged) in RANGES.items():
        found = values(transform, 13)
        assert len(found) == 13
        assert (found[0], found[6], found[-1]) == (first, unchanged, last)
    for steps in (1, 4, 12, -3):
        with pytest.raises(InputError, match="odd number"):
            values("rotate", steps)
    with pytest.raises(UnknownNameError):
        values("shear", 5)


def test_a_shift_by_whole_px_moves_rows_down():
    image = picture()
    down = transformed(image, "translate", 0.25)  # 2 of 8 px
    torch.testing.assert_close(down[:, :, 2:], image[:, :, :-2], rtol=1e-5, atol=1e-5)
    assert not down[:, :, :2].any()
    edge = transformed(image, "translate", 0.25, "edge")
    torch.testing.assert_close(edge[:, :, 0], image[:, :, 0], rtol=1e-5, atol=1e-5)
    up = transformed(image, "translate", -0.25)
    torch.testing.assert_close(up[:, :, :-2], image[:, :, 2:], rtol=1e-5, atol=1e-5)


def test_a_quarter_turn_is_counter_clockwise():
    image = picture()
    torch.testing.assert_close(
        transformed(image, "rotate", 90.0), torch.rot90(image, 1, (2, 3)), rtol=1e-4, atol=1e-5
    )
    assert not torch.allclose(image, torch.rot90(image, 1, (2, 3)))


def test_twice_as_large_shows_the_middle():
    """A picture that is x + 10 y: at twice the size, its slopes halve around the centre."""
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    image = (x + 10 * y).expand(1, 3, 8, 8).contiguous()
    large = transformed(image, "scale", 2.0)
    expected = ((x - 3.5) / 2 + 3.5) + 10 * ((y - 3.5) / 2 + 3.5)
    torch.testing.assert_close(large[0, 0], expected, rtol=1e-4, atol=1e-4)
    small = transformed(image, "scale", 0.5)
    assert not small[0, 0, 0].any()  # the mean colour around it
    assert small[0, 0, 3, 3] == pytest.approx(float(image[0, 0, 2:4, 2:4].mean()), rel=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    transform=st.sampled_from(sorted(RANGES)),
    share=st.floats(0.02, 0.98),
    fill=st.sampled_from(["mean", "edge"]),
    seed=st.integers(0, 99),
)
def test_every_transformation_equals_reading_px_by_px(transform, share, fill, seed):
    first, last, _ = RANGES[transform]
    value = first + (last - first) * share
    image = picture(7, seed)
    found = transformed(image, transform, value, fill)
    matrix = {
        "translate": [[1, 0, 0], [0, 1, -7 * value]],
        "scale": [[1 / value, 0, 0], [0, 1 / value, 0]] if value else None,
        "rotate": [
            [math.cos(math.radians(value)), -math.sin(math.radians(value)), 0],
            [math.sin(math.radians(value)), math.cos(math.radians(value)), 0],
        ],
    }[transform]
    expected = reference_edits.moved(image[0].double().numpy(), np.array(matrix), fill)
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_distances_and_logits_equal_whole_passes(name):
    network, image, config = tiny_network(name), tiny_image(name), tiny_config(name)
    last = config.layers[-1].name
    layers = [config.layers[1].name, "relu7", last]
    at = (-0.25, -0.1, 0.0, 0.05, 0.2)
    found = invariance(network, image, "translate", at, layers)
    with torch.no_grad():
        still = reference_edits.run_through(network, image)
        for row, value in enumerate(at):
            there = reference_edits.run_through(network, transformed(image, "translate", value))
            torch.testing.assert_close(found.logits[row], there[last][0], rtol=1e-4, atol=1e-5)
            for column, layer in enumerate(layers):
                gap = np.sqrt(((there[layer] - still[layer]).double().numpy() ** 2).sum())
                size = np.sqrt((still[layer].double().numpy() ** 2).sum())
                assert float(found.distances[row, column]) == pytest.approx(
                    gap / size, rel=1e-3, abs=1e-5
                )
    assert found.distances[2].max() < 1e-5
    assert found.distances[0].min() > 1e-3


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network(name, training):
    network = copy.deepcopy(tiny_network(name)).train(training)
    image, layer = tiny_image(name), tiny_config(name).layers[0].name
    untouched, before = image.clone(), snapshot(network)
    invariance(network, image, "rotate", values("rotate", 3), [layer])
    assert_same(before, snapshot(network))
    with pytest.raises(UnknownNameError):
        invariance(network, image, "rotate", (10.0,), ["conv9_9"])
    with pytest.raises(RuntimeError):
        invariance(network, image[:, :2], "rotate", (10.0,), [layer])
    assert_same(before, snapshot(network))
    assert torch.equal(image, untouched)
