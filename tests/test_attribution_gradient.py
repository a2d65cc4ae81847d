"""The gradient family against captum, literal references, numbers worked by hand, and axioms."""

import copy
import warnings

import captum.attr
import numpy as np
import pytest
import torch
from captum.testing.helpers.basic_models import BasicModel_ConvNet_One_Conv
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests import reference, reference_deconvnet
from tests import reference_attribution_gradient as literal
from tests.questions import about, answer, ask, everything, seen_of
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.attribution.baselines import baseline, blurred, several
from vgg_viz.attribution.costs import SHAP_BASELINES
from vgg_viz.attribution.gradients import noisy_images
from vgg_viz.attribution.passes import gradients_at
from vgg_viz.attribution.paths import legendre, spread
from vgg_viz.attribution.question import Question, Target
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.attribution.steps import MACS_A_STEP, images_a_step, portions
from vgg_viz.capture import inspect
from vgg_viz.errors import UnknownNameError
from vgg_viz.models.configs import build
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.preprocessing import IMAGENET

WITH_LRN = ("zfnet_a", "zfnet_b", "vgg11_lrn")
CONTRAST = {1: 1.0, 4: -1.0}  # of target 1 against 4


def close(found, expected, tolerance=1e-4):
    """Equal to a share of the largest value, and that is not a flat map."""
    expected = torch.as_tensor(np.asarray(expected.detach())).double()
    assert float(expected.std()) > 0
    scale = float(expected.abs().max())
    torch.testing.assert_close(
        found.double() / scale, expected / scale, rtol=tolerance, atol=tolerance
    )


def leaf(name):
    return tiny_image(name).clone().requires_grad_()


def captum_of(kind, network):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it sets hooks
        return kind(copy.deepcopy(network))


# --- gradient, input x gradient ------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_gradient_equals_captum_and_the_literal_formula(name):
    network = tiny_network(name)
    theirs = captum.attr.Saliency(network).attribute(leaf(name), target=1, abs=False)[0]
    plain = literal.gradient(network, tiny_image(name)[0], {1: 1.0})
    close(theirs, plain)
    found = answer("gradient", ask(name, "gradient")).grid
    close(found, plain.abs().amax(0))
    close(found, theirs.abs().amax(0))
    close(answer("gradient", ask(name, "gradient", colours="sum")).grid, plain.sum(0))
    against = literal.gradient(network, tiny_image(name)[0], CONTRAST)
    close(answer("gradient", ask(name, "gradient", 1, 4)).grid, against.abs().amax(0))


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_input_x_gradient_equals_captum(name):
    network = tiny_network(name)
    theirs = captum.attr.InputXGradient(network).attribute(leaf(name), target=1)[0].detach()
    found = answer("input_x_gradient", ask(name, "input_x_gradient"))
    close(found.grid, theirs.sum(0))
    assert found.checks["sum of the map"] == pytest.approx(float(theirs.sum()), rel=1e-3, abs=1e-6)
    against = tiny_image(name)[0] * literal.gradient(network, tiny_image(name)[0], CONTRAST)
    close(answer("input_x_gradient", ask(name, "input_x_gradient", 1, 4)).grid, against.sum(0))


def test_gradient_at_a_layer_equals_the_network_cut_there():
    name, layer = "vgg16_bn", "conv3_2"
    found = seen_of(name).gradients(1)[layer][0]
    grids = {
        how: answer("gradient_at_layer", ask(name, "gradient_at_layer", layer=layer, channels=how))
        for how in ("largest", "sum")
    }
    network, image = tiny_network(name), tiny_image(name)
    children = list(network.named_children())
    at = [n for n, _ in children].index(layer) + 1
    with torch.no_grad():
        maps = nn.Sequential(*[m for _, m in children[:at]])(image)
    maps.requires_grad_()
    score = nn.Sequential(*[m for _, m in children[at:]])(maps)[0, 1]
    (expected,) = torch.autograd.grad(score, maps)
    close(found, expected[0])
    close(grids["largest"].grid, expected[0].abs().amax(0))
    close(grids["sum"].grid, expected[0].sum(0))


