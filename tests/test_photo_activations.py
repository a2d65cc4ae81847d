"""Maps of a photo against torchvision's feature extractor; statistics against numpy and by hand."""

import copy
from collections import OrderedDict

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from tests.test_capture import assert_same, snapshot
from tests.tiny import ALL_NETWORKS, CLASSES, tiny_config, tiny_image, tiny_network
from vgg_viz import activations
from vgg_viz.activations import LOOKED_AT, PhotoActivations
from vgg_viz.capture import inspect
from vgg_viz.errors import InputError, UnknownNameError, VggVizError
from vgg_viz.models.configs import NETWORKS
from vgg_viz.models.keymaps import layer_names

CFGS = torchvision.models.vgg.cfgs
STOCK = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}
STOCK |= {f"{name}_bn": letter for name, letter in STOCK.items()}


def layers_of(name):
    return tuple(row.name for row in tiny_config(name).layers if row.kind in LOOKED_AT)


def looked_at(name, network=None):
    seen = inspect(network or tiny_network(name), tiny_image(name), layers_of(name))
    return PhotoActivations(seen, tiny_config(name))


def in_place_free(network):
    free = copy.deepcopy(network)
    for module in free.modules():
        if getattr(module, "inplace", False):
            module.inplace = False
    return free


def stock_module(name):
    """torchvision's own VGG at the tiny width, with the tiny network's weights, ReLUs in place."""
    config = tiny_config(name)
    widths = iter(config.channels)
    plan = [each if each == "M" else next(widths) for each in CFGS[STOCK[name]]]
    features = torchvision.models.vgg.make_layers(plan, batch_norm=name.endswith("_bn"))
    with torch.device("meta"):
        stock = torchvision.models.VGG(nn.Identity(), num_classes=CLASSES, init_weights=False)
    grid = config.input_size // 32
    stock.features, stock.avgpool = features, nn.AdaptiveAvgPool2d(grid)
    first, second = config.hidden
    stock.classifier = nn.Sequential(
        *(nn.Linear(config.channels[-1] * grid**2, first), nn.ReLU(True), nn.Dropout()),
        *(nn.Linear(first, second), nn.ReLU(True), nn.Dropout(), nn.Linear(second, CLASSES)),
    )
    names = layer_names(config, "torchvision")
    state = tiny_network(name).state_dict()
    renamed = {
        f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": value
        for key, value in state.items()
    }
    stock.load_state_dict(renamed)
    return stock.eval().to(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_every_layer_equals_the_feature_extractor_bit_for_bit(name):
    layers = layers_of(name)
    seen = looked_at(name)
    # The extractor takes a name's ending "_1" for a count of its own.
    plain = {layer: layer.replace("_", "x") for layer, _ in tiny_network(name).named_children()}
    free = in_place_free(tiny_network(name))
    renamed = OrderedDict((plain[child], module) for child, module in free.named_children())
    extractor = create_feature_extractor(
        nn.Sequential(renamed).eval(), {plain[layer]: layer for layer in layers}
    )
    with torch.no_grad():
        expected = extractor(tiny_image(name))
    assert seen.layers == layers
    for layer in layers:
        reference = expected[layer][0].numpy()
        found = seen.maps(layer)
        assert found.dtype == np.float32
        assert not found.flags.writeable
        np.testing.assert_array_equal(found.reshape(reference.shape), reference, err_msg=layer)
    assert any((seen.maps(layer) < 0).any() for layer in tiny_config(name).convs)


@pytest.mark.parametrize("name", STOCK)
def test_every_layer_equals_torchvisions_own_network_bit_for_bit(name):
    """Its ReLUs work in place: the extractor reads an in-place-free copy, `inspect` the network."""
    stock, image = stock_module(name), tiny_image(name)
    names = {layer: path for layer, path in _paths(name).items() if layer in layers_of(name)}
    extractor = create_feature_extractor(in_place_free(stock), list(names.values()))
    with torch.no_grad():
        expected = extractor(image)
    seen = inspect(stock, image, tuple(names.values()))
    ours = looked_at(name)
    for layer, path in names.items():
        reference = expected[path][0].numpy()
        np.testing.assert_array_equal(seen.outputs[path][0].detach().numpy(), reference)
        np.testing.assert_array_equal(ours.maps(layer).reshape(reference.shape), reference)
    assert any(module.inplace for module in stock.modules() if isinstance(module, nn.ReLU))


def _paths(name):
    """torchvision's path of every layer: what has weights by its name, the rest between them."""
    known = layer_names(tiny_config(name), "torchvision")
    paths, at = {}, -1
    for row in tiny_config(name).layers:
        if row.kind in ("avg_pool", "flatten"):
            at, paths["avgpool"] = -1, "avgpool"
            continue
        part = "classifier" if "avgpool" in paths else "features"
        at += 1
        paths[row.name] = known.get(row.name, f"{part}.{at}")
        assert paths[row.name] == f"{part}.{at}"
    return paths


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_after_relu_is_the_output_of_the_relu_that_follows(name):
    seen = looked_at(name)
    with_relu = [row.name for row in tiny_config(name).layers if row.kind in ("conv", "linear")]
    for layer in with_relu[:-1]:
        before, after = seen.maps(layer), seen.maps(layer, relu=True)
        normed = layer.replace("conv", "bn") if name.endswith("_bn") else layer
        before = seen.maps(normed) if normed in seen.layers else before
        np.testing.assert_array_equal(after, np.maximum(before, 0))
    np.testing.assert_array_equal(seen.maps("fc8", relu=True), seen.maps("fc8"))
    np.testing.assert_array_equal(seen.maps("pool1", relu=True), seen.maps("pool1"))


@pytest.mark.parametrize(("name", "layer"), [("vgg11", "conv3_1"), ("zfnet_b", "conv2")])
def test_class_scores_are_gradient_times_activation(name, layer):
    network, seen = tiny_network(name), looked_at(name)
    children = list(network.named_children())
    at = [child for child, _ in children].index(layer)
    leaf = torch.from_numpy(seen.maps(layer).copy())[None].requires_grad_()
    rest = in_place_free(nn.Sequential(*(module for _, module in children[at + 1 :])))
    (gradient,) = torch.autograd.grad(rest(leaf)[0, 2], leaf)
    expected = [
        sum(float(g) * float(a) for g, a in zip(gs.ravel(), maps.ravel(), strict=True))
        for gs, maps in zip(gradient[0].numpy(), leaf[0].detach().numpy(), strict=True)
    ]
    assert np.std(expected) > 1e-6
    np.testing.assert_allclose(seen.class_scores(layer, 2), expected, rtol=1e-3, atol=1e-8)
    # a dL/da = z dL/dz: where ReLU is 0 both are 0, elsewhere it passes both.
    np.testing.assert_allclose(
        seen.class_scores(layer, 2, relu=True), expected, rtol=1e-3, atol=1e-8
    )
    assert not np.allclose(seen.class_scores(layer, 2), seen.class_scores(layer, 3))
    top = int(seen._seen.logits[0].argmax())
    np.testing.assert_array_equal(seen.class_scores(layer), seen.class_scores(layer, top))


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network(name):
    network = copy.deepcopy(tiny_network(name))
    before = snapshot(network)
    seen = looked_at(name, network)
    for layer in seen.layers:
        seen.maps(layer, relu=True)
    seen.class_scores(tiny_config(name).convs[0], 1)
    assert_same(before, snapshot(network))
    with pytest.raises(UnknownNameError, match="conv9_9"):
        seen.maps("conv9_9")
    with pytest.raises(UnknownNameError):
        seen.class_scores(tiny_config(name).convs[0], CLASSES)
    assert_same(before, snapshot(network))


def test_layers_that_change_nothing_have_no_maps():
    with pytest.raises(UnknownNameError, match="flatten"):
        looked_at("vgg11").maps("flatten")
    for name in NETWORKS:
        assert "dropout" not in " ".join(layers_of(name))


# --- statistics ----------------------------------------------------------------------------------


def test_channel_numbers_worked_out_by_hand():
    maps = np.array([[[0, 3], [0, 1]], [[-1, -2], [-3, -6]]], dtype=np.float32)
    found = activations.channel_numbers(maps)
    assert found.means.tolist() == [1, -3]
    assert found.stds.tolist() == pytest.approx([1.5**0.5, 3.5**0.5])
    assert (found.minima.tolist(), found.maxima.tolist()) == ([0, -6], [3, -1])
    assert found.zeros.tolist() == [0.5, 0]


MAPS = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=3, max_dims=3, max_side=6),
    elements=st.floats(-100, 100, width=32) | st.just(0.0),
)


