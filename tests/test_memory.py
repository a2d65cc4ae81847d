"""Bytes of inference and training: hand-worked, and against every storage torch really keeps."""

import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.tiny import CLASSES
from vgg_viz.architecture import describe, memory_of, moved_bytes
from vgg_viz.models.configs import NETWORKS, build
from vgg_viz.models.networks import build_network

BATCH = 2
SIZES = {"alexnet": (96, 127), "zfnet_a": (96, 127), "zfnet_b": (96, 127)}
CASES = [(name, size) for name in NETWORKS for size in SIZES.get(name, (32, 64, 75))]


def prepared(name, size):
    """A tiny network with a batch of images, and what its tables say of their memory."""
    config = build(name, width=1 / 16, classes=CLASSES, input_size=size)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, 3, size, size, generator=generator)
    images = images.contiguous(memory_format=torch.channels_last)
    return build_network(config, seed=1), images, memory_of(describe(config), BATCH)


class Alive(TorchDispatchMode):
    """Bytes of all storages alive at a time: those of `held`, and all that is made meanwhile."""

    def __init__(self, own, *held):
        super().__init__()
        self.own, self.seen, self.peak = own, {}, 0
        self.look(held)

    def look(self, tensors):
        for tensor in tensors:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self.own:
                references = self.seen.setdefault(storage.data_ptr(), (storage.nbytes(), []))[1]
                references.append(weakref.ref(tensor))
        alive = {p: s for p, s in self.seen.items() if any(r() is not None for r in s[1])}
        self.seen = alive
        self.peak = max(self.peak, sum(nbytes for nbytes, _ in alive.values()))

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        self.look(leaf for leaf in tree_leaves(made) if isinstance(leaf, torch.Tensor))
        return made


@pytest.mark.parametrize(("name", "size"), CASES)
def test_what_is_alive_in_an_inference_is_what_torch_holds(name, size):
    network, images, memory = prepared(name, size)
    own = {tensor.untyped_storage().data_ptr() for tensor in network.state_dict().values()}
    x, held = images, {}
    with torch.no_grad():
        for row, (layer, module) in zip(memory.rows, network.named_children(), strict=True):
            with Alive(own, images, x) as alive:
                made = module(x)
            held[layer] = alive.peak
            assert row.name == layer
            x = made
    assert held == {row.name: row.alive for row in memory.rows}
    assert memory.peak.alive == max(held.values())


@pytest.mark.parametrize(("name", "size"), CASES)
def test_what_is_kept_for_the_backward_pass_is_what_torch_saves(name, size):
    """Unique storages, in training mode with dropout on; parameters and buffers apart."""
    network, images, memory = prepared(name, size)
    own = {tensor.untyped_storage().data_ptr() for tensor in network.state_dict().values()}
    saved, alive = {}, []

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)  # an address is not given to another tensor meanwhile
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = network.train()(images)
    assert sum(saved.values()) == memory.kept
    assert logits.requires_grad


def test_vgg16_worked_by_hand():
    memory = memory_of(describe(build("vgg16")))
    assert memory.parameters == 4 * 138_357_544
    # relu1_1 has 64 x 224 x 224 values in and out; the image stays beside them.
    assert memory.peak.name == "relu1_1"
    assert memory.peak.alive == 4 * (2 * 3_211_264 + 150_528) == 26_292_224
    assert memory.inference == 553_430_176 + 26_292_224
    # Kept: image, 13 maps after ReLU, 5 pooled maps, fc6's vector, and of fc6 and fc7 the output of
    # ReLU, the mask and the output of dropout; besides 8 bytes for each maximum.
    pooled = 802_816 + 401_408 + 200_704 + 100_352 + 25_088
    values = 150_528 + 13_547_520 + pooled + 25_088 + 6 * 4_096
    assert memory.kept == 4 * values + 8 * pooled == 73_355_264
    assert memory.training == 3 * 553_430_176 + 73_355_264


def test_pool1_row_by_hand():
    memory = memory_of(describe(build("vgg16")), batch=2)
    row = memory.row("pool1")
    out = 64 * 112 * 112
    assert row.alive == 2 * (4 * (150_528 + 4 * out + out) + 8 * out)
    assert row.kept == 2 * (4 + 8) * out
    assert memory.row("conv1_1").kept == 0  # its ReLU's output is kept, not its own
    assert memory.row("conv1_1").alive == 2 * 4 * (150_528 + 64 * 224 * 224)
    assert memory.row("drop6").alive == 2 * 4 * (150_528 + 4_096)


def test_batch_norm_keeps_the_maps_twice():
    plain, normed = (memory_of(describe(build(n))) for n in ("vgg16", "vgg16_bn"))
    convs = 4 * 13_547_520
    statistics = 2 * 4 * sum(NETWORKS["vgg16_bn"].channels)
    assert normed.kept - plain.kept == convs + statistics
    assert normed.peak.alive == plain.peak.alive


@pytest.mark.parametrize("name", NETWORKS)
def test_sums_and_batches(name):
    a = describe(build(name))
    one, eight = memory_of(a), memory_of(a, 8)
    assert one.kept == one.image + sum(row.kept for row in one.rows)
    assert one.training == 3 * one.parameters + one.kept
    assert one.inference == one.parameters + max(row.alive for row in one.rows)
    assert eight.peak.alive == 8 * one.peak.alive
    statistics = sum(2 * 4 * row.out_channels for row in a.rows if row.kind == "batch_norm")
    assert eight.kept == 8 * (one.kept - statistics) + statistics
    half = memory_of(a, 1, 2)
    pools = 8 * sum(row.activations for row in a.rows if row.kind == "max_pool")
    assert 2 * (half.kept - pools - statistics) == one.kept - pools - statistics
    assert 2 * half.parameters == one.parameters
    assert [row.name for row in one.rows] == [row.name for row in a.rows]


def test_moved_bytes_by_hand():
    a = describe(build("vgg16"))
    moved = moved_bytes(a, batch=2, bytes_per_value=4)
    assert moved["fc6"] == 4 * (102_764_544 + 2 * (25_088 + 4_096))
    assert moved["conv1_1"] == 4 * (1_792 + 2 * (3 * 224**2 + 64 * 224**2))
    assert moved["pool1"] == 4 * 2 * 64 * (224**2 + 112**2)
    assert moved["drop6"] == 0
    assert moved_bytes(a, 2, 2)["fc6"] == moved["fc6"] // 2
    # The same inputs and outputs as in the model of memory.
    alive = memory_of(a, 2)
    assert moved["relu3_1"] == alive.row("relu3_1").alive - alive.image
