"""The CAM family against captum, peers, literal references and hand-worked numbers; all layers."""

import copy
from functools import cache

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam, LayerGradientXActivation
from captum.testing.helpers.basic_models import BasicModel_ConvNet_One_Conv
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from tests import reference
from tests import reference_attribution_cam as literal
from tests.questions import about, answer, ask, everything, seen_of
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.attribution import cam
from vgg_viz.attribution.cam import MAPS, SWEPT, eigen_cam, layer_sweep, references
from vgg_viz.attribution.methods import METHODS
from vgg_viz.attribution.question import Question, Target
from vgg_viz.capture import inspect
from vgg_viz.errors import UnknownNameError
from vgg_viz.preprocessing import IMAGENET

LITERAL = {
    "grad_cam_pp": literal.grad_cam_pp,
    "xgrad_cam": literal.xgrad_cam,
    "hires_cam": lambda a, g: literal.place_by_place(a, g, positive=False),
    "layer_cam": lambda a, g: literal.place_by_place(a, g, positive=True),
}


@cache
def cut(name, layer, target):
    """Maps of a layer and the score's gradient there, by running the rest of the network alone."""
    children = list(tiny_network(name).named_children())
    at = [n for n, _ in children].index(layer) + 1
    with torch.no_grad():
        maps = nn.Sequential(*[m for _, m in children[:at]])(tiny_image(name))
    maps.requires_grad_()
    score = nn.Sequential(*[m for _, m in children[at:]])(maps)[0, target]
    (gradient,) = torch.autograd.grad(score, maps)
    return maps.detach()[0].double().numpy(), gradient[0].double().numpy()


def close(found, expected, tolerance=1e-4):
    expected = np.asarray(expected, dtype=np.float64)
    scale = np.abs(expected).max()
    assert reference.spread(expected) > 0.01, "the reference is flat"
    np.testing.assert_allclose(np.asarray(found) / scale, expected / scale, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", ALL_NETWORKS)
@pytest.mark.parametrize("method", list(LITERAL))
def test_equals_the_literal_formula(name, method):
    convs = tiny_config(name).convs
    for layer in (convs[1], f"relu{convs[-2].removeprefix('conv')}"):
        maps, gradients = cut(name, layer, 1)
        if method == "grad_cam_pp" and layer == convs[1]:
            continue  # before a ReLU its denominators come arbitrarily close to 0
        if method == "xgrad_cam" and layer == convs[1]:
            continue
        found = answer(method, ask(name, method, layer=layer)).grid
        close(found, LITERAL[method](maps, gradients))


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_hires_cam_equals_captum(name):
    network = tiny_network(name)
    for layer in (tiny_config(name).convs[0], tiny_config(name).convs[-1]):
        theirs = LayerGradientXActivation(network, network.get_submodule(layer)).attribute(
            tiny_image(name), target=1
        )
        found = answer("hires_cam", ask(name, "hires_cam", layer=layer)).grid
        close(found, theirs[0].sum(0).detach())


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_contrast_is_the_map_of_the_difference(name):
    """Methods linear in the gradient: the difference of two maps. Against captum's Grad-CAM."""
    network, layer = tiny_network(name), tiny_config(name).convs[-2]
    method = LayerGradCam(
        lambda x: network(x)[:, [1, 4]] @ torch.tensor([1.0, -1]), network.get_submodule(layer)
    )
    theirs = method.attribute(tiny_image(name))[0, 0].detach()
    close(answer("grad_cam", ask(name, "grad_cam", 1, 4, layer)).grid, theirs)
    for linear in ("grad_cam", "hires_cam", "xgrad_cam"):
        one, other = (answer(linear, ask(name, linear, t, layer=layer)).grid for t in (1, 4))
        close(answer(linear, ask(name, linear, 1, 4, layer)).grid, one - other, 1e-3)


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("grad_cam", "GradCAM"),
        ("grad_cam_pp", "GradCAMPlusPlus"),
        ("xgrad_cam", "XGradCAM"),
        ("layer_cam", "LayerCAM"),
        ("hires_cam", "HiResCAM"),
    ],
)
def test_equals_pytorch_grad_cam_on_the_same_maps(method, kind):
    """Their formulas on our maps, scaled so that the epsilon they add to a denominator is none."""
    import pytorch_grad_cam

    maps, gradients = cut("vgg16", "relu3_2", 1)
    scale = 1e-6 if method == "xgrad_cam" else 1e6
    a, g = maps[None] / scale, gradients[None] * scale
    theirs = getattr(pytorch_grad_cam, kind)
    if method in ("layer_cam", "hires_cam"):
        expected = theirs.get_cam_image(_Bare(theirs), None, None, None, a, g, False)[0]
    else:
        weights = theirs.get_cam_weights(_Bare(theirs), None, None, None, a, g)
        expected = (weights[0][:, None, None] * a[0]).sum(0)
    found = answer(method, ask("vgg16", method, layer="relu3_2")).grid
    close(found, expected, 1e-3)


