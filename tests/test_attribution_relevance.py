"""LRP and excitation backprop: loops over the definitions, captum, hand-worked numbers, axioms."""

import copy
from functools import cache

import captum.attr
import numpy as np
import pytest
import torch
from captum.attr._utils.lrp_rules import EpsilonRule, GammaRule
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests import reference_attribution_relevance as literal
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.attribution.methods import METHODS, checked_parameters
from vgg_viz.attribution.question import Question, Target
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.attribution.relevance import Preset, lower_convs, walk
from vgg_viz.attribution.relevance_methods import PRESETS, RELEVANCE
from vgg_viz.attribution.relevance_rules import Rule, folded, steps
from vgg_viz.capture import inspect
from vgg_viz.models.configs import NETWORKS
from vgg_viz.preprocessing import IMAGENET

TARGET = 2
PLAIN = ("alexnet", "vgg11", "vgg13_5x5", "vgg16_c", "vgg16", "vgg19")


def everything(network):
    kept = (nn.Dropout, nn.Flatten)  # as the service: what changes nothing is left out
    return [name for name, module in network.named_children() if not isinstance(module, kept)]


@cache
def doubled(name):
    """The tiny network and its image in float64: what differs then is the formula."""
    network = copy.deepcopy(tiny_network(name)).double()
    return network, inspect(network, tiny_image(name).double(), everything(network))


def asked(network, seen, method="lrp", *, target=TARGET, versus=None, layer="", **parameters):
    known = checked_parameters(METHODS[method], parameters)
    question = Question(network, seen, Target(target, versus), layer, IMAGENET, known)
    (partial,) = COMPUTE[method](question)
    return partial


def without_biases(name):
    network = copy.deepcopy(tiny_network(name))
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key.endswith("bias"):
                tensor.zero_()
    return network


def relative(found, expected):
    """Largest difference over the largest value of a reference that is not flat."""
    scale = float(np.abs(expected).max())
    assert scale > 1e-12
    assert np.std(expected) > 1e-4 * scale
    return float(np.abs(found - expected).max()) / scale


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_every_preset_equals_loops_over_the_definition(name):
    network, seen = doubled(name)
    start = np.zeros(seen.logits.shape[1])
    start[TARGET] = seen.logits[0, TARGET].item()
    mean, std = np.array(IMAGENET.mean), np.array(IMAGENET.std)
    box = (-mean / std, (1 - mean) / std)
    maps = {}
    for preset in PRESETS:
        found = asked(network, seen, preset=preset)
        expected = literal.lrp(network, name, tiny_image(name), start, preset, box).sum(0)
        assert relative(found.grid.numpy(), expected) < 1e-6, preset
        maps[preset] = found.grid
        assert found.checks["sum of the map"] == pytest.approx(expected.sum(), rel=1e-6)
    assert len({round(float(grid.abs().sum()), 9) for grid in maps.values()}) == len(PRESETS)


def test_the_composite_stands_where_the_recipe_for_vgg16_says():
    """Gamma up to torchvision's index 16, which is pool3; epsilon up to 30, pool5; then LRP-0."""
    from vgg_viz.attribution.relevance import preset

    network, seen = doubled("vgg16")
    rules = preset("vgg", 0.25, 0.25).rules
    found = {}
    for at, step in enumerate(steps(network, seen)):
        if step.kind in ("conv", "max_pool", "linear"):
            found[at] = rules(step, 13)
    assert found.pop(0).weights == "box"
    for at, rule in found.items():
        if at <= 16:
            assert (rule.weights, rule.gamma, rule.epsilon_of_rms) == ("own", 0.25, 0)
        elif at <= 30:
            assert (rule.gamma, rule.epsilon_of_rms) == (0, 0.25)
        else:
            assert rule == Rule()
    assert max(found) > 30
    assert {name: lower_convs(len(spec.channels)) for name, spec in NETWORKS.items()} == (
        literal.LOWER
    )