def unbiased(name="vgg11", seed=0):
    """A plain VGG as the first epoch finds it: every bias 0."""
    network = build_network(build(name, width=1 / 16, hidden=(16, 16), classes=5, input_size=32))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key.endswith("bias"):
                tensor.zero_()
            else:
                fan_in = tensor[0].numel()
                tensor.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
    return network.requires_grad_(False)


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), target=st.integers(0, 4))
def test_without_biases_input_x_gradient_sums_to_the_logit(seed, target):
    # In double precision: near a tie, rounding lets a pool or a ReLU choose otherwise in a batch.
    network = unbiased(seed=seed).double()
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed + 1)).double()
    question = about(network, image, "input_x_gradient", Target(target), "conv5_2")
    logit = float(network(image)[0, target])
    found = answer("input_x_gradient", question)
    assert found.checks["sum of the map"] == pytest.approx(logit, rel=1e-3, abs=1e-5)
    # And DeepLIFT from the grey picture is the same map: multipliers of a ReLU from 0 are 1[f > 0].
    lifted = answer(
        "deep_lift",
        about(network, image, "deep_lift", Target(target), "conv5_2", baseline="mean"),
    )
    close(lifted.grid, found.grid)


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_many_passes_give_the_bits_of_one(name):
    """ReLUs write over their input there, of this call alone."""
    images = torch.cat([tiny_image(name, seed) for seed in (0, 1)])
    kept = images.clone()
    leaf = images.clone().requires_grad_()
    expected = torch.autograd.grad(tiny_network(name)(leaf)[:, 1].sum(), leaf)[0]
    assert torch.equal(gradients_at(ask(name, "smoothgrad"), images), expected)
    assert torch.equal(images, kept)


# --- guided backprop, deconvnet, guided Grad-CAM -------------------------------------------------


@pytest.mark.parametrize("name", ALL_NETWORKS)
@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("guided_backprop", captum.attr.GuidedBackprop),
        ("deconvnet", captum.attr.Deconvolution),
    ],
)
def test_relu_rules_equal_captum(name, method, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = captum_of(kind, tiny_network(name)).attribute(leaf(name), target=1)[0].detach()
    close(answer(method, ask(name, method)).grid, theirs.abs().amax(0))
    close(answer(method, ask(name, method, colours="sum")).grid, theirs.sum(0))


@pytest.mark.parametrize(("method", "rule"), [("guided_backprop", "guided"), ("deconvnet",) * 2])
@pytest.mark.parametrize("name", ["zfnet_b", "vgg16_bn"])
def test_a_contrast_starts_at_both_logits(name, method, rule):
    network = copy.deepcopy(tiny_network(name))
    with torch.no_grad():
        up = reference_deconvnet.climb(network, tiny_config(name), tiny_image(name))
    start = torch.zeros(seen_of(name).logits.shape[1])
    start[1], start[4] = 1, -1
    for lrn in ("derivative", "passed") if name in WITH_LRN and method == "deconvnet" else ("",):
        expected = reference_deconvnet.descend(up, "fc8", start, rule, lrn=lrn or "derivative")
        more = {"lrn": lrn} if lrn else {}
        close(answer(method, ask(name, method, 1, 4, **more)).grid, expected.abs().amax(0))


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_guided_grad_cam_equals_captum_with_bilinear_upsampling(name):
    network = copy.deepcopy(tiny_network(name))
    layer = tiny_config(name).convs[-2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = captum.attr.GuidedGradCam(network, network.get_submodule(layer))
        for target in range(7):  # whose map is positive somewhere
            theirs = method.attribute(leaf(name), target, interpolate_mode="bilinear")[0].detach()
            if theirs.any():
                break
    found = answer("guided_grad_cam", ask(name, "guided_grad_cam", target, layer=layer))
    close(found.grid, theirs.abs().amax(0))


def test_guided_grad_cam_is_the_product_of_its_parts():
    name, layer = "vgg16", "conv4_2"
    network, image = tiny_network(name), tiny_image(name)
    cam = torch.from_numpy(reference.grad_cam(network, layer, image, 2)).clamp(min=0)
    large = literal.upsampled(cam, image.shape[-1])
    with torch.no_grad():
        up = reference_deconvnet.climb(copy.deepcopy(network), tiny_config(name), image)
    start = torch.zeros(7)
    start[2] = 1
    guided = reference_deconvnet.descend(up, "fc8", start, "guided", lrn="derivative")
    found = answer("guided_grad_cam", ask(name, "guided_grad_cam", 2, layer=layer, colours="sum"))
    close(found.grid, (guided * large).sum(0))


@pytest.mark.parametrize("in_place", [False, True])
def test_the_numbers_of_captums_own_tests(in_place):
    """peers.md V2, worked by hand there: one convolution, input 0 to 15."""
    theirs = BasicModel_ConvNet_One_Conv(inplace=in_place)
    network = nn.Sequential(theirs.conv1, theirs.relu1, nn.Flatten(), theirs.fc1, theirs.relu2)
    image = torch.arange(16.0).view(1, 1, 4, 4)
    expected = {
        "guided_backprop": [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]],
        "deconvnet": [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]],
    }
    for method, numbers in expected.items():
        question = about(network.eval(), image, method, Target(0), "0", colours="sum")
        torch.testing.assert_close(answer(method, question).grid, torch.tensor(numbers).float())


