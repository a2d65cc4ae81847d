"""The tables against the papers' figures, torchvision's counts, and torch's own arithmetic."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.tiny import features
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.models.configs import NETWORKS, Layer, build, out_side, spec
from vgg_viz.models.networks import ConvNet

# All parameters with biases, and those of the convolutions: table 2 of the VGG paper to the last
# digit, torchvision's num_params, pytorchcv's net_weights.
FULL_SIZE = {
    "alexnet": (61_100_840, 2_469_696),
    "zfnet_a": (62_357_608, 3_726_464),
    "zfnet_b": (107_627_624, 11_247_744),
    "vgg11": (132_863_336, 9_220_480),
    "vgg11_lrn": (132_863_336, 9_220_480),
    "vgg13": (133_047_848, 9_404_992),
    "vgg13_5x5": (134_503_528, 10_860_672),
    "vgg16_c": (133_638_952, 9_996_096),
    "vgg16": (138_357_544, 14_714_688),
    "vgg19": (143_667_240, 20_024_384),
    "vgg11_bn": (132_868_840, 9_220_480),
    "vgg13_bn": (133_053_736, 9_404_992),
    "vgg16_bn": (138_365_992, 14_714_688),
    "vgg19_bn": (143_678_248, 20_024_384),
}

NAMES = sorted(NETWORKS)


def meta(config):
    with torch.device("meta"):
        return ConvNet(config).eval()


def count(network, kinds):
    modules = [module for module in network if isinstance(module, kinds)]
    return sum(p.numel() for module in modules for p in module.parameters())


def test_every_network_has_its_figures():
    assert FULL_SIZE.keys() == NETWORKS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_full_size_networks_have_the_published_numbers_of_parameters(name):
    network = meta(build(name))
    total, convs = FULL_SIZE[name]
    assert sum(p.numel() for p in network.parameters()) == total
    assert count(network, nn.Conv2d) == convs
    if name.startswith("vgg"):
        assert count(network, nn.Linear) == 123_642_856


@pytest.mark.parametrize(
    ("name", "convs", "weight_layers"),
    [
        ("vgg11", 8, 11),
        ("vgg13", 10, 13),
        ("vgg16_c", 13, 16),
        ("vgg16", 13, 16),
        ("vgg19", 16, 19),
    ],
)
def test_the_number_in_the_name_counts_layers_with_weights(name, convs, weight_layers):
    config = build(name)
    assert len(config.convs) == convs
    assert convs + sum(row.kind == "linear" for row in config.layers) == weight_layers


def test_rows_carry_the_papers_names():
    assert build("vgg16").convs[-3:] == ("conv5_1", "conv5_2", "conv5_3")
    assert build("zfnet_b").convs == ("conv1", "conv2", "conv3", "conv4", "conv5")
    names = [row.name for row in build("vgg11_bn").layers]
    assert names[:4] == ["conv1_1", "bn1_1", "relu1_1", "pool1"]
    assert names[-7:] == ["fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8"]
    assert [row.name for row in build("alexnet").layers][-7:] == [
        "drop6",
        "fc6",
        "relu6",
        "drop7",
        "fc7",
        "relu7",
        "fc8",
    ]
    assert build("vgg11_lrn").layers[2].name == "norm1"
    for name in NAMES:
        rows = [row.name for row in build(name).layers]
        assert len(rows) == len(set(rows)), name


def test_configuration_c_has_1x1_kernels_at_the_end_of_stages_3_to_5():
    kernels = {row.name: row.kernel for row in build("vgg16_c").layers if row.kind == "conv"}
    assert {name for name, kernel in kernels.items() if kernel == 1} == {
        "conv3_3",
        "conv4_3",
        "conv5_3",
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_grid_before_fc6_is_the_papers(name):
    side = 7 if name.startswith("vgg") else 6
    assert build(name).layer("avgpool").out == side


def test_width_classes_and_input_size_are_free():
    config = build("vgg16", width=0.25, classes=19, input_size=128)
    assert config.channels[0] == 16
    assert config.channels[-1] == 128
    assert config.hidden == (1024, 1024)
    assert config.width == 0.25
    assert config.layer("avgpool").out == 4
    assert meta(config).fc6.in_features == 128 * 4 * 4
    assert meta(config).fc8.out_features == 19


def test_channels_and_hidden_override_the_width():
    config = build("zfnet_a", channels=(8, 9, 10, 11, 12), hidden=(13, 14), classes=3)
    network = meta(config)
    assert [module.out_channels for module in network if isinstance(module, nn.Conv2d)] == [
        8,
        9,
        10,
        11,
        12,
    ]
    assert (network.fc6.out_features, network.fc7.out_features) == (13, 14)


def test_the_narrowest_network_still_has_one_channel():
    assert set(build("vgg11", width=1e-6).channels) == {1}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": 0}, "factor above 0"),
        ({"width": 5}, "up to 4"),
        ({"classes": 0}, "at least 1"),
        ({"channels": (1, 2)}, "13 convolutions"),
        ({"channels": (0,) * 13}, "13 convolutions"),
        ({"input_size": 31}, "at least 32 px"),
    ],
)
def test_what_cannot_be_built_is_refused_with_advice(options, said):
    with pytest.raises(InputError, match=said):
        build("vgg16", **options)


def test_unknown_names_come_with_choices():
    with pytest.raises(UnknownNameError, match="vgg16"):
        spec("vgg17")
    with pytest.raises(UnknownNameError, match="conv5_3"):
        build("vgg16").layer("conv5_4")


@pytest.mark.parametrize("name", NAMES)
def test_too_small_inputs_name_the_layer_and_the_least_size_that_works(name):
    with pytest.raises(InputError, match=r"nothing is left at (conv|pool)\d") as found:
        build(name, width=0.02, input_size=1)
    least = int(str(found.value).split("at least ")[1].split()[0])
    with pytest.raises(InputError, match=f"at least {least} px"):
        build(name, width=0.02, input_size=least - 1)

    config = build(name, width=0.02, classes=3, input_size=least)
    network = meta(config)
    assert network(torch.empty(1, 3, least, least, device="meta")).shape == (1, 3)
    with pytest.raises(RuntimeError):
        network(torch.empty(1, 3, least - 1, least - 1, device="meta"))


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(NAMES), size=st.integers(1, 260))
def test_a_config_is_built_exactly_when_torch_can_run_it(name, size):
    image = torch.empty(1, 3, size, size, device="meta")
    try:
        config = build(name, width=0.02, classes=3, input_size=size)
    except InputError:
        with pytest.raises(RuntimeError):
            features(meta(build(name, width=0.02)))(image)
        return
    network = meta(config)
    assert features(network)(image).shape[-1] == config.layer("avgpool").out
    assert network(image).shape == (1, 3)


@settings(max_examples=300, deadline=None)
@given(
    kernel=st.integers(1, 11),
    stride=st.integers(1, 5),
    padding=st.integers(0, 5),
    ceil=st.booleans(),
    side=st.integers(1, 64),
    pool=st.booleans(),
    dilation=st.integers(1, 3),
)
def test_out_side_is_torchs(kernel, stride, padding, ceil, side, pool, dilation):
    if pool:
        padding = min(padding, kernel // 2)  # torch asks for that
        row = Layer("pool", "max_pool", 0, kernel, stride, padding, ceil, dilation=dilation)
        module = nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=ceil)
    else:
        row = Layer("conv", "conv", 2, kernel, stride, padding, dilation=dilation)
        module = nn.Conv2d(1, 2, kernel, stride, padding, dilation, device="meta")
    try:
        expected = module(torch.empty(1, 1, side, side, device="meta")).shape[-1]
    except RuntimeError:
        expected = 0
    assert out_side(row, side) == expected


def test_out_side_leaves_other_rows_alone():
    assert out_side(Layer("relu", "relu"), 13) == 13
    assert out_side(Layer("avgpool", "avg_pool", 7), 13) == 7
