"""Backward rules against loops over the table, captum, hand-worked numbers; no trace left."""

import copy
import warnings
from functools import cache

import captum.attr
import numpy as np
import pytest
import torch
from captum.testing.helpers.basic_models import BasicModel_ConvNet_One_Conv
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests import reference_deconvnet as literal
from tests.test_capture import assert_same, snapshot
from tests.tiny import ALL_NETWORKS, CLASSES, tiny_config, tiny_image, tiny_network
from vgg_viz.attribution.backward_rules import firing_units, only, reconstruct, through_relu
from vgg_viz.capture import inspect
from vgg_viz.errors import UnknownNameError
from vgg_viz.results import RULES, FiringUnit

WITH_LRN = ("zfnet_a", "zfnet_b", "vgg11_lrn")
CAPTUM = {
    "gradient": (captum.attr.Saliency, captum.attr.NeuronGradient),
    "deconvnet": (captum.attr.Deconvolution, captum.attr.NeuronDeconvolution),
    "guided": (captum.attr.GuidedBackprop, captum.attr.NeuronGuidedBackprop),
}


def everything(network):
    return [name for name, _ in network.named_children()]


@cache
def seen_of(name):
    network = tiny_network(name)
    return inspect(network, tiny_image(name), everything(network))


@cache
def climbed(name):
    with torch.no_grad():
        return literal.climb(copy.deepcopy(tiny_network(name)), tiny_config(name), tiny_image(name))


def start_of(output, count=1):
    """The strongest units of the strongest channel, everything else 0."""
    channel = int(output[0].detach().amax(dim=(1, 2)).argmax())
    units = firing_units(output[0, channel], count)
    assert units
    return only(output, channel, units)


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_every_convolution_equals_unpooling_rectifying_and_transposed_filters(name):
    network, seen, up = tiny_network(name), seen_of(name), climbed(name)
    for layer in tiny_config(name).convs:
        start = start_of(seen.outputs[layer], 9)
        for rule in RULES:
            for treatment in ("passed", "derivative") if name in WITH_LRN else ("passed",):
                found = reconstruct(network, seen, layer, start, rule, lrn=treatment)[0]
                expected = literal.descend(up, layer, start[0], rule, lrn=treatment)
                scale = float(expected.abs().max())
                assert scale > 1e-5
                torch.testing.assert_close(
                    found.double() / scale, expected / scale, rtol=1e-4, atol=1e-5
                )