# --- SmoothGrad, VarGrad -------------------------------------------------------------------------


def noise_of(question):
    generator = question.generator()
    return noisy_images(question, generator, question.count("samples"))


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_noisy_gradients_equal_the_literal_mean_and_variance(name):
    network = tiny_network(name)
    question = ask(name, "smoothgrad", samples=4, noise=0.2, seed=5)
    each = torch.stack([literal.gradient(network, x, {1: 1.0}) for x in noise_of(question)])
    close(answer("smoothgrad", question).grid, each.mean(0).abs().amax(0))
    signed = ask(name, "smoothgrad", samples=4, noise=0.2, seed=5, colours="sum")
    close(answer("smoothgrad", signed).grid, each.mean(0).sum(0))
    question = ask(name, "vargrad", samples=4, noise=0.2, seed=5)
    close(answer("vargrad", question).grid, each.var(0, unbiased=False).sum(0))


@pytest.mark.parametrize(
    ("method", "kind", "reduce"),
    [
        ("smoothgrad", "smoothgrad", lambda maps: maps.abs().amax(0)),
        ("vargrad", "vargrad", lambda maps: maps.sum(0)),
    ],
)
def test_captum_makes_the_same_of_the_same_noise(monkeypatch, method, kind, reduce):
    name, count = "vgg16_bn", 6
    question = ask(name, method, samples=count, noise=0.1)
    noisy = noise_of(question)
    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(tiny_network(name)))
    monkeypatch.setattr(torch, "normal", lambda *_: noisy - tiny_image(name))
    theirs = tunnel.attribute(
        tiny_image(name), kind, nt_samples=count, stdevs=1.0, target=1, abs=False
    )[0]
    close(answer(method, question).grid, reduce(theirs))


def test_noise_is_a_share_of_the_range_and_comes_from_the_seed():
    image = tiny_image("vgg16")
    spread_of = float(image.max() - image.min())
    question = ask("vgg16", "smoothgrad", samples=20, noise=0.25)
    noise = noise_of(question) - image
    assert float(noise.std()) == pytest.approx(0.25 * spread_of, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.01 * spread_of)
    assert not torch.equal(noise[0], noise[1])
    other = noise_of(ask("vgg16", "smoothgrad", samples=20, noise=0.25, seed=1)) - image
    assert not torch.equal(noise, other)