class _Bare:
    """Stands for an instance: the formulas read nothing of it."""

    def __init__(self, kind):
        self.get_cam_weights = kind.get_cam_weights


@pytest.mark.parametrize("method", ["grad_cam", "xgrad_cam", "layer_cam"])
@pytest.mark.parametrize("name", ["vgg16", "zfnet_b", "vgg16_bn"])
def test_equals_torchcam(name, method):
    from torchcam import methods

    network, convs = tiny_network(name), tiny_config(name).convs
    layer = f"relu{convs[-2].removeprefix('conv')}"
    kind = {"grad_cam": "GradCAM", "xgrad_cam": "XGradCAM", "layer_cam": "LayerCAM"}[method]
    for target in range(7):  # it draws ReLU(map): find a class whose map is positive somewhere
        with getattr(methods, kind)(network, target_layer=layer) as extractor, torch.enable_grad():
            scores = network(tiny_image(name).clone().requires_grad_())
            (theirs,) = extractor(target, scores, normalized=False)
        if theirs.any():
            break
    found = answer(method, ask(name, method, target, layer=layer)).grid.clamp(min=0)
    close(found, theirs[0].detach())


# --- Finer-CAM -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vgg16", "zfnet_b", "vgg11_bn"])
@pytest.mark.parametrize(("gamma", "count"), [(0.6, 3), (1.0, 1), (0.3, 6)])
def test_finer_cam_equals_torchcam(name, gamma, count):
    from torchcam.methods import FinerCAM

    network, layer = tiny_network(name), tiny_config(name).convs[-2]
    for target in range(7):
        method = FinerCAM(network, layer, gamma=gamma, num_references=count)
        with method as extractor, torch.enable_grad():
            scores = network(tiny_image(name).clone().requires_grad_())
            (theirs,) = extractor(target, scores, normalized=False)
        if theirs.any():
            break
    question = ask(name, "finer_cam", target, layer=layer, strength=gamma, references=count)
    found = answer("finer_cam", question)
    close(found.grid.clamp(min=0), theirs[0].detach())
    assert found.notes == (f"against the classes {', '.join(map(str, references(question)))}",)


def test_finer_cam_is_grad_cam_of_a_mixture():
    name, layer = "vgg16", "conv4_3"
    question = ask(name, "finer_cam", 1, layer=layer)
    others = references(question)
    assert len(set(others)) == 3
    assert 1 not in others
    logits = seen_of(name).logits.detach()[0]
    nearest = sorted((abs(float(v - logits[1])), i) for i, v in enumerate(logits) if i != 1)
    assert set(others) == {i for _, i in nearest[:3]}
    parts = [reference.grad_cam(tiny_network(name), layer, tiny_image(name), t) for t in others]
    expected = reference.grad_cam(tiny_network(name), layer, tiny_image(name), 1)
    close(answer("finer_cam", question).grid, expected - 0.6 * np.mean(parts, axis=0))


def test_finer_cam_with_a_second_class_compares_with_it_alone():
    name, layer = "vgg16", "conv4_3"
    full = answer("finer_cam", ask(name, "finer_cam", 1, 4, layer, strength=1.0)).grid
    close(full, answer("grad_cam", ask(name, "grad_cam", 1, 4, layer)).grid)
    none = answer("finer_cam", ask(name, "finer_cam", 1, layer=layer, strength=0.0)).grid
    close(none, answer("grad_cam", ask(name, "grad_cam", 1, layer=layer)).grid)