class ForCaptum(nn.Module):
    """A copy with batch norm in the convolutions, by torch's own fusion, without nn.Flatten."""

    def __init__(self, network):
        from torch.nn.utils.fusion import fuse_conv_bn_eval

        super().__init__()
        rows = list(copy.deepcopy(network).named_children())
        for at, (name, module) in enumerate(rows):
            following = rows[at + 1][1] if at + 1 < len(rows) else None
            if isinstance(following, nn.BatchNorm2d):
                module = fuse_conv_bn_eval(module, following)  # noqa: PLW2901
            if not isinstance(module, nn.BatchNorm2d | nn.Flatten):
                self.add_module(name, module)
        self.double()
        for module in self.children():
            if isinstance(module, nn.Conv2d | nn.Linear | nn.MaxPool2d | nn.AdaptiveAvgPool2d):
                module.rule = EpsilonRule(1e-9)

    def forward(self, value):
        for module in self.children():
            if isinstance(module, nn.Linear):
                value = value.flatten(1)
            value = module(value)
        return value


@pytest.mark.parametrize("name", [*PLAIN, "vgg11_bn", "vgg16_bn"])
def test_lrp_0_equals_captum(name):
    network, seen = doubled(name)
    image = tiny_image(name).double().requires_grad_()
    theirs = captum.attr.LRP(ForCaptum(network))
    expected = theirs.attribute(image, target=TARGET)[0].sum(0).detach()
    assert (
        relative(asked(network, seen, preset="lrp-0").grid.numpy(), expected.numpy()) < 1e-4
    )  # what lies close to 0 is divided by


@pytest.mark.parametrize("name", PLAIN)
def test_the_gamma_rule_equals_captum(name):
    """Without biases: captum's rule leaves them as they are, the published one does not."""
    network = without_biases(name).double()
    image = tiny_image(name).double().requires_grad_()
    seen = inspect(network, image, everything(network))
    start = torch.zeros_like(seen.logits).detach()
    start[0, TARGET] = seen.logits[0, TARGET].detach()
    raised = Preset(lambda step, _: Rule(gamma=0.25 if step.kind == "conv" else 0))
    ours = walk(steps(network, seen), start, raised)
    theirs = ForCaptum(network)
    for module in theirs.children():
        if isinstance(module, nn.Conv2d):
            module.rule = GammaRule(0.25)
    expected = captum.attr.LRP(theirs).attribute(image, target=TARGET)[0].detach()
    assert relative(ours[0].numpy(), expected.numpy()) < 1e-6


@pytest.mark.parametrize("name", PLAIN)
def test_without_biases_lrp_0_is_input_times_gradient_and_the_logit_is_conserved(name):
    network = without_biases(name)
    seen = inspect(network, tiny_image(name), everything(network))
    found = asked(network, seen, preset="lrp-0")
    product = (seen.gradients(TARGET)["input"] * seen.image)[0].sum(0).detach()
    assert relative(found.grid.numpy(), product.numpy()) < 1e-3
    assert found.checks["conservation error"] < 1e-3
    assert found.checks["score"] == pytest.approx(seen.logits[0, TARGET].item())


@pytest.mark.parametrize("preset", ["vgg", "epsilon-gamma-box", "epsilon-plus-flat"])
def test_presets_conserve_where_nothing_is_absorbed(preset):
    """No bias, no epsilon to speak of; the box rule shares out what it finds, all of it."""
    network = without_biases("vgg11").double()
    seen = inspect(network, tiny_image("vgg11").double(), everything(network))
    assert asked(network, seen, preset=preset, epsilon=0).checks["conservation error"] < 1e-3


def test_epsilon_takes_relevance_up():
    network = without_biases("vgg11")
    seen = inspect(network, tiny_image("vgg11"), everything(network))
    sizes = [float(asked(network, seen, epsilon=e).grid.abs().sum()) for e in (0, 0.25, 2)]
    assert sizes[0] > sizes[1] > sizes[2] > 0


