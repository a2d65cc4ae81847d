"""Style transfer against literal formulas, the paper's closed gradient, hand-worked numbers."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests import reference_inversion, reference_style
from tests.test_capture import assert_same, snapshot
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.errors import InputError
from vgg_viz.models.configs import build
from vgg_viz.preprocessing import Preprocessing
from vgg_viz.transfer import style as module
from vgg_viz.transfer.painting import Painting, Way, alike, luminance
from vgg_viz.transfer.style import (
    Balance,
    StyleObjective,
    behind_relu,
    content_loss,
    front,
    gram,
    style_layers,
    style_loss,
    total_variation,
)

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MIXED = Balance(0.03, 1.0, 0.03)


def picture_of(side, seed=0, dtype=torch.float32, cells=4):
    """A smooth picture (1, 3, side, side) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, cells, cells, generator=generator, dtype=dtype)
    return nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)


def painting(name="vgg11", balance=MIXED, *, network=None, dtype=torch.float32, **way):
    side = tiny_config(name).input_size
    return Painting(
        network or tiny_network(name),
        tiny_config(name),
        picture_of(side, 0, dtype),
        picture_of(side, 1, dtype, cells=16),
        Preprocessing(side, side, MEAN, STD),
        balance,
        Way(**way),
    )


# --- formulas ------------------------------------------------------------------------------------


def test_losses_by_hand():
    """F = (1 2 | 0 3): G = (5 6 | 6 9); against A = I, differences 4 6 6 8, squares 152 / 64."""
    maps = torch.tensor([[1.0, 2.0], [0.0, 3.0]])
    assert gram(maps).tolist() == [[5, 6], [6, 9]]
    assert float(style_loss(maps, torch.eye(2))) == 2.375
    assert float(content_loss(maps, torch.zeros(2, 2))) == 7
    assert float(total_variation(maps[None, None])) == 1 + 9 + 1 + 1


@settings(max_examples=30)
@given(count=st.integers(1, 5), places=st.integers(1, 9), seed=st.integers(0, 999))
def test_losses_equal_literal_sums_and_the_gradient_the_papers(count, places, seed):
    noise = np.random.default_rng(seed)
    inside = noise.normal(0, 1, (count, places))
    maps = np.maximum(inside, 0)
    wanted = reference_style.gram(noise.normal(0, 1, (count, places)))
    leaf = torch.from_numpy(inside).requires_grad_()
    found = style_loss(leaf.relu(), torch.from_numpy(wanted))
    expected = reference_style.style_loss(maps, wanted)
    np.testing.assert_allclose(float(found.detach()), expected, rtol=1e-10)
    np.testing.assert_allclose(gram(torch.from_numpy(maps)).numpy(), reference_style.gram(maps))
    other = noise.normal(0, 1, maps.shape)
    np.testing.assert_allclose(
        float(content_loss(torch.from_numpy(maps), torch.from_numpy(other))),
        reference_style.content_loss(maps, other),
    )
    (gradient,) = torch.autograd.grad(found, leaf)
    expected = reference_style.style_gradient(maps, wanted)
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=20)
@given(height=st.integers(1, 5), width=st.integers(1, 5), seed=st.integers(0, 999))
def test_variation_equals_a_literal_sum(height, width, seed):
    picture = np.random.default_rng(seed).normal(0, 1, (3, height, width))
    found = float(total_variation(torch.from_numpy(picture)[None]))
    np.testing.assert_allclose(found, reference_inversion.total_variation(picture))


@pytest.mark.parametrize("keep_colour", [False, True])
def test_the_whole_objective_equals_its_parts(keep_colour):
    """Maps by running the layers one by one; every weight and unit by hand."""
    network = copy.deepcopy(tiny_network("vgg11")).double()
    made = painting(network=network, dtype=torch.float64, keep_colour=keep_colour)
    content, style = picture_of(64, 0, torch.float64), picture_of(64, 1, torch.float64, cells=16)
    now = picture_of(64, 5, torch.float64)
    if keep_colour:
        content, now = luminance(content), luminance(now)
        style = alike(luminance(style), content)
    names = [f"relu{stage}_1" for stage in range(1, 6)]

    def maps_of(picture):
        mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in (MEAN, STD))
        value, found = (picture - mean) / std, {}
        for name, each in network.named_children():
            pool = isinstance(each, nn.MaxPool2d)
            value = nn.functional.avg_pool2d(value, 2) if pool else each(value)
            found[name] = value[0].flatten(1).numpy() if value.ndim == 4 else None
        return found

    maps, first, second = map(maps_of, (now, content, style))
    units = {name: (first[name].mean() + second[name].mean()) / 2 for name in (*names, "relu4_2")}
    total = style_whole = 0.0
    for name in names:
        wanted = reference_style.gram(second[name] / units[name])
        total += reference_style.style_loss(maps[name] / units[name], wanted) / 5
        style_whole += reference_style.style_loss(first[name] / units[name], wanted) / 5
    total /= style_whole
    at, unit = "relu4_2", units["relu4_2"]
    whole = reference_style.content_loss(second[at] / unit, first[at] / unit)
    total += 0.03 * reference_style.content_loss(maps[at] / unit, first[at] / unit) / whole
    rough = reference_inversion.total_variation(style[0].numpy())
    total += 0.03 * reference_inversion.total_variation(now[0].numpy()) / rough
    np.testing.assert_allclose(made.objective.measure(network, now).loss, total, rtol=1e-9)
    assert made.objective.measure(network, content).content == 0
    assert max(made.objective.measure(network, style).style) < 1e-20