# --- Eigen-CAM -----------------------------------------------------------------------------------


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_eigen_cam_equals_the_singular_value_decomposition(name, centred):
    for layer in (tiny_config(name).convs[0], tiny_config(name).convs[-1]):
        maps, _ = cut(name, layer, 1)
        expected = literal.eigen_cam(maps, centred=centred)
        words = {"centred": "yes" if centred else "no"}
        close(
            answer("eigen_cam", ask(name, "eigen_cam", layer=layer, **words)).grid, expected, 1e-3
        )


def test_centred_eigen_cam_equals_pytorch_grad_cam_but_for_the_sign():
    from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection

    maps, _ = cut("vgg16", "relu3_2", 1)
    theirs = get_2d_projection(maps[None])[0]
    found = answer("eigen_cam", ask("vgg16", "eigen_cam", layer="relu3_2", centred="yes")).grid
    close(found, theirs * np.sign(theirs.ravel()[np.abs(theirs).argmax()]), 1e-3)


def test_eigen_cam_knows_no_class():
    one, other = (answer("eigen_cam", ask("vgg16", "eigen_cam", t)).grid for t in (0, 5))
    assert torch.equal(one, other)
    assert float(one[one.abs() == one.abs().max()][0]) > 0


# --- by hand -------------------------------------------------------------------------------------


def test_the_formulas_on_paper():
    """Two maps of 1 x 2; sums 3 and 4."""
    a = torch.tensor([[[[1.0, 2.0]], [[4.0, 0.0]]]])
    g = torch.tensor([[[[1.0, -1.0]], [[0.5, 0.5]]]])
    # ++: channel 0: 1/(2+3) * 1 = 0.2; channel 1: 2 * 0.5/(2+2) = 0.25
    expected = {
        "grad_cam": [[0 + 0.5 * 4, 0.0]],
        "grad_cam_pp": [[0.2 * 1 + 0.25 * 4, 0.2 * 2]],
        "hires_cam": [[1 + 2.0, -2.0]],
        "layer_cam": [[1 + 2.0, 0.0]],
        # X: channel 0: (1 - 2) / 3; channel 1: 2 / 4
        "xgrad_cam": [[-1 / 3 + 0.5 * 4, -2 / 3]],
    }
    assert expected.keys() == MAPS.keys()
    for name, numbers in expected.items():
        torch.testing.assert_close(MAPS[name](a, g)[0], torch.tensor(numbers))
    # Of one channel, the first direction is that channel.
    torch.testing.assert_close(eigen_cam(a[:, 1:], g)[0], torch.tensor([[4.0, 0.0]]))


def test_the_numbers_of_captums_own_tests():
    """peers.md V1: Grad-CAM on the network of one convolution, before and after its ReLU."""
    theirs = BasicModel_ConvNet_One_Conv().eval()
    network = nn.Sequential(theirs.conv1, theirs.relu1, nn.Flatten(), theirs.fc1, theirs.relu2)
    image = torch.arange(16.0).view(1, 1, 4, 4)
    for layer, numbers in (("0", [[11.25, 13.5], [20.25, 22.5]]), ("1", [[0, 4.0], [28, 32.5]])):
        found = answer("grad_cam", about(network, image, "grad_cam", Target(0), layer)).grid
        torch.testing.assert_close(found, torch.tensor(numbers))


# --- axioms --------------------------------------------------------------------------------------

_VALUES = arrays.arrays(
    np.float32, (1, 3, 2, 4), elements=st.floats(-4, 4, width=32, allow_subnormal=False)
)


@settings(max_examples=100)
@given(a=_VALUES, g=_VALUES)
def test_numbers_stay_numbers(a, g):
    maps, gradients = torch.from_numpy(a), torch.from_numpy(g)
    for name, compute in MAPS.items():
        assert torch.isfinite(compute(maps.clamp(min=0), gradients)).all(), name
        assert not torch.isnan(compute(maps, gradients)).any(), name
    found = eigen_cam(maps, maps)
    assert torch.isfinite(found).all()
    assert found.shape == (1, 2, 4)