def test_a_layer_worked_out_on_paper():
    """a = (1, 2, 3), w = (2, 1, -1), b = 1: z = 2, and R = 2 is shared as 2, 2, -3 (1 to the bias).

    Gamma 1: ρ(w) = (4, 2, -1), ρ(b) = 2, z = 7: shares 4/7, 4/7, -3/7 of R. Positive: z = 5, so
    2/5 and 2/5. Epsilon = rms(z) = 2: all shares of LRP-0 halved.
    """
    network = nn.Sequential(nn.Linear(3, 1))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[2.0, 1.0, -1.0]]))
        network[0].bias.fill_(1)
    seen = inspect(network, torch.tensor([[1.0, 2.0, 3.0]]), ["0"])
    assert seen.logits.item() == 2
    for rule, expected in {
        Rule(): [2, 2, -3],
        Rule(gamma=1): [8 / 7, 8 / 7, -6 / 7],
        Rule("positive"): [4 / 5, 4 / 5, 0],
        Rule("positive", bias=False): [1, 1, 0],
        Rule(epsilon_of_rms=1): [1, 1, -1.5],
        Rule("flat"): [2 / 3, 2 / 3, 2 / 3],
    }.items():
        found = walk(steps(network, seen), seen.logits.detach(), Preset(lambda *_, r=rule: r))
        np.testing.assert_allclose(found[0], expected, rtol=1e-6)


def test_the_box_rule_worked_out_on_paper():
    """x = (1, 0), box [-1, 2], w = (1, -1): x w - l w⁺ - h w⁻ = (2, 2), so R = 3 is halved."""
    network = nn.Sequential(nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[1.0, -1.0]]))
    seen = inspect(network, torch.tensor([[1.0, 0.0]]), ["0"])
    box = (torch.tensor([[-1.0, -1.0]]), torch.tensor([[2.0, 2.0]]))
    rows, start = steps(network, seen), torch.tensor([[3.0]])
    found = walk(rows, start, Preset(lambda *_: Rule("box")), box=box)
    np.testing.assert_allclose(found[0], [1.5, 1.5], rtol=1e-6)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), rule=st.sampled_from([Rule(), Rule(gamma=0.5)]))
