"""Edits against networks whose weights were really zeroed; nothing stays on the model."""

import copy
from collections import OrderedDict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests import reference_edits
from tests.test_capture import assert_same, snapshot
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.attribution.cam import grad_cam
from vgg_viz.capture import inspect
from vgg_viz.edits import (
    Edit,
    Region,
    edited,
    edited_gradients,
    edited_row,
    gradient_scores,
    greedy_channels,
    prefixes,
    random_orders,
    removal_logits,
    run_edited,
)
from vgg_viz.errors import InputError, UnknownNameError

TARGET = 2


def inspected(name: str, seed: int = 0):
    rows = [row.name for row in tiny_config(name).layers if row.kind not in ("flatten", "dropout")]
    return inspect(tiny_network(name), tiny_image(name, seed), rows)


def alive(seen, row: str) -> list[int]:
    """Channels that answer, so that removing them could show."""
    output = seen.outputs[row].detach()[0]
    return [channel for channel, values in enumerate(output) if bool(values.any())]


def some_layers(name: str) -> list[str]:
    convs = tiny_config(name).convs
    return list(dict.fromkeys([convs[0], convs[1], convs[len(convs) // 2], convs[-1], "fc6"]))


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_an_ablation_equals_a_network_whose_channels_are_really_zeroed(name):
    """To the bit, for the logits, every later layer, and Grad-CAM at the last convolution."""
    network, image, config = tiny_network(name), tiny_image(name), tiny_config(name)
    seen = inspected(name)
    cam_row = edited_row(config, config.convs[-1])
    for layer in some_layers(name):
        row = edited_row(config, layer)
        gone = alive(seen, row)[:2]
        assert gone, (layer, "is dead: nothing would be tested")
        edit = Edit(row, tuple((channel, 0.0) for channel in gone))
        names = [n for n, _ in network.named_children()]
        behind = names[names.index(row) :]
        made = run_edited(network, row, seen.outputs[row].detach(), edit, keep=behind)
        zeroed = reference_edits.zeroed_copy(network, layer, gone)
        expected = reference_edits.run_through(zeroed, image)
        assert torch.equal(made.logits.detach(), expected[names[-1]])
        assert not torch.equal(made.logits.detach(), seen.logits.detach()), layer
        for later in behind:
            assert torch.equal(made.outputs[later].detach(), expected[later]), (layer, later)
        if layer == "fc6":
            continue
        maps, gradient, _ = edited_gradients(network, seen.outputs, edit, cam_row, TARGET)
        there = inspect(zeroed, image, [cam_row])
        wanted = grad_cam(there.outputs[cam_row].detach(), there.gradients(TARGET)[cam_row])
        torch.testing.assert_close(grad_cam(maps, gradient), wanted, rtol=1e-4, atol=1e-7)
        assert wanted.abs().max() > 0


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_no_edit_changes_nothing(name):
    network, config, seen = tiny_network(name), tiny_config(name), inspected(name)
    for layer in some_layers(name):
        row = edited_row(config, layer)
        nothing = Edit(
            row, ((0, 1.0),), Region(0, 0, 1, 1, outside=True) if layer != "fc6" else None
        )
        made = run_edited(network, row, seen.outputs[row].detach(), nothing)
        assert torch.equal(made.logits.detach(), seen.logits.detach()), layer


def test_a_pass_may_begin_before_the_edit():
    network, seen = tiny_network("vgg11_bn"), inspected("vgg11_bn")
    edit = Edit("relu4_1", ((1, 0.0), (2, 3.0)))
    late = run_edited(network, "relu4_1", seen.outputs["relu4_1"].detach(), edit)
    early = run_edited(network, "conv2_1", seen.outputs["conv2_1"].detach(), edit)
    assert torch.equal(late.logits.detach(), early.logits.detach())
    with pytest.raises(InputError, match="comes before"):
        run_edited(network, "pool5", seen.outputs["pool5"], edit)


def test_scaling_by_hand():
    """A linear network: logit = 1 a + 10 b with a = 2, b = 3 summed over 4 units of 1 each."""
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 2, 1), relu1=nn.ReLU(), flatten=nn.Flatten(), fc8=nn.Linear(8, 1)
        )
    )
    with torch.no_grad():
        network.conv1.weight.zero_()
        network.conv1.bias.copy_(torch.tensor([2.0, 3.0]))
        network.fc8.weight.copy_(torch.tensor([[1.0] * 4 + [10.0] * 4]))
        network.fc8.bias.zero_()
    maps = network.relu1(network.conv1(torch.zeros(1, 3, 2, 2))).detach()
    assert network(torch.zeros(1, 3, 2, 2)).item() == 4 * 2 + 40 * 3 == 128
    for factors, logit in (
        (((0, 0.0),), 120),
        (((1, 2.0),), 248),
        (((0, -1.0), (1, 0.5)), 52),
    ):
        assert run_edited(network, "relu1", maps, Edit("relu1", factors)).logits.item() == logit
    quarter = Edit("relu1", region=Region(0, 0, 0.5, 0.5))
    assert run_edited(network, "relu1", maps, quarter).logits.item() == 96
    other = torch.full((1, 2, 2, 2), 7.0)
    swapped = Edit("relu1", ((0, 2.0),), replaced=(0,))
    assert run_edited(network, "relu1", maps, swapped, other=other).logits.item() == 56 + 120
    curve = removal_logits(network, "relu1", maps, prefixes((1, 0)))
    assert curve[:, 0].tolist() == [128, 8, 0]
    scores = gradient_scores(maps, torch.tensor([1.0, 10.0]).view(1, 2, 1, 1).expand(1, 2, 2, 2))
    assert scores.tolist() == [8, 120]
    assert greedy_channels(network, "relu1", maps, 0, 5) == (1, 0)


@pytest.mark.parametrize("layer", ["conv1_1", "conv5_2", "fc6"])
def test_swapping_everything_gives_the_other_photo(layer):
    network = tiny_network("vgg11")
    row = edited_row(tiny_config("vgg11"), layer)
    one, other = inspected("vgg11"), inspected("vgg11", seed=1)
    there = other.outputs[row].detach()
    made = run_edited(network, row, one.outputs[row].detach(), Edit(row, replaced=()), other=there)
    assert torch.equal(made.logits.detach(), other.logits.detach())
    assert not torch.equal(other.logits.detach(), one.logits.detach())
    if layer != "fc6":
        edit = Edit(row, replaced=())
        maps, gradient, _ = edited_gradients(
            network, one.outputs, edit, "relu5_2", TARGET, other=there
        )
        expected = grad_cam(other.outputs["relu5_2"].detach(), other.gradients(TARGET)["relu5_2"])
        torch.testing.assert_close(grad_cam(maps, gradient), expected, rtol=1e-5, atol=1e-8)


def test_gradients_before_the_edit_come_back_through_it():
    network, seen = tiny_network("vgg11"), inspected("vgg11")
    edit = Edit("relu4_2", tuple((channel, 0.0) for channel in alive(seen, "relu4_2")))
    maps, gradient, _ = edited_gradients(network, seen.outputs, edit, "conv3_1", TARGET)
    assert torch.equal(maps, seen.outputs["conv3_1"].detach())
    assert not gradient.any()
    half = Edit("relu4_2", tuple((c, 0.5) for c in range(maps.shape[1])))
    _, gradient, _ = edited_gradients(network, seen.outputs, half, "conv3_1", TARGET)
    assert gradient.any()


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 1000),
    factors=st.dictionaries(st.integers(0, 4), st.floats(-3, 3, width=32), max_size=5),
    corners=st.tuples(*[st.integers(0, 20)] * 4),
    outside=st.booleans(),
    sides=st.tuples(st.integers(1, 7), st.integers(1, 7)),
)
def test_an_edit_equals_going_unit_by_unit(seed, factors, corners, outside, sides):
    left, right = sorted(corners[:2])
    top, bottom = sorted(corners[2:])
    region = None
    if left < right and top < bottom:
        region = Region(left / 20, top / 20, right / 20, bottom / 20, outside)
    height, width = sides
    maps = torch.randn(1, 5, height, width, generator=torch.Generator().manual_seed(seed))
    before = maps.clone()
    found = edited(maps, Edit("relu", tuple(factors.items()), region))
    assert torch.equal(maps, before)
    for channel in range(5):
        for i in range(height):
            for j in range(width):
                value = maps[0, channel, i, j] * factors.get(channel, 1.0)
                if region is not None:
                    y, x = (i + 0.5) / height, (j + 0.5) / width
                    inside = left / 20 <= x < right / 20 and top / 20 <= y < bottom / 20
                    value = value * (inside == outside)
                torch.testing.assert_close(found[0, channel, i, j], value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Edit("r", ((5, 0.0),)), "channels 0 to 4; 5 is not"),
        (Edit("r", ((-1, 0.0),)), "-1 is not"),
        (Edit("r", ((1, 0.0), (1, 2.0))), "two factors"),
        (Edit("r", ((1, float("nan")),)), "has to be a number"),
        (Edit("r", ((1, float("inf")),)), "has to be a number"),
        (Edit("r", replaced=()), "another photo"),
    ],
)
def test_what_cannot_be_edited_is_said(edit, message):
    with pytest.raises(InputError, match=message):
        edited(torch.zeros(1, 5, 2, 2), edit)
    with pytest.raises(InputError, match="no maps"):
        edited(torch.zeros(1, 5), Edit("r", region=Region(0, 0, 1, 1)))


