"""Inversion against a literal objective, finite differences and hand-worked numbers."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests import reference_inversion
from tests.test_capture import assert_same, snapshot
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_network
from vgg_viz.architecture import describe_network, one_of_each_stage
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.inversion import (
    Inverter,
    Priors,
    alpha_norm,
    code,
    total_variation,
    usual_priors,
)
from vgg_viz.preprocessing import Preprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def preprocessing(side):
    return Preprocessing(side, side, MEAN, STD)


def photo_of(side, seed=0, dtype=torch.float32):
    """A smooth picture (1, 3, side, side) in [0, 1]."""
    coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)


def inverter(name, layer, *, network=None, dtype=torch.float32, **more):
    side = tiny_config(name).input_size
    network = network or tiny_network(name)
    return Inverter(network, layer, photo_of(side, dtype=dtype), preprocessing(side), **more)


def test_the_priors_by_hand():
    """Across 1 + 4, down 4 + 9; 0 + 1 + 64 + 4096."""
    picture = torch.tensor([[[[0.0, 1.0], [2.0, 4.0]]]])
    assert float(total_variation(picture)) == 18
    assert float(alpha_norm(picture)) == 4161


def test_a_flat_picture_has_no_variation_and_signs_do_not_matter():
    assert float(total_variation(torch.full((1, 3, 3, 3), 0.7))) == 0
    assert float(alpha_norm(torch.full((1, 1, 1, 2), -2.0))) == 128


@settings(max_examples=40)
@given(height=st.integers(1, 6), width=st.integers(1, 6), seed=st.integers(0, 999))
def test_the_priors_equal_a_literal_sum(height, width, seed):
    picture = np.random.default_rng(seed).normal(0, 1, (3, height, width))
    given_ = torch.from_numpy(picture)[None]
    np.testing.assert_allclose(
        float(total_variation(given_)), reference_inversion.total_variation(picture), rtol=1e-12
    )
    np.testing.assert_allclose(
        float(alpha_norm(given_)), reference_inversion.alpha_norm(picture), rtol=1e-12
    )


@pytest.mark.parametrize("layer", ["conv2_1", "relu2_1", "pool2", "fc7", "relu7", "fc8"])
def test_the_objective_equals_the_formula(layer):
    network = copy.deepcopy(tiny_network("vgg11")).double()
    priors = Priors(3.0, 0.2)
    made = inverter("vgg11", layer, network=network, dtype=torch.float64, priors=priors)
    picture = photo_of(64, seed=5, dtype=torch.float64)
    loss, distance = made.objective(network, picture)
    mean, std = (np.array(each)[:, None, None] for each in (MEAN, STD))
    codes = []
    for each in (picture, photo_of(64, dtype=torch.float64)):
        read = (each[0].numpy() - mean) / std
        value = torch.from_numpy(read)[None]
        for name, module in network.named_children():
            value = module(value)
            if name == layer:
                codes.append((value.numpy(), read))
    expected, apart = reference_inversion.objective(
        codes[0][0], codes[1][0], codes[0][1], priors.total_variation, priors.alpha_norm
    )
    assert apart > 1e-3
    np.testing.assert_allclose(float(loss), expected, rtol=1e-10)
    np.testing.assert_allclose(float(distance), apart, rtol=1e-10)


def test_the_gradient_equals_finite_differences():
    network = copy.deepcopy(tiny_network("vgg11")).double()
    made = inverter("vgg11", "conv2_1", network=network, dtype=torch.float64)
    picture = made.picture.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(made.objective(network, picture)[0], picture)
    step = 1e-6
    with torch.no_grad():
        for c, i, j in ((0, 0, 0), (1, 31, 17), (2, 63, 63)):
            ends = []
            for sign in (1, -1):
                moved = picture.detach().clone()
                moved[0, c, i, j] += sign * step
                ends.append(float(made.objective(network, moved)[0]))
            slope = (ends[0] - ends[1]) / (2 * step)
            assert abs(slope) > 1e-6
            np.testing.assert_allclose(float(gradient[0, c, i, j]), slope, rtol=1e-4)


def test_the_first_step_of_adam_has_the_length_of_its_rate():
    """m / sqrt(v) is the gradient's sign at first; the rate is 0.01 / sqrt(1 + 1 / 20)."""
    network = tiny_network("vgg11")
    made = inverter("vgg11", "conv1_1", learning_rate=0.01)
    before = made.picture.clone()
    leaf = before.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(made.objective(network, leaf)[0], leaf)
    made.step(network)
    expected = (before - 0.01 / 1.05**0.5 * gradient.sign()).clamp(0, 1)
    clear = gradient.abs() > 1e-5  # beside which Adam's epsilon is nothing
    assert clear.float().mean() > 0.9
    torch.testing.assert_close(made.picture[clear], expected[clear], rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_a_shallow_code_brings_the_photo_back(name):
    network, first = tiny_network(name), tiny_config(name).convs[0]
    made = inverter(name, first, priors=Priors(0.1))
    start = made.picture.clone()
    photo = photo_of(tiny_config(name).input_size)
    for _ in range(40):
        made.step(network)
    assert made.distances[-1] < 0.2 * made.distances[0]
    assert made.losses[-1] < 0.2 * made.losses[0]
    assert made.distance(network) < 0.2 * made.distances[0]
    assert (made.picture - photo).norm() < 0.9 * (start - photo).norm()
    assert float(made.picture.min()) >= 0
    assert float(made.picture.max()) <= 1


@pytest.mark.parametrize("layer", ["conv3", "relu2", "norm1", "pool5", "fc6", "relu7"])
def test_every_kind_of_layer_can_be_met(layer):
    network = tiny_network("zfnet_b")
    made = inverter("zfnet_b", layer, priors=Priors(0.0, 0.0))
    for _ in range(25):
        made.step(network)
    assert made.distances[-1] < 0.7 * made.distances[0]
    expected = code(network, layer, torch.zeros(1, 3, 96, 96)).shape[1:]
    assert made.code_shape == tuple(expected)


def test_stopped_and_continued_it_makes_the_same_picture_to_the_bit():
    network = tiny_network("vgg11")
    whole, parts = (inverter("vgg11", "conv3_1", seed=7) for _ in range(2))
    for _ in range(12):
        whole.step(network)
    for _ in range(5):
        parts.step(network)
    resumed = copy.deepcopy(parts)  # nothing it needs is anywhere else
    torch.rand(3)
    for _ in range(7):
        resumed.step(network)
    assert torch.equal(whole.picture, resumed.picture)
    assert whole.losses == resumed.losses
    other = inverter("vgg11", "conv3_1", seed=8)
    assert not torch.equal(other.picture, inverter("vgg11", "conv3_1", seed=7).picture)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network(name, training):
    network = copy.deepcopy(tiny_network(name)).train(training)
    next(network.parameters()).requires_grad_(True)
    before = snapshot(network)
    side, layer = tiny_config(name).input_size, tiny_config(name).convs[1]
    photo = photo_of(side)
    untouched = photo.clone()
    with torch.no_grad():
        made = Inverter(network, layer, photo, preprocessing(side))
        made.step(network)
    made.distance(network)
    assert_same(before, snapshot(network))
    assert torch.equal(photo, untouched)
    assert not made.picture.requires_grad
    with pytest.raises(UnknownNameError, match="conv9_9"):
        Inverter(network, "conv9_9", photo, preprocessing(side))
    made.picture = made.picture[:, :2]  # two colours
    with pytest.raises(RuntimeError):
        made.step(network)
    assert_same(before, snapshot(network))


def test_layers_behind_the_code_are_not_run():
    class Refusing(nn.Module):
        def forward(self, _):
            raise AssertionError("it ran")

    network = copy.deepcopy(tiny_network("vgg11"))
    network.pool3 = Refusing()
    made = inverter("vgg11", "relu3_2", network=network)
    made.step(network)
    with pytest.raises(AssertionError, match="it ran"):
        code(network, "fc6", photo_of(64))


def test_a_silent_layer_has_no_code():
    network = copy.deepcopy(tiny_network("vgg11"))
    network.conv2_1.bias.fill_(-1e6)
    with pytest.raises(InputError, match="relu2_1 is 0 everywhere"):
        inverter("vgg11", "relu2_1", network=network)


def test_the_usual_weights_grow_with_depth_as_the_authors():
    """AlexNet's eight layers: 1, 1, 10, 10, and 100 for the last four."""
    layers = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    found = [usual_priors(layers, layer).total_variation for layer in layers]
    assert found == [1, 1, 10, 10, 100, 100, 100, 100]


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("zfnet_b", "conv1 conv2 conv3 conv4 conv5 fc6 fc7"),
        ("vgg16", "conv1_1 conv2_2 conv3_3 conv4_3 conv5_3 fc6 fc7"),
        ("vgg11", "conv1_1 conv2_1 conv3_2 conv4_2 conv5_2 fc6 fc7"),
    ],
)
def test_one_layer_of_each_stage(name, layers):
    rows = describe_network(name).rows
    assert one_of_each_stage([row.info for row in rows]) == tuple(layers.split())