def test_without_noise_smoothgrad_is_the_gradient_and_vargrad_nothing():
    plain = answer("gradient", ask("vgg11_bn", "gradient")).grid
    found = answer("smoothgrad", ask("vgg11_bn", "smoothgrad", samples=3, noise=0.0)).grid
    torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-8)
    variance = answer("vargrad", ask("vgg11_bn", "vargrad", samples=3, noise=0.0)).grid
    assert float(variance.max()) < 1e-6 * float(plain.max()) ** 2


@pytest.mark.parametrize(
    "method", ["smoothgrad", "vargrad", "integrated_gradients", "gradient_shap"]
)
def test_the_size_of_a_pass_changes_nothing_but_rounding(method):
    steps = {"steps": 7} if method == "integrated_gradients" else {"samples": 7}
    grids = [answer(method, ask("zfnet_b", method, batch=b, seed=3, **steps)) for b in (1, 3, 16)]
    assert [len(list(portions(7, b))) for b in (1, 3, 16)] == [7, 3, 1]
    for other in grids[1:]:
        close(other.grid, grids[0].grid, 1e-3 if method == "vargrad" else 1e-4)


@pytest.mark.parametrize(
    "method", ["smoothgrad", "vargrad", "integrated_gradients", "gradient_shap"]
)
def test_every_partial_map_is_the_map_of_fewer_steps(method):
    """What is shown of stopped work is what was computed, not a map that is dimmer."""
    steps = {"steps": 9} if method == "integrated_gradients" else {"samples": 9}
    every = list(COMPUTE[method](ask("vgg11", method, batch=2, **steps)))
    made = [partial for partial in every if partial.done]
    assert not any(partial.grid.any() for partial in every[: len(every) - len(made)])
    assert [(p.done, p.total) for p in made] == [(2, 9), (4, 9), (6, 9), (8, 9), (9, 9)]
    assert all(torch.isfinite(p.grid).all() for p in made)
    if method != "integrated_gradients":  # the random numbers come one after the other
        early = answer(method, ask("vgg11", method, batch=2, samples=4)).grid
        if method == "gradient_shap":  # which draws all its numbers first
            return
        close(made[1].grid, early)


@pytest.mark.parametrize("name", ["zfnet_b", "vgg16_bn"])
@pytest.mark.parametrize(
    "method", ["smoothgrad", "vargrad", "integrated_gradients", "gradient_shap"]
)
def test_steps_that_share_the_linear_layers_make_the_same_map(monkeypatch, method, name):
    """As for a network so large that one image is a step: four go through them together."""
    steps = {"steps": 6} if method == "integrated_gradients" else {"samples": 6}
    expected = answer(method, ask(name, method, seed=3, **steps)).grid
    monkeypatch.setattr("vgg_viz.attribution.steps.MACS_A_STEP", 1.0)
    made = list(COMPUTE[method](ask(name, method, seed=3, **steps)))
    # Before them come the scores of baselines, one a step.
    assert [p.done for p in made][-12:] == [0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 5, 6]
    assert not made[0].grid.any()
    close(made[-1].grid, expected, 1e-3 if method == "vargrad" else 1e-4)


