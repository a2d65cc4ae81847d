"""Our modules compute what torchvision's and pytorchcv's do, bit for bit, from the same weights."""

import copy
import gc

import pytest
import torch
import torchvision
from pytorchcv.models import vgg as pytorchcv_vgg
from pytorchcv.models import zfnet as pytorchcv_zfnet
from torch import nn

from tests.tiny import logits
from tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.errors import CheckpointError
from vgg_viz.models.configs import NETWORKS, build
from vgg_viz.models.keymaps import (
    LAYOUTS,
    detect_layout,
    from_paper_names,
    layer_names,
    strip_prefixes,
    to_paper_names,
)
from vgg_viz.models.networks import ConvNet, build_network

TORCHVISION = (
    "alexnet",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
    "vgg11_bn",
    "vgg13_bn",
    "vgg16_bn",
    "vgg19_bn",
)


@pytest.fixture(autouse=True)
def free_memory():
    yield
    gc.collect()  # a VGG is 530 MB, and modules sit in reference circles


def filled(module):
    """The module on the CPU with seeded weights of He's scale, without 138 million random draws.

    One block of a million numbers is laid out again and again; its length is a prime, so that no
    two rows of a matrix are equal.
    """
    generator = torch.Generator().manual_seed(0)
    block = torch.randn(1_000_003, generator=generator)
    module = module.to_empty(device="cpu")
    for key, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            tensor.zero_()
            continue
        flat = tensor.view(-1)
        for start in range(0, len(flat), len(block)):
            piece = flat[start : start + len(block)]
            piece.copy_(block[: len(piece)])
        if key.endswith("running_var"):
            tensor.abs_().add_(0.5)
        elif tensor.dim() > 1:
            tensor.mul_((2 / tensor[0].numel()) ** 0.5)
        elif "weight" not in key:
            tensor.mul_(0.1)
    return module.eval()


def with_same_weights(name, module, layout):
    """Our full-size network on the very tensors of `module`."""
    config = build(name)
    state = to_paper_names(config, module.state_dict(), layout)
    with torch.device("meta"):
        network = ConvNet(config)
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval()


def assert_same_logits(network, module, size):
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    ours, theirs = logits(network, image), logits(module, image)
    assert ours.shape == (1, 1000)
    assert ours.std() > 0.01, "a flat answer would prove nothing"
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", TORCHVISION)
def test_logits_are_torchvisions(name):
    with torch.device("meta"):
        module = getattr(torchvision.models, name)(weights=None)
    module = filled(module)
    network = with_same_weights(name, module, "torchvision")
    assert_same_logits(network, module, 64)
    if name in ("alexnet", "vgg16"):
        assert_same_logits(network, module, 224)
        for one in (network, module):
            one.to(memory_format=torch.channels_last)
        assert_same_logits(network, module, 224)


@pytest.mark.parametrize(("name", "theirs"), [("zfnet_a", "zfnet"), ("zfnet_b", "zfnetb")])
def test_logits_are_pytorchcvs(name, theirs):
    with torch.device("meta"):
        module = getattr(pytorchcv_zfnet, theirs)()
    module = filled(module)
    assert_same_logits(with_same_weights(name, module, "pytorchcv"), module, 224)


@pytest.mark.parametrize(
    ("name", "theirs"), [("vgg11", "vgg11"), ("vgg16", "vgg16"), ("vgg19_bn", "bn_vgg19b")]
)
def test_pytorchcvs_vggs_have_the_same_keys(name, theirs):
    with torch.device("meta"):
        module = getattr(pytorchcv_vgg, theirs)()
        ours = ConvNet(build(name)).state_dict()
    mapped = to_paper_names(build(name), module.state_dict(), "pytorchcv")
    assert {key: t.shape for key, t in mapped.items()} == {key: t.shape for key, t in ours.items()}


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_names_go_there_and_back(name, layout):
    config = tiny_config(name)
    state = tiny_network(name).state_dict()
    theirs = from_paper_names(config, state, layout)
    assert len(theirs) == len(state)
    assert detect_layout(theirs) == layout
    back = to_paper_names(config, theirs, layout)
    assert list(back) == list(state)
    assert all(back[key] is state[key] for key in state)


