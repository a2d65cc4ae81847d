"""Charts and pictures of page Small filters: what is drawn is what was counted."""

import io

import numpy as np
import pytest
from PIL import Image

import fake_kernels
from fake_models import fake_model
from vgg_viz.architecture import compare_stack, describe_network
from vgg_viz.figures import (
    LIGHT,
    factorisation_charts,
    frequency_charts,
    kernel_pictures,
    stack_charts,
)
from vgg_viz.requests import FactorisationRequest

MODEL = fake_model("zfnet_b", "bundled")


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


# --- kernels as pictures -------------------------------------------------------------------------


def test_signs_have_their_colours_and_zero_is_nearly_white():
    values = np.array([[1.0, 0.0, -1.0]], np.float32)
    picture = opened(kernel_pictures.map_png(values, 1.0, side=30))
    assert picture.shape == (10, 30, 3)
    positive, zero, negative = (picture[5, x] for x in (5, 15, 25))
    assert positive[0] > positive[2] + 50
    assert negative[2] > negative[0] + 50
    assert zero.min() > 230


def test_values_beyond_the_scale_are_drawn_at_its_end():
    ends = [
        opened(kernel_pictures.map_png(np.full((1, 1), value, np.float32), 1.0, side=2))
        for value in (1.0, 7.0)
    ]
    np.testing.assert_array_equal(*ends)


def test_a_kernel_has_its_numbers_in_it():
    kernel = np.full((5, 5), 0.25, np.float32)
    written = opened(kernel_pictures.kernel_png(kernel, 0.5, cell=40))
    assert written.shape == (200, 200, 3)
    cell = written[:40, :40]
    assert len(np.unique(cell.reshape(-1, 3), axis=0)) > 5  # letters, not one flat colour


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (0.126, 0.4, ".13"),
        (-0.126, 0.4, "-.13"),
        (0.0004, 1, "0"),
        (12.3, 40, "12"),
        (-1, 1, "-1.0"),
    ],
)
def test_numbers_are_short(value, limit, text):
    assert kernel_pictures._number(value, limit) == text


@pytest.mark.parametrize(("count", "k"), [(1, 3), (16, 3), (24, 7), (64, 11), (96, 7), (97, 11)])
def test_every_kernel_has_its_place(count, k):
    weights = np.ones((count, 3, k, k), np.float32)  # the end of the scale: white
    png = kernel_pictures.colour_grid_png(weights, dead=np.zeros(count, bool))
    image = Image.open(io.BytesIO(png))
    assert image.size == (720, 480)
    drawn = np.asarray(image)[..., 3] > 0  # the rest is transparent
    _, cell = kernel_pictures._layout(count, k, (720, 480))
    assert drawn.sum() == count * (cell * k) ** 2
    assert np.asarray(image)[drawn][:, :3].min() == 255


def test_dead_and_equal_kernels_are_marked():
    weights = np.zeros((4, 3, 3, 3), np.float32)
    weights[0] = -1
    plain, marked = (
        opened(kernel_pictures.colour_grid_png(weights, dead=np.array([False] * 4), pairs=pairs))
        for pairs in ((), ((1, 2, 0.95),))
    )
    dead = opened(
        kernel_pictures.colour_grid_png(weights, dead=np.array([False, True, False, False]))
    )
    assert (plain != marked).any()
    assert (plain != dead).any()
    assert kernel_pictures._letters(((1, 4, 0.97), (4, 5, -0.93), (2, 3, 0.9))) == {
        number: "a" if number in (1, 4, 5) else "b" for number in range(1, 6)
    }


def test_scales_end_at_the_largest_value():
    assert kernel_pictures.limit_of(np.array([-3.0, 2]), np.array([1.0])) == 3
    assert kernel_pictures.limit_of(np.zeros(4)) == 1


# --- charts --------------------------------------------------------------------------------------


