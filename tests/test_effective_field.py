"""The effective field against finite differences, hand-worked numbers and the tables' field."""

import copy
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests import reference_fields
from tests.test_capture import assert_same, snapshot
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.architecture import describe, unit_fields
from vgg_viz.effective_field import extent, gradient_heat
from vgg_viz.errors import InputError, UnknownNameError


def stack(count: int, channels: int = 1) -> nn.Sequential:
    """`count` 3x3 convolutions of ones on one channel, bias 0: all linear."""
    layers = OrderedDict()
    for i in range(count):
        conv = nn.Conv2d(3 if i == 0 else channels, channels, 3, padding=1)
        nn.init.ones_(conv.weight)
        nn.init.zeros_(conv.bias)
        layers[f"conv{i + 1}"] = conv
    return nn.Sequential(layers)


def front(network: nn.Module, layer: str) -> nn.Sequential:
    """The layers up to `layer`."""
    children = list(network.named_children())
    names = [name for name, _ in children]
    return nn.Sequential(*(module for _, module in children[: names.index(layer) + 1]))


def test_two_convolutions_of_ones_by_hand():
    """[1 2 3 2 1] outer itself, times 3 colours: 81 in all, 49 of them in the middle 3 x 3."""
    heat = gradient_heat(stack(2), [torch.zeros(1, 3, 9, 9)], "conv2", 4, 4)
    kernel = np.array([1, 2, 3, 2, 1])
    expected = np.zeros((9, 9))
    expected[2:7, 2:7] = 3 * np.outer(kernel, kernel)
    np.testing.assert_array_equal(heat, expected)
    found = extent(heat, (2, 7), (2, 7))
    assert (found.share_inside, found.side_50, found.side_95) == (1.0, 3, 5)  # 9/81 < 49/81 > 50 %


def test_a_clipped_field_by_hand():
    """At the corner the same kernel loses the part outside: 1 + 2 on each axis are gone."""
    heat = gradient_heat(stack(2), [torch.zeros(1, 3, 9, 9)], "conv2", 0, 0)
    # Behind padding, the border's paths are fewer: along an axis 2 2 1 (not 3 2 1).
    np.testing.assert_array_equal(heat[:4, :4], 3 * np.outer([2, 2, 1, 0], [2, 2, 1, 0]))
    found = extent(heat, (-2, 3), (-2, 3))
    assert found.share_inside == 1.0
    assert found.side_50 == 3  # (2 + 2)^2 = 16 of 25, where the centre alone has 4
    assert found.side_95 == 5


def test_the_share_of_the_field_that_counts_shrinks_with_depth():
    """Luo et al.: sqrt(n) against n."""
    shares = []
    for count in (2, 4, 8, 12):
        side = 2 * count + 7
        at = side // 2
        heat = gradient_heat(stack(count), [torch.zeros(1, 3, side, side)], f"conv{count}", at, at)
        span = (at - count, at + count + 1)
        shares.append(extent(heat, span, span).side_95 / (2 * count + 1))
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.65 * shares[0]


@pytest.mark.parametrize(
    ("layer", "row", "column", "channel"),
    [("conv2_1", 0, 3, None), ("relu3_1", 2, 1, 1), ("pool2", 1, 1, None), ("fc6", 0, 0, 2)],
)
def test_heat_equals_finite_differences(layer, row, column, channel):
    """In double precision, of the real modules with ReLU and max-pool."""
    network = copy.deepcopy(tiny_network("vgg11")).double()
    generator = torch.Generator().manual_seed(5)
    image = torch.randn(1, 3, 32, 32, generator=generator, dtype=torch.float64)
    part = front(network, layer)

    def pick(net, x):
        values = net(x)
        unit = values[0, :, row, column] if values.dim() == 4 else values[0]
        return unit.sum() if channel is None else unit[channel]

    found = gradient_heat(network, [image], layer, row, column, channel)
    expected = reference_fields.heat(part, image, pick)
    assert expected.max() > 1e-3
    assert expected.std() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-8)


def test_photos_are_averaged_after_the_magnitude():
    network = tiny_network("vgg11")
    images = [tiny_image("vgg11", seed) for seed in range(3)]
    each = [gradient_heat(network, [image], "conv3_1", 4, 5) for image in images]
    together = gradient_heat(network, iter(images), "conv3_1", 4, 5)
    np.testing.assert_allclose(together, np.mean(each, axis=0), rtol=1e-6)
    assert not np.allclose(each[0], each[1])