def test_conservation_on_networks_without_biases(seed, rule):
    generator = torch.Generator().manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 3, bias=False),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3, bias=False),
    ).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=generator)
    image = torch.rand(1, 2, 9, 9, generator=generator, dtype=torch.float64)
    seen = inspect(network, image, everything(network))
    start = torch.zeros_like(seen.logits).detach()
    start[0, 1] = seen.logits[0, 1].detach()
    for average in (False, True):
        found = walk(steps(network, seen), start, Preset(lambda *_: rule, average))
        below = float(found.sum())
        # Units that are 0 and pass nothing on can stop it: then nothing reaches the logit either.
        assert below == pytest.approx(float(start.sum()), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", ["vgg16", "zfnet_b", "vgg11_bn"])
def test_the_difference_of_two_classes_is_the_difference_of_their_maps(name):
    network, seen = doubled(name)
    one, other = (asked(network, seen, target=t).grid for t in (1, 4))
    both = asked(network, seen, target=1, versus=4)
    torch.testing.assert_close(both.grid, one - other, rtol=1e-6, atol=1e-9)
    assert both.checks["score"] == pytest.approx((seen.logits[0, 1] - seen.logits[0, 4]).item())


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_excitation_backprop_equals_the_walk_by_its_definition(name):
    network, seen = doubled(name)
    image = tiny_image(name)
    for layer in tiny_config(name).convs[1::3]:
        for method in ("excitation_backprop", "contrastive_excitation_backprop"):
            contrastive = method != "excitation_backprop"
            found = asked(network, seen, method, layer=layer)
            expected = literal.excitation(network, image, layer, TARGET, contrastive).sum(0)
            if np.std(expected):
                assert relative(found.grid.numpy(), expected) < 1e-6
            assert found.checks["sum of the map"] == pytest.approx(expected.sum(), abs=1e-9)
    assert np.std(expected) > 0


def test_excitation_backprop_is_a_probability_and_contrast_a_difference_of_two():
    network, seen = doubled("vgg16")
    own = asked(network, seen, "excitation_backprop", layer="conv4_3")
    assert float(own.grid.min()) >= 0
    assert own.checks["sum of the map"] == pytest.approx(1, abs=1e-6)
    assert own.checks["conservation error"] < 1e-6
    contrast = asked(network, seen, "contrastive_excitation_backprop", layer="conv4_3")
    assert float(contrast.grid.min()) < 0
    assert contrast.checks["sum of the map"] == pytest.approx(0, abs=1e-6)


def test_excitation_backprop_worked_out_on_paper():
    """Inputs (1, 2, 3), one hidden layer; see the shares below."""
    network = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[1.0, 1.0, -1.0], [0.0, 1.0, 1.0]]))
        network[0].bias.copy_(torch.tensor([1.0, -1.0]))
        network[2].weight.copy_(torch.tensor([[3.0, 1.0], [-1.0, 2.0]]))
        network[2].bias.fill_(5)
    image = torch.tensor([[1.0, 2.0, 3.0]])
    seen = inspect(network, image, ["0", "1", "2"])
    assert seen.outputs["1"].tolist() == [[1, 4]]
    rows = steps(network, seen)
    from vgg_viz.attribution.relevance import _EXCITATION

    found = walk(rows, torch.tensor([[1.0, 0.0]]), _EXCITATION)
    # Class 0: 3·1 and 1·4, so 3/7 and 4/7. Unit 0: 1 and 2 of 3; unit 1: 2 and 3 of 5.
    expected = [3 / 7 / 3, 3 / 7 * 2 / 3 + 4 / 7 * 2 / 5, 4 / 7 * 3 / 5]
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)


def test_batch_norm_is_folded_as_torch_folds_it_and_the_module_keeps_its_weights():
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    network = tiny_network("vgg11_bn")
    before = network.conv2_1.weight.clone()
    weight, bias = folded(network.conv2_1.weight, network.conv2_1.bias, network.bn2_1)
    theirs = fuse_conv_bn_eval(copy.deepcopy(network.conv2_1), network.bn2_1)
    torch.testing.assert_close(weight, theirs.weight, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(bias, theirs.bias, rtol=1e-5, atol=1e-6)
    assert torch.equal(network.conv2_1.weight, before)


def test_inputs_that_were_not_kept_are_computed_again():
    network, image = tiny_network("zfnet_b"), tiny_image("zfnet_b")
    full, one = inspect(network, image, everything(network)), inspect(network, image, ["conv5"])
    torch.testing.assert_close(asked(network, one).grid, asked(network, full).grid)


@pytest.mark.parametrize("method", [info.name for info in RELEVANCE])
def test_a_constant_network_has_a_map_of_zeros(method):
    network = copy.deepcopy(tiny_network("vgg11"))
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key.endswith("weight"):
                tensor.zero_()
    seen = inspect(network, tiny_image("vgg11"), everything(network))
    choices = PRESETS if method == "lrp" else (None,)
    for choice in choices:
        given = {} if choice is None else {"preset": choice}
        found = asked(network, seen, method, layer="conv3_1", **given)
        assert torch.equal(found.grid, torch.zeros_like(found.grid)), choice


def test_local_response_normalisation_is_told():
    network, seen = doubled("zfnet_b")
    assert any("norm1, norm2" in note for note in asked(network, seen).notes)
    network, seen = doubled("vgg16")
    assert not asked(network, seen).notes


def test_half_precision_is_shared_out_in_full():
    network = copy.deepcopy(tiny_network("vgg11")).bfloat16()
    seen = inspect(network, tiny_image("vgg11").bfloat16(), everything(network))
    found = asked(network, seen)
    assert found.grid.dtype == torch.float32
    assert torch.isfinite(found.grid).all()
