"""Kernels through the real service: weights as they are, validation, and nothing left behind."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vgg_viz.errors import InputError, MissingImageError, UnknownNameError
from vgg_viz.filters.designs import DESIGNS
from vgg_viz.images import decode
from vgg_viz.models.registry import parse_model_name
from vgg_viz.models.weights import load_model
from vgg_viz.preprocessing import prepare
from vgg_viz.requests import (
    AliasingRequest,
    DesignedAliasingRequest,
    FactorisationRequest,
    KernelsRequest,
    KernelStudyRequest,
    LayerFactorisationRequest,
    SharedFactorisationRequest,
)

ZFNET, VGG = "zfnet_b:bundled", "vgg16:bundled"
CORNER = tuple(float(i < 5 or i % 5 == 0) for i in range(25))


def loaded(model):
    return load_model(parse_model_name(model))


@pytest.mark.parametrize(("model", "layer"), [(ZFNET, "conv2"), (VGG, None)])
def test_kernels_are_the_networks_weights(service, model, layer):
    found = service.run(KernelsRequest(model, layer))
    network = loaded(model)
    row = network.config.layer(layer or network.config.convs[0])
    module = network.network.get_submodule(row.name)
    assert found.layer == row.name
    np.testing.assert_array_equal(found.weights, module.weight.numpy())
    np.testing.assert_array_equal(found.bias, module.bias.numpy())
    assert (found.side, found.stride, found.padding) == (row.kernel, row.stride, row.padding)
    assert found.provenance.model == model
    assert found.provenance.digest == network.digest


def test_reading_kernels_counts_no_pass_and_changes_nothing(service):
    before = service.health().forward_passes
    found = service.run(KernelsRequest(ZFNET))
    kept = found.weights.copy()
    with pytest.raises(ValueError, match="read-only"):
        found.weights[:] = 0
    for request in (
        KernelStudyRequest(ZFNET),
        AliasingRequest(ZFNET),
        LayerFactorisationRequest(ZFNET),
    ):
        service.run(request)
    assert service.health().forward_passes == before
    network = service._executor.ready(ZFNET).network
    assert torch.equal(network.conv1.weight, torch.from_numpy(kept))
    assert all(not module._forward_hooks for module in network.modules())
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())


@pytest.mark.parametrize(("model", "stride"), [(ZFNET, 2), (VGG, 1)])
def test_the_study_describes_every_kernel(service, model, stride):
    found = service.run(KernelStudyRequest(model))
    weights = service.run(KernelsRequest(model, found.kernels.layer)).weights
    count = len(weights)
    assert found.kernels.stride == stride
    assert found.nyquist == 0.5 / stride
    for numbers in (found.norms, found.dead, found.rank_1_energy, found.peaks, found.grey_shares):
        assert numbers.shape == (count,)
    assert found.norms[1] == pytest.approx(np.linalg.norm(loaded_first(model)[1]), rel=1e-5)
    assert found.response.shape == (64, 64)
    assert (found.beyond_nyquist_mean > 0.3) is (stride == 2)  # random kernels pass all alike
    assert ((found.grey_shares >= 0) & (found.grey_shares <= 1)).all()
    assert not found.dead.any()


def loaded_first(model):
    network = loaded(model)
    return network.network.get_submodule(network.config.convs[0]).weight.numpy()


def test_one_kernel_is_factorised(service):
    found = service.run(FactorisationRequest(CORNER, 2))
    assert found.channels == 2
    assert found.first.shape == found.second.shape == (2, 3, 3)
    np.testing.assert_allclose(found.kernel, np.reshape(CORNER, (5, 5)))
    assert len(found.residuals) == 4
    assert found.residuals[0] > 0.05
    assert list(found.residuals) == sorted(found.residuals, reverse=True)
    rest = np.linalg.norm(found.kernel - found.product) / np.linalg.norm(found.kernel)
    assert rest == pytest.approx(found.residuals[1], abs=1e-5)
    energy = found.singular_values[0] ** 2 / (found.singular_values**2).sum()
    assert found.rank_1_energy == pytest.approx(energy, rel=1e-5)


@pytest.mark.parametrize(
    ("kernel", "channels", "said"),
    [
        (CORNER[:-1], 1, "25 numbers"),
        ((*CORNER[:-1], float("nan")), 1, "25 numbers"),
        ((*CORNER[:-1], 1e9), 1, "between"),
        (CORNER, 0, "choose 1 to 4"),
        (CORNER, 5, "choose 1 to 4"),
    ],
)
def test_what_is_no_kernel_is_refused(service, kernel, channels, said):
    with pytest.raises(InputError, match=said):
        service.run(FactorisationRequest(kernel, channels))


def test_a_5x5_layer_is_factorised_kernel_by_kernel(service):
    found = service.run(LayerFactorisationRequest(ZFNET))
    weights = loaded(ZFNET).network.conv2.weight.numpy()
    assert (found.layer, found.shape) == ("conv2", weights.shape[:2])
    assert len(found.units) == len(found.residuals) == min(300, weights[..., 0, 0].size)
    output, channel = map(int, found.units[17])
    alone = service.run(FactorisationRequest(tuple(map(float, weights[output, channel].ravel()))))
    assert alone.residuals[0] <= found.residuals[17] + 1e-5
    assert found.rank_1_energy[17] == pytest.approx(alone.rank_1_energy, abs=1e-5)


def test_a_whole_layer_needs_its_channels(service):
    found = service.run(SharedFactorisationRequest(ZFNET))
    outputs, inputs = found.shape
    assert found.fitted == found.shape  # a small layer is fitted whole
    assert found.channels[-1] == outputs
    assert found.weights == tuple(9 * count * (outputs + inputs) for count in found.channels)
    assert found.layer_weights == 25 * outputs * inputs
    assert list(found.residuals) == sorted(found.residuals, reverse=True)
    assert found.residuals[0] > 0.3


@pytest.mark.parametrize("kind", [LayerFactorisationRequest, SharedFactorisationRequest])
def test_a_layer_without_5x5_kernels_says_what_to_choose(service, kind):
    with pytest.raises(InputError, match=r"vgg16 has no 5x5 kernels.*choose ZFNet, AlexNet"):
        service.run(kind(VGG))
    with pytest.raises(InputError, match=r"conv3 of zfnet_b has 3x3 kernels.*choose conv2"):
        service.run(kind(ZFNET, "conv3"))
    with pytest.raises(UnknownNameError, match="conv9"):
        service.run(kind(ZFNET, "conv9"))


def test_names_are_checked(service):
    with pytest.raises(UnknownNameError, match=r"'pool1'.*conv1, conv2"):
        service.run(KernelsRequest(ZFNET, "pool1"))
    with pytest.raises(UnknownNameError, match="vgg17"):
        service.run(KernelStudyRequest("vgg17:bundled"))
    with pytest.raises(UnknownNameError, match="channels 0 to"):
        service.run(AliasingRequest(ZFNET, channel=10_000))
    with pytest.raises(UnknownNameError, match="moon"):
        service.run(AliasingRequest(ZFNET, "moon"))
    with pytest.raises(MissingImageError):
        service.run(DesignedAliasingRequest("edge", 7, 2, "ab" * 32))


def test_the_map_is_what_the_layer_computes(service, assets):
    found = service.run(AliasingRequest(ZFNET, "cat", channel=2))
    network = loaded(ZFNET)
    photo = decode((assets / "images" / "cat.jpg").read_bytes())
    x = torch.from_numpy(prepare(photo.pixels, network.preprocessing))[None]
    with torch.inference_mode():
        layer = F.conv2d(x, network.network.conv1.weight[2:3], stride=2)
    np.testing.assert_allclose(found.strided, layer[0, 0].numpy(), atol=1e-4)
    assert found.strided.std() > 1e-3
    assert found.picture.shape == (128, 128, 3)
    assert found.channel == 2
    assert len(found.shares) == len(network.network.conv1.weight)


def test_which_kernel_is_shown(service):
    shown = {
        which: service.run(AliasingRequest(ZFNET, which=which))
        for which in ("typical", "most", "strongest")
    }
    shares = shown["typical"].shares
    assert shown["most"].share == shares.max()
    assert np.sort(shares)[len(shares) // 2] == shown["typical"].share
    assert 0 < shares.min() <= shares.max() < 1


def test_nothing_aliases_at_stride_1(service):
    found = service.run(AliasingRequest(VGG))
    assert not found.shares.any()
    np.testing.assert_array_equal(found.strided, found.held)


@pytest.mark.parametrize("design", DESIGNS)
def test_the_same_kernel_aliases_less_with_less_stride(service, design):
    shares = [
        service.run(DesignedAliasingRequest(design, *geometry)).share
        for geometry in ((11, 4), (7, 2), (3, 1))
    ]
    assert shares[0] > 1.5 * shares[1] > 0 or design == "one_px"
    assert shares[0] > shares[1] > shares[2] == 0


@pytest.mark.parametrize(("kernel", "stride"), [(0, 1), (33, 1), (7, 0), (7, 9)])
def test_designs_have_a_size(service, kernel, stride):
    with pytest.raises(InputError, match="1 to 31"):
        service.run(DesignedAliasingRequest("edge", kernel, stride))