@settings(max_examples=60)
@given(a=_VALUES, g=_VALUES, order=st.permutations(range(3)), scale=st.sampled_from([0.5, 2, 8]))
def test_the_order_of_channels_does_not_matter_and_a_scale_comes_through(a, g, order, scale):
    """Symmetry; and a score of another unit is a map of that unit (++ weighs by the unit)."""
    maps, gradients = torch.from_numpy(a).clamp(min=0), torch.from_numpy(g)
    for name, compute in MAPS.items():
        plain = compute(maps, gradients)
        mixed = compute(maps[:, order], gradients[:, order])
        torch.testing.assert_close(mixed, plain, rtol=1e-4, atol=1e-4)
        if name != "grad_cam_pp":
            scaled = compute(maps, scale * gradients)
            torch.testing.assert_close(scaled, scale * plain, rtol=1e-4, atol=1e-4)


def test_at_the_last_maps_before_a_linear_layer_hires_cam_sums_to_the_logit():
    """Draelos & Carin's own argument: flatten, one linear layer."""
    head = nn.Linear(3 * 4 * 4, 5)
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), head).eval()
    image = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    found = answer("hires_cam", about(network, image, "hires_cam", Target(2), "1")).grid
    with torch.no_grad():
        assert float(found.sum() + head.bias[2]) == pytest.approx(float(network(image)[0, 2]), 1e-4)


# --- all layers at once --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_a_sweep_is_every_method_at_every_layer(name):
    convs = tiny_config(name).convs
    found = layer_sweep(ask(name, "grad_cam", 1, 4), SWEPT, convs)
    assert list(found) == list(SWEPT)
    for method in SWEPT:
        assert list(found[method]) == list(convs)
        for layer in (convs[0], convs[-1]):
            alone = answer(method, ask(name, method, 1, 4, layer)).grid
            assert torch.equal(found[method][layer], alone), (method, layer)


def test_a_sweep_costs_one_backward_pass(monkeypatch):
    network, image = tiny_network("vgg16"), tiny_image("vgg16")
    seen = inspect(network, image, everything(network))
    question = Question(network, seen, Target(2), "conv1_1", IMAGENET)
    calls = []
    real = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: calls.append(1) or real(*a, **k))
    layer_sweep(question, list(MAPS), tiny_config("vgg16").convs)
    layer_sweep(question, ["grad_cam"], tiny_config("vgg16").convs)
    assert len(calls) == 1
    layer_sweep(question, ["eigen_cam"], tiny_config("vgg16").convs)
    assert len(calls) == 1
    layer_sweep(question, ["finer_cam"], tiny_config("vgg16").convs)
    assert len(calls) == 2


def test_a_sweep_names_what_there_is_not():
    question = ask("vgg16", "grad_cam")
    with pytest.raises(UnknownNameError, match="smoothgrad"):
        layer_sweep(question, ["smoothgrad"], ["conv1_1"])
    with pytest.raises(UnknownNameError, match="conv9"):
        layer_sweep(question, ["grad_cam"], ["conv9"])
    assert set(SWEPT) <= METHODS.keys()


def test_a_layer_before_the_relu_is_noted_where_weights_divide():
    for method in cam.DIVIDING:
        (note,) = answer(method, ask("vgg16", method, layer="conv5_2")).notes
        assert "conv5_2 has negative values" in note
        assert not answer(method, ask("vgg16", method, layer="relu5_2")).notes
    assert not answer("grad_cam", ask("vgg16", "grad_cam", layer="conv5_2")).notes


def test_half_precision_is_summed_in_single():
    network = copy.deepcopy(tiny_network("vgg16")).bfloat16()
    image = tiny_image("vgg16").bfloat16()
    for method in SWEPT:
        found = answer(method, about(network, image, method, Target(1), "relu4_2")).grid
        assert found.dtype == torch.float32
        exact = answer(method, ask("vgg16", method, layer="relu4_2")).grid
        assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.9
