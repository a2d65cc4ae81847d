"""Feature visualisation against literal formulas, by hand, and that it leaves no trace."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests import reference_feature_vis as literal
from tests.test_capture import assert_same, snapshot
from tests.tiny import ALL_NETWORKS, CLASSES, tiny_config, tiny_network
from vgg_viz.errors import InputError, UnknownNameError, VggVizError
from vgg_viz.feature_vis import STANDARD, Optimisation, Parametrization, Transforms, bind
from vgg_viz.feature_vis.front import Redirected, run_front
from vgg_viz.feature_vis.objectives import moved_share, similarity
from vgg_viz.feature_vis.optimize import start_from
from vgg_viz.feature_vis.parametrize import COLOUR_SQRT, FIRST_DEVIATION, amplitudes
from vgg_viz.feature_vis.transforms import views
from vgg_viz.preprocessing import IMAGENET
from vgg_viz.requests.studies import Term

NETWORK = "vgg11"
SIZE = 64
COLOURS = np.array(COLOUR_SQRT) / np.linalg.norm(np.array(COLOUR_SQRT), axis=0).max()


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def optimisation(*terms, name=NETWORK, size=SIZE, pictures=1, kind="fourier", **settings):
    objective = bind(tiny_config(name), [terms] * pictures, size)
    return Optimisation(objective, Parametrization(size, kind), IMAGENET, **settings)


CHANNEL = Term("channel", "conv3_1", 1)

# --- objectives ----------------------------------------------------------------------------------

TERMS = {
    "neuron": (Term("neuron", "conv3_1", 2, 4, 1), lambda y: literal.neuron(y, 2, 4, 1)),
    "middle": (Term("neuron", "conv3_1", 3), lambda y: literal.neuron(y, 3)),
    "channel": (Term("channel", "conv3_1", 2), lambda y: literal.channel(y, 2)),
    "layer": (Term("layer", "conv3_1"), literal.layer),
    "direction": (
        Term("direction", "conv3_1", direction=((0, 0.5), (3, -2.0))),
        lambda y: literal.direction(y, [(0, 0.5), (3, -2.0)]),
    ),
}


@pytest.mark.parametrize("term", TERMS)
def test_a_term_equals_its_formula(term):
    asked, formula = TERMS[term]
    maps = random(3, tiny_config(NETWORK).layer("conv3_1").out, 7, 7)
    values = bind(tiny_config(NETWORK), [(asked,)] * 3, SIZE).values({"conv3_1": maps})
    expected = [formula(y) for y in maps.double().numpy()]
    assert np.std(expected) > 1e-3
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_terms_by_hand():
    """Map [[1, -2], [3, 4]] in channel 0, ones in channel 1."""
    maps = torch.ones(1, tiny_config(NETWORK).layer("conv1_1").out, 2, 2)
    maps[0, 0] = torch.tensor([[1.0, -2.0], [3.0, 4.0]])

    def value(*terms):
        return float(bind(tiny_config(NETWORK), [terms], SIZE).values({"conv1_1": maps})[0])

    assert value(Term("neuron", "conv1_1", 0)) == 4  # of an even map, right below the middle
    assert value(Term("neuron", "conv1_1", 0, 0, 1)) == -2
    assert value(Term("channel", "conv1_1", 0)) == 1.5
    assert value(Term("direction", "conv1_1", direction=((0, 2.0), (1, -1.0)))) == 2
    both = Term("channel", "conv1_1", 0, weight=2.0), Term("channel", "conv1_1", 1, weight=-1.0)
    assert value(*both) == 2


def test_a_class_is_its_logit_before_the_softmax():
    network, config = tiny_network(NETWORK), tiny_config(NETWORK)
    image = random(2, 3, SIZE, SIZE)
    objective = bind(config, [(Term("class", channel=4),), (Term("class", channel=2),)], SIZE)
    outputs = run_front(network, objective.layers, image)
    with torch.no_grad():
        logits = network(image)
    torch.testing.assert_close(objective.values(outputs).detach(), logits[[0, 1], [4, 2]])


def test_every_picture_of_a_batch_has_its_own_term():
    maps = random(2, tiny_config(NETWORK).layer("conv2_1").out, 3, 3)
    terms = [
        (Term("neuron", "conv2_1", 1, 0, 2), Term("channel", "conv2_1", 0, weight=-0.5)),
        (Term("neuron", "conv2_1", 4, 2, 2), Term("channel", "conv2_1", 3, weight=3.0)),
    ]
    found = bind(tiny_config(NETWORK), terms, SIZE).values({"conv2_1": maps})
    expected = [
        maps[0, 1, 0, 2] - 0.5 * maps[0, 0].mean(),
        maps[1, 4, 2, 2] + 3.0 * maps[1, 3].mean(),
    ]
    torch.testing.assert_close(found, torch.stack(expected))


@settings(max_examples=20)
@given(pictures=st.integers(2, 4), channels=st.integers(1, 5), side=st.integers(1, 4))
def test_similarity_equals_the_literal_one(pictures, channels, side):
    maps = random(pictures, channels, side, side, seed=pictures + 10 * channels)
    expected = literal.similarity(maps.double().numpy())
    assert float(similarity(maps)) == pytest.approx(expected, abs=1e-5)


def test_similarity_by_hand():
    """Channels (1, 0) against (1, 1): G = diag(1, 0) and ones, cosine 1 / (1 * 2)."""
    maps = torch.tensor([[1.0, 0.0], [1.0, 1.0]]).view(2, 2, 1, 1)
    assert float(similarity(maps)) == pytest.approx(0.5)
    assert float(similarity(maps[:1])) == 0
    assert float(similarity(maps[[1, 1]])) == pytest.approx(1)


def test_what_a_network_does_not_have_is_refused():
    config = tiny_config("vgg16_bn")

    def refused(*terms, size=SIZE, words):
        with pytest.raises(InputError, match=words):
            bind(config, [terms], size)

    refused(Term("channel", "conv9", 0), words="Unknown layer of vgg16_bn 'conv9'.*conv")
    refused(Term("channel", "flatten", 0), words="Unknown layer")
    refused(Term("channel", "conv1_1", 99), words="no channel of conv1_1 99; choose from 0 to 3")
    refused(Term("channel", "conv1_1", -1), words="choose from 0 to 3")
    refused(Term("channel", "relu1_1"), words="Say which channel of relu1_1")
    refused(Term("class", channel=CLASSES), words="no class 7; choose from 0 to 6")
    refused(Term("neuron", "conv5_1", 0, 4, 0), words="no row of conv5_1 at 64 px 4.* 0 to 3")
    refused(Term("neuron", "conv5_1", 0, 0, 9), words="no column")
    refused(Term("direction", "conv1_1"), words="at least one channel")
    refused(Term("direction", "conv1_1", direction=((7, 1.0),)), words="choose from 0 to 3")
    refused(Term("channel", "conv1_1", 0, weight=math.nan), words="weight")
    refused(Term("channel", "conv5_1", 0), size=8, words="too small.*at least 32 px")
    refused(words="at least one term")
    with pytest.raises(InputError, match="same kinds and layers"):
        bind(config, [(CHANNEL,), (Term("layer", "conv3_1"),)], SIZE)
    with pytest.raises(UnknownNameError, match="kind of term"):
        bind(config, [(Term("charm", "conv3_1"),)], SIZE)


# --- parametrisations ----------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    size=st.integers(2, 13),
    kind=st.sampled_from(["fourier", "pixels"]),
    decorrelated=st.booleans(),
    seed=st.integers(0, 99),
)
def test_pictures_equal_the_literal_transform(size, kind, decorrelated, seed):
    parametrization = Parametrization(size, kind, decorrelated)
    latent = random(1, *parametrization.shape, seed=seed)
    colours = COLOURS if decorrelated else None
    expected = (
        literal.fourier_picture(latent[0].double().numpy(), colours)
        if kind == "fourier"
        else literal.squashed(latent[0].double().numpy(), colours)
    )
    found = parametrization.pictures(latent)[0]
    np.testing.assert_allclose(found, expected, atol=2e-6)


@settings(max_examples=40)
@given(
    size=st.integers(2, 48),
    kind=st.sampled_from(["fourier", "pixels"]),
    decorrelated=st.booleans(),
    seed=st.integers(0, 99),
    flat=st.booleans(),
)
def test_any_parametrisation_holds_any_picture_of_8_bits(size, kind, decorrelated, seed, flat):
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (2, size, size, 3), np.uint8)
    if flat:
        photo = (photo // 128 * 255).astype(np.uint8)  # 0 and 255 only, clipped the most
    parametrization = Parametrization(size, kind, decorrelated)
    latent = parametrization.fitted(start_from(photo))
    assert latent.shape == (2, *parametrization.shape)
    found = (parametrization.pictures(latent) * 255).round().to(torch.uint8)
    np.testing.assert_array_equal(found.permute(0, 2, 3, 1).numpy(), photo)


@pytest.mark.parametrize("kind", ["fourier", "pixels"])
@pytest.mark.parametrize("decorrelated", [True, False])
def test_any_parametrisation_fits_a_photo_by_optimisation(kind, decorrelated):
    photo = torch.sigmoid(random(1, 3, 3, 3)).repeat_interleave(5, 2).repeat_interleave(5, 3)
    parametrization = Parametrization(15, kind, decorrelated)
    latent = parametrization.noise(1, torch.Generator().manual_seed(0)).requires_grad_()
    adam = torch.optim.Adam([latent], lr=0.1)
    for _ in range(400):
        adam.zero_grad()
        loss = (parametrization.pictures(latent) - photo).square().mean()
        loss.backward()
        adam.step()
    with torch.no_grad():
        assert float((parametrization.pictures(latent) - photo).abs().max()) < 0.02


def test_amplitudes_by_hand():
    """4 px: the mean and the lowest frequency 1/4 count 4, the highest along both axes sqrt 2."""
    found = amplitudes(4)
    assert found.shape == (4, 3)
    np.testing.assert_allclose(found[0], [4, 4, 2])
    assert float(found[2, 2]) == pytest.approx(math.sqrt(2))
    assert float(found[3, 0]) == 4  # -1/4 cycles a px


def test_noise_is_nearly_grey_and_the_generators():
    parametrization = Parametrization(32)
    first = parametrization.noise(2, torch.Generator().manual_seed(1))
    assert torch.equal(first, parametrization.noise(2, torch.Generator().manual_seed(1)))
    assert not torch.equal(first, parametrization.noise(2, torch.Generator().manual_seed(2)))
    assert float(first.std()) == pytest.approx(FIRST_DEVIATION, rel=0.1)
    assert float((parametrization.pictures(first) - 0.5).abs().max()) < 0.05


# --- transforms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [9, 12, 15])
@pytest.mark.parametrize(
    ("first", "scale", "degrees", "last"),
    [
        ((2, -1), 1.0, 0.0, (0, 0)),
        ((0, 0), 0.9, 0.0, (0, 0)),
        ((0, 0), 1.1, 0.0, (1, 2)),
        ((0, 0), 1.0, 10.0, (0, 0)),
        ((-3, 2), 1.06, -7.0, (2, -1)),
    ],
)
def test_a_view_equals_lucids_chain_traced_px_by_px(side, first, scale, degrees, last, monkeypatch):
    picture = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(3))
    draws = iter([first, last])
    monkeypatch.setattr(
        "vgg_viz.feature_vis.transforms._shifts",
        lambda *_: torch.tensor([next(draws)], dtype=torch.float64),
    )
    transforms = Transforms(4, (scale,), (degrees,), 2)
    maps = transforms.draw(1, torch.Generator().manual_seed(0))
    found = views(picture, maps, side)[0]
    expected = literal.seen_one_by_one(
        picture[0].double().numpy(), first, scale, degrees, last, side
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_standard_set_is_lucids():
    """Every value, and how often, over many draws."""
    count = 60_000
    maps = STANDARD.draw(count, torch.Generator().manual_seed(0)).double()
    turn, shift = maps[:, :, :2], maps[:, :, 2:]
    scale = 1 / torch.linalg.det(turn).sqrt()
    degrees = torch.rad2deg(torch.atan2(turn[:, 0, 1], turn[:, 0, 0])).round()
    scales, often = (scale * 50).round().unique(return_counts=True)
    np.testing.assert_array_equal(scales, np.arange(45, 56))
    np.testing.assert_allclose(often / count, 1 / 11, atol=0.005)
    angles, often = degrees.unique(return_counts=True)
    np.testing.assert_array_equal(angles, np.arange(-10, 11))
    expected = np.where(angles.numpy() == 0, 6, 1) / 26  # lucid lists 0 five more times
    np.testing.assert_allclose(often / count, expected, atol=0.005)
    straight = (degrees == 0) & ((scale - 1).abs() < 1e-6)
    along, often = shift[straight, 0, 0].round().unique(return_counts=True)
    np.testing.assert_array_equal(along, np.arange(-6, 7))  # 9 and 5 values, added
    sums = np.convolve(np.ones(9) / 9, np.ones(5) / 5)
    np.testing.assert_allclose(often / often.sum(), sums, atol=0.03)


def test_gentler_transforms_by_hand():
    half = Transforms(4, (0.9, 1.0, 1.1), (-10.0, 10.0), 2).gentler(0.5)
    assert (half.first_shift, half.last_shift) == (2, 1)
    assert half.scales == pytest.approx((0.95, 1.0, 1.05))
    assert half.degrees == (-5.0, 5.0)
    assert STANDARD.gentler(1.0).scales == pytest.approx(STANDARD.scales)
    still = STANDARD.gentler(0.0)
    assert (still.first_shift, set(still.scales), set(still.degrees)) == (0, {1.0}, {0.0})


def test_units_with_small_fields_are_moved_less():
    """3 px of 64, 10 px of 64, and all of it for maps, deep units and classes."""
    config = tiny_config("vgg16")
    assert moved_share(config, [Term("neuron", "conv1_1", 0)]) == 3 / 64
    both = [Term("neuron", "conv5_3", 0), Term("neuron", "conv2_1", 0)]
    assert moved_share(config, both) == 10 / 64
    assert moved_share(config, both[:1]) == 1
    assert moved_share(config, [Term("channel", "conv1_1", 0), Term("class", channel=0)]) == 1


def test_a_unit_with_a_small_field_is_reached_when_moved_less():
    network, term = tiny_network(NETWORK), Term("neuron", "conv2_1", 3)
    share = moved_share(tiny_config(NETWORK), [term])
    reached = []
    for transforms in (STANDARD, STANDARD.gentler(share)):
        made = optimisation(term, transforms=transforms, learning_rate=0.1)
        made.step(network, 60)
        reached.append(made.values(network)[0])
    assert reached[1] > 1.5 * reached[0]


def test_nothing_moves_without_transforms_and_the_middle_stays():
    picture = torch.rand(2, 3, 10, 10)
    still = Transforms().draw(2, torch.Generator().manual_seed(0))
    torch.testing.assert_close(views(picture, still, 10), picture)
    torch.testing.assert_close(views(picture, still, 6), picture[:, :, 2:8, 2:8])
    wide = views(picture, still, 14)
    torch.testing.assert_close(wide[:, :, 2:12, 2:12], picture)
    assert float((wide[:, :, 0] - 0.5).abs().max()) < 1e-6  # grey beyond the picture


# --- the way through the network -----------------------------------------------------------------


def test_only_the_layers_that_are_needed_run():
    network = copy.deepcopy(tiny_network(NETWORK))
    network.fc8 = nn.Identity()  # would change nothing below
    network.pool5 = None  # type: ignore[assignment] # would fail if it ran
    image = random(1, 3, SIZE, SIZE)
    outputs = run_front(network, ["conv2_1", "relu3_1"], image)
    assert list(outputs) == ["conv2_1", "relu3_1"]
    maps = image
    for name, module in tiny_network(NETWORK).named_children():
        maps = module(maps)
        if name in outputs:
            torch.testing.assert_close(outputs[name], maps, rtol=0, atol=0)


def relu_signal(x, signal):
    """What comes back through one redirected ReLU, and whether it was redirected."""
    network, noted = nn.Sequential(), Redirected()
    network.add_module("relu", nn.ReLU())
    leaf = torch.tensor(x).requires_grad_()
    output = run_front(network, ["relu"], leaf, noted)["relu"]
    (found,) = torch.autograd.grad(output, leaf, torch.tensor(signal))
    return found.tolist(), noted.layers


def test_a_dead_relu_lets_through_what_would_wake_it_by_hand():
    """Units all off: signals that push them up pass, those that push further down do not."""
    assert relu_signal([[-1.0, -2.0]], [[3.0, -4.0]]) == ([[3.0, 0.0]], ["relu"])
    # One picture of two has a living unit with a signal: it gets its true gradient.
    found, noted = relu_signal([[-1.0, -2.0], [-1.0, 2.0]], [[3.0, -4.0], [5.0, 6.0]])
    assert found == [[3.0, 0.0], [0.0, 6.0]]
    assert noted == ["relu"]
    # A living unit whose signal is 0 gives no gradient either.
    assert relu_signal([[-1.0, 2.0]], [[3.0, 0.0]]) == ([[3.0, 0.0]], ["relu"])
    assert relu_signal([[1.0, 2.0]], [[3.0, -4.0]]) == ([[3.0, -4.0]], [])


def dead_behind_relu2_1(pictures, made):
    """A copy of the network in which `pictures` leave every unit of relu2_1 just off."""
    network = copy.deepcopy(tiny_network(NETWORK))
    with torch.no_grad():
        maps = run_front(network, ["conv2_1"], made._seen(network, pictures))["conv2_1"]
        network.conv2_1.bias -= maps.amax((0, 2, 3)) + 0.01
    return network


def test_a_dead_network_wakes_up_and_says_which_relu_was_dead():
    made = optimisation(Term("channel", "conv3_1", 0), transforms=None)
    network = dead_behind_relu2_1(made.pictures(), made)
    before = made.values(network)
    made.step(network)
    assert made.redirected == {"relu2_1"}
    made.step(network, 24)
    assert made.values(network) > before
    assert made.stuck == ()
    # Without the redirection nothing would have moved.
    leaf = optimisation(CHANNEL).pictures().requires_grad_()
    maps = run_front(network, ["conv3_1"], made._seen(network, leaf))["conv3_1"]
    assert not torch.autograd.grad(maps[0, 0].mean(), leaf)[0].any()


def test_a_picture_that_nothing_can_move_is_named():
    network = copy.deepcopy(tiny_network(NETWORK))
    with torch.no_grad():
        network.conv2_1.weight.zero_()
    made = optimisation(CHANNEL, pictures=2)
    first = made.pictures()
    made.step(network, 3)
    assert made.stuck == (0, 1)
    assert torch.equal(made.pictures(), first)


# --- the optimisation ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["fourier", "pixels"])
@pytest.mark.parametrize(
    "term",
    [
        Term("neuron", "conv4_1", 3),
        Term("channel", "relu3_1", 2),
        Term("layer", "pool2"),
        Term("direction", "conv2_1", direction=((0, 1.0), (1, -1.0))),
        Term("class", channel=5),
        Term("channel", "conv3_1", 1, weight=-1.0),
    ],
    ids=lambda term: term.kind,
)
def test_the_objective_rises(term, kind):
    network = tiny_network(NETWORK)
    made = optimisation(term, kind=kind)
    before = made.values(network)[0]
    made.step(network, 25)
    after = made.values(network)[0]
    assert after > before
    assert made.steps == len(made.history) == 25
    assert made.history[-1] > made.history[0]


def test_the_first_steps_equal_adam_on_the_literal_gradient():
    """Pixels, no colours, no transforms: every px goes its own way uphill."""
    network = tiny_network(NETWORK)
    objective = bind(tiny_config(NETWORK), [(CHANNEL,)], SIZE)
    made = Optimisation(
        objective, Parametrization(SIZE, "pixels", False), IMAGENET, transforms=None
    )
    places, gradients = [made._latent.clone()], []
    for _ in range(3):
        leaf = made._latent.clone().requires_grad_()
        image = (leaf.sigmoid() - torch.tensor(IMAGENET.mean).view(1, 3, 1, 1)) / torch.tensor(
            IMAGENET.std
        ).view(1, 3, 1, 1)
        maps = run_front(network, ["conv3_1"], image)["conv3_1"]
        gradients.append(torch.autograd.grad(maps[0, 1].mean(), leaf)[0])
        made.step(network)
        places.append(made._latent.clone())
    for at in [(0, 1, 20, 31), (0, 0, 3, 3), (0, 2, 63, 40)]:
        expected = literal.adam([float(g[at]) for g in gradients], 0.05)
        assert float(places[3][at] - places[0][at]) == pytest.approx(expected, rel=1e-3)


def test_the_same_seed_makes_the_same_bits_however_steps_are_divided():
    network = tiny_network(NETWORK)
    terms = (CHANNEL, Term("channel", "conv2_1", 0, weight=-0.5))
    whole = optimisation(*terms, pictures=3, diversity=0.1, seed=5)
    whole.step(network, 7)
    torch.rand(3)  # the global generator is not looked at
    parts = optimisation(*terms, pictures=3, diversity=0.1, seed=5)
    for count in (1, 4, 2):
        parts.step(network, count)
        parts.pictures()
        parts.values(network)
    assert torch.equal(whole.pictures(), parts.pictures())
    assert whole.history == parts.history
    other = optimisation(*terms, pictures=3, diversity=0.1, seed=6)
    other.step(network, 7)
    assert not torch.equal(whole.pictures(), other.pictures())


def test_diversity_makes_pictures_unlike():
    network = tiny_network(NETWORK)

    def likeness(weight):
        made = optimisation(CHANNEL, pictures=3, diversity=weight, learning_rate=0.1)
        made.step(network, 30)
        with torch.no_grad():
            seen = made._seen(network, made.pictures())
            return float(similarity(run_front(network, ["conv3_1"], seen)["conv3_1"]))

    assert likeness(100.0) < likeness(0.0) - 0.01


def test_pictures_start_from_a_photo_as_it_is():
    photo = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    for kind in ("fourier", "pixels"):
        made = optimisation(CHANNEL, kind=kind, start=start_from([photo]))
        np.testing.assert_array_equal(made.pixels(), photo[None])


def test_a_margin_is_optimised_and_not_shown():
    network = tiny_network(NETWORK)
    objective = bind(tiny_config(NETWORK), [(CHANNEL,)], SIZE)
    parametrization = Parametrization(SIZE + 16)
    made = Optimisation(objective, parametrization, IMAGENET, window=SIZE)
    made.step(network, 5)
    assert made.pixels().shape == (1, SIZE, SIZE, 3)
    whole = parametrization.pictures(made._latent)
    torch.testing.assert_close(made.pictures(), whole[..., 8:-8, 8:-8])
    # Without transforms the network sees what is shown, so nothing else changes.
    still = Optimisation(
        objective, Parametrization(SIZE + 16, "pixels"), IMAGENET, window=SIZE, transforms=None
    )
    first = still._latent.clone()
    still.step(network, 2)
    moved = (still._latent != first).any(1)[0]
    assert moved[8:-8, 8:-8].any()
    moved[8:-8, 8:-8] = False
    assert not moved.any()


def test_an_objective_that_is_no_number_ends_in_words():
    network = copy.deepcopy(tiny_network(NETWORK))
    with torch.no_grad():
        network.conv1_1.weight.fill_(math.inf)
    with pytest.raises(VggVizError, match=r"step 1.*lower learning rate"):
        optimisation(CHANNEL).step(network)


# --- no trace ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_nothing_is_left_on_the_network(name):
    config = tiny_config(name)
    network = copy.deepcopy(tiny_network(name)).train()
    network[0].weight.requires_grad_(True)
    before, numpy_before = snapshot(network), np.random.get_state()[1].tolist()  # noqa: NPY002
    size = config.input_size
    made = Optimisation(
        bind(config, [(Term("channel", config.convs[-1], 1), Term("class", channel=2))] * 2, size),
        Parametrization(size),
        IMAGENET,
        diversity=0.1,
    )
    with torch.no_grad():  # whatever the caller is in
        inside = snapshot(network)
        made.step(network, 2)
        made.values(network)
        assert_same(inside, snapshot(network))
    assert np.isfinite(made.history).all()
    assert_same(before, snapshot(network))
    with pytest.raises(UnknownNameError):
        run_front(network, ["conv9_9"], random(1, 3, size, size))
    with pytest.raises(RuntimeError):
        run_front(network, ["conv9_9", config.convs[-1]][1:], random(1, 2, size, size))
    assert_same(before, snapshot(network))
    assert np.random.get_state()[1].tolist() == numpy_before  # noqa: NPY002
