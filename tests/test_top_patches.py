"""The top units equal brute force, whatever the batches; nothing is left on the network."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.reference_patches import agree, as_lists, top_units
from tests.test_capture import assert_same, snapshot
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.errors import UnknownNameError
from vgg_viz.patch_index import NONE
from vgg_viz.service.reconstruction import before_relu
from vgg_viz.top_patches import TopUnits, trunk

COUNT, KEPT = 7, 3


def watched(name):
    config = tiny_config(name)
    return {conv: before_relu(config, conv) for conv in config.convs}


def images(name, count=COUNT):
    return torch.cat([tiny_image(name, seed) for seed in range(count)])


def found(units, pictures, batch, order=None):
    order = list(order or range(len(pictures)))
    for start in range(0, len(order), batch):
        numbers = order[start : start + batch]
        units.add(pictures[numbers], numbers)
    return units.tops()


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_the_top_units_of_every_network_equal_brute_force(name):
    network, layers = tiny_network(name), watched(name)
    pictures = images(name)
    tops = found(TopUnits(network, layers, batch=3, kept=KEPT), pictures, 3)
    assert list(tops) == list(layers)
    for conv in (next(iter(layers)), list(layers)[len(layers) // 2], list(layers)[-1]):
        expected = top_units(network, layers[conv], pictures)
        agree(as_lists(tops[conv]), expected, KEPT)
        assert len({unit[1] for channel in expected for unit in channel}) > 1


def toy(weights):
    """One 1x1 convolution of one channel that passes red on."""
    network = nn.Sequential()
    conv = nn.Conv2d(3, len(weights), 1, bias=False)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[:, 0, 0, 0] = torch.tensor(weights)
    network.add_module("conv1", conv)
    return network


def pictures_of(reds):
    pictures = torch.zeros(len(reds), 3, 2, 2)
    pictures[:, 0] = torch.tensor(reds, dtype=torch.float32).reshape(-1, 2, 2)
    return pictures


def test_by_hand_with_equal_values():
    # Image 1 has 5 twice, image 2 has it too; the first place and the lower number come first.
    pictures = pictures_of([[1, 2, 3, 4], [0, 5, 5, 1], [5, 0, 0, 0]])
    units = TopUnits(toy([1.0, -1.0]), {"conv1": "conv1"}, batch=2, kept=2)
    top = found(units, pictures, 2, [2, 0, 1])["conv1"]
    assert as_lists(top) == [[(5, 1, 0, 1), (5, 2, 0, 0)], [(0, 1, 0, 0), (0, 2, 0, 1)]]


def test_only_one_of_a_group_is_kept_and_fewer_images_leave_places_empty():
    pictures = pictures_of([[9, 0, 0, 0], [8, 0, 0, 0], [0, 0, 7, 0]])
    units = TopUnits(toy([1.0]), {"conv1": "conv1"}, batch=1, kept=3, groups=[0, 0, 1])
    top = found(units, pictures, 1, [1, 2, 0])["conv1"]
    assert as_lists(top) == [[(9, 0, 0, 0), (7, 2, 1, 0)]]
    assert (top.values[0, 2], top.images[0, 2]) == (-np.inf, NONE)


def test_what_is_no_number_is_not_kept():
    pictures = pictures_of([[1, 2, 3, 4], [1, float("nan"), 9, 9], [float("inf"), 0, 0, 0]])
    units = TopUnits(toy([1.0]), {"conv1": "conv1"}, batch=3, kept=2)
    assert as_lists(found(units, pictures, 3)["conv1"]) == [[(4, 0, 1, 1)]]


@settings(max_examples=25)
@given(
    reds=st.lists(st.lists(st.integers(-3, 3), min_size=4, max_size=4), min_size=1, max_size=9),
    kept=st.integers(1, 4),
    batch=st.integers(1, 4),
    data=st.data(),
)
def test_order_batches_and_groups_change_nothing(reds, kept, batch, data):
    network, pictures = toy([1.0, -1.0]), pictures_of(reds)
    order = data.draw(st.permutations(range(len(reds))))
    groups = data.draw(st.lists(st.integers(0, 3), min_size=len(reds), max_size=len(reds)))
    for of in (None, groups):
        units = TopUnits(network, {"conv1": "conv1"}, batch=batch, kept=kept, groups=of)
        expected = top_units(network, "conv1", pictures, kept, of)
        assert as_lists(found(units, pictures, batch, order)["conv1"]) == expected


@pytest.mark.parametrize("name", ["vgg11_bn", "zfnet_b"])
def test_going_on_and_other_company_give_the_same_bits(name):
    network, layers, pictures = tiny_network(name), watched(name), images(name)
    whole = found(TopUnits(network, layers, batch=4, kept=KEPT), pictures, 4)
    first = found(TopUnits(network, layers, batch=4, kept=KEPT), pictures, 4, [5, 0, 3])
    units = TopUnits(network, layers, batch=4, kept=KEPT, known=first)
    second = found(units, pictures, 4, [6, 1, 2, 4])
    for conv, top in whole.items():
        for part in ("values", "images", "rows", "columns"):
            np.testing.assert_array_equal(getattr(second[conv], part), getattr(top, part))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network(name, training):
    network = copy.deepcopy(tiny_network(name)).train(training)
    network[0].weight.requires_grad_(True)
    pictures = images(name, 2)
    untouched, before = pictures.clone(), snapshot(network)
    units = TopUnits(network, watched(name), batch=2)
    units.add(pictures, [0, 1])
    assert_same(before, snapshot(network))
    with pytest.raises(RuntimeError):
        units.add(pictures[:, :2], [0, 1])  # two colours
    assert_same(before, snapshot(network))
    assert torch.equal(pictures, untouched)


def test_the_trunk_shares_modules_and_ends_where_it_is_told():
    network = tiny_network("vgg11")
    part = trunk(network, "relu2_1")
    assert list(dict(part.named_children()))[-1] == "relu2_1"
    assert part.conv1_1 is network.conv1_1
    with pytest.raises(UnknownNameError, match="relu9"):
        trunk(network, "relu9")