def test_bars_are_the_weights_and_the_chosen_pair_is_labelled():
    every = [compare_stack(k, 64, entry="half") for k in (5, 7, 9, 11)]
    figure = stack_charts.stack_figure(every, 7, LIGHT)
    one, stack = figure.data
    assert list(one.y) == [each.one.weights for each in every]
    assert list(stack.y) == [each.stack.weights for each in every]
    assert [a.text for a in figure.layout.annotations] == ["<b>24.5 C²</b>", "<b>22.5 C²</b>"]
    assert one.marker.pattern.shape != stack.marker.pattern.shape
    assert list(one.marker.opacity) == [0.45, 1, 0.45, 0.45]
    assert "x 0.93" in figure.layout.xaxis.ticktext[0]


def test_ratios_meet_1_at_their_markers():
    figure = stack_charts.ratio_figure([5, 7], 5, 0.5, LIGHT)
    line, marker = figure.data[:2]
    assert np.interp(0.5625, line.x, line.y) == pytest.approx(1, abs=1e-3)
    assert marker.x[0] == 0.5625
    assert np.interp(0.5, line.x, line.y) == pytest.approx(12.5 / 13.5, abs=1e-3)
    assert np.interp(1.0, line.x, line.y) == pytest.approx(25 / 18, abs=1e-3)


def test_stages_add_up_to_the_convolutions():
    nets = [describe_network("vgg13"), describe_network("vgg13_5x5")]
    for quantity, total in (("macs", "conv_macs"), ("parameters", "conv_parameters")):
        figure = stack_charts.stage_figure(nets, quantity, LIGHT)
        for trace, net in zip(figure.data, nets, strict=True):
            assert sum(trace.y) == getattr(net, total)
    assert nets[1].convs[0].macs == stack_charts.stage_sums(nets[1], "macs")[0]


def test_the_response_has_the_square_its_stride_holds():
    found = fake_kernels.study(MODEL)
    figure = frequency_charts.response_figure(found, LIGHT)
    assert figure.data[0].z.max() == 1
    assert {shape.x1 for shape in figure.layout.shapes} == {0.25}
    vgg = fake_kernels.study(fake_model("vgg16", "bundled"))
    assert not frequency_charts.response_figure(vgg, LIGHT).layout.shapes


def test_strips_have_a_row_for_each_network():
    found = fake_kernels.study(MODEL)
    figure = frequency_charts.peaks_figure([("A", found), ("B", found)], LIGHT)
    assert list(figure.layout.yaxis.ticktext) == ["A", "B"]
    assert [len(trace.x) for trace in figure.data] == [12, 12]
    assert figure.data[0].marker.symbol != figure.data[1].marker.symbol
    aliases = frequency_charts.alias_figure([("A", [0.1, 0.5, 0.9])], LIGHT)
    assert aliases.layout.shapes[0].x0 == 0.5
    assert aliases.layout.annotations[0].text == "50 %"


def test_points_can_be_clicked_and_the_chosen_one_has_a_ring():
    layer = fake_kernels.layer_factorisation(MODEL)
    figure = factorisation_charts.residual_figure(layer, (1, 2), LIGHT)
    points, ring = figure.data
    assert list(points.customdata[8]) == [1, 2]
    assert ring.y[0] == points.y[8]
    assert len(factorisation_charts.residual_figure(layer, None, LIGHT).data) == 1
    assert not factorisation_charts.residual_figure(layer, (11, 5), LIGHT).data[1].y.size


def test_histogram_counts_every_kernel():
    layer = fake_kernels.layer_factorisation(MODEL)
    figure = factorisation_charts.residual_histogram(layer, 0.33, LIGHT)
    assert sum(figure.data[0].y) == 40
    assert figure.layout.shapes[0].x0 == 0.33


def test_exact_fits_are_called_so():
    fit = fake_kernels.factorisation(FactorisationRequest(tuple(range(25)), 2))
    bars = factorisation_charts.channels_figure(fit, LIGHT).data[0]
    assert list(bars.text) == ["25.0%", "12.5%", "6.2%", "exact"]
    assert bars.marker.color[1] == LIGHT.colours[1]


def test_the_whole_layer_marks_equal_weights():
    fit = fake_kernels.shared_factorisation(MODEL)
    figure = factorisation_charts.shared_figure(fit, LIGHT)
    assert [shape.x0 for shape in figure.layout.shapes] == [1800 / (9 * 18), 12]