# --- paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["black", "mean", "blurred", "noise"])
@pytest.mark.parametrize("name", ["zfnet_b", "vgg16_bn"])
def test_integrated_gradients_equal_captum_and_the_literal_sum(name, kind):
    network, image = tiny_network(name), tiny_image(name)
    question = ask(name, "integrated_gradients", steps=12, baseline=kind, seed=2)
    start = baseline(question, kind, question.generator())
    method = captum.attr.IntegratedGradients(network)
    theirs = method.attribute(image, start, target=1, n_steps=12)[0]
    found = answer("integrated_gradients", question)
    close(found.grid, theirs.sum(0))
    nodes, weights = np.polynomial.legendre.leggauss(12)
    expected = literal.along(
        network, start[0], image[0], {1: 1.0}, (nodes + 1) / 2, weights / 2
    ).sum(0)
    close(found.grid, expected)
    gained = literal.score(network, image[0], {1: 1.0}) - literal.score(network, start[0], {1: 1.0})
    assert found.checks["score gained over the baseline"] == pytest.approx(gained, rel=1e-4)
    assert found.checks["completeness error"] == pytest.approx(
        abs(float(expected.sum()) - gained) / abs(gained), abs=1e-3
    )


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_integrated_gradients_of_every_network_and_a_contrast(name):
    network, image = tiny_network(name), tiny_image(name)
    question = ask(name, "integrated_gradients", 1, 4, steps=6)
    start = baseline(question, "black", question.generator())
    method = captum.attr.IntegratedGradients(lambda x: network(x)[:, 1] - network(x)[:, 4])
    theirs = method.attribute(image, start, n_steps=6)[0]
    close(answer("integrated_gradients", question).grid, theirs.sum(0))


@pytest.mark.parametrize("name", ["zfnet_b", "vgg11"])
def test_more_steps_come_closer_to_completeness(name):
    """PAIR's and captum's own test: the sum is what the score gained (peers.md V8)."""
    errors = [
        answer("integrated_gradients", ask(name, "integrated_gradients", steps=n)).checks[
            "completeness error"
        ]
        for n in (2, 300)
    ]
    assert errors[1] < 0.05
    assert errors[1] < errors[0]


class Polynomial(nn.Sequential):
    """y = 5 a + b^2 + sin c of a picture of one pixel: PAIR's test of integrated gradients."""

    def __init__(self):
        super().__init__(nn.Identity())

    def forward(self, x):
        a, b, c = x[:, 0, 0, 0], x[:, 1, 0, 0], x[:, 2, 0, 0]
        return (5 * a + b**2 + c.sin())[:, None]


def test_integrated_gradients_worked_by_hand():
    """peers.md V8: from the grey picture each part is its own function of its own colour."""
    image = torch.tensor([2.0, 3.0, 0.5]).view(1, 3, 1, 1)
    network = Polynomial()
    question = about(
        network, image, "integrated_gradients", Target(0), "0", steps=10, baseline="mean"
    )
    found = answer("integrated_gradients", question)
    expected = 5 * 2 + 3**2 + np.sin(0.5)
    assert float(found.grid) == pytest.approx(expected, rel=1e-5)
    assert found.checks["completeness error"] < 1e-5


def test_gradient_shap_equals_captum_with_the_same_draws(monkeypatch):
    name, count = "vgg16_bn", 6
    network, image = tiny_network(name), tiny_image(name)
    question = ask(name, "gradient_shap", samples=count, seed=4)
    generator = question.generator()
    starts = several(question, "mixed", generator)
    drawn = torch.randint(len(starts), (count,), generator=generator)
    places = torch.rand(count, generator=generator)
    assert len(set(drawn.tolist())) > 1
    found = answer("gradient_shap", question)
    expected = sum(
        literal.along(network, starts[k][0], image[0], {1: 1.0}, [float(a)], [1 / count])
        for k, a in zip(drawn, places, strict=True)
    )
    close(found.grid, expected.sum(0))
    monkeypatch.setattr(np.random, "choice", lambda *_, **__: drawn.numpy())
    monkeypatch.setattr(np.random, "uniform", lambda *_, **__: places.numpy())
    theirs = captum.attr.GradientShap(network).attribute(
        image, torch.cat(list(starts)), n_samples=count, target=1
    )[0]
    close(found.grid, theirs.sum(0))