@pytest.mark.parametrize(
    "corners",
    [(0.5, 0, 0.5, 1), (0.6, 0, 0.5, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.1), (0, 0, 1, float("nan"))],
)
def test_a_region_is_a_rectangle_within_the_photo(corners):
    with pytest.raises(InputError, match="A region needs"):
        Region(*corners)


def test_edits_take_place_behind_the_relu():
    config = tiny_config("vgg11_bn")
    assert edited_row(config, "conv3_1") == edited_row(config, "bn3_1") == "relu3_1"
    assert edited_row(config, "pool2") == "pool2"
    assert edited_row(config, "fc6") == "relu6"
    for layer in ("fc8", "conv9_9", ""):
        with pytest.raises(UnknownNameError, match="layer of vgg11_bn to edit"):
            edited_row(config, layer)


@pytest.mark.parametrize(("name", "layer"), [("vgg11", "conv4_2"), ("zfnet_b", "conv3")])
def test_greedy_equals_whole_passes_one_by_one(name, layer):
    network, image, seen = tiny_network(name), tiny_image(name), inspected(name)
    row = edited_row(tiny_config(name), layer)
    found = greedy_channels(network, row, seen.outputs[row], TARGET, 3)
    with torch.no_grad():
        assert list(found) == reference_edits.greedy(network, image, row, TARGET, 3)
    everything = greedy_channels(network, row, seen.outputs[row], TARGET, 10_000)
    assert sorted(everything) == alive(seen, row)