@pytest.mark.parametrize("name", ["zfnet_b", "vgg16", "vgg16_bn", "alexnet"])
def test_from_a_class_score_too(name):
    network, seen, up = tiny_network(name), seen_of(name), climbed(name)
    start = torch.zeros_like(seen.logits).detach()
    start[0, 2] = 1
    for rule in RULES:
        found = reconstruct(network, seen, "fc8", start, rule)[0].double()
        expected = literal.descend(up, "fc8", start[0], rule, lrn="derivative")
        scale = float(expected.abs().max())
        assert scale > 0
        torch.testing.assert_close(found / scale, expected / scale, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_class_scores_equal_captum(name, rule):
    network, image, seen = tiny_network(name), tiny_image(name), seen_of(name)
    method = CAPTUM[rule][0](copy.deepcopy(network))
    details = {"abs": False} if rule == "gradient" else {}
    for target in (0, CLASSES - 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # captum says that it sets hooks
            expected = method.attribute(image.clone().requires_grad_(), target, **details)
        start = torch.zeros_like(seen.logits).detach()
        start[0, target] = 1
        found = reconstruct(network, seen, "fc8", start, rule)
        assert expected.std() > 0
        torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize(
    ("name", "layer"),
    [("zfnet_b", "conv2"), ("zfnet_b", "conv5"), ("vgg16", "conv3_2"), ("vgg16", "conv5_3")],
)
def test_a_unit_of_a_layer_equals_captum(name, layer, rule):
    network, image, seen = tiny_network(name), tiny_image(name), seen_of(name)
    output = seen.outputs[layer]
    channel = int(output[0].detach().amax(dim=(1, 2)).argmax())
    (unit,) = firing_units(output[0, channel], 1)
    own = copy.deepcopy(network)
    method = CAPTUM[rule][1](own, own.get_submodule(layer))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = method.attribute(
            image.clone().requires_grad_(), (channel, unit.row, unit.column)
        ).detach()
    found = reconstruct(network, seen, layer, only(output, channel, (unit,)), rule)
    assert expected.std() > 0
    torch.testing.assert_close(found / unit.value, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("in_place", [False, True])
def test_the_numbers_of_captum_own_tests(in_place):
    """peers.md V2, on captum's one-convolution network as a flat table."""
    theirs = BasicModel_ConvNet_One_Conv(inplace=in_place)
    network = nn.Sequential(theirs.conv1, theirs.relu1, nn.Flatten(), theirs.fc1, theirs.relu2)
    image = torch.arange(16.0).view(1, 1, 4, 4)
    seen = inspect(network, image, everything(network))
    start = torch.tensor([[1.0, 0, 0, 0]])
    expected = {
        "guided": [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]],
        "deconvnet": [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]],
    }
    for rule, numbers in expected.items():
        found = reconstruct(network, seen, "4", start, rule)
        torch.testing.assert_close(found[0, 0], torch.tensor(numbers).float())


def test_three_rules_by_hand():
    """One ReLU with three units: it lets through what its rule says and nothing else."""
    before = torch.tensor([1.0, -1.0, 2.0, 0.0, -3.0])
    signal = torch.tensor([5.0, 6.0, -7.0, 8.0, -9.0])
    expected = {
        "gradient": [5, 0, -7, 0, 0],
        "deconvnet": [5, 6, 0, 8, 0],
        "guided": [5, 0, 0, 0, 0],
    }
    for rule, numbers in expected.items():
        assert through_relu(RULES[rule], signal, before).tolist() == numbers


def test_overlapping_windows_that_share_a_switch_add_up():
    """3 x 3, stride 2, on a map whose largest value lies in four windows."""
    network = nn.Sequential(nn.MaxPool2d(3, 2))
    image = torch.zeros(1, 1, 5, 5)
    image[0, 0, 2, 2] = 1
    seen = inspect(network, image, ["0"])
    start = torch.tensor([[[[1.0, 2.0], [4.0, 8.0]]]])
    found = reconstruct(network, seen, "0", start, "deconvnet")
    assert float(found[0, 0, 2, 2]) == 15 == float(found.sum())


def test_no_relu_lies_before_the_first_convolution():
    network, seen = tiny_network("vgg16"), seen_of("vgg16")
    start = start_of(seen.outputs["conv1_1"])
    signals = [reconstruct(network, seen, "conv1_1", start, rule) for rule in RULES]
    assert torch.equal(signals[0], signals[1])
    assert torch.equal(signals[0], signals[2])


def test_what_happens_at_normalisation_matters_little_and_something():
    network, seen = tiny_network("zfnet_b"), seen_of("zfnet_b")
    start = start_of(seen.outputs["conv5"])
    passed, derivative = (
        reconstruct(network, seen, "conv5", start, "deconvnet", lrn=lrn).flatten()
        for lrn in ("passed", "derivative")
    )
    assert not torch.equal(passed, derivative)
    assert float(torch.corrcoef(torch.stack([passed, derivative]))[0, 1]) > 0.95


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    count=st.integers(1, 9),
    seed=st.integers(0, 999),
)
def test_firing_units_are_the_largest_positive_values(height, width, count, seed):
    values = np.random.default_rng(seed).integers(-3, 4, (height, width)).astype(np.float32)
    found = firing_units(torch.from_numpy(values), count)
    flat = [(float(values[i, j]), i, j) for i, j in np.ndindex(values.shape) if values[i, j] > 0]
    expected = sorted(flat, key=lambda each: (-each[0], each[1], each[2]))[:count]
    assert found == tuple(FiringUnit(i, j, value) for value, i, j in expected)


def test_all_other_activations_are_zero():
    output = torch.arange(1.0, 25).reshape(1, 2, 3, 4)
    start = only(output, 1, (FiringUnit(2, 3, 24.0), FiringUnit(0, 0, 13.0)))
    assert start.count_nonzero() == 2
    assert (float(start[0, 1, 2, 3]), float(start[0, 1, 0, 0])) == (24, 13)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network(name, training):
    network = copy.deepcopy(tiny_network(name)).train(training)
    image = tiny_image(name)
    untouched, before = image.clone(), snapshot(network)
    seen = inspect(network, image, everything(network))
    layer = tiny_config(name).convs[-1]
    outputs = {key: value.detach().clone() for key, value in seen.outputs.items()}
    start = start_of(seen.outputs[layer])
    for rule in RULES:
        reconstruct(network, seen, layer, start, rule)
    assert_same(before, snapshot(network))
    with pytest.raises(UnknownNameError, match="ReLU rule"):
        reconstruct(network, seen, layer, start, "smooth")
    with pytest.raises(UnknownNameError, match="layer"):
        reconstruct(network, seen, "conv9_9", start, "guided")
    with pytest.raises(RuntimeError):
        reconstruct(network, seen, layer, start[:, :1, :1], "guided")  # not the layer's shape
    assert_same(before, snapshot(network))
    assert all(torch.equal(outputs[key], value) for key, value in seen.outputs.items())
    # The Inspection goes on answering: its graph is still there.
    assert seen.gradients(0)[layer].abs().sum() > 0
    assert torch.equal(image, untouched)
    assert not image.requires_grad
    assert image.grad is None


def test_no_grad_around_the_call_does_not_matter():
    network, seen = tiny_network("vgg11"), seen_of("vgg11")
    start = start_of(seen.outputs["conv5_2"])
    expected = reconstruct(network, seen, "conv5_2", start, "guided")
    with torch.no_grad():
        assert torch.equal(reconstruct(network, seen, "conv5_2", start, "guided"), expected)
