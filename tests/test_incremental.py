"""Changed windows against full passes of the changed photos, over every network and any place."""

import copy
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.questions import seen_of
from tests.test_capture import assert_same, snapshot
from tests.tiny import ALL_NETWORKS, logits, tiny_image, tiny_network
from vgg_viz.attribution import fast_passes
from vgg_viz.attribution.fast_passes import FastPasses, WinogradConv, with_fast_gradients
from vgg_viz.attribution.incremental import Patches, PhotoPass, Watched


def changed(image, corners, values):
    """The whole photos with each patch in its place."""
    made = image.repeat(len(corners), 1, 1, 1)
    height, width = values.shape[2:]
    for photo, (top, left), value in zip(made, corners, values, strict=True):
        photo[:, top : top + height, left : left + width] = value
    return made


def compare(name, corners, size, *, seed=0, many=False):
    """Logits by windows and by full passes; returns how far the patches move them."""
    network, image, seen = tiny_network(name), tiny_image(name), seen_of(name)
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(corners), 3, *size, generator=generator)
    passes = PhotoPass(network, seen.image, seen.outputs, many=many)
    found = torch.empty(len(corners), seen.logits.shape[1])
    batches = passes.batches(corners, size, 5)
    assert sorted(at for batch in batches for at in batch) == list(range(len(corners)))
    for batch in batches:
        assert len(batch) <= 5
        at = torch.tensor([corners[i] for i in batch]).T
        found[batch] = passes.dense(passes.features(Patches(values[batch], at)))
    expected = logits(network, changed(image, corners, values))
    scale = float(expected.abs().max())
    np.testing.assert_allclose(found, expected, atol=1e-5 * scale, rtol=0)
    return float((expected - seen.logits.detach()).abs().max() / scale)


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_windows_at_every_border_equal_full_passes(name):
    side = tiny_image(name).shape[-1]
    for size in ((20, 20), (7, 13)):
        rows, columns = (sorted({0, 3, side // 2 - 5, side - s - 1, side - s}) for s in size)
        assert compare(name, [(y, x) for y in rows for x in columns], size) > 0.01


@pytest.mark.parametrize("name", ["zfnet_b", "vgg11_bn", "vgg16"])
def test_windows_through_the_tiles_of_fast_passes_equal_full_passes(name, monkeypatch):
    """Every convolution that can, however few its channels; windows at borders and whole maps."""
    monkeypatch.setattr(fast_passes, "LEAST_CHANNELS", 1)
    runs = []
    for way in ("change", "change_all_round"):
        plain = getattr(WinogradConv, way)

        def noted(self, *given, way=way, plain=plain):
            runs.append(way)
            return plain(self, *given)

        monkeypatch.setattr(WinogradConv, way, noted)
    side = tiny_image(name).shape[-1]
    for size in ((20, 20), (side - 4, side - 9)):
        rows, columns = (sorted({0, 3, side - s - 1, side - s}) for s in size)
        places = [(y, x) for y in rows for x in columns if max(y, x) + max(size) <= side]
        assert compare(name, places, size, many=True) > 0.01
    assert set(runs) == {"change", "change_all_round"}


@pytest.mark.parametrize("name", ALL_NETWORKS)
@settings(max_examples=12)
@given(data=st.data())
def test_any_rectangle_anywhere(name, data):
    side = tiny_image(name).shape[-1]
    size = data.draw(st.tuples(st.integers(1, side), st.integers(1, side)))
    place = st.tuples(st.integers(0, side - size[0]), st.integers(0, side - size[1]))
    compare(name, data.draw(st.lists(place, min_size=1, max_size=3)), size)


def test_a_patch_that_changes_nothing_leaves_the_logits():
    seen = seen_of("zfnet_b")
    passes = PhotoPass(tiny_network("zfnet_b"), seen.image, seen.outputs)
    same = Patches(seen.image.detach()[:, :, 8:20, 30:41], torch.tensor([[8], [30]]))
    found = passes.dense(passes.features(same))
    np.testing.assert_allclose(found, seen.logits.detach(), atol=1e-5)


@pytest.mark.parametrize("name", ["alexnet", "zfnet_b", "vgg16_bn"])
def test_the_sum_of_a_watched_map_is_that_of_the_full_pass(name):
    network, image, seen = tiny_network(name), tiny_image(name), seen_of(name)
    side = image.shape[-1]
    corners = [(0, 0), (side // 2, 9), (side - 10, side - 10)]
    values = torch.full((3, 3, 10, 10), 2.0)
    passes = PhotoPass(network, seen.image, seen.outputs)
    layers = [child for child, module in network.named_children() if isinstance(module, nn.ReLU)]
    for layer in layers[:-2]:
        watched = Watched(layer, 1, [])
        passes.features(Patches(values, torch.tensor(corners).T), watched)
        whole = changed(image, corners, values)
        with torch.inference_mode():
            for child, module in network.named_children():
                whole = module(whole)
                if child == layer:
                    break
        expected = whole[:, 1].sum((1, 2))
        np.testing.assert_allclose(watched.sums[0], expected, rtol=1e-4, atol=1e-3)


def test_layers_it_does_not_know_run_on_whole_maps():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            OrderedDict(
                a=nn.Conv2d(3, 4, (3, 5), stride=(2, 1), padding=(0, 2), dilation=(1, 2)),
                b=nn.Conv2d(4, 6, 3, padding="same", groups=2),
                c=nn.Conv2d(6, 6, 3, padding=1, padding_mode="reflect"),
                d=nn.AvgPool2d(2),
                e=nn.Conv2d(6, 4, 3, padding=2, dilation=2, groups=2),
                f=nn.Flatten(),
            )
        ).eval()
    image = torch.randn(1, 3, 21, 26, generator=torch.Generator().manual_seed(1))
    before = snapshot(network)
    passes = PhotoPass(network, image)
    corners, values = [(0, 3), (15, 20)], torch.full((2, 3, 6, 5), 1.5)
    found = passes.dense(passes.features(Patches(values, torch.tensor(corners).T)))
    expected = logits(network, changed(image, corners, values))
    assert float(expected.std()) > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert_same(before, snapshot(network))


def test_a_half_precision_network_stays_within_its_rounding():
    network = copy.deepcopy(tiny_network("vgg11")).bfloat16()
    image = tiny_image("vgg11").bfloat16()
    corners, values = [(0, 0), (20, 30)], torch.full((2, 3, 16, 16), 1.0, dtype=torch.bfloat16)
    passes = PhotoPass(network, image)
    found = passes.dense(passes.features(Patches(values, torch.tensor(corners).T))).float()
    whole = changed(image, corners, values)
    exact = logits(tiny_network("vgg11"), whole.float())
    plain = float((logits(network, whole).float() - exact).abs().max())
    assert float((found - exact).abs().max()) < 2 * plain + 0.02 * float(exact.abs().max())


# --- the passes with fewer multiplications --------------------------------------------------------


@given(
    size=st.tuples(st.integers(3, 19), st.integers(3, 19)),
    padding=st.sampled_from([0, 1, 2]),
    count=st.integers(1, 3),
    bias=st.booleans(),
)
def test_winograd_is_the_convolution(size, padding, count, bias):
    generator = torch.Generator().manual_seed(2)
    conv = nn.Conv2d(5, 7, 3, padding=padding, bias=bias)
    for parameter in conv.parameters():
        nn.init.normal_(parameter, generator=generator)
    maps = torch.randn(count, 5, *size, generator=generator)
    with torch.inference_mode():
        expected = conv.double()(maps.double())
        found = WinogradConv.of(conv.float())(maps)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=3e-4, rtol=0)


@given(count=st.integers(1, 7), size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_maps_beside_each_other_on_a_sheet_do_not_touch(count, size):
    generator = torch.Generator().manual_seed(4)
    conv = nn.Conv2d(3, 2, 3, bias=False)
    nn.init.normal_(conv.weight, generator=generator)
    maps = torch.randn(count, 3, *size, generator=generator)
    with torch.inference_mode():
        expected = torch.nn.functional.conv2d(maps, conv.weight, padding=2)
        found = WinogradConv.of(conv).change_all_round(maps)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


def test_winograd_in_bf16_stays_near_plain_bf16():
    generator = torch.Generator().manual_seed(2)
    conv = nn.Conv2d(64, 32, 3, padding=1)
    nn.init.normal_(conv.weight, std=(9 * 64) ** -0.5, generator=generator)
    maps = torch.randn(2, 64, 9, 9, generator=generator)
    with torch.inference_mode():
        exact = conv(maps)
        conv, maps = conv.bfloat16(), maps.bfloat16()
        plain = float((conv(maps).float() - exact).abs().mean())
        found = float((WinogradConv.of(conv)(maps).float() - exact).abs().mean())
    assert 0 < found < 5 * plain


def test_one_tile_of_winograd_by_hand():
    """A kernel of ones over a ramp 0..15 with a border of zeros: sums of neighbours."""
    conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(conv.weight)
    ramp = torch.arange(16.0).view(1, 1, 4, 4)
    found = WinogradConv.of(conv)(ramp)[0, 0]
    expected = [[10, 18, 24, 18], [27, 45, 54, 39], [51, 81, 90, 63], [42, 66, 72, 50]]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_fast_passes_take_wide_convolutions_only_and_leave_the_network():
    conv, narrow = nn.Conv2d(128, 128, 3, padding=1), nn.Conv2d(128, 64, 3, padding=1)
    network = nn.Sequential(conv, nn.ReLU(), narrow, nn.Flatten()).eval()
    before = snapshot(network)
    fast = FastPasses(network)
    kinds = [type(layer) for layer in fast._layers]
    assert kinds == [WinogradConv, nn.ReLU, nn.Conv2d, nn.Flatten]
    images = torch.randn(2, 128, 6, 7, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(fast(images), logits(network, images), atol=1e-5)
    assert_same(before, snapshot(network))


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_the_fast_way_back_is_the_derivative(padding, monkeypatch):
    monkeypatch.setattr(fast_passes, "LEAST_CHANNELS", 1)
    generator = torch.Generator().manual_seed(3)
    conv, wide = nn.Conv2d(5, 7, 3, padding=padding), nn.Conv2d(7, 4, 3, padding=3)
    for parameter in (*conv.parameters(), *wide.parameters()):
        nn.init.normal_(parameter, generator=generator)
    layers = [conv, nn.ReLU(), wide]
    kinds = [type(layer).__name__ for layer in with_fast_gradients(layers)]
    assert kinds == ["_FastBack", "ReLU", "Conv2d"]
    image = torch.randn(2, 5, 9, 14, generator=generator)
    found = []
    for run in (layers, with_fast_gradients(layers)):
        leaf = image.clone().requires_grad_()
        made = leaf
        for layer in run:
            made = layer(made)
        found.append((made.detach(), *torch.autograd.grad(made.square().sum(), leaf)))
    assert torch.equal(found[0][0], found[1][0])
    largest = float(found[0][1].abs().max())
    np.testing.assert_allclose(found[1][1], found[0][1], atol=1e-5 * largest, rtol=0)
    assert all(parameter.grad is None for parameter in conv.parameters())