def test_known_names():
    names = layer_names(build("vgg16"), "torchvision")
    assert (names["conv1_1"], names["conv5_3"], names["fc8"]) == (
        "features.0",
        "features.28",
        "classifier.6",
    )
    assert layer_names(build("alexnet"), "torchvision")["fc6"] == "classifier.1"
    zfnet = layer_names(build("zfnet_b"), "pytorchcv")
    assert (zfnet["conv5"], zfnet["fc8"]) == ("features.stage3.unit3.conv", "output.fc3")


@pytest.mark.parametrize("prefix", ["module.", "model.", "state_dict.", "module.model.", "net."])
def test_prefixes_of_wrappers_go(prefix):
    state = {f"{prefix}features.0.weight": 1, f"{prefix}classifier.0.bias": 2}
    assert strip_prefixes(state) == {"features.0.weight": 1, "classifier.0.bias": 2}
    assert detect_layout(state) == "torchvision"
    assert to_paper_names(build("vgg16"), state, "torchvision") == {
        "conv1_1.weight": 1,
        "fc6.bias": 2,
    }


def test_a_prefix_that_only_some_names_have_stays():
    state = {"module.conv1_1.weight": 1, "fc6.weight": 2}
    assert strip_prefixes(state) == state


def test_names_that_the_network_does_not_have_stay():
    assert to_paper_names(build("vgg16"), {"head.weight": 1}, "torchvision") == {"head.weight": 1}


@pytest.mark.parametrize("keys", [[], ["layer1.0.downsample.weight", "epoch"], ["", "."]])
def test_names_of_other_networks_are_no_layout(keys):
    with pytest.raises(CheckpointError, match="not the weights of an AlexNet, ZFNet or VGG"):
        detect_layout(keys)


# --- modules -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_children_are_the_rows_of_the_table(name):
    network = tiny_network(name)
    assert [child for child, _ in network.named_children()] == [
        row.name for row in network.config.layers
    ]
    assert not any(module.inplace for module in network if isinstance(module, nn.ReLU))
    assert not network.training


def test_batch_norm_exists_where_the_name_says():
    for name in NETWORKS:
        has = any(isinstance(module, nn.BatchNorm2d) for module in tiny_network(name))
        assert has == name.endswith("_bn"), name


def test_a_seed_gives_the_same_weights_and_leaves_the_global_generator_alone():
    config = tiny_config("vgg11")
    before = torch.random.get_rng_state()
    first, again, other = (build_network(config, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.conv1_1.weight, again.conv1_1.weight)
    assert torch.equal(first.fc8.weight, again.fc8.weight)
    assert not torch.equal(first.conv1_1.weight, other.conv1_1.weight)
    assert first.conv1_1.weight.is_contiguous(memory_format=torch.channels_last)


def test_he_initialisation_has_variance_2_over_fan_in():
    network = build_network(build("vgg11", width=0.25, classes=10, input_size=64), seed=0)
    for layer in (network.conv3_2, network.conv5_1, network.fc6):
        fan_in = layer.weight[0].numel()
        assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.02)
        assert not layer.bias.any()


@pytest.mark.parametrize("name", ["zfnet_b", "vgg11_lrn"])
def test_response_norm_runs_in_bf16_and_is_torchs_in_fp32(name):
    network = tiny_network(name)
    norm = next(m for m in network.modules() if isinstance(m, nn.LocalResponseNorm))
    plain = nn.LocalResponseNorm(norm.size, norm.alpha, norm.beta, norm.k)
    maps = 3 * torch.randn(2, 9, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(norm(maps), plain(maps))
    assert norm(maps.double()).dtype == torch.float64
    half = norm(maps.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half, plain(maps.bfloat16().float()).bfloat16())
    assert not norm.state_dict()
    image = tiny_image(name)
    with torch.no_grad():
        exact = network(image)
        found = copy.deepcopy(network).bfloat16()(image.bfloat16()).float()
    assert float((found - exact).abs().max()) < 0.1 * float(exact.abs().max())
