"""Signal and gradient by layer: against plain autograd, by hand, and in words."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from tests import reference
from tests.tiny import ALL_NETWORKS, CLASSES, tiny_config, tiny_image, tiny_network
from vgg_viz.gradient_flow import FlowMeter, euler_spread, measure, verdict
from vgg_viz.gradient_flow.meter import Moments, Zeros, inner, magnitudes, norm
from vgg_viz.initialization import initialize
from vgg_viz.models.networks import build_network
from vgg_viz.results import MAGNITUDES, LayerFlow

NORMED = tuple(name for name in ALL_NETWORKS if "bn" in name or "lrn" in name or "zfnet" in name)
PLAIN = tuple(name for name in ALL_NETWORKS if name not in NORMED)


def batch(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.cat([tiny_image(name, seed=0), tiny_image(name, seed=1)])
    return images.contiguous(memory_format=torch.channels_last), torch.tensor([1, 4])


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_every_quantity_equals_plain_autograd(name: str) -> None:
    images, labels = batch(name)
    network = tiny_network(name)
    expected = reference.flow(network, images, labels)
    seen = measure(network, images, labels, learning_rate=0.5)
    assert [row.layer for row in seen.layers] == list(expected)
    gradients = np.array([e["gradient_std"] for e in expected.values()])
    assert reference.spread(gradients) > 0.05, "a flat reference could hide a wrong layer"
    for row in seen.layers:
        for quantity, value in expected[row.layer].items():
            found = row.euler if quantity == "euler" else row.values[quantity]
            # <W, dL/dW> cancels, and so does dL/db in front of batch norm, where it is 0 but for
            # rounding: compare them with the size of what they are sums of.
            cancels = quantity in ("euler", "bias_gradient_norm")
            slack = 1e-4 * expected[row.layer]["weight_gradient_norm"] if cancels else 1e-12
            assert found == pytest.approx(value, rel=2e-4, abs=slack), (row.layer, quantity)
        ratio = 0.5 * row.values["weight_gradient_norm"] / row.values["weight_norm"]
        assert row.values["update_ratio"] == pytest.approx(ratio)
    assert math.isnan(seen.layers[-1].values["activation_std"]), "no ReLU follows fc8"


def test_two_weights_by_hand() -> None:
    # z = 3x = 6, a = 6, s = (2a, 0) = (12, 0), y = 0: softmax is 1, so dL/ds is next to 0; with
    # label 1 the loss is 12, dL/ds = (1, -1), dL/da = 2, dL/dz = 2, dL/dw = 2 x 2 = 4.
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 2, bias=False))
    with torch.no_grad():
        network[0].weight.fill_(3.0)
        network[2].weight.copy_(torch.tensor([[2.0], [0.0]]))
    seen = measure(network, torch.tensor([[2.0]]), torch.tensor([1]), learning_rate=0.1)
    first, last = seen.layers
    assert seen.loss == pytest.approx(12.0, abs=1e-4)
    assert first.values["weight_gradient_norm"] == pytest.approx(4.0, abs=1e-4)
    assert first.values["update_ratio"] == pytest.approx(0.1 * 4 / 3, abs=1e-4)
    assert first.euler == pytest.approx(12.0, abs=1e-3)  # 3 x 4
    assert last.euler == pytest.approx(12.0, abs=1e-3)  # 2 x 6 + 0 x (-6)
    assert first.values["zero_share"] == 0


@pytest.mark.parametrize("name", PLAIN)
def test_without_biases_w_times_its_gradient_is_one_number(name: str) -> None:
    network = build_network(tiny_config(name))
    images, labels = batch(name)
    for scheme in ("std_0.01", "glorot", "he_fan_in"):
        initialize(network, scheme, seed=1)
        seen = measure(network, images, labels)
        numbers = [row.euler for row in seen.layers]
        assert max(map(abs, numbers)) > 0
        spread = euler_spread(seen.layers, network)
        assert spread is not None
        assert spread < 1e-4, (scheme, numbers)


@pytest.mark.parametrize("name", NORMED)
def test_euler_and_theory_are_silent_where_they_do_not_hold(name: str) -> None:
    network = build_network(tiny_config(name), seed=0)
    seen = measure(network, *batch(name))
    assert euler_spread(seen.layers, network) is None
    assert all(math.isnan(row.predicted_z_std) for row in seen.layers)


def test_biases_break_the_identity_and_are_noticed() -> None:
    network = tiny_network("vgg11")
    seen = measure(network, *batch("vgg11"))
    numbers = [row.euler for row in seen.layers]
    assert max(numbers) - min(numbers) > 0.01 * max(map(abs, numbers))
    assert euler_spread(seen.layers, network) is None


@pytest.mark.parametrize("fail", [False, True])
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network(name: str, fail: bool) -> None:
    network = tiny_network(name)
    images, labels = batch(name)
    network.get_submodule("drop6").train()  # an odd mode has to survive as well
    before = {key: value.clone() for key, value in network.state_dict().items()}
    modes = [m.training for m in network.modules()]
    random, kept = torch.get_rng_state(), images.clone()
    try:
        if fail:
            with pytest.raises(IndexError):
                measure(network, images, labels + CLASSES)
        else:
            measure(network, images, labels)
        assert [m.training for m in network.modules()] == modes
    finally:
        network.get_submodule("drop6").eval()
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert not any(p.requires_grad or p.grad is not None for p in network.parameters())
    assert not any(m._forward_hooks or m._backward_hooks for m in network.modules())
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(images, kept)


def test_values_whose_squares_vanish_are_still_measured() -> None:
    tiny = torch.tensor([3e-25, -3e-25, 3e-25, -3e-25])
    moments = Moments()
    moments.add(tiny)
    assert moments.std == pytest.approx(3e-25)
    assert norm(tiny) == pytest.approx(6e-25)
    assert inner(tiny[None], tiny[None]) == pytest.approx(0, abs=1e-38)
    assert inner(torch.full((1, 4), 0.5), tiny[None].abs()) == pytest.approx(6e-25)
    huge = torch.tensor([1e30, -1e30])
    assert norm(huge) == pytest.approx(math.sqrt(2) * 1e30)


def test_pieces_are_joined_as_if_they_were_one() -> None:
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0)) * 3 + 5
    moments = Moments()
    for piece in values.split([1, 299, 700]):
        moments.add(piece)
    assert moments.std == pytest.approx(float(values.double().std(correction=0)), rel=1e-6)
    assert math.isnan(Moments().std)


def test_a_number_that_is_not_finite_is_not_hidden() -> None:
    for bad in (math.nan, math.inf):
        moments = Moments()
        moments.add(torch.tensor([1.0, bad]))
        assert math.isnan(moments.std)
        assert math.isnan(norm(torch.tensor([1.0, bad])))


def test_histograms_count_by_magnitude() -> None:
    counts, taken = magnitudes(torch.tensor([0.0, 1e-30, 1e30, 2.0, -2.0, math.nan]))
    assert taken == 6
    assert counts.sum() == 4  # not the zero, not the NaN
    assert counts[0] == counts[-1] == 1
    at = int(np.searchsorted(MAGNITUDES, math.log10(2.0), side="right")) - 1
    assert counts[at] == 2


def test_histograms_of_large_tensors_take_every_kth_value() -> None:
    values = torch.randn(3, 64, 160, 160, generator=torch.Generator().manual_seed(0))
    counts, taken = magnitudes(values.contiguous(memory_format=torch.channels_last))
    every, _ = np.histogram(values.abs().log10().numpy(), MAGNITUDES)
    assert 10**5 < taken < 2**20
    np.testing.assert_allclose(counts / taken, every / values.numel(), atol=2e-3)


def test_dead_is_what_never_gave_anything() -> None:
    zeros = Zeros()
    zeros.add(torch.tensor([[0.0, 1.0, 0.0]]))
    zeros.add(torch.tensor([[0.0, 0.0, 2.0]]))
    assert zeros.zero_share == pytest.approx(4 / 6)
    assert zeros.dead_share == pytest.approx(1 / 3)


def test_theory_is_the_product_of_the_factors() -> None:
    network = build_network(tiny_config("vgg11"))
    initialize(network, "std_0.01", seed=0)
    rows = measure(network, *batch("vgg11")).layers
    forward = rows[0].values["z_std"]
    assert rows[0].predicted_z_std == pytest.approx(forward)
    for row in rows[1:]:
        weight = network.get_submodule(row.layer).weight.detach().double()
        fan_in = weight[0].numel()
        forward *= math.sqrt(fan_in / 2 * float((weight**2).mean()))
        assert row.predicted_z_std == pytest.approx(forward, rel=1e-4)
    backward = rows[-1].values["gradient_std"]
    for row, behind in zip(rows[-2::-1], rows[:0:-1], strict=True):
        weight = network.get_submodule(behind.layer).weight.detach().double()
        fan_out = weight.shape[0] * weight[0, 0].numel()
        backward *= math.sqrt(fan_out / 2 * float((weight**2).mean()))
        assert row.predicted_gradient_std == pytest.approx(backward, rel=1e-4)


def test_passes_without_a_graph_and_muted_ones_do_not_count() -> None:
    network, (images, _) = tiny_network("vgg11"), batch("vgg11")
    meter = FlowMeter(network, grad_only=True)
    with meter.attached():
        with torch.no_grad():
            network(images)
        meter.muted = True
        network(images.clone().requires_grad_())
        assert meter.layers == ()
        meter.muted = False
        network(images.clone().requires_grad_())
    assert meter.layers[0] == "conv1_1"


def test_the_first_layer_that_is_not_finite_is_named() -> None:
    network = build_network(tiny_config("vgg16"), seed=0)
    with torch.no_grad():
        network.get_submodule("conv4_2").weight.fill_(3e38)
        meter = FlowMeter(network, histograms=())
        with meter.attached():
            network(tiny_image("vgg16"))
    assert meter.first_non_finite == "conv4_2"


def row(layer: str, z: float, gradient: float, weights: float = 1e-5) -> LayerFlow:
    values = {"z_std": z, "gradient_std": gradient, "weight_gradient_norm": weights}
    return LayerFlow(layer, "conv", values, {}, {}, 0.0, math.nan, math.nan)


def test_the_verdict_names_what_float16_would_lose() -> None:
    said = " ".join(verdict([row("conv1_1", 0.05, 2e-9), row("conv5_2", 3e-6, 4e-4)], 6.9, 1000))
    assert "conv1_1 is 2e-9, 200,000 times smaller than at conv5_2; float16 would round" in said
    assert "signal vanishes" in said
    assert "within a factor of 1 of one another" in said


@pytest.mark.parametrize(
    ("rows", "loss", "words"),
    [
        ([row("a", 1, 1e-3), row("b", 2, 2e-3)], 6.9, "survives"),
        ([row("a", 0.5, 1e3), row("b", 2e6, 0.5)], 1e9, "explodes"),
        ([row("a", 0.5, 1e3), row("b", 2e6, 0.5)], 1e9, "float16 cannot hold it"),
        ([row("a", 0.5, 1e3), row("b", 2e6, 0.5)], 1e9, "scores are far too large"),
        ([row("a", 1, math.nan), row("b", math.nan, 1)], math.nan, "not a finite number"),
        ([row("a", 1, 0.0), row("b", 0.0, 0.0)], 2.0, "exactly 0"),
        ([row("a", 1, 1e-6), row("b", 1, 1e-6)], 2.0, "only some of its digits"),
        ([row("a", 1, 1, 1e-5), row("b", 1, 1, 1.0)], 2.0, "range from 1e-5 to 1."),
        ([row("a", 1, 3.8e-10), row("b", 1, 8.4e-4)], 2.0, "3.8e-10, 2.2 million times smaller"),
        ([row("a", 1, 5e-6), row("b", 1, 2e-3)], 2.0, "5e-6, 400 times smaller than at b"),
        ([row("a", 1, 5e-14), row("b", 1, 2e-3)], 2.0, "5e-14, 4e10 times smaller than at b"),
        ([row("a", 1, 5e-3), row("b", 1, 2e-2)], 2.0, "0.005, 0.25 times that at b"),
    ],
)
def test_verdicts(rows: list[LayerFlow], loss: float, words: str) -> None:
    assert words in " ".join(verdict(rows, loss, 1000))
