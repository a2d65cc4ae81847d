"""One pass keeps every layer, and leaves nothing behind."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models import vgg11

from tests.tiny import ALL_NETWORKS, CLASSES, tiny_config, tiny_image, tiny_network
from vgg_viz.capture import KEPT_TARGETS, inspect, recording
from vgg_viz.errors import UnknownNameError


def everything(name: str) -> list[str]:
    return [row.name for row in tiny_config(name).layers]


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_outputs_equal_running_the_layers_one_by_one(name: str) -> None:
    network, image = tiny_network(name), tiny_image(name)
    seen = inspect(network, image, everything(name))
    maps = image
    with torch.no_grad():
        for layer, module in network.named_children():
            maps = module(maps)
            assert torch.equal(seen.outputs[layer].detach(), maps), layer
    assert torch.equal(seen.logits.detach(), maps)


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_gradients_equal_those_of_the_network_cut_at_each_layer(name: str) -> None:
    network, image = tiny_network(name), tiny_image(name)
    convs = tiny_config(name).convs
    gradients = inspect(network, image, convs).gradients(2)
    children = list(network.named_children())
    for layer in convs:
        at = [n for n, _ in children].index(layer)
        with torch.no_grad():
            maps = nn.Sequential(*[m for _, m in children[: at + 1]])(image)
        leaf = maps.clone().requires_grad_()
        rest = nn.Sequential(*[m for _, m in children[at + 1 :]])(leaf)
        (expected,) = torch.autograd.grad(rest[0, 2], leaf)
        assert expected.std() > 0, f"the reference is flat at {layer}"
        torch.testing.assert_close(gradients[layer], expected, rtol=1e-5, atol=1e-7)


def test_the_image_gradient_is_kept_under_input() -> None:
    network, image = tiny_network("vgg11"), tiny_image("vgg11")
    gradients = inspect(network, image, ["conv1_1"]).gradients(0)
    leaf = image.clone().requires_grad_()
    (expected,) = torch.autograd.grad(network(leaf)[0, 0], leaf)
    assert expected.std() > 0
    torch.testing.assert_close(gradients["input"], expected)


def test_stock_torchvision_with_in_place_relus_gives_values_before_the_relu() -> None:
    torch.manual_seed(0)
    stock = vgg11(weights=None, num_classes=3).eval()
    image = torch.randn(1, 3, 64, 64)
    expected = stock.features[0](image)
    with torch.no_grad():
        logits = stock(image)
    seen = inspect(stock, image, ["features.0", "features.3"])
    assert float(seen.outputs["features.0"].detach().min()) < 0
    assert torch.equal(seen.outputs["features.0"], expected)
    assert torch.equal(seen.logits, logits)
    assert all(m.inplace for m in stock.modules() if isinstance(m, nn.ReLU))


def test_a_repeated_target_costs_no_pass_and_old_targets_are_dropped() -> None:
    network, image = tiny_network("vgg11"), tiny_image("vgg11")
    seen = inspect(network, image, ["conv1_1"])
    first = seen.gradients(0)
    assert seen.gradients(0) is first
    for target in range(1, KEPT_TARGETS + 1):
        seen.gradients(target)
    assert seen.gradients(0) is not first
    assert torch.equal(seen.gradients(0)["conv1_1"], first["conv1_1"])


def test_bytes_count_outputs_and_gradients() -> None:
    network, image = tiny_network("vgg11"), tiny_image("vgg11")
    seen = inspect(network, image, ["conv1_1"])
    held = image.nbytes + 4 * CLASSES + seen.outputs["conv1_1"].nbytes
    assert seen.nbytes == held
    seen.gradients(0)
    assert seen.nbytes == held + image.nbytes + seen.outputs["conv1_1"].nbytes


@pytest.mark.parametrize("target", [-1, CLASSES, 10_000])
def test_a_class_that_is_not_there_is_named(target: int) -> None:
    seen = inspect(tiny_network("vgg11"), tiny_image("vgg11"), ["conv1_1"])
    with pytest.raises(UnknownNameError, match="0 to 6"):
        seen.gradients(target)


def snapshot(network: nn.Module) -> dict[str, object]:
    """All that an analysis might disturb."""
    return {
        "hooks": [
            (name, len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
            for name, m in network.named_modules()
        ],
        "modes": [m.training for m in network.modules()],
        "in_place": [getattr(m, "inplace", None) for m in network.modules()],
        "requires_grad": [p.requires_grad for p in network.parameters()],
        "grads": [p.grad is None for p in network.parameters()],
        "state": {k: v.clone() for k, v in network.state_dict().items()},
        "rng": torch.get_rng_state(),
        "grad_enabled": torch.is_grad_enabled(),
    }


def assert_same(before: dict[str, object], after: dict[str, object]) -> None:
    for key, value in before.items():
        if key == "state":
            for name, tensor in value.items():  # type: ignore[attr-defined]
                assert torch.equal(tensor, after[key][name]), name  # type: ignore[index]
        elif key == "rng":
            assert torch.equal(value, after[key])  # type: ignore[arg-type]
        else:
            assert value == after[key], key


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network_after_success(name: str, training: bool) -> None:
    network = copy.deepcopy(tiny_network(name)).train(training)
    network[0].weight.requires_grad_(True)
    image = tiny_image(name)
    untouched = image.clone()
    before = snapshot(network)
    inspect(network, image, everything(name)).gradients(3)
    assert_same(before, snapshot(network))
    assert torch.equal(image, untouched)
    assert not image.requires_grad
    assert image.grad is None


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network_after_failure(name: str) -> None:
    network = copy.deepcopy(tiny_network(name)).train()
    image = tiny_image(name)
    before = snapshot(network)
    with pytest.raises(UnknownNameError, match="conv9_9"):
        inspect(network, image, [*tiny_config(name).convs, "conv9_9"])
    with pytest.raises(RuntimeError):
        inspect(network, image[:, :2], tiny_config(name).convs)  # two colour channels
    with pytest.raises(UnknownNameError):
        inspect(network, image, ["fc8"]).gradients(99)
    assert_same(before, snapshot(network))
    assert not image.requires_grad


def test_no_grad_around_the_call_does_not_matter() -> None:
    network, image = tiny_network("vgg11"), tiny_image("vgg11")
    with torch.no_grad():
        gradients = inspect(network, image, ["conv5_2"]).gradients(1)
    assert float(gradients["conv5_2"].std()) > 0


def test_recording_ends_with_its_block() -> None:
    network, image = tiny_network("vgg11"), tiny_image("vgg11")
    with recording(network, ["conv1_1"]) as outputs:
        network(image)
    kept = outputs["conv1_1"]
    network(image * 2)
    assert outputs["conv1_1"] is kept
