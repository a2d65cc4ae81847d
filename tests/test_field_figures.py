"""Frames and charts of receptive fields, from tables and answers alone."""

import numpy as np
import pytest

from vgg_viz import figures
from vgg_viz.architecture import describe_network, unit_fields
from vgg_viz.figures import LIGHT, FieldGrowth, FieldLabels
from vgg_viz.figures.colours import lookup_table
from vgg_viz.results import EffectiveField, Picture, Provenance

PICTURE = Picture(np.zeros((8, 8, 3), np.uint8), b"jpeg", ())
LABELS = FieldLabels("VGG-16 (D)", "random weights, seed 0", "averaged over 16 photos")
MADE = Provenance("vgg16:random", "random weights, seed 0", "", "cpu", "fp32", 224, ())


def effective(heat, **changes):
    numbers = {"share_inside": 1.0, "side_50": 60, "side_95": 98, "images": 16} | changes
    return EffectiveField(
        np.asarray(heat, np.float32),
        "conv5_3",
        6,
        7,
        None,
        (6, 202),
        (22, 218),
        *(numbers[name] for name in ("share_inside", "side_50", "side_95", "images")),
        MADE,
    )


def framed(layer="conv5_3", found=None):
    architecture = describe_network("vgg16")
    frame = figures.field_frame(
        PICTURE,
        architecture.row(layer),
        unit_fields(architecture, layer),
        (6, 7),
        place=(0.5, 0.4),
        margin=0.4,
        series=1,
        labels=LABELS,
        effective=found,
    )
    return figures.unpack(frame)


def test_the_frame_holds_the_field_of_every_unit():
    header, parts = framed()
    assert parts == {"photo": b"jpeg"}
    assert (header["layer"], header["size"], header["field"], header["jump"]) == (
        *("conv5_3", 224),
        *(196, 16),
    )
    assert header["spans"][0] == [-90, 106]
    assert header["seen"][0] == [0, 106]
    assert (len(header["spans"]), header["whole"]) == (14, 2)
    assert (header["unit"], header["place"], header["margin"]) == ([6, 7], [0.5, 0.4], 0.4)
    assert (header["network"], header["weights"]) == (LABELS.network, LABELS.weights)
    assert header["effective"] is None


def test_heat_travels_as_the_square_root_of_its_share_of_the_largest():
    header, parts = framed(found=effective([[0, 0.5], [2, 8]]))
    assert list(parts["heat"]) == [0, 64, 128, 255]  # 255 sqrt(0, 1/16, 1/4, 1)
    assert parts["colours"] == lookup_table("plasma").tobytes()
    found = header["effective"]
    assert (found["height"], found["width"], found["largest"]) == (2, 2, 8)
    assert (found["inside"], found["side_50"], found["side_95"]) == (1.0, 60, 98)
    assert found["relative"] == 98 / 196
    assert (found["images"], found["channel"], found["device"]) == (16, None, "cpu")


def test_no_gradient_and_damaged_weights_are_drawn_as_nothing():
    nothing = effective(np.zeros((2, 2)), share_inside=None, side_50=None, side_95=None)
    header, parts = framed(found=nothing)
    assert list(parts["heat"]) == [0] * 4
    assert (header["effective"]["inside"], header["effective"]["relative"]) == (None, None)
    _, parts = framed(found=effective([[np.nan, 1], [0, 4]]))
    assert list(parts["heat"]) == [0, 128, 0, 255]


def test_the_margin_shows_the_largest_overhang_of_both_pictures():
    large = unit_fields(describe_network("vgg16"), "conv5_3")  # reaches 90 px beyond 224
    small = unit_fields(describe_network("vgg16"), "conv1_1")
    assert figures.margin_share(small, large) == pytest.approx(90 / 224 + 0.03)
    assert figures.margin_share(small) == pytest.approx(1 / 224 + 0.03)
    beyond = unit_fields(describe_network("vgg16", input_size=32), "conv5_3")
    assert figures.margin_share(beyond) == 0.8


def growth(network, layer, series, **details):
    return FieldGrowth(describe_network(network, **details), layer, series)


@pytest.fixture(scope="module")
def chart():
    networks = [growth("zfnet_b", "conv5", 0), growth("vgg16", "conv5_3", 1)]
    return figures.growth_figure(
        networks, LIGHT, pairs=[("conv1", "conv1_2"), ("conv5", "conv5_1")]
    )


def trace(chart, name):
    return next(each for each in chart.data if each.name == name)


def test_curves_hold_every_layer_that_grows_the_field(chart):
    vgg = trace(chart, "VGG-16 (D)")
    rows = growth("vgg16", "conv5_3", 1).rows
    assert [row.name for row in rows][-3:] == ["conv5_3", "pool5", "fc6"]
    assert len(rows) == 13 + 5 + 1
    assert list(vgg.y) == [row.receptive_field.size for row in rows]
    assert list(vgg.x) == list(range(1, 20))
    assert vgg.y[16:] == (196, 212, 404)
    assert trace(chart, "ZFNet (b)").y == (7, 11, 27, 43, 75, 107, 139, 171, 331)


def test_hovering_says_field_stride_and_units(chart):
    assert (
        "<b>conv5_3</b>: 196 px, stride 16 px<br>14 x 14 units"
        in trace(chart, "VGG-16 (D)").hovertext[16]
    )


def test_pools_are_open_markers_and_networks_differ_without_colour(chart):
    vgg, zfnet = trace(chart, "VGG-16 (D)"), trace(chart, "ZFNet (b)")
    assert vgg.marker.symbol[1:4] == ("square", "square-open", "square")
    assert zfnet.marker.symbol[:2] == ("circle", "circle-open")
    assert vgg.line.color != zfnet.line.color


def test_matched_layers_are_joined_and_chosen_ones_ringed(chart):
    joins = trace(chart, "layers matched by equal field")
    assert list(joins.x) == [1, 2, None, 7, 15, None]
    assert list(joins.y) == [7, 5, None, 139, 132, None]
    assert joins.line.dash == "dot"
    rings = [each for each in chart.data if each.marker.symbol == "circle-open"]
    assert [(ring.x, ring.y) for ring in rings] == [((7,), (139,)), ((17,), (196,))]


def test_the_input_is_a_line_with_its_size(chart):
    assert [note.text for note in chart.layout.annotations] == ["whole input, 224 px"]
    different = [growth("zfnet_b", "conv5", 0, input_size=128), growth("vgg16", "conv5_3", 1)]
    notes = figures.growth_figure(different, LIGHT).layout.annotations
    assert [note.text for note in notes] == ["whole input, 128 px", "whole input, 224 px"]


def test_axes_have_titles_with_units(chart):
    assert chart.layout.yaxis.title.text == "Receptive field, px of the input"
    assert chart.layout.xaxis.title.text == "Convolutions and pools passed"


@pytest.mark.parametrize("network", ["alexnet", "vgg19_bn", "vgg16_c"])
def test_one_network_alone_is_drawn_too(network):
    figure = figures.growth_figure([growth(network, "pool5", 0)], LIGHT)
    assert [each.name for each in figure.data if each.showlegend is not False] == [
        growth(network, "pool5", 0).architecture.title
    ]
