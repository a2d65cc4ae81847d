"""The bundled networks, as they were trained, on five bundled photos: everybody makes our maps."""

import copy
import warnings
from functools import cache

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from tests.questions import answer, everything
from vgg_viz.attribution.baselines import baseline
from vgg_viz.attribution.methods import METHODS, checked_parameters
from vgg_viz.attribution.question import Question, Target
from vgg_viz.capture import inspect
from vgg_viz.images import decode
from vgg_viz.models.registry import assets_folder, parse_model_name
from vgg_viz.models.weights import load_model
from vgg_viz.preprocessing import prepare

PHOTOS = ("cat", "dog", "horse", "guitar", "coffee")
MODELS = ("vgg16:bundled", "zfnet_b:bundled")


@cache
def loaded(model):
    found = load_model(parse_model_name(model))
    return found, found.network.eval().requires_grad_(False)


@cache
def seen_of(model, photo):
    found, network = loaded(model)
    (path,) = (assets_folder() / "images").glob(f"{photo}.*g")
    image = torch.from_numpy(prepare(decode(path.read_bytes()).pixels, found.preprocessing))[None]
    return inspect(
        network, image.contiguous(memory_format=torch.channels_last), everything(network)
    )


def ask(model, photo, method, **parameters):
    found, network = loaded(model)
    seen = seen_of(model, photo)
    target = Target(int(seen.logits[0].argmax()))
    checked = checked_parameters(METHODS[method], parameters)
    layer = found.config.convs[-1]
    return Question(network, seen, target, layer, found.preprocessing, checked)


def close(found, expected, tolerance=1e-3):
    expected = expected.detach().double()
    scale = float(expected.abs().max())
    assert float(expected.std()) > 1e-3 * scale > 0
    np.testing.assert_allclose(found.double() / scale, expected / scale, atol=tolerance, rtol=0)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("photo", PHOTOS)
def test_captum_makes_the_same_maps(photo, model):
    question = ask(model, photo, "gradient")
    network, image, target = copy.deepcopy(question.network), question.image, question.target.index
    layer = network.get_submodule(question.layer)

    def leaf():
        return image.clone().requires_grad_()

    def map_of(method, **parameters):
        return answer(method, ask(model, photo, method, **parameters)).grid

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it sets hooks
        gradient = captum.attr.Saliency(network).attribute(leaf(), target, abs=False)[0]
        close(map_of("gradient"), gradient.abs().amax(0))
        times = captum.attr.InputXGradient(network).attribute(leaf(), target)[0]
        close(map_of("input_x_gradient"), times.sum(0))
        for method, kind in (("guided_backprop", "GuidedBackprop"), ("deconvnet", "Deconvolution")):
            theirs = getattr(captum.attr, kind)(network).attribute(leaf(), target)[0]
            close(map_of(method, colours="sum"), theirs.sum(0))
        guided = captum.attr.GuidedGradCam(network, layer)
        theirs = guided.attribute(leaf(), target, interpolate_mode="bilinear")[0]
        close(map_of("guided_grad_cam"), theirs.abs().amax(0))
        cam = captum.attr.LayerGradCam(network, layer).attribute(leaf(), target)[0, 0]
        close(map_of("grad_cam"), cam)
        place = captum.attr.LayerGradientXActivation(network, layer).attribute(leaf(), target)[0]
        close(map_of("hires_cam"), place.sum(0))
        start = baseline(question, "black", question.generator())
        steps = captum.attr.IntegratedGradients(network).attribute(
            image, start, target, n_steps=4, internal_batch_size=4
        )[0]
        close(map_of("integrated_gradients", steps=4), steps.sum(0))
    assert not any(module._forward_hooks for module in question.network.modules())


@pytest.mark.parametrize("model", MODELS)
def test_what_should_add_up_does(model):
    lifted = answer("deep_lift", ask(model, "cat", "deep_lift")).checks
    assert lifted["completeness error"] < 1e-3
    steps = answer("integrated_gradients", ask(model, "cat", "integrated_gradients", steps=64))
    assert steps.checks["completeness error"] < 0.1
    assert isinstance(loaded(model)[1], nn.Sequential)
