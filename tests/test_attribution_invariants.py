"""Every method of the table leaves no trace: after its end, after a failure, and given up half way.

One family for all methods, so that a new one is covered as soon as it is in the table.
"""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.questions import about, ask
from tests.test_capture import assert_same, snapshot
from tests.tiny import tiny_image, tiny_network
from vgg_viz.attribution.costs import COSTS, Passes, passes
from vgg_viz.attribution.methods import METHODS, checked_parameters
from vgg_viz.attribution.question import Target
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.results import MethodInfo

METHOD_NAMES = list(METHODS)
# The least comfortable ones: overlapping pools and local response normalisation, batch norm, plain.
NETWORKS = ("zfnet_b", "vgg11_bn", "vgg16")


def least(method: str) -> dict[str, float | str]:
    """As little work as the method's parameters allow."""
    found = {}
    for parameter in METHODS[method].parameters:
        if isinstance(parameter.default, int) and parameter.low is not None:
            found[parameter.name] = int(max(parameter.low, min(3, parameter.default)))
    return found


def trace(network, question):
    """All that a method might disturb: the network, the Inspection, the random state."""
    seen = question.seen
    return snapshot(network), {
        "image": seen.image.detach().clone(),
        "outputs": {name: output.detach().clone() for name, output in seen.outputs.items()},
        "grad": seen.image.grad,
        "numpy": torch.from_numpy(np.random.get_state()[1].astype("int64")),  # noqa: NPY002
    }


def assert_no_trace(before, network, question):
    (state, look), (now, look_now) = before, trace(network, question)
    assert_same(state, now)
    assert torch.equal(look["image"], look_now["image"])
    assert look_now["grad"] is None
    assert torch.equal(look["numpy"], look_now["numpy"])
    assert look["outputs"].keys() == look_now["outputs"].keys()
    for name, output in look["outputs"].items():
        assert torch.equal(output, look_now["outputs"][name]), name


def test_every_method_has_code_and_a_cost():
    assert COMPUTE.keys() == METHODS.keys() == COSTS.keys()


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_the_table_says_what_a_page_needs(method):
    info = METHODS[method]
    assert info.name == method
    for text in (info.title, info.paper, info.formula, info.about):
        assert text
        assert text == text.strip()
    assert info.about.endswith(".")
    for parameter in info.parameters:
        assert parameter.help
        assert parameter.title
        if parameter.choices:
            assert parameter.default in parameter.choices
        else:
            assert parameter.low <= parameter.default <= parameter.high
    assert checked_parameters(info, {}) == info.defaults()
    cost = passes(info, {}, channels=64, input_size=64)
    assert isinstance(cost, Passes)
    assert cost.forward >= 0
    assert cost.backward >= 0
    with pytest.raises(UnknownNameError, match="parameter"):
        checked_parameters(info, {"no such thing": 1})
    for parameter in info.parameters:
        wrong = "no such choice" if parameter.choices else 1e12
        with pytest.raises((InputError, UnknownNameError)):
            checked_parameters(info, {parameter.name: wrong})


def test_a_method_that_is_not_there_has_no_cost():
    unknown = MethodInfo("magic", "Magic", "cam", "", "", signed=False, space="input", about="")
    with pytest.raises(UnknownNameError, match="magic"):
        passes(unknown, {}, 1, 1)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_no_trace_after_the_end(method, name):
    network, question = tiny_network(name), ask(name, method, target=3, **least(method))
    before = trace(network, question)
    *_, partial = COMPUTE[method](question)
    assert_no_trace(before, network, question)
    assert partial.done == partial.total
    assert torch.isfinite(partial.grid).all()
    assert not partial.grid.requires_grad
    assert float(partial.grid.abs().max()) > 0
    side = question.image.shape[-1]
    wanted = (side, side) if METHODS[method].space == "input" else question.activations.shape[2:]
    assert tuple(partial.grid.shape) == tuple(wanted)
    if not METHODS[method].signed_with(question.parameters):
        assert float(partial.grid.min()) >= 0


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_no_trace_when_it_is_given_up(method):
    """A stopped job leaves the generator where it stands, and then lets it go."""
    for name in ("zfnet_b", "vgg11_bn"):
        network, question = tiny_network(name), replace(ask(name, method, **least(method)), batch=1)
        before = trace(network, question)
        steps = COMPUTE[method](question)
        next(steps)
        assert_no_trace(before, network, question)
        steps.close()
        assert_no_trace(before, network, question)


