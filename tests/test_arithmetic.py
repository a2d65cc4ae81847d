"""The arithmetic of single units: by hand, against torch for every kind of layer, and clean."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.tiny import ALL_NETWORKS, tiny_image, tiny_network
from vgg_viz import arithmetic
from vgg_viz.capture import inspect
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.results import (
    ChannelNeighbours,
    PassedOn,
    Standardisation,
    WeightedSum,
    Window,
)

RECORDED = ("conv", "batch_norm", "relu", "lrn", "max_pool", "avg_pool", "linear")


def taken_apart(module, maps, unit, kind, **more):
    module.eval()
    with torch.no_grad():
        output = module(maps)
    return arithmetic.of_layer(module, maps, output, unit, layer=kind, kind=kind, **more), output


def convolution(weights, bias, **more):
    weights = torch.tensor(weights)
    made = nn.Conv2d(weights.shape[1], weights.shape[0], weights.shape[2], **more)
    with torch.no_grad():
        made.weight.copy_(weights)
        made.bias.copy_(torch.tensor(bias))
    return made


# --- by hand -------------------------------------------------------------------------------------


def test_a_convolution_in_the_corner_by_hand():
    conv = convolution([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]], [0.5], padding=1)
    maps = torch.tensor([[[[10.0, 20], [30, 40]]]])
    step, _ = taken_apart(conv, maps, (0, 0, 0), "conv")
    parts = step.parts
    assert parts.given[0].tolist() == [[0, 0, 0], [0, 10, 20], [0, 30, 40]]
    assert parts.inside.tolist() == [[False] * 3, [False, True, True], [False, True, True]]
    assert parts.products[0].tolist() == [[0, 0, 0], [0, 50, 120], [0, 240, 360]]
    assert (parts.sums.tolist(), parts.bias, parts.first) == ([770], 0.5, (-1, -1))
    assert step.value == step.network == 770.5
    assert step.inserted == "770 + 0.5 = 770.5"
    first, second = parts.strongest_products(2)
    assert (first.row, first.column, first.value) == (2, 2, 360)
    assert (second.row, second.column, second.given, second.weight) == (2, 1, 30, 8)


def test_the_strongest_channels_and_the_rest_add_up_to_the_sum():
    conv = convolution([[[[1.0]], [[-3.0]], [[0.5]], [[2.0]]]], [-1.0])
    maps = torch.tensor([2.0, 2, 2, 2]).reshape(1, 4, 1, 1)
    step, _ = taken_apart(conv, maps, (0, 0, 0), "conv", count=2)
    assert step.parts.strongest == (1, 3)
    assert step.parts.others.tolist() == [2, 1]
    assert step.value == -6 + 4 + 3 - 1 == step.network


def test_response_normalisation_by_hand():
    lrn = nn.LocalResponseNorm(3, alpha=3.0, beta=0.5, k=2.0)
    maps = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    step, _ = taken_apart(lrn, maps, (1, 0, 0), "lrn")
    assert step.parts.sum_of_squares == 14
    assert step.value == 2 / (2 + 14) ** 0.5 == 0.5
    assert step.network == pytest.approx(0.5, rel=1e-6)
    edge, _ = taken_apart(lrn, maps, (2, 0, 0), "lrn")
    assert (edge.parts.channels, edge.value) == ((1, 2), 3 / (2 + 13) ** 0.5)


def test_pools_by_hand():
    maps = torch.tensor([[[[-1.0, -5, 2], [-3, -2, 0], [4, 1, 7]]]])
    step, _ = taken_apart(nn.MaxPool2d(2, 2), maps, (0, 0, 0), "max_pool")
    assert (step.value, step.parts.winner) == (-1, (0, 0))
    beyond, _ = taken_apart(nn.MaxPool2d(2, 2, ceil_mode=True), maps, (0, 1, 1), "max_pool")
    assert (beyond.value, beyond.parts.inside.tolist()) == (7, [[True, False], [False, False]])
    # Negative values alone: padding must not win with its 0.
    padded, _ = taken_apart(nn.MaxPool2d(3, 2, padding=1), -abs(maps), (0, 0, 0), "max_pool")
    assert padded.value == padded.network == -1
    mean, _ = taken_apart(nn.AdaptiveAvgPool2d(2), maps, (0, 0, 1), "avg_pool")
    assert mean.value == mean.network == (-5 + 2 - 2 + 0) / 4


def test_batch_norm_and_relu_by_hand():
    norm = nn.BatchNorm2d(1, eps=1.0)
    norm.running_mean.fill_(2)
    norm.running_var.fill_(3)
    with torch.no_grad():
        norm.weight.fill_(4)
        norm.bias.fill_(-30)
    step, output = taken_apart(norm, torch.full((1, 1, 1, 1), 10.0), (0, 0, 0), "batch_norm")
    assert step.value == step.network == (10 - 2) / 2 * 4 - 30 == -14
    relu, _ = taken_apart(nn.ReLU(), output, (0, 0, 0), "relu")
    assert (relu.parts.given, relu.value, relu.inserted) == (-14, 0, "max(0, -14) = 0")


# --- against torch -------------------------------------------------------------------------------

numbers = st.integers(0, 2**31 - 1)


def random_maps(seed, *shape):
    """Of both signs and very different sizes, with exact zeros."""
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.rand(shape, generator=generator) * 4 - 2
    values = torch.randn(shape, generator=generator) * 10**sizes
    return torch.where(torch.rand(shape, generator=generator) < 0.3, 0, values)


def any_unit(data, output):
    """Corners and borders more often than their share."""
    channels, height, width = output.shape[1:]
    ends = [st.sampled_from((0, n - 1)) | st.integers(0, n - 1) for n in (height, width)]
    return data.draw(st.tuples(st.integers(0, channels - 1), *ends))


def assert_agrees(step, output, unit):
    assert step.network == float(output[0][unit])
    assert step.difference <= step.tolerance
    assert step.agrees


@settings(max_examples=50, deadline=None)
@given(st.data(), numbers)
def test_convolutions_equal_torch(data, seed):
    kernel, dilation = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3))
    channels = data.draw(st.sampled_from((1, 3, 17)))
    side = (kernel - 1) * dilation + 1 + data.draw(st.integers(0, 6))
    conv = nn.Conv2d(
        *(channels, 2, kernel),
        stride=data.draw(st.integers(1, 3)),
        padding=data.draw(st.integers(0, kernel)),
        dilation=dilation,
        bias=data.draw(st.booleans()),
    )
    maps = random_maps(seed, 1, channels, side, side + 2)
    with torch.no_grad():
        conv.weight.copy_(random_maps(seed + 1, *conv.weight.shape))
        output = conv(maps)
    unit = any_unit(data, output)
    step, _ = taken_apart(conv, maps, unit, "conv", count=4)
    assert_agrees(step, output, unit)
    assert isinstance(step.parts, WeightedSum)
    shown = step.parts.sums[list(step.parts.strongest)].sum() + step.parts.others.sum()
    assert shown + step.parts.bias == pytest.approx(step.value, rel=1e-12, abs=1e-12)
    sizes = np.abs(step.parts.products).sum()
    # Far from vacuous: the bound is a few ten thousandths of a per cent of what is added.
    assert step.tolerance <= 1e-5 * (sizes + abs(step.parts.bias))


@settings(max_examples=40, deadline=None)
@given(st.data(), numbers)
def test_max_pools_equal_torch(data, seed):
    kernel = data.draw(st.integers(1, 4))
    dilation = data.draw(st.integers(1, 2))
    side = (kernel - 1) * dilation + 1 + data.draw(st.integers(0, 6))
    pool = nn.MaxPool2d(
        kernel,
        data.draw(st.integers(1, 4)),
        data.draw(st.integers(0, kernel // 2)),
        dilation,
        ceil_mode=data.draw(st.booleans()),
    )
    maps = -random_maps(seed, 1, 2, side, side + 1).abs()
    output, at = nn.functional.max_pool2d(
        *(maps, pool.kernel_size, pool.stride, pool.padding, pool.dilation),
        ceil_mode=pool.ceil_mode,
        return_indices=True,
    )
    unit = any_unit(data, output)
    step, _ = taken_apart(pool, maps, unit, "max_pool")
    assert_agrees(step, output, unit)
    assert step.difference == 0
    parts = step.parts
    row, column = (f + s * w for f, s, w in zip(parts.first, parts.step, parts.winner, strict=True))
    assert maps[0, unit[0], row, column] == maps[0, unit[0]].flatten()[at[0][unit]]


@settings(max_examples=40, deadline=None)
@given(st.data(), numbers, st.integers(1, 9), st.integers(1, 9))
def test_adaptive_pools_equal_torch(data, seed, side, out):
    pool = nn.AdaptiveAvgPool2d(out)
    maps = random_maps(seed, 1, 2, side, side + 1)
    output = pool(maps)
    unit = any_unit(data, output)
    step, _ = taken_apart(pool, maps, unit, "avg_pool")
    assert_agrees(step, output, unit)


@settings(max_examples=40, deadline=None)
@given(st.data(), numbers, st.integers(1, 9), st.integers(1, 7))
def test_response_normalisation_equals_torch(data, seed, channels, size):
    lrn = nn.LocalResponseNorm(
        size,
        alpha=data.draw(st.floats(1e-5, 1)),
        beta=data.draw(st.floats(0.25, 1)),
        k=data.draw(st.floats(0.5, 2)),
    )
    maps = random_maps(seed, 1, channels, 3, 3)
    output = lrn(maps)
    unit = any_unit(data, output)
    step, _ = taken_apart(lrn, maps, unit, "lrn")
    assert_agrees(step, output, unit)
    assert step.tolerance <= 1e-5 * abs(step.value)


@settings(max_examples=40, deadline=None)
@given(st.data(), numbers, st.integers(1, 300))
def test_linear_layers_and_batch_norm_equal_torch(data, seed, features):
    linear = nn.Linear(features, 3)
    vector = random_maps(seed, 1, features)
    with torch.no_grad():
        linear.weight.copy_(random_maps(seed + 1, 3, features))
        output = linear(vector)[..., None, None]
    unit = data.draw(st.integers(0, 2)), 0, 0
    step, _ = taken_apart(linear, vector, unit, "linear")
    assert_agrees(step, output, unit)

    norm = nn.BatchNorm2d(2).eval()
    for tensor in (norm.running_mean, norm.weight, norm.bias):
        tensor.data.copy_(random_maps(seed, 2))
    norm.running_var.copy_(random_maps(seed + 2, 2).abs() + 1e-3)
    maps = random_maps(seed, 1, 2, 2, 3)
    with torch.no_grad():
        output = norm(maps)
    unit = any_unit(data, output)
    step, _ = taken_apart(norm, maps, unit, "batch_norm")
    assert_agrees(step, output, unit)


# --- every layer of every network ----------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_every_layer_of_every_network_agrees_at_corners_and_in_the_middle(name):
    network = tiny_network(name)
    rows = network.config.layers
    seen = inspect(network, tiny_image(name), [r.name for r in rows if r.kind in RECORDED])
    kinds = {
        "conv": WeightedSum,
        "linear": WeightedSum,
        "max_pool": Window,
        "avg_pool": Window,
        "lrn": ChannelNeighbours,
        "batch_norm": Standardisation,
    }
    for row in rows:
        output = arithmetic.output_of(network, seen, row.name)[0]
        height, width = output.shape[1:] if output.ndim == 3 else (1, 1)
        for place in {(0, 0), (height // 2, width // 2), (height - 1, width - 1)}:
            unit = (len(output) - 1, *place)
            steps = arithmetic.of_unit(network, seen, row.name, unit)
            assert all(step.agrees for step in steps), (row.name, unit, steps)
            assert isinstance(steps[0].parts, kinds.get(row.kind, PassedOn))
            assert (steps[0].layer, steps[0].kind) == (row.name, row.kind)
            assert steps[0].shape[0] == len(output)
    assert seen.logits[0].std() > 0


def test_what_changes_the_same_unit_follows():
    network = tiny_network("vgg16_bn")
    names = [row.name for row in network.config.layers if row.kind in RECORDED]
    seen = inspect(network, tiny_image("vgg16_bn"), names)
    steps = arithmetic.of_unit(network, seen, "conv2_2", (1, 0, 5))
    assert [step.layer for step in steps] == ["conv2_2", "bn2_2", "relu2_2"]
    assert [step.before for step in steps] == ["relu2_1", "conv2_2", "bn2_2"]
    assert steps[1].parts.given == steps[0].network
    assert [s.layer for s in arithmetic.of_unit(network, seen, "pool2", (1, 0, 0))] == ["pool2"]
    first = arithmetic.of_unit(network, seen, "fc6", (0, 0, 0))[0]
    c, row, column = first.parts.feature(int(np.abs(first.parts.given).argmax()))
    maps = arithmetic.output_of(network, seen, "avgpool")[0]
    assert abs(float(maps[c, row, column])) == np.abs(first.parts.given).max()


@pytest.mark.parametrize(
    ("layer", "unit", "kind", "words"),
    [
        ("conv9_9", (0, 0, 0), UnknownNameError, "Unknown layer of vgg11 'conv9_9'"),
        ("conv1_1", (99, 0, 0), UnknownNameError, "channels 0 to 3; 99"),
        ("conv1_1", (0, 64, 0), InputError, "64 x 64 units.*0 to 63 and 0 to 63, not 64 and 0"),
        ("fc6", (0, 0, 1), InputError, "1 x 1 units"),
        ("conv1_1", (-1, 0, 0), UnknownNameError, "-1 is not one"),
    ],
)
def test_what_is_not_there_is_said(layer, unit, kind, words):
    network = tiny_network("vgg11")
    names = [row.name for row in network.config.layers if row.kind in RECORDED]
    seen = inspect(network, tiny_image("vgg11"), names)
    with pytest.raises(kind, match=words):
        arithmetic.of_unit(network, seen, layer, unit)


def test_modules_that_are_not_known_are_refused():
    maps = torch.zeros(1, 2, 4, 4)
    for module in (nn.Conv2d(2, 2, 1, groups=2), nn.Conv2d(2, 2, 3, padding="same"), nn.GELU()):
        with pytest.raises(InputError):
            taken_apart(module, maps, (0, 0, 0), "conv")


def test_a_value_that_is_not_finite_agrees_with_nothing():
    maps = torch.full((1, 1, 1, 1), float("nan"))
    for module in (nn.Conv2d(1, 1, 1), nn.ReLU(), nn.MaxPool2d(1)):
        step, _ = taken_apart(module, maps, (0, 0, 0), "conv")
        assert np.isnan(step.network)
        assert not step.agrees


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_behind(name):
    network = tiny_network(name)
    names = [row.name for row in network.config.layers if row.kind in RECORDED]
    image = tiny_image(name)
    seen = inspect(network, image, names)
    before = copy.deepcopy(network.state_dict())
    kept = {layer: output.detach().clone() for layer, output in seen.outputs.items()}
    modes = [module.training for module in network.modules()]
    random_state = torch.get_rng_state()
    arithmetic.of_unit(network, seen, names[0], (0, 0, 0))
    with pytest.raises(UnknownNameError):
        arithmetic.of_unit(network, seen, names[0], (10**6, 0, 0))
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(kept[layer], seen.outputs[layer]) for layer in kept)
    assert not any(module._forward_hooks for module in network.modules())
    assert torch.equal(random_state, torch.get_rng_state())


def test_results_cannot_be_changed():
    step, _ = taken_apart(nn.Conv2d(3, 1, 3), torch.randn(1, 3, 5, 5), (0, 1, 1), "conv")
    for array in (step.parts.given, step.parts.weights, step.parts.inside, step.parts.sums):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
