"""Grad-CAM against captum, a literal reference, torch-cam, pytorch-grad-cam and hand values."""

import copy

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from captum.testing.helpers.basic_models import BasicModel_ConvNet_One_Conv

from tests import reference
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.attribution.cam import grad_cam
from vgg_viz.capture import inspect

TARGETS = (1, 5)


def raw_map(network: torch.nn.Module, layer: str, image: torch.Tensor, target: int) -> np.ndarray:
    seen = inspect(network, image, [layer])
    outputs = seen.outputs[layer].detach()
    return grad_cam(outputs, seen.gradients(target)[layer])[0].numpy()


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_equals_captum_and_the_literal_formula_at_every_convolution(name: str) -> None:
    network, image = tiny_network(name), tiny_image(name)
    convs = tiny_config(name).convs
    seen = inspect(network, image, convs)
    for layer in convs:
        captum_cam = LayerGradCam(network, network.get_submodule(layer))
        for target in TARGETS:
            grid = grad_cam(seen.outputs[layer].detach(), seen.gradients(target)[layer])[0].numpy()
            literal = reference.grad_cam(network, layer, image, target)
            assert reference.spread(literal) > 0.05, f"the reference is flat at {layer}"
            np.testing.assert_allclose(grid, literal, atol=1e-6, rtol=1e-5)
            theirs = captum_cam.attribute(image, target=target)[0, 0].detach().numpy()
            np.testing.assert_allclose(grid, theirs, atol=1e-6, rtol=0)


@pytest.fixture
def one_conv() -> tuple[torch.nn.Module, torch.Tensor]:
    """captum's test net and its input 0..15, whose maps were worked out by hand (V1)."""
    return BasicModel_ConvNet_One_Conv().eval(), torch.arange(16.0).view(1, 1, 4, 4)


def test_hand_worked_map_before_the_relu(one_conv: tuple[torch.nn.Module, torch.Tensor]) -> None:
    network, image = one_conv
    expected = [[11.25, 13.5], [20.25, 22.5]]
    np.testing.assert_allclose(raw_map(network, "conv1", image, 0), expected, atol=1e-5)


def test_hand_worked_map_after_the_relu(one_conv: tuple[torch.nn.Module, torch.Tensor]) -> None:
    network, image = one_conv
    expected = [[0.0, 4.0], [28.0, 32.5]]
    np.testing.assert_allclose(raw_map(network, "relu1", image, 0), expected, atol=1e-5)


def test_hand_worked_map_with_frozen_parameters(
    one_conv: tuple[torch.nn.Module, torch.Tensor],
) -> None:
    network, image = one_conv
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    expected = [[11.25, 13.5], [20.25, 22.5]]
    np.testing.assert_allclose(raw_map(network, "conv1", image, 0), expected, atol=1e-5)


def test_weighted_sum_worked_out_on_paper() -> None:
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[5.0, -6.0], [7.0, 8.0]]]])
    gradients = torch.tensor([[[[1.0, 1.0], [1.0, 1.0]], [[2.0, -4.0], [-4.0, 2.0]]]])
    # alpha = (1, -1), so the map is the difference of the two channels.
    expected = [[[-4.0, 8.0], [-4.0, -4.0]]]
    np.testing.assert_array_equal(grad_cam(maps, gradients).numpy(), expected)


@pytest.mark.parametrize("name", ["vgg16", "zfnet_b", "vgg16_bn"])
def test_equals_torchcam_on_a_network_without_in_place_layers(name: str) -> None:
    from torchcam.methods import GradCAM

    network, image = tiny_network(name), tiny_image(name)
    layer = tiny_config(name).convs[-2]
    with GradCAM(network, target_layer=layer) as extractor, torch.enable_grad():
        scores = network(image.clone().requires_grad_())
        (theirs,) = extractor(1, scores, normalized=False)
    ours = raw_map(network, layer, image, 1)
    assert reference.spread(ours) > 0.05
    np.testing.assert_allclose(np.maximum(ours, 0), theirs[0].detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("name", ["vgg16", "zfnet_b"])
def test_upsampled_as_stated_equals_pytorch_grad_cam(name: str) -> None:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network, image = tiny_network(name), tiny_image(name)
    # The last map before pooling is large enough here for upsampling to matter.
    layer = tiny_config(name).convs[len(tiny_config(name).convs) // 2]
    # It needs trainable parameters, and leaves a .grad on each: give it a copy.
    copied = copy.deepcopy(network).requires_grad_(True)
    with GradCAM(copied, [copied.get_submodule(layer)]) as cam:
        theirs = cam(input_tensor=image.clone(), targets=[ClassifierOutputTarget(1)])[0]
    positive = torch.from_numpy(np.maximum(raw_map(network, layer, image, 1), 0))[None, None]
    side = image.shape[-1]
    ours = torch.nn.functional.interpolate(
        positive, size=(side, side), mode="bilinear", align_corners=False
    )[0, 0]
    assert float(ours.std()) > 0
    # They divide by (1e-7 + max), before and after scaling up.
    np.testing.assert_allclose((ours / ours.max()).numpy(), theirs, atol=1e-3)