@pytest.mark.parametrize(("name", "layer"), [("vgg11", "conv4_2"), ("zfnet_b", "conv3")])
def test_a_step_with_one_candidate_takes_the_first_by_gradient(name, layer):
    """By a whole backward pass with the channels removed so far at 0, step by step."""
    network, seen = tiny_network(name), inspected(name)
    row = edited_row(tiny_config(name), layer)
    maps = seen.outputs[row].detach()
    behind = list(network.children())
    behind = behind[[n for n, _ in network.named_children()].index(row) + 1 :]
    removed = []
    for _ in range(3):
        value = source = maps.clone()
        source[:, removed] = 0
        source.requires_grad_()
        for module in behind:
            value = module(value)
        (gradient,) = torch.autograd.grad(value[0, TARGET], source)
        scores = (source * gradient).sum((0, 2, 3)).tolist()
        left = [channel for channel in alive(seen, row) if channel not in removed]
        removed.append(max(left, key=lambda channel: scores[channel]))
    found = greedy_channels(network, row, seen.outputs[row], TARGET, 3, candidates=1)
    assert list(found) == removed


def test_enough_candidates_make_the_search_exact():
    network, seen = tiny_network("vgg11"), inspected("vgg11")
    row, maps = "relu4_2", seen.outputs["relu4_2"]
    exact = greedy_channels(network, row, maps, TARGET, 3)
    assert greedy_channels(network, row, maps, TARGET, 3, len(alive(seen, row))) == exact