@settings(max_examples=60, deadline=None)
@given(MAPS)
def test_channel_numbers_are_numpys(maps):
    found = activations.channel_numbers(maps)
    for channel, each in enumerate(maps):
        assert found.means[channel] == np.float32(np.mean(each, dtype=np.float64))
        assert found.stds[channel] == np.float32(np.std(each, dtype=np.float64))
        assert (found.minima[channel], found.maxima[channel]) == (np.min(each), np.max(each))
        assert found.zeros[channel] == np.float32(np.count_nonzero(each == 0) / each.size)


def test_dead_and_saturated_channels():
    after = np.zeros((3, 2, 2), dtype=np.float32)
    after[1], after[2, 0, 0] = 0.5, 1
    assert activations.dead_channels(after).tolist() == [True, False, False]
    assert activations.saturated_channels(after).tolist() == [False, True, False]


def test_similarities_worked_out_by_hand():
    maps = np.array([[[1, 0]], [[2, 0]], [[1, 1]], [[-1, 0]], [[0, 0]]], dtype=np.float32)
    found = activations.similarities(maps, 0)
    np.testing.assert_allclose(found, [1, 1, 0.5**0.5, -1, 0], rtol=1e-6)
    assert activations.similarities(maps, 4).tolist() == [0] * 5
    pairs = activations.paired_similarities(maps, maps[::-1])
    np.testing.assert_allclose(pairs, [0, -1, 1, -1, 0], rtol=1e-6)
    np.testing.assert_allclose(
        activations.distances(maps, maps[::-1])[:3], [0.5**0.5, 4.5**0.5, 0], rtol=1e-6
    )