def test_gradient_shap_comes_close_to_what_the_score_gained():
    found = answer("gradient_shap", ask("vgg11", "gradient_shap", samples=400, baseline="mean"))
    assert found.checks["completeness error"] < 0.1
    image, black = tiny_image("vgg11"), ask("vgg11", "gradient_shap")
    for kind, count in SHAP_BASELINES.items():
        assert len(several(black, kind, black.generator())) == count
    assert image.shape == several(black, "noise", black.generator())[0].shape


@settings(max_examples=40)
@given(count=st.integers(1, 300))
def test_the_order_of_the_steps_is_spread_and_complete(count):
    order = spread(count)
    assert sorted(order) == list(range(count))
    half = order[: max(1, count // 2)]
    if count >= 16:  # no gap of the first half is longer than 4 steps
        gaps = np.diff([-1, *sorted(half), count])
        assert gaps.max() <= 4
    places, weights = legendre(count)
    assert sum(weights) == pytest.approx(1)
    assert places == sorted(places)
    assert 0 < places[0] <= places[-1] < 1


# --- DeepLIFT ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["black", "noise"])
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_deep_lift_is_complete_and_equals_the_literal_rules(name, kind):
    """In double precision to the digit; in single, near ties of a pool may be decided otherwise."""
    network, image = tiny_network(name), tiny_image(name)
    question = ask(name, "deep_lift", 1, 4, baseline=kind)
    start = baseline(question, kind, question.generator())
    expected = literal.deep_lift(network, start[0], image[0], CONTRAST).sum(0)
    exact = about(
        copy.deepcopy(network).double(),
        image.double(),
        "deep_lift",
        Target(1, 4),
        question.layer,
        baseline=kind,
    )
    close(answer("deep_lift", exact).grid, expected, 1e-6)
    found = answer("deep_lift", question)
    assert float((found.grid - expected).norm() / expected.norm()) < 0.05
    gained = literal.score(network, image[0], CONTRAST) - literal.score(network, start[0], CONTRAST)
    assert float(expected.sum()) == pytest.approx(gained, rel=1e-4)
    assert found.checks["completeness error"] < 1e-3


@pytest.mark.parametrize("name", [n for n in ALL_NETWORKS if n not in WITH_LRN])
def test_deep_lift_equals_captum_where_nothing_takes_a_maximum(name):
    """captum's step through a max-pool does not add up (see below); its other steps are ours."""
    network = copy.deepcopy(tiny_network(name))
    for key, module in network.named_children():
        if isinstance(module, nn.MaxPool2d):
            size, stride, padding = module.kernel_size, module.stride, module.padding
            mean = nn.AvgPool2d(size, stride, padding, ceil_mode=module.ceil_mode)
            setattr(network, key, mean)
    layer = tiny_config(name).convs[-1]
    question = about(network, tiny_image(name), "deep_lift", Target(1), layer)
    start = baseline(question, "black", question.generator())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = captum.attr.DeepLift(copy.deepcopy(network))
        theirs = method.attribute(tiny_image(name), start, target=1)[0].detach()
    close(answer("deep_lift", question).grid, theirs.sum(0), 2e-3)


def test_why_deep_lift_is_ours():
    """captum's own measure of completeness on a plain VGG, in double precision: far from 0."""
    network = copy.deepcopy(tiny_network("vgg11")).double()
    image = tiny_image("vgg11").double()
    question = about(network, image, "deep_lift", Target(1), "conv5_2", baseline="noise")
    start = baseline(question, "noise", question.generator())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, delta = captum.attr.DeepLift(copy.deepcopy(network)).attribute(
            image, start, target=1, return_convergence_delta=True
        )
    checks = answer("deep_lift", question).checks
    assert checks["completeness error"] < 1e-5
    assert abs(float(delta)) > 0.1 * abs(checks["score gained over the baseline"])


def test_deep_lift_by_hand():
    """One ReLU: from -1 to 3 the output rises by 3, so the multiplier is 3/4, not the slope 1."""
    conv = nn.Conv2d(3, 1, 1, bias=True)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([1.0, 2.0, 0.0]).view(1, 3, 1, 1))
        conv.bias.fill_(-1.0)
    network = nn.Sequential(conv, nn.ReLU(), nn.Flatten())
    image = torch.tensor([2.0, 1.0, 9.0]).view(1, 3, 1, 1)  # -1 + 2 + 2 = 3; grey gives -1
    question = about(network, image, "deep_lift", Target(0), "0", baseline="mean")
    found = answer("deep_lift", question)
    assert float(found.grid) == pytest.approx(0.75 * 2 + 0.75 * 2 * 1)
    assert found.checks["score gained over the baseline"] == 3.0
    assert found.checks["completeness error"] < 1e-6


# --- baselines, passes ---------------------------------------------------------------------------


def test_baselines():
    question = ask("vgg16", "integrated_gradients")
    generator = question.generator()
    pictures = {k: baseline(question, k, generator) for k in ("black", "mean", "blurred", "noise")}
    for picture in pictures.values():
        assert picture.shape == question.image.shape
        assert picture.is_contiguous(memory_format=torch.channels_last)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET.mean, IMAGENET.std))
    torch.testing.assert_close(pictures["black"] * std + mean, torch.zeros(1, 3, 64, 64))
    assert not pictures["mean"].any()
    pixels = pictures["noise"] * std + mean
    assert float(pixels.min()) >= -1e-6
    assert float(pixels.max()) <= 1 + 1e-6
    assert float(pixels.std()) == pytest.approx(12**-0.5, rel=0.02)
    expected = literal.blurred(question.image[0], 4.0)
    torch.testing.assert_close(pictures["blurred"][0].double(), expected, rtol=1e-4, atol=1e-5)
    flat = torch.full((1, 3, 20, 20), 0.7)
    torch.testing.assert_close(blurred(flat, 3.0), flat)
    with pytest.raises(UnknownNameError, match="white"):
        baseline(question, "white", generator)