def test_batches_do_not_change_what_is_removed(monkeypatch):
    network, seen = tiny_network("vgg11"), inspected("vgg11")
    maps = seen.outputs["relu3_1"]
    sets = [(), (0,), (1, 2), (3,), (0, 1, 2, 3)]
    whole = removal_logits(network, "relu3_1", maps, sets)
    monkeypatch.setattr("vgg_viz.edits.BATCH", 2)
    torch.testing.assert_close(removal_logits(network, "relu3_1", maps, sets), whole)
    torch.testing.assert_close(whole[:1], seen.logits.detach())
    assert whole.std(dim=0).max() > 0


def test_gradient_scores_predict_small_changes():
    """They are the slope: a factor of 1 - 1e-4 takes 1e-4 of the score from the logit."""
    network, seen = copy.deepcopy(tiny_network("vgg11")).double(), inspected("vgg11")
    maps = seen.outputs["relu5_1"].detach().double().requires_grad_()
    logits = run_edited(network, "relu5_1", maps, Edit("relu5_1")).logits
    (gradient,) = torch.autograd.grad(logits[0, TARGET], maps)
    logits = logits.detach()
    scores = gradient_scores(maps.detach(), gradient)
    assert scores.abs().max() > 0
    for channel in range(maps.shape[1]):
        edit = Edit("relu5_1", ((channel, 1 - 1e-4),))
        lower = run_edited(network, "relu5_1", maps.detach(), edit).logits[0, TARGET]
        predicted = float(scores[channel]) * 1e-4
        assert float(logits[0, TARGET] - lower) == pytest.approx(predicted, rel=1e-3, abs=1e-12)


def test_random_orders_repeat_with_their_seed():
    before = torch.random.get_rng_state()
    one = random_orders(10, 4, 3, seed=1)
    assert one == random_orders(10, 4, 3, seed=1) != random_orders(10, 4, 3, seed=2)
    assert [len(set(order)) for order in one] == [4, 4, 4]
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network(name, training):
    network = copy.deepcopy(tiny_network(name)).train(training)
    config, seen = tiny_config(name), inspected(name)
    row = edited_row(config, config.convs[1])
    maps = seen.outputs[row].detach()
    untouched, before = maps.clone(), snapshot(network)
    edit = Edit(row, ((0, 0.0), (1, 2.0)), Region(0.1, 0.1, 0.6, 0.7))
    run_edited(network, row, maps, edit, keep=[row])
    edited_gradients(network, seen.outputs, edit, edited_row(config, config.convs[-1]), TARGET)
    greedy_channels(network, row, maps[:, :], TARGET, 1)
    assert_same(before, snapshot(network))
    for bad, kind in ((Edit(row, ((999, 0.0),)), InputError), (Edit("x"), UnknownNameError)):
        with pytest.raises(kind):
            run_edited(network, row, maps, bad)
    with pytest.raises(UnknownNameError):
        run_edited(network, row, maps, edit, keep=["conv9_9"])
    with pytest.raises(IndexError):
        edited_gradients(network, seen.outputs, edit, row, 99)
    with pytest.raises(RuntimeError):
        run_edited(network, row, maps[:, :-1], Edit(row))  # a channel is missing
    assert_same(before, snapshot(network))
    assert torch.equal(maps, untouched)
    assert not maps.requires_grad
