"""Reconstructions and kernels through the real service; the code that the page shows, run."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.filters_code import kernels_code, reconstruction_code
from tests.test_capture import assert_same, snapshot
from vgg_viz.architecture import describe, unit_fields
from vgg_viz.attribution.backward_rules import only, reconstruct
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.figures import kernel_slices, reconstruction_pictures
from vgg_viz.filters import frequency, redundancy
from vgg_viz.requests import (
    ChannelKernelRequest,
    ClassifyRequest,
    KernelsRequest,
    LayerKernelsRequest,
    PictureRequest,
    ReconstructionRequest,
)
from vgg_viz.results import RULES, FiringUnit
from vgg_viz.service.reconstruction import before_relu

ZFNET, VGG, NORMED = "zfnet_b:bundled", "vgg16:bundled", "vgg11_bn:bundled"
LAYERS = {ZFNET: "conv4", VGG: "conv4_2", NORMED: "conv3_1"}


def seen(service, model):
    """The network, and what it answers to the cat."""
    executor = service._executor
    request = ClassifyRequest(model, "cat")
    return executor.ready(model), executor.inspection(request, service._photos_of(request)[0])


@pytest.mark.parametrize("model", LAYERS)
def test_the_strongest_unit_is_sent_back(service, model):
    layer = LAYERS[model]
    found = service.run(ReconstructionRequest(model, "cat", layer))
    ready, inspection = seen(service, model)
    name = before_relu(ready.loaded.config, layer)
    assert (name == layer) == (model != NORMED)
    maps = inspection.outputs[name][0].detach()
    channel, row, column = np.unravel_index(int(maps.argmax()), maps.shape)
    (unit,) = found.units
    assert (found.channel, unit.row, unit.column) == (channel, row, column)
    assert unit.value == float(maps.max()) == float(found.maxima.max())
    assert found.ranked[0] == channel
    fields = unit_fields(describe(ready.loaded.config), layer)
    assert found.fields == ((fields.spans[row], fields.spans[column]),)
    assert (found.span_y, found.span_x) == found.fields[0]
    start = only(inspection.outputs[name], channel, (FiringUnit(row, column, unit.value),))
    for rule in RULES:
        lrn = "passed" if rule == "deconvnet" else "derivative"
        expected = reconstruct(ready.network, inspection, name, start, rule, lrn=lrn)
        assert expected.std() > 0
        np.testing.assert_array_equal(found.signal(rule), expected[0].numpy())
    assert found.provenance.model == model


@pytest.mark.parametrize("model", LAYERS)
def test_nothing_reaches_beyond_the_fields(service, model):
    found = service.run(ReconstructionRequest(model, "cat", LAYERS[model], units="top9"))
    assert 1 <= len(found.units) <= 9 == found.wanted
    values = [unit.value for unit in found.units]
    assert values == sorted(values, reverse=True)
    size = found.provenance.input_size
    outside = np.ones((size, size), bool)
    for (top, bottom), (left, right) in found.fields:
        outside[max(top, 0) : bottom, max(left, 0) : right] = False
    for signal in found.signals:
        assert signal.shape == (3, size, size)
        assert signal.any()
        assert not signal[:, outside].any()


def test_lrn_is_stated_and_matters_to_the_deconvnet_alone(service):
    passed, derivative = (
        service.run(ReconstructionRequest(ZFNET, "cat", "conv4", lrn=lrn))
        for lrn in ("passed", "derivative")
    )
    assert (passed.normalisation, derivative.normalisation) == ("passed", "derivative")
    assert (passed.signal("deconvnet") != derivative.signal("deconvnet")).any()
    for rule in ("gradient", "guided"):
        np.testing.assert_array_equal(passed.signal(rule), derivative.signal(rule))
    for model, layer in ((VGG, "conv4_2"), (ZFNET, "conv1")):
        assert service.run(ReconstructionRequest(model, "cat", layer)).normalisation is None


def test_a_silent_channel_says_so_with_its_largest_value(service):
    layer = LAYERS[VGG]
    maxima = service.run(ReconstructionRequest(VGG, "cat", layer)).maxima
    ready, inspection = seen(service, VGG)
    silent = int(maxima.argmin())
    bias = ready.network.get_submodule(layer).bias
    kept = bias.detach().clone()
    service._results.drop(lambda _: True)
    with torch.no_grad():
        inspection.outputs[layer][0, silent] -= float(maxima[silent]) + 0.5
    try:
        found = service.run(ReconstructionRequest(VGG, "cat", layer, silent, units="top9"))
    finally:
        service._executor._inspections.drop(lambda _: True)
        service._results.drop(lambda _: True)
    assert torch.equal(bias, kept)
    assert found.units == ()
    assert "never fires on this photo" in found.silence
    assert "z = -0.5" in found.silence
    assert not any(signal.any() for signal in found.signals)
    assert (found.span_y, found.span_x) == ((0, 0), (0, 0))


def test_a_silent_unit_of_a_channel_that_fires(service):
    layer = LAYERS[VGG]
    strongest = service.run(ReconstructionRequest(VGG, "cat", layer))
    _, inspection = seen(service, VGG)
    maps = inspection.outputs[layer][0, strongest.channel].detach()
    row, column = np.unravel_index(int(maps.argmin()), maps.shape)
    assert float(maps.min()) < 0
    request = ReconstructionRequest(
        VGG, "cat", layer, strongest.channel, units="place", row=int(row), column=int(column)
    )
    found = service.run(request)
    assert "does not fire" in found.silence
    assert f"{float(maps.min()):.3g}" in found.silence
    (unit,) = strongest.units
    at_it = service.run(
        ReconstructionRequest(
            VGG, "cat", layer, strongest.channel, units="place", row=unit.row, column=unit.column
        )
    )
    np.testing.assert_array_equal(at_it.signal("guided"), strongest.signal("guided"))


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"layer": "conv9"}, UnknownNameError, "conv9"),
        ({"layer": "pool1"}, UnknownNameError, "convolution"),
        ({"channel": 10_000}, UnknownNameError, "has channels 0 to"),
        ({"rules": ("smooth",)}, UnknownNameError, "ReLU rule"),
        ({"units": "all"}, UnknownNameError, "choice of units"),
        ({"units": "place"}, InputError, "choose row and column"),
        ({"units": "place", "row": 99, "column": 0}, InputError, "not 99 and 0"),
    ],
)
def test_bad_requests_name_what_can_be_asked(service, changes, kind, words):
    service.run(ReconstructionRequest(VGG, "cat", "conv4_2"))
    before = snapshot(service._executor.ready(VGG).network)
    with pytest.raises(kind, match=words):
        service.run(
            ReconstructionRequest(**{"model": VGG, "image": "cat", "layer": "conv4_2", **changes})
        )
    assert_same(before, snapshot(service._executor.ready(VGG).network))


def test_one_forward_pass_answers_every_layer(service):
    service.run(ClassifyRequest(VGG, "dog"))
    before = service.health().forward_passes
    for layer in ("conv1_1", "conv3_2", "conv5_3"):
        service.run(ReconstructionRequest(VGG, "dog", layer))
        service.run(LayerKernelsRequest(VGG, layer))
        service.run(ChannelKernelRequest(VGG, layer, 0))
    assert service.health().forward_passes == before


# --- kernels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "layer"), [(ZFNET, None), (VGG, "conv4_2")])
def test_kernels_of_any_layer(service, model, layer):
    weights = service.run(KernelsRequest(model, layer)).weights
    found = service.run(LayerKernelsRequest(model, layer))
    flat = weights.reshape(len(weights), -1).astype(float)
    norms = np.sqrt((flat**2).sum(axis=1))
    np.testing.assert_allclose(found.norms, norms, rtol=1e-5)
    assert found.shape == (*weights.shape[:2], weights.shape[-1])
    cosines = flat @ flat.T / np.outer(norms, norms)
    i, j = np.unravel_index(np.abs(np.triu(cosines, 1)).argmax(), cosines.shape)
    assert found.closest[0][:2] == (i, j)
    assert found.closest[0][2] == pytest.approx(cosines[i, j], abs=1e-5)
    one = service.run(ChannelKernelRequest(model, layer, 1))
    np.testing.assert_array_equal(one.kernel, weights[1])
    np.testing.assert_allclose(one.cosines, cosines[1], atol=1e-5)
    np.testing.assert_allclose(
        one.slice_norms, np.linalg.norm(weights[1].reshape(len(weights[1]), -1), axis=1), rtol=1e-5
    )
    assert one.slice_norms[one.strongest_slices[0]] == one.slice_norms.max()
    total = sum(frequency.response(part.astype(float)) ** 2 for part in weights[1])
    np.testing.assert_allclose(one.response, np.sqrt(total), rtol=1e-4)
    assert one.nyquist == 0.5 / one.stride
    with pytest.raises(UnknownNameError, match="has channels"):
        service.run(ChannelKernelRequest(model, layer, 10_000))


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 40),
    copies=st.integers(0, 6),
    dead=st.integers(0, 2),
    few=st.integers(1, 15),
    seed=st.integers(0, 999),
)
def test_most_alike_finds_what_comparing_each_with_each_finds(count, copies, dead, few, seed):
    random = np.random.default_rng(seed)
    kernels = random.normal(size=(count, 2, 2, 2)).astype(np.float32)
    for _ in range(copies):
        one, other = random.integers(count, size=2)
        kernels[one] = kernels[other] * random.choice([-2, 0.5])
    kernels[random.integers(count, size=dead)] = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redundancy, "BLOCK", 7)
        found = redundancy.most_alike(kernels, least=0.9, few=few)
    expected = {pair[:2] for pair in redundancy.duplicates(kernels, 0.9)}
    assert {pair[:2] for pair in found if abs(pair[2]) >= 0.9} == expected
    everyone = redundancy.duplicates(kernels, 1e-6)
    assert len(found) == min(max(few, len(expected)), len(everyone))
    sizes = [abs(pair[2]) for pair in found]
    np.testing.assert_allclose(sizes, [abs(p[2]) for p in everyone[: len(found)]], atol=1e-5)


# --- the code that the page shows ----------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shown_code_makes_the_shown_pictures(service, here):
    request = ReconstructionRequest(VGG, "cat", "conv4_2", 3, units="top9")
    found, photo = service.run(request), service.run(PictureRequest("cat", VGG))
    rules = ("gradient", "guided")
    code = reconstruction_code(request, rules=rules, zoom=True, together=True, series=1)
    exec(compile(code, "snippet", "exec"), {})  # noqa: S102 - as a person would run it
    region = reconstruction_pictures.region_of(found, zoom=True)
    limit = reconstruction_pictures.limit_of(found, rules)
    for rule in rules:
        expected = reconstruction_pictures.signal_png(found.signal(rule), limit, region)
        assert (here / f"{rule}.png").read_bytes() == expected
    expected = reconstruction_pictures.photo_png(photo, found, region, series=1)
    assert (here / "photo.png").read_bytes() == expected
    assert not (here / "deconvnet.png").exists()


def test_the_shown_code_takes_an_uploaded_photo(service, here, assets):
    data = next((assets / "images").glob("*.jpg")).read_bytes()
    (here / "photo.jpg").write_bytes(data)
    request = ReconstructionRequest(ZFNET, service.put_image(data).id, "conv2")
    code = reconstruction_code(request, rules=("deconvnet",), zoom=False, together=False, series=0)
    exec(compile(code, "snippet", "exec"), {})  # noqa: S102 - as a person would run it
    found = service.run(request)
    expected = reconstruction_pictures.signal_png(
        found.signal("deconvnet"),
        reconstruction_pictures.limit_of(found, ("deconvnet",)),
        reconstruction_pictures.region_of(found, zoom=False),
    )
    assert (here / "deconvnet.png").read_bytes() == expected


def test_the_shown_code_draws_the_kernel(service, here):
    layer, channel = LayerKernelsRequest(VGG, "conv4_2"), ChannelKernelRequest(VGG, "conv4_2", 2)
    exec(compile(kernels_code(layer, channel), "snippet", "exec"), {})  # noqa: S102 - as a person would run it
    expected = kernel_slices.slices_png(service.run(channel))
    assert (here / "slices.png").read_bytes() == expected