def test_a_step_on_the_cpu_takes_what_fits_into_some_tenths_of_a_second():
    network = tiny_network("vgg16")
    config = tiny_config("vgg16")
    question = ask("vgg16", "smoothgrad")
    assert images_a_step(question) == question.batch
    only = inspect(network, tiny_image("vgg16"), [config.convs[-1]])
    unknown = Question(network, only, Target(0), config.convs[-1], IMAGENET)
    assert images_a_step(unknown) == 1
    with torch.device("meta"):  # shapes alone
        large = ConvNet(build("vgg16"))
    shapes = {
        n: torch.empty(1, m.out_channels, 224 >> _level(n), 224 >> _level(n), device="meta")
        for n, m in large.named_children()
        if isinstance(m, nn.Conv2d)
    }
    shapes |= {
        n: torch.empty(1, m.out_features, device="meta")
        for n, m in large.named_children()
        if isinstance(m, nn.Linear)
    }
    seen = type(only)(only.image, shapes, only.logits, 0.0)
    full = Question(large, seen, Target(0), "conv5_3", IMAGENET)
    assert images_a_step(full) == int(MACS_A_STEP // 15_470_264_320)
    assert images_a_step(full, backward=False) == int(2 * MACS_A_STEP // 15_470_264_320)


def _level(conv):
    return int(conv[4]) - 1


def test_a_small_inspection_is_made_again_for_methods_that_need_every_layer():
    """When memory is short only the layer is kept; the maps are the same."""
    name, layer = "zfnet_b", "conv5"
    network, image = tiny_network(name), tiny_image(name)
    for method in ("guided_backprop", "deconvnet", "guided_grad_cam", "deep_lift"):
        question = ask(name, method, target=3, layer=layer)
        small = Question(
            network,
            inspect(network, image, [layer]),
            question.target,
            layer,
            IMAGENET,
            question.parameters,
        )
        assert torch.equal(answer(method, small).grid, answer(method, question).grid)
    assert len(everything(network)) > 1