def test_the_gradient_equals_finite_differences():
    network = copy.deepcopy(tiny_network("vgg11")).double()
    made = painting(network=network, dtype=torch.float64).objective
    picture = picture_of(64, 7, torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(made(network, picture)[0], picture)
    with torch.no_grad():
        for c, i, j in ((0, 0, 0), (1, 31, 17), (2, 63, 63)):
            ends = []
            for sign in (1, -1):
                moved = picture.detach().clone()
                moved[0, c, i, j] += sign * 1e-6
                ends.append(made.measure(network, moved).loss)
            slope = (ends[0] - ends[1]) / 2e-6
            np.testing.assert_allclose(float(gradient[0, c, i, j]), slope, rtol=1e-3, atol=1e-9)


# --- layers and pooling --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "style", "content"),
    [
        ("vgg19", "conv1_1 conv2_1 conv3_1 conv4_1 conv5_1", "conv4_2"),
        ("vgg11_bn", "conv1_1 conv2_1 conv3_1 conv4_1 conv5_1", "conv4_2"),
        ("vgg13_5x5", "conv1_1 conv2_1 conv3_1 conv4_1 conv5_1", "conv3_1"),
        ("zfnet_b", "conv1 conv2 conv3 conv4 conv5", "conv3"),
        ("alexnet", "conv1 conv2 conv3 conv4 conv5", "conv3"),
    ],
)
def test_the_papers_layers_or_those_at_the_same_depth(name, style, content):
    found = style_layers(build(name))
    assert " ".join(found.style) == style
    assert found.content == content


def test_the_relu_behind_a_batch_norm_is_read():
    assert behind_relu(build("vgg11_bn"), "conv2_1") == "relu2_1"


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_average_pooling_in_a_copy_of_the_layers(name):
    network, config = tiny_network(name), tiny_config(name)
    before = snapshot(network)
    pools = [row.name for row in config.layers if row.kind == "max_pool"]
    averaged, same = front(network, pools[-1], "average"), front(network, pools[-1], "max")
    assert [n for n, _ in averaged.named_children()] == [n for n, _ in same.named_children()]
    image = tiny_image(name)
    a = b = image
    for pool, whole in zip(averaged.children(), same.children(), strict=True):
        assert pool is whole or isinstance(pool, nn.AvgPool2d)
        a, b = pool(a), whole(b)
        assert a.shape == b.shape  # also where the last window is cut off
    assert torch.equal(same(image), b)
    assert not torch.equal(a, b)
    assert_same(before, snapshot(network))


def test_a_window_that_is_cut_off_is_averaged_over_what_there_is():
    pool = front(tiny_network("zfnet_b"), "pool1", "average").pool1
    flat = torch.full((1, 1, 46, 46), 2.0)
    assert torch.equal(pool(flat), torch.full((1, 1, 23, 23), 2.0))


# --- the way down --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_the_loss_falls_at_every_accepted_step(name):
    made = painting(name)
    network = tiny_network(name)
    while made.step_count < 12 and not made.ended:
        made.evaluate(network)
    losses = [parts.loss for parts in made.history]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5 * losses[0]
    assert made.evaluations <= 2 * len(losses)
    assert all(not parts.grams for parts in made.history), "they would fill the memory"
    assert made.newest.grams[0].shape[0] == tiny_config(name).channels[0]


def test_the_ends_of_the_slider_are_inversion_and_texture():
    network = tiny_network("vgg11")
    for balance, closer in ((Balance(1, 0), "content"), (Balance(0, 1), "style")):
        made = painting(balance=balance, start="noise")
        while made.step_count < 15:
            made.evaluate(network)
        first, last = made.history[0], made.history[-1]
        if closer == "content":
            assert last.content < 0.3 * first.content
        else:
            assert sum(last.style) < 0.1 * sum(first.style)


