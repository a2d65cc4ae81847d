"""Timings have the right shape and leave nothing behind; how fast anything is, no test says."""

import pytest
import torch

from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz import profiling
from vgg_viz.models.networks import build_network
from vgg_viz.profiling import bandwidth, device_title, peak_flops, time_layers

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_every_layer_runs_on_its_real_input(name):
    network, images = tiny_network(name), tiny_image(name)
    times = time_layers(network, images, most_repeats=3)
    with torch.inference_mode():
        assert torch.equal(times.logits, network(images))
    assert [layer for layer, _ in times.layers] == [row.name for row in tiny_config(name).layers]
    assert {len(seconds) for _, seconds in times.layers} == {len(times.whole)} == {3}
    assert all(value > 0 for _, seconds in times.layers for value in seconds)
    assert all(value > 0 for value in times.whole)


def test_a_long_pass_is_repeated_once(monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: float(next(clock)))
    times = time_layers(tiny_network("vgg11"), tiny_image("vgg11"), budget=2.0)
    layers = len(times.layers)
    assert len(times.whole) == 1
    assert [seconds for _, seconds in times.layers] == [(1.0,)] * layers  # one tick each
    # A walk takes as many ticks as it has layers, the network in one go takes one.
    for budget, repeats in ((layers + 1, 1), (2 * (layers + 1), 2), (1e9, profiling.MOST_REPEATS)):
        times = time_layers(tiny_network("vgg11"), tiny_image("vgg11"), budget=float(budget))
        assert len(times.whole) == repeats


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_stays_on_the_network(fails):
    network = build_network(tiny_config("vgg16_bn"), seed=0)
    network.train()
    network.relu1_1.inplace = True
    network.fc7.weight.grad = torch.ones_like(network.fc7.weight)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images = tiny_image("vgg16_bn")
    kept, state = images.clone(), torch.get_rng_state()
    if fails:
        network.fc8.register_forward_pre_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            time_layers(network, images, most_repeats=1)
    else:
        times = time_layers(network, images, most_repeats=1)
        assert not times.logits.requires_grad
    assert all(module.training for module in network.modules())
    assert network.relu1_1.inplace
    assert network.fc7.weight.grad is not None
    assert network.fc6.weight.grad is None
    assert sum(len(m._forward_hooks) for m in network.modules()) == 0
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert torch.equal(images, kept)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_device_is_measured(monkeypatch):
    monkeypatch.setattr(profiling, "MATRICES", (32, 64))
    monkeypatch.setattr(profiling, "COPIED_BYTES", 2**20)
    for dtype in (torch.float32, torch.bfloat16):
        assert peak_flops(CPU, dtype) > 0
    assert bandwidth(CPU) > 0
    assert device_title(CPU).startswith("cpu, ")


def test_rates_count_operations_and_bytes(monkeypatch):
    """With a clock that ticks once a call, the rates are the counts themselves."""
    clock = iter(range(10_000))
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(profiling, "MATRICES", (8, 16))
    monkeypatch.setattr(profiling, "COPIED_BYTES", 2**20)
    monkeypatch.setattr(profiling, "LONG_ENOUGH", 10.0)
    assert peak_flops(CPU, torch.float32) == 2 * 16**3
    assert bandwidth(CPU) == 3 * 2**20
    monkeypatch.setattr(profiling, "LONG_ENOUGH", 0.5)  # the first is long enough
    assert peak_flops(CPU, torch.float32) == 2 * 8**3


def test_both_products_are_the_same_product():
    product, convolution = profiling._products(16, CPU, torch.float32)
    made = convolution()[0, :, :, 0]  # (channels, pixels)
    torch.testing.assert_close(made.T, product(), rtol=1e-5, atol=1e-5)
