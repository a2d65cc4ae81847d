"""First weights: their distribution, their seeds, and what staged initialisation copies."""

import math

import pytest
import torch
from torch import nn

from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image
from vgg_viz.capture import recording
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.initialization import DRAWS, initialize, staged_layers, weighted_layers
from vgg_viz.models.configs import build
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.models.schemes import SCHEMES, STAGED

OTHERS = ("alexnet", "zfnet_a", "zfnet_b", "vgg13_5x5")  # no 3x3 layers under A's names
VGGS = tuple(name for name in ALL_NETWORKS if name not in OTHERS)
UNSTAGED = tuple(name for name in SCHEMES if name != STAGED)


def network_of(name: str, scheme: str = "he_fan_in", seed: int = 0) -> ConvNet:
    network = build_network(tiny_config(name))
    initialize(network, scheme, seed=seed, batch=tiny_image(name))
    return network


def state(network: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def test_every_scheme_that_is_described_can_be_drawn() -> None:
    assert set(DRAWS) == set(SCHEMES)


@pytest.mark.parametrize(
    ("scheme", "conv", "linear"),
    [
        ("std_0.01", 0.01, 0.01),
        ("variance_0.01", 0.1, 0.1),
        ("glorot", math.sqrt(2 / (9 * 64 + 9 * 128)), math.sqrt(2 / (1024 + 512))),
        ("he_fan_in", math.sqrt(2 / (9 * 64)), math.sqrt(2 / 1024)),
        ("he_fan_out", math.sqrt(2 / (9 * 128)), 0.01),
        ("orthogonal", math.sqrt(2 / (9 * 64)), math.sqrt(2 / 1024)),
    ],
)
def test_the_spread_is_the_formula(scheme: str, conv: float, linear: float) -> None:
    network = nn.Sequential(nn.Conv2d(64, 128, 3), nn.Linear(1024, 512))
    assert initialize(network, scheme, seed=3) == ()
    for layer, std in zip(network, (conv, linear), strict=True):
        weight = layer.weight.detach()
        assert float(weight.std()) == pytest.approx(std, rel=0.02)
        assert abs(float(weight.mean())) < 0.02 * std
        assert not layer.bias.any()


def test_the_printed_factors_of_3x3_layers() -> None:
    # sqrt(fan x Var / 2) for 64, 128, 256 and 512 channels with std 0.01 and 0.1.
    for channels, vanishing in ((64, 0.1697), (128, 0.24), (256, 0.3394), (512, 0.48)):
        fan = 9 * channels
        for scheme, expected in (("std_0.01", vanishing), ("variance_0.01", 10 * vanishing)):
            layer = nn.Conv2d(channels, channels, 3)
            initialize(layer, scheme, seed=channels)
            factor = math.sqrt(fan / 2) * float(layer.weight.detach().std())
            assert factor == pytest.approx(expected, rel=0.02)
        he = nn.Conv2d(channels, channels, 3)
        initialize(he, "he_fan_in")
        ratio = float(he.weight.detach().std()) / 0.01
        assert ratio == pytest.approx(math.sqrt(2 / fan) / 0.01, rel=0.02)  # 5.89 ... 2.08


@pytest.mark.parametrize("scheme", UNSTAGED)
def test_a_seed_gives_the_same_weights_and_another_seed_others(scheme: str) -> None:
    before = torch.get_rng_state()
    first, again, other = (network_of("vgg16_bn", scheme, seed) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    for key, value in state(first).items():
        assert torch.equal(value, again.state_dict()[key]), key
    assert not torch.equal(first.conv3_2.weight, other.conv3_2.weight)
    assert not torch.equal(first.conv3_2.weight, first.conv3_3.weight), "a generator used twice"


def test_blocks_of_rows_do_not_repeat() -> None:
    layer = nn.Linear(4096, 3000)  # three blocks
    initialize(layer, "std_0.01")
    weight = layer.weight.detach()
    assert not torch.equal(weight[:1000], weight[1024:2024])
    assert float(weight.std()) == pytest.approx(0.01, rel=0.01)


def test_orthogonal_rows_are_orthogonal() -> None:
    layer = nn.Linear(64, 32)
    initialize(layer, "orthogonal")
    weight = layer.weight.detach()
    torch.testing.assert_close(weight @ weight.T, 2 * torch.eye(32), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_lsuv_gives_every_layer_variance_1(name: str) -> None:
    network, image = network_of(name, "lsuv"), tiny_image(name)
    layers = tuple(weighted_layers(network))
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    with torch.no_grad(), recording(network, layers) as outputs:
        network(image)
    for layer in layers:
        assert float(outputs[layer].std(correction=0)) == pytest.approx(1, abs=1e-3), layer


def test_lsuv_leaves_batch_norm_and_modes_alone() -> None:
    network = network_of("vgg11_bn", "lsuv")
    assert not network.training
    assert float(network.bn1_1.running_mean.abs().max()) == 0
    assert int(network.bn1_1.num_batches_tracked) == 0


@pytest.mark.parametrize("name", VGGS)
def test_staged_copies_these_layers_and_touches_no_other(name: str) -> None:
    source = state(network_of("vgg11", "he_fan_in", seed=9))
    unstaged = state(network_of(name, "std_0.01", seed=2))
    network = build_network(tiny_config(name))
    copied = initialize(network, STAGED, seed=2, source=source)
    names = ("conv1_1", "conv2_1", "conv3_1", "conv3_2", "fc6", "fc7", "fc8")
    assert copied == tuple((layer, layer) for layer in names)
    assert staged_layers(network.config) == names
    for key, value in network.state_dict().items():
        layer = key.partition(".")[0]
        if layer in names:
            assert torch.equal(value, source[key]), key
            if key.endswith("weight"):
                assert not torch.equal(value, unstaged[key]), key
        else:
            assert torch.equal(value, unstaged[key]), f"{key} was touched by the copy"


def test_the_first_four_by_position_would_not_fit() -> None:
    # Why layers are matched by name: A's second convolution has no partner at D's second place.
    a, d = build("vgg11"), build("vgg16")
    second = [
        build_network(tiny_config(n)).get_submodule(c.convs[1])
        for n, c in (("vgg11", a), ("vgg16", d))
    ]
    assert second[0].weight.shape != second[1].weight.shape


@pytest.mark.parametrize("name", OTHERS)
def test_staged_is_for_vgg_alone(name: str) -> None:
    source = state(network_of("vgg11"))
    with pytest.raises(InputError, match="copies layers of A into a VGG"):
        initialize(build_network(tiny_config(name)), STAGED, source=source)


def test_a_source_that_does_not_fit_copies_nothing() -> None:
    source = state(network_of("vgg11"))
    source["fc8.weight"] = torch.zeros(3, 3)
    network = build_network(tiny_config("vgg16"), seed=0)
    with pytest.raises(InputError, match=r"fc8\.weight of the trained A does not fit"):
        initialize(network, STAGED, source=source)
    assert not torch.equal(network.conv1_1.weight, source["conv1_1.weight"])
    del source["fc8.weight"]
    with pytest.raises(InputError, match="missing"):
        initialize(network, STAGED, source=source)


def test_what_is_missing_is_asked_for() -> None:
    network = build_network(tiny_config("vgg16"))
    with pytest.raises(UnknownNameError, match="glorot"):
        initialize(network, "glorott")
    with pytest.raises(InputError, match="give its weights"):
        initialize(network, STAGED)
    with pytest.raises(InputError, match="a batch"):
        initialize(network, "lsuv")
    with pytest.raises(InputError, match="networks of this project"):
        initialize(nn.Linear(2, 2), STAGED, source={})