def test_adam_takes_a_step_with_every_evaluation():
    network = tiny_network("vgg11")
    made = painting(optimizer="adam", learning_rate=0.01)
    for _ in range(20):
        assert made.evaluate(network)
    assert made.step_count == 19
    assert made.history[-1].loss < 0.8 * made.history[0].loss


def test_kept_colours_are_the_photos():
    network = tiny_network("vgg11")
    made = painting(keep_colour=True)
    for _ in range(6):
        made.evaluate(network)
    photo, found = picture_of(64, 0), made.picture
    inside = (found > 0).all(1) & (found < 1).all(1)  # elsewhere they are cut off
    changed = found - photo
    assert inside.float().mean() > 0.5
    assert changed.abs().max() > 0.05
    for c in (1, 2):
        torch.testing.assert_close(changed[:, c][inside], changed[:, 0][inside], rtol=0, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_stopped_and_continued_it_is_the_same_picture_to_the_bit(optimizer):
    network = tiny_network("vgg11")
    whole, parts = (painting(start="noise", optimizer=optimizer, seed=3) for _ in range(2))
    for _ in range(14):
        whole.evaluate(network)
    for _ in range(5):
        parts.evaluate(network)
    resumed = copy.deepcopy(parts)  # nothing it needs is anywhere else
    torch.rand(3)
    for _ in range(9):
        resumed.evaluate(network)
    assert torch.equal(whole.picture, resumed.picture)
    assert [p.loss for p in whole.history] == [p.loss for p in resumed.history]


@pytest.mark.parametrize("name", ["vgg16_bn", "zfnet_b", "vgg11_lrn"])
def test_nothing_is_left_on_the_network(name):
    network = copy.deepcopy(tiny_network(name)).train()
    next(network.parameters()).requires_grad_(True)
    before = snapshot(network)
    made = painting(name, network=network)
    with torch.no_grad():
        for _ in range(3):
            made.evaluate(network)
    assert_same(before, snapshot(network))
    assert not made.picture.requires_grad
    with pytest.raises(RuntimeError):
        made.objective(network, torch.zeros(1, 2, 64, 64))
    assert_same(before, snapshot(network))


# --- what cannot be painted ----------------------------------------------------------------------


def refused(words, content, style, balance=MIXED, **way):
    side = content.shape[-1]
    args = (tiny_network("vgg11"), tiny_config("vgg11"), content, style)
    with pytest.raises(InputError, match=words):
        Painting(*args, Preprocessing(side, side, MEAN, STD), balance, Way(**way))


def test_a_style_of_one_colour_is_refused():
    red = torch.zeros(1, 3, 64, 64)
    red[:, 0] = 0.8
    refused("of one colour", picture_of(64), red)


def test_nothing_to_change_is_told():
    photo, style = picture_of(64), picture_of(64, 1)
    refused("same picture", photo, photo, Balance(0.03, 1))
    refused("same picture", photo, photo, Balance(0.03, 1, 0.03))
    refused("Start from noise", photo, style, Balance(1, 0), start="content")
    refused("Start from noise", photo, style, Balance(0, 1), start="style")


def test_the_same_picture_from_noise_is_painted():
    network, photo = tiny_network("vgg11"), picture_of(64)
    preprocessing = Preprocessing(64, 64, MEAN, STD)
    args = (network, tiny_config("vgg11"), photo, photo, preprocessing)
    made = Painting(*args, Balance(0.1, 1), Way(start="noise"))
    while made.step_count < 10:
        made.evaluate(network)
    assert made.history[-1].loss < 0.5 * made.history[0].loss


def test_a_silent_layer_counts_nothing():
    network = copy.deepcopy(tiny_network("vgg11"))
    network.conv3_1.bias.fill_(-1e6)
    made = painting(network=network)
    made.evaluate(network)
    parts = made.history[0]
    assert parts.style[2] == 0
    assert parts.style[0] > 0
    assert np.isfinite(parts.loss)
    assert module._scale(torch.zeros(2, 3), torch.zeros(2, 3)) == 0


def test_references_are_the_other_pictures_losses():
    made = painting()
    network, objective = tiny_network("vgg11"), made.objective
    assert isinstance(objective, StyleObjective)
    content = objective.measure(network, picture_of(64, 0))
    style = objective.measure(network, picture_of(64, 1, cells=16))
    assert content.style == objective.style_references
    assert style.content == objective.content_reference
    assert style.variation == objective.variation_reference
    relative = objective.beta * sum(content.style) / 5
    assert relative == pytest.approx(1)
