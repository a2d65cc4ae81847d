"""Dense evaluation against the network run crop by crop, written out literally."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from tests.tiny import ALL_NETWORKS, CLASSES, tiny_config, tiny_image, tiny_network
from vgg_viz.dense import (
    dense_macs,
    dense_scores,
    least_side,
    normalised,
    positions,
    scores_by_crops,
    whole_photo,
)
from vgg_viz.errors import InputError
from vgg_viz.models.configs import build
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.preprocessing import IMAGENET, Preprocessing, prepare

RELATIVE = 2e-5  # of the largest score: fp32 sums of other orders


def photo(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(1, 3, height, width, generator=generator)
    return images.contiguous(memory_format=torch.channels_last)


def unpadded(network, crop):
    """The network without any padding on one crop: its logits, written out from the table."""
    x = crop
    for row in network.config.layers:
        module = getattr(network, row.name)
        match module:
            case nn.Conv2d():
                x = F.conv2d(x, module.weight, module.bias, module.stride)
            case nn.MaxPool2d():
                x = F.max_pool2d(x, module.kernel_size, module.stride, ceil_mode=row.ceil_mode)
            case nn.AdaptiveAvgPool2d():
                assert x.shape[-1] == row.out  # the crop leaves just the grid that fc6 reads
            case nn.Dropout():
                pass
            case _:
                x = module(x)
    return x


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_at_the_declared_size_it_is_the_network(name):
    network, images = tiny_network(name), tiny_image(name)
    scores = dense_scores(network, images)
    with torch.inference_mode():
        expected = network(images)
    assert scores.shape == (1, CLASSES, 1, 1)
    assert expected.std() > 0.01
    torch.testing.assert_close(scores[..., 0, 0], expected, rtol=RELATIVE, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "height", "width"),
    [
        ("vgg11", 300, 333),
        ("vgg16", 330, 345),
        ("vgg16_bn", 341, 320),
        ("vgg11_lrn", 260, 301),
        ("zfnet_b", 270, 301),
        ("zfnet_a", 256, 288),
        ("alexnet", 290, 321),
    ],
)
def test_where_no_padding_is_in_sight_it_is_the_unpadded_network_on_that_crop(name, height, width):
    network, images = tiny_network(name), photo(height, width)
    scores = dense_scores(network, images)[0]
    down, across = (positions(network.config, side) for side in (height, width))
    assert scores.shape == (CLASSES, down.count, across.count)
    compared = []
    for r in np.flatnonzero(down.whole):
        for c in np.flatnonzero(across.whole):
            (top, bottom), (left, right) = down.seen.span(int(r)), across.seen.span(int(c))
            with torch.inference_mode():
                literal = unpadded(network, images[:, :, top:bottom, left:right])[0]
            torch.testing.assert_close(
                scores[:, r, c], literal, rtol=RELATIVE, atol=RELATIVE * float(scores.abs().max())
            )
            compared.append(literal)
    assert len(compared) >= 2
    assert torch.stack(compared).std(0).max() > 1e-4  # the crops are told apart


@pytest.mark.parametrize("name", ["vgg16", "zfnet_b"])
def test_padding_makes_the_padded_network_on_crops_differ(name):
    network, images = tiny_network(name), photo(256, 288)
    slid = scores_by_crops(network, images)
    window, stride = network.config.input_size, 32
    rows, columns = ((side - window) // stride + 1 for side in (256, 288))
    assert slid.shape == (rows, columns, CLASSES)
    with torch.inference_mode():
        one = network(images[:, :, stride : stride + window, 2 * stride : 2 * stride + window])
    torch.testing.assert_close(slid[1, 2], one[0], rtol=1e-5, atol=1e-6)
    dense = dense_scores(network, images)[0, :, :rows, :columns].permute(1, 2, 0)
    assert (dense - slid).abs().max() > 1e-3 * float(slid.abs().max())


def test_a_network_without_padding_slid_over_the_photo_is_the_dense_evaluation():
    """Then window and field are one, and every position is the network on its crop."""
    network = tiny_network("zfnet_b")
    bare = ConvNet(network.config)
    bare.load_state_dict(network.state_dict())
    for module in bare.modules():
        if isinstance(module, nn.Conv2d):
            module.padding = (0, 0)
    bare.eval()
    images = photo(239, 239)
    scores = dense_scores(bare, images)[0]
    field = positions(network.config, 239).seen
    compared = 0
    for r in range(scores.shape[1]):
        for c in range(scores.shape[2]):
            y, x = r * field.jump, c * field.jump
            if max(y, x) + field.size <= 239:
                with torch.inference_mode():
                    one = bare(images[:, :, y : y + field.size, x : x + field.size])[0]
                torch.testing.assert_close(scores[:, r, c], one, rtol=RELATIVE, atol=1e-6)
                compared += 1
    assert compared == 4


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(ALL_NETWORKS), side=st.integers(1, 700))
def test_positions_are_those_that_come_out(name, side):
    config = tiny_config(name)
    least = least_side(config)
    if side < least:
        with pytest.raises(InputError, match=rf"Give at least {least} px"):
            positions(config, side)
        return
    found = positions(config, side)
    with torch.device("meta"):
        features = nn.Sequential(
            OrderedDict((n, m) for n, m in ConvNet(config).named_children() if m is not None)
        )
        x = torch.empty(1, 3, side, side)
        for row, module in zip(config.layers, features, strict=True):
            if row.kind == "avg_pool":
                break
            x = module(x)
    assert found.count == x.shape[-1] - config.layer("avgpool").out + 1
    assert len(found.whole) == found.count
    assert all(corner + config.input_size <= side for corner in found.corners)
    spans = [found.seen.span(i) for i in range(found.count)]
    assert found.whole.tolist() == [start >= 0 and end <= side for start, end in spans]


def test_the_field_of_vgg16_is_404_px_and_its_least_photo_224():
    config = build("vgg16")
    assert least_side(config) == 224
    found = positions(config, 448)
    assert (found.count, found.seen.size, found.seen.jump, found.window) == (8, 404, 32, 224)
    assert np.flatnonzero(found.whole).tolist() == [3, 4]  # 6..410 and 38..442 px
    assert found.seen.center(0) == 111.5  # the middle of the first window
    with pytest.raises(InputError, match="at least 224 px"):
        positions(config, 223)


def test_work_is_counted():
    config = build("vgg16")
    one = 15_470_264_320
    assert dense_macs(config, 224, 224) == one
    fc = 123_633_664
    assert dense_macs(config, 448, 448) == 4 * (one - fc) + 64 * fc
    assert dense_macs(config, 224, 448) == 2 * (one - fc) + 8 * fc


@pytest.mark.parametrize(("height", "width"), [(300, 400), (400, 300), (200, 200), (100, 900)])
def test_the_whole_photo_is_kept_and_not_distorted(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    made = whole_photo(pixels, IMAGENET, 160)
    assert min(made.shape[:2]) == 160
    longest = min(max(height, width), 2 * min(height, width))
    assert max(made.shape[:2]) == round(longest * 160 / min(height, width))
    assert made.dtype == np.uint8


def test_a_square_photo_is_prepared_as_the_network_does():
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    wanted = Preprocessing(128, 128, IMAGENET.mean, IMAGENET.std)
    made = normalised(whole_photo(pixels, wanted, 128), wanted)
    np.testing.assert_allclose(made[0], prepare(pixels, wanted), atol=1e-6)


@pytest.mark.parametrize("side", [300, 40])
def test_nothing_stays_on_the_network(side):
    network = build_network(tiny_config("vgg16_bn"), seed=0)
    network.train()
    network.relu1_1.inplace = True
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images = photo(side, side)
    kept, state = images.clone(), torch.get_rng_state()
    if side == 40:
        with pytest.raises(InputError):
            dense_scores(network, images)
    else:
        assert not dense_scores(network, images).requires_grad
        scores_by_crops(network, images)
    assert all(module.training for module in network.modules())
    assert network.relu1_1.inplace
    assert sum(len(m._forward_hooks) for m in network.modules()) == 0
    assert all(parameter.grad is None for parameter in network.parameters())
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert torch.equal(images, kept)
    assert torch.equal(torch.get_rng_state(), state)
