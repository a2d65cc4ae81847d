"""ZFNet's correspondence measure against a literal one and hand-worked numbers."""

import copy
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests import reference_correspondence
from tests.test_capture import assert_same, snapshot
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.correspondence import anywhere, correspondence, covered, differing, outputs
from vgg_viz.errors import InputError, UnknownNameError

EYE = (0.25, 0.25, 0.5, 0.5)


def test_three_vectors_by_hand():
    """Of four signs, rows 1 and 2 differ in two, 1 and 3 in one, 2 and 3 in three."""
    signs = torch.tensor([[1, 0, -1, 1], [1, 1, 1, 1], [1, 0, -1, -1]])
    assert differing(signs).tolist() == [0.5, 0.25, 0.75]


def test_two_photos_of_two_px_by_hand():
    """A layer that passes its input on.

    Photo 1 is (2, 5), photo 2 (-3, 5); their left px at 0 leave eps = (2, 0) and (-3, 0): one of
    two signs differs. Covering the right px of photo 2 instead: eps = (0, 5), and both differ.
    """
    network = nn.Sequential(OrderedDict(same=nn.Identity()))
    photos = [torch.tensor([[[[a, 5.0]]]]) for a in (2.0, -3.0)]
    left, right = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
    found = correspondence(network, photos, [(left, left), (left, right)], ["same"])
    assert found["same"].tolist() == [[0.5], [1.0]]


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("layer", ["relu3_1", "pool5", "relu7"])
def test_it_equals_the_literal_measure(count, layer):
    network = tiny_network("vgg11")
    photos = [tiny_image("vgg11", seed) for seed in range(count)]
    parts = [(0.1 * i, 0.2, 0.1 * i + 0.4, 0.7) for i in range(count)]

    def flat(image):
        value = image
        for name, module in network.named_children():
            value = module(value)
            if name == layer:
                return value.detach().numpy().ravel()
        raise AssertionError(layer)

    masked = []
    for image, (left, top, right, bottom) in zip(photos, parts, strict=True):
        made = image.clone()
        for row in range(64):
            for column in range(64):
                x, y = (column + 0.5) / 64, (row + 0.5) / 64
                if left <= x < right and top <= y < bottom:
                    made[0, :, row, column] = 0
        masked.append(made)
    expected = reference_correspondence.delta_share(map(flat, photos), map(flat, masked))
    found = correspondence(network, photos, [parts], [layer])[layer]
    assert found.shape == (1, count * (count - 1) // 2)
    assert expected > 0.01
    np.testing.assert_allclose(float(found.mean()), expected, rtol=1e-12)


def test_the_same_photo_twice_changes_alike():
    photo = tiny_image("vgg11")
    found = correspondence(tiny_network("vgg11"), [photo, photo], [(EYE, EYE)], ["relu5_2", "fc7"])
    assert [share.tolist() for share in found.values()] == [[[0.0]], [[0.0]]]


@settings(max_examples=60)
@given(
    ends=st.tuples(*[st.floats(0, 1, allow_nan=False) for _ in range(4)]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
)
def test_covered_px_are_those_whose_centre_is_inside(ends, height, width):
    left, right = sorted(ends[:2])
    top, bottom = sorted(ends[2:])
    image = torch.ones(1, 3, height, width)
    if left == right or top == bottom:
        with pytest.raises(InputError, match="A part needs"):
            covered(image, (left, top, right, bottom))
        return
    made = covered(image, (left, top, right, bottom))
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    columns, rows = (x >= left) & (x < right), (y >= top) & (y < bottom)
    gone = made[0, 0].numpy() == 0
    assert gone.any(), "at least one px"
    if columns.any() and rows.any():
        np.testing.assert_array_equal(gone, rows[:, None] & columns[None])
    assert bool((image == 1).all())


def test_rectangles_anywhere_keep_their_sizes_and_stay_inside():
    sizes = [(0.2, 0.3), (0.5, 0.1), (1.0, 1.0)]
    drawn = anywhere(sizes, 50, seed=3)
    assert len(drawn) == 50
    for draw in drawn:
        for (left, top, right, bottom), (width, height) in zip(draw, sizes, strict=True):
            assert right - left == pytest.approx(width)
            assert bottom - top == pytest.approx(height)
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1
    lefts = [draw[0][0] for draw in drawn]
    assert min(lefts) < 0.1
    assert max(lefts) > 0.7
    assert anywhere(sizes, 50, seed=3) == drawn
    assert anywhere(sizes, 5, seed=3) == drawn[:5]
    assert anywhere(sizes, 5, seed=4) != drawn[:5]


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network(name):
    network = copy.deepcopy(tiny_network(name)).train()
    before = snapshot(network)
    photos = [tiny_image(name, seed) for seed in (0, 1)]
    kept = [photo.clone() for photo in photos]
    layer = tiny_config(name).convs[1]
    correspondence(network, photos, [(EYE, EYE)], [layer, "relu6"])
    assert_same(before, snapshot(network))
    for call in (
        lambda: correspondence(network, photos[:1], [(EYE,)], [layer]),
        lambda: correspondence(network, photos, [(EYE,)], [layer]),
        lambda: correspondence(network, photos, [((0.5, 0, 0.2, 1), EYE)], [layer]),
    ):
        with pytest.raises(InputError):
            call()
    with pytest.raises(UnknownNameError, match="conv9_9"):
        outputs(network, photos[0], ["conv9_9"])
    assert_same(before, snapshot(network))
    assert all(torch.equal(a, b) for a, b in zip(photos, kept, strict=True))