def break_(module):
    """Make a layer fail when it is called; it keeps its kind and its weights."""

    def forward(_, __):
        raise RuntimeError("broken on purpose")

    module.__class__ = type("Broken", (type(module),), {"forward": forward})


@pytest.mark.parametrize("where", ["relu1", "fc8"])
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_no_trace_after_a_failure(method, where):
    """Methods that run the network fail, those that look at what was kept may answer."""
    whole = copy.deepcopy(tiny_network("zfnet_b"))
    image = tiny_image("zfnet_b")
    question = about(whole, image, method, Target(1), "conv5", **least(method))
    broken = copy.deepcopy(whole)
    break_(broken.get_submodule(where))
    question = replace(question, network=broken)
    before = trace(broken, question)
    failed = ""
    try:
        list(COMPUTE[method](question))
    except RuntimeError as error:
        failed = str(error)
    assert failed in {"", "broken on purpose"}
    assert_no_trace(before, broken, question)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_the_caller_may_have_switched_gradients_off(method):
    question = ask("vgg11_bn", method, **least(method))
    *_, expected = COMPUTE[method](question)
    with torch.no_grad():
        *_, found = COMPUTE[method](question)
        assert not torch.is_grad_enabled()
    assert torch.equal(found.grid, expected.grid)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_the_same_seed_is_the_same_map_whatever_others_draw(method):
    question = ask("vgg11_bn", method, seed=7, **least(method))
    *_, first = COMPUTE[method](question)
    with torch.random.fork_rng():
        torch.rand(5)
        *_, second = COMPUTE[method](question)
    assert torch.equal(first.grid, second.grid)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_trainable_parameters_get_no_gradient(method):
    """A network of one's own, loaded by somebody who forgot to freeze it."""
    network = copy.deepcopy(tiny_network("vgg11_bn")).requires_grad_(True)
    image = tiny_image("vgg11_bn")
    question = about(network, image, method, Target(2, 0), "conv5_1", **least(method))
    before = trace(network, question)
    list(COMPUTE[method](question))
    assert_no_trace(before, network, question)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_a_network_that_says_the_same_of_everything_gives_a_map_of_zeros(method):
    """Its last weights are 0: the score is the bias, whatever the photo shows."""
    if METHODS[method].name in BLIND:
        pytest.skip("its weights do not vanish with the score")
    network = copy.deepcopy(tiny_network("vgg11"))
    with torch.no_grad():
        network.fc8.weight.zero_()
    image = tiny_image("vgg11")
    question = about(network, image, method, Target(1), "conv4_1", **least(method))
    *_, partial = COMPUTE[method](question)
    assert torch.isfinite(partial.grid).all()
    assert float(partial.grid.abs().max()) <= 1e-6
    assert not any(math.isnan(value) for value in partial.checks.values())


# The one does not know the score; the other's weights, a softmax, sum to 1 even so.
BLIND = {"eigen_cam", "score_cam"}


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_a_dead_layer_gives_numbers(method):
    """All maps of the layer are 0 behind a ReLU with very negative biases: nothing divides by 0."""
    network = copy.deepcopy(tiny_network("vgg11"))
    with torch.no_grad():
        network.conv4_2.bias.fill_(-1e4)
    image = tiny_image("vgg11")
    question = about(network, image, method, Target(1), "relu4_2", **least(method))
    assert not question.activations.any()
    *_, partial = COMPUTE[method](question)
    assert torch.isfinite(partial.grid).all()
    assert not any(math.isnan(value) for value in partial.checks.values())


def test_the_family_fails_for_a_method_that_leaves_a_hook():
    """The checks above can fail."""
    network = copy.deepcopy(tiny_network("vgg11"))
    question = about(network, tiny_image("vgg11"), "gradient", Target(1), "conv1_1")
    before = trace(network, question)
    handle = network.conv1_1.register_forward_hook(lambda *_: None)
    with pytest.raises(AssertionError):
        assert_no_trace(before, network, question)
    handle.remove()
    torch.rand(1)
    with pytest.raises(AssertionError):
        assert_no_trace(before, network, question)
    before = trace(network, question)
    next(iter(question.seen.outputs.values())).data.add_(1)
    with pytest.raises(AssertionError):
        assert_no_trace(before, network, question)