def test_all_channels_are_summed_before_the_magnitude():
    network, image = tiny_network("vgg11"), tiny_image("vgg11")
    channels = tiny_config("vgg11").layer("conv2_1").out
    assert channels > 1
    leaf = image.clone().requires_grad_()
    maps = front(network, "conv2_1")(leaf)
    (expected,) = torch.autograd.grad(maps[0, :, 6, 7].sum(), leaf)
    found = gradient_heat(network, [image], "conv2_1", 6, 7)
    np.testing.assert_allclose(found, expected[0].abs().sum(0), rtol=1e-5, atol=1e-9)
    apart = sum(
        gradient_heat(network, [image], "conv2_1", 6, 7, channel) for channel in range(channels)
    )
    assert apart.sum() > found.sum()  # signs of channels cancel in the one, not in the other


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_no_gradient_lies_outside_the_theoretical_field(name):
    """The page's own check, for every layer of every network, in the middle and at a corner."""
    network, image = tiny_network(name), tiny_image(name)
    architecture = describe(tiny_config(name))
    layers = [row.name for row in architecture.rows if row.kind in ("conv", "max_pool")]
    for layer in (*layers, "avgpool", "fc6"):
        fields = unit_fields(architecture, layer)
        for unit in {(fields.side // 2, fields.side // 2), (0, fields.side - 1)}:
            heat = gradient_heat(network, [image], layer, *unit)
            found = extent(heat, fields.spans[unit[0]], fields.spans[unit[1]])
            if found.share_inside is None:  # a pool of dead units
                assert "pool" in layer or layer == "fc6"
                continue
            assert found.share_inside == pytest.approx(1, abs=1e-6), (layer, unit)
            assert 1 <= found.side_50 <= found.side_95 <= fields.spans[0][1] - fields.spans[0][0]
            rows, columns = (heat > 0).any(axis=1).nonzero()[0], (heat > 0).any(axis=0).nonzero()[0]
            assert fields.seen[unit[0]][0] <= rows[0] <= rows[-1] < fields.seen[unit[0]][1]
            assert fields.seen[unit[1]][0] <= columns[0] <= columns[-1] < fields.seen[unit[1]][1]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network(name, training):
    network = copy.deepcopy(tiny_network(name)).train(training)
    image = tiny_image(name)
    untouched, before = image.clone(), snapshot(network)
    first = tiny_config(name).convs[1]
    gradient_heat(network, [image, image], first, 2, 3)
    assert_same(before, snapshot(network))
    failures = (
        ((first, 999, 0), InputError),
        ((first, 0, 0, 999), InputError),
        (("conv9_9", 0, 0), UnknownNameError),
    )
    for arguments, kind in failures:
        with pytest.raises(kind):
            gradient_heat(network, [image], *arguments)
        assert_same(before, snapshot(network))
    with pytest.raises(RuntimeError):
        gradient_heat(network, [image[:, :2]], first, 0, 0)  # two colours
    assert_same(before, snapshot(network))
    assert torch.equal(image, untouched)
    assert not image.requires_grad
    assert image.grad is None


def test_no_grad_around_the_call_does_not_matter():
    network, image = tiny_network("vgg11"), tiny_image("vgg11")
    with torch.no_grad():
        heat = gradient_heat(network, [image], "conv3_1", 4, 4)
    assert heat.max() > 0


def test_a_mean_of_no_photos_is_refused():
    with pytest.raises(InputError, match="at least one"):
        gradient_heat(tiny_network("vgg11"), [], "conv1_1", 0, 0)


@pytest.mark.parametrize("heat", [np.zeros((4, 4)), np.full((4, 4), np.nan)])
def test_no_heat_has_no_extent(heat):
    found = extent(heat, (0, 4), (0, 4))
    assert (found.share_inside, found.side_50, found.side_95) == (None, None, None)


@st.composite
def spans(draw):
    start = draw(st.integers(-12, 8))
    return start, start + draw(st.integers(1, 20))


@settings(max_examples=150, deadline=None)
@given(span_y=spans(), span_x=spans(), seed=st.integers(0, 10_000), sparse=st.booleans())
def test_extent_equals_growing_the_square_px_by_px(span_y, span_x, seed, sparse):
    rng = np.random.default_rng(seed)
    heat = rng.exponential(1, (9, 9)) * (rng.random((9, 9)) > (0.8 if sparse else 0.1))
    assume(heat.any())
    found = extent(heat, span_y, span_x)
    assert found.side_50 == reference_fields.side_with(heat, span_y, span_x, 0.5)
    assert found.side_95 == reference_fields.side_with(heat, span_y, span_x, 0.95)
    inside = sum(
        heat[y, x]
        for y, x in np.ndindex(heat.shape)
        if span_y[0] <= y < span_y[1] and span_x[0] <= x < span_x[1]
    )
    assert found.share_inside == pytest.approx(inside / heat.sum(), abs=1e-12)
