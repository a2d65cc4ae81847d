"""Pictures of signals and kernels: grey is 0, signs are kept, frames lie where the fields are."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fake_models import fake_model
from fake_reconstruction import channel_kernel, layer_kernels, reconstruction
from vgg_viz.figures import LIGHT, kernel_slices, reconstruction_pictures
from vgg_viz.figures.reconstruction_pictures import Region
from vgg_viz.requests import ChannelKernelRequest, LayerKernelsRequest, ReconstructionRequest
from vgg_viz.results import Picture

VGG = fake_model("vgg16", "bundled")


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def found(layer="conv4_2", **changes):
    return reconstruction(ReconstructionRequest(VGG.name, "cat", layer, **changes), VGG)


def photo(colour=(200, 180, 160)):
    return Picture(np.full((448, 448, 3), colour, np.uint8), b"", ())


def test_grey_is_zero_and_each_colour_has_its_sign():
    signal = np.zeros((3, 4, 4), np.float32)
    signal[0, 1, 2], signal[2, 3, 0] = 2.0, -1.0
    shown = pixels(reconstruction_pictures.signal_png(signal, 2.0, Region(0, 0, 4), side=4))
    assert shown.shape == (4, 4, 3)
    assert shown[0, 0].tolist() == [128, 128, 128]
    assert shown[1, 2].tolist() == [255, 128, 128]
    assert shown[3, 0].tolist() == [128, 128, 64]  # 128 - 127.5 / 2


@settings(max_examples=40, deadline=None)
@given(
    top=st.integers(0, 6),
    left=st.integers(0, 6),
    side=st.integers(1, 8),
    cell=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_a_region_is_the_same_px_enlarged(top, left, side, cell, seed):
    signal = np.random.default_rng(seed).normal(size=(3, 16, 16)).astype(np.float32)
    whole = pixels(reconstruction_pictures.signal_png(signal, 2.0, Region(0, 0, 16), side=16))
    region = Region(top, left, side)
    part = pixels(reconstruction_pictures.signal_png(signal, 2.0, region, side=side * cell))
    np.testing.assert_array_equal(part[::cell, ::cell], whole[top : top + side, left : left + side])


def test_the_limit_leaves_single_peaks_out_and_zeros():
    answer = found(rules=("gradient", "guided"))
    signal = np.zeros((3, 100, 100), np.float32)
    signal[0] = np.linspace(-1, 1, 10_000).reshape(100, 100)
    signal[0, 0, 0] = 1000
    answer = replace(answer, signals=(signal, 3 * signal))
    own = reconstruction_pictures.limit_of(answer, ("gradient",))
    assert own == pytest.approx(0.998, abs=0.002)
    assert reconstruction_pictures.limit_of(answer, ("guided",)) == pytest.approx(3 * own)
    both = reconstruction_pictures.limit_of(answer, answer.rules)
    assert own < both < 3 * own
    nothing = replace(answer, signals=(np.zeros_like(signal),) * 2)
    assert reconstruction_pictures.limit_of(nothing, answer.rules) == 0
    grey = pixels(reconstruction_pictures.signal_png(nothing.signals[0], 0, Region(0, 0, 100)))
    assert set(grey.ravel()) == {128}
    assert reconstruction_pictures.scale_words(0) == "0 everywhere"


@pytest.mark.parametrize("units", ["strongest", "top9"])
@pytest.mark.parametrize("layer", ["conv1_1", "conv3_3", "conv5_3"])
def test_the_region_is_a_square_on_the_input_that_holds_the_fields(layer, units):
    answer = found(layer, units=units)
    region = reconstruction_pictures.region_of(answer, zoom=True)
    assert 0 <= region.top <= region.top + region.side <= 224
    assert 0 <= region.left <= region.left + region.side <= 224
    assert region.side >= reconstruction_pictures.LEAST_REGION
    for (top, bottom), (left, right) in answer.fields:
        assert region.top <= max(0, top)
        assert region.left <= max(0, left)
        assert min(224, bottom) <= region.top + region.side
        assert min(224, right) <= region.left + region.side
    assert reconstruction_pictures.region_of(answer, zoom=False) == Region(0, 0, 224)


def test_the_frame_lies_around_the_field():
    answer = found("conv3_3")
    ((top, bottom), (left, right)) = answer.fields[0]
    shown = pixels(reconstruction_pictures.photo_png(photo(), answer, Region(0, 0, 224), series=1))
    orange = (shown == (0xD9, 0x57, 0x0A)).all(axis=2)
    rows, columns = orange.any(axis=1).nonzero()[0], orange.any(axis=0).nonzero()[0]
    edges = np.array([rows[0], rows[-1], columns[0], columns[-1]])
    wanted = 2 * np.clip([top, bottom, left, right], 0, 224)  # 448 px for 224
    np.testing.assert_allclose(edges, wanted, atol=3)
    assert shown[wanted[0] + 10, wanted[2] + 10].tolist() == [200, 180, 160]


def test_a_sheet_holds_photo_and_every_rule():
    answer = found()
    sheet = reconstruction_pictures.sheet_png(
        photo(),
        answer,
        "VGG-16 (D), bundled weights\nPhoto: a cat",
        rules=answer.rules,
        limits=[1.0, 2.0, 0.0],
        region=Region(0, 0, 224),
    )
    shown = pixels(sheet)
    side = reconstruction_pictures.SIDE
    assert shown.shape[1] == 4 * (side + 12) + 12
    assert (shown[-40:] < 128).any()  # the caption


def test_slices_are_drawn_strongest_first_on_one_scale():
    answer = channel_kernel(ChannelKernelRequest(VGG.name, "conv4_2", 1), VGG)
    kernel = np.zeros_like(answer.kernel)
    kernel[7], kernel[3] = 2.0, -1.0
    norms = np.linalg.norm(kernel.reshape(len(kernel), -1), axis=1)
    answer = replace(answer, kernel=kernel, slice_norms=norms)
    shown = pixels(kernel_slices.slices_png(answer, count=3))
    side, step = 90, 98
    assert shown[10, 10].tolist() == [0x67, 0x00, 0x1F]  # the end of red: +2 of +-2
    blue = shown[10, step + 10]
    assert blue[2] > blue[0] + 60  # -1
    assert np.ptp(shown[10, 2 * step + 10]) < 8  # 0 is nearly white
    assert shown.shape[1] == 3 * step - 8
    assert side < shown.shape[0] < 130
    assert kernel_slices.slice_name(answer, 7) == "7"
    assert kernel_slices.slice_name(replace(answer, kernel=kernel[:3]), 2) == "blue"


def test_norms_fall_and_every_kernel_has_one_marker():
    answer = layer_kernels(LayerKernelsRequest(VGG.name, "conv4_2"), VGG)
    figure = kernel_slices.norms_figure(answer, LIGHT, chosen=9, series=1)
    points = [
        (x, y, channel)
        for trace in figure.data
        for x, y, channel in zip(trace.x, trace.y, trace.customdata, strict=True)
    ]
    assert sorted(channel for _, _, channel in points) == list(range(len(answer.norms)))
    heights = [y for _, y, _ in sorted(points)]
    assert heights == sorted(heights, reverse=True)
    for _, y, channel in points:
        assert y == pytest.approx(float(answer.norms[channel]))
    kinds = kernel_slices.kinds_of(answer, 9)
    assert [kinds[i] for i in (0, 1, 4, 5, 6, 9)] == [
        "alike",
        "dead",
        "alike",
        "alike",
        "usual",
        "chosen",
    ]


def test_a_caption_stands_below_a_picture():
    png = kernel_slices.slices_png(channel_kernel(ChannelKernelRequest(VGG.name), VGG))
    plain, captioned = pixels(png), pixels(kernel_slices.captioned_png(png, "bundled " * 30))
    assert captioned.shape[0] > plain.shape[0] + 60
    assert (captioned[-50:] < 100).any()