@settings(max_examples=120, deadline=None)
@given(
    arrays.arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32)),
    st.integers(-30, 30),
)
def test_histograms_are_numpys_in_bins_of_a_power_of_two(values, exponent):
    values = values * np.float32(2.0**exponent)
    found = activations.histogram(values)
    assert np.log2(found.width) == round(np.log2(found.width))
    assert 1 <= len(found.counts) <= 64
    assert found.edges[0] <= values.min()
    assert values.max() < found.edges[-1]
    # numpy's last bin is closed at the top; nothing lies there.
    np.testing.assert_array_equal(found.counts, np.histogram(values, found.edges)[0])
    assert found.counts.sum() == len(values)


def test_histograms_leave_out_what_is_no_number():
    found = activations.histogram(np.array([np.nan, np.inf, 1, 2], dtype=np.float32))
    assert found.counts.sum() == 2
    assert activations.histogram(np.array([np.nan], dtype=np.float32)).counts.tolist() == [0]


# --- by name -------------------------------------------------------------------------------------


def test_a_photo_is_a_sample_or_a_file(assets):
    by_name = activations.of_photo("cat", "vgg16")
    by_file = activations.of_photo(assets / "images" / "cat.jpg", "vgg16:bundled")
    np.testing.assert_array_equal(by_name.maps("conv5_3"), by_file.maps("conv5_3"))
    with pytest.raises(InputError, match="neither a file nor a bundled photo; bundled: cat"):
        activations.of_photo("unicorn")
    with pytest.raises(VggVizError):
        activations.of_photo("cat", "vgg17")
