"""Charts of gradient flow: what is where on the axes, and what a log axis cannot show."""

import math
import subprocess
import sys
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from browser import ROOT
from fake_flow import gradient_flow
from vgg_viz.figures import (
    HISTOGRAM_TITLES,
    LIGHT,
    MARKERS,
    QUANTITY_TITLES,
    Curve,
    Depth,
    decades,
    digits,
    flow_figure,
    flow_page,
    histogram_figure,
    non_finite,
    zero_share,
)
from vgg_viz.requests import GradientFlowRequest
from vgg_viz.results import HISTOGRAMS, MAGNITUDES, QUANTITIES


def flow(network="vgg16", initialization="std_0.01"):
    return gradient_flow(GradientFlowRequest(network, initialization))


def curve(network="vgg16", initialization="std_0.01", number=0):
    return Curve(flow(network, initialization), number)


def changed(flow, layer, **values):
    """The same flow with other values in one layer."""
    rows = [
        replace(row, values=MappingProxyType({**row.values, **values}))
        if row.layer == layer
        else row
        for row in flow.layers
    ]
    return replace(flow, layers=tuple(rows))


def measured(figure):
    """The curve of the first setting."""
    return next(t for t in figure.data if t.mode == "lines+markers")


def test_the_fake_has_the_shape_of_the_real_curves():
    small, he = flow(), flow(initialization="he_fan_in")
    assert small.curve("z_std")[0] / small.curve("z_std")[-4] > 1e4
    assert small.curve("gradient_std")[-1] / small.curve("gradient_std")[0] > 1e5
    assert 0.2 < he.curve("z_std")[-4] / he.curve("z_std")[0] < 5
    norms = small.curve("weight_gradient_norm")
    assert norms.max() / norms.min() < 2
    assert flow(initialization="variance_0.01").curve("z_std")[-1] > 1e4
    assert np.isnan(small.curve("activation_std")[-1])


def test_every_quantity_and_histogram_has_a_title_and_a_chart():
    assert set(QUANTITY_TITLES) == set(QUANTITIES)
    assert set(HISTOGRAM_TITLES) == set(HISTOGRAMS)
    for quantity in QUANTITIES:
        figure = flow_figure([curve()], quantity, LIGHT)
        assert figure.layout.yaxis.title.text in QUANTITY_TITLES[quantity]
        assert (figure.layout.yaxis.type == "log") == (not quantity.endswith("_share"))


def test_a_chart_shows_the_values_themselves():
    shown = measured(flow_figure([curve()], "gradient_std", LIGHT))
    np.testing.assert_allclose(shown.y, flow().curve("gradient_std"), rtol=1e-6)
    assert [*shown.customdata] == [row.layer for row in flow().layers]
    assert shown.text[0].startswith("<b>conv1_1</b>: ")
    assert digits(float(flow().curve("gradient_std")[0])) in shown.text[0]
    assert shown.text[0].endswith("VGG-16 (D), normal, std 0.01")


def test_every_point_lies_within_the_axes():
    curves = [curve(), curve(initialization="variance_0.01", number=1)]
    for quantity in QUANTITIES:
        figure = flow_figure(curves, quantity, LIGHT)
        low, high = figure.layout.yaxis.range
        for trace in figure.data:
            y = np.array([v for v in trace.y if v is not None], float)
            at = np.log10(y) if figure.layout.yaxis.type == "log" else y
            assert ((low <= at) & (at <= high)).all(), quantity


def test_settings_differ_by_marker_and_by_colour():
    schemes = ("std_0.01", "variance_0.01", "glorot", "he_fan_in", "he_fan_out", "lsuv")
    curves = [curve(initialization=name, number=i) for i, name in enumerate(schemes)]
    shown = [t for t in flow_figure(curves, "z_std", LIGHT).data if t.mode == "lines+markers"]
    assert [t.marker.symbol for t in shown] == [symbol for symbol, _ in MARKERS]
    assert len({t.line.color for t in shown}) == len(curves)


def test_theory_is_dashed_where_there_is_one():
    def dashed(network, quantity):
        figure = flow_figure([curve(network)], quantity, LIGHT)
        return [trace for trace in figure.data if trace.line.dash == "dash"]

    (theory,) = dashed("vgg16", "z_std")
    assert theory.y[0] == flow().layers[0].predicted_z_std
    assert len(dashed("vgg16", "gradient_std")) == 1
    assert dashed("vgg16_bn", "z_std") == []
    assert dashed("vgg16", "weight_gradient_norm") == []


def test_the_reference_is_a_grey_line_without_markers():
    figure = flow_figure([curve(), curve(initialization="he_fan_in", number=None)], "z_std", LIGHT)
    (reference,) = [t for t in figure.data if t.line.color == LIGHT.muted]
    assert reference.mode == "lines"
    assert reference.name == "Reference: He, fan-in"


def test_what_all_share_stands_in_the_title():
    same_network = [curve(), curve(initialization="lsuv", number=1)]
    figure = flow_figure(same_network, "z_std", LIGHT)
    assert figure.layout.title.text == "VGG-16 (D)"
    assert {t.name for t in figure.data if t.showlegend} == {"normal, std 0.01", "LSUV"}
    figure = flow_figure([curve(), curve("vgg11", number=1)], "z_std", LIGHT)
    assert figure.layout.title.text == "normal, std 0.01"
    mixed = flow_figure([*same_network, curve("vgg11", number=2)], "z_std", LIGHT)
    assert mixed.layout.title.text == ""
    assert "VGG-11 (A), normal, std 0.01" in {t.name for t in mixed.data}


def test_float16_is_marked_where_values_are_single_numbers():
    def limits(quantity):
        shapes = flow_figure([curve()], quantity, LIGHT).layout.shapes
        return [shape.y0 for shape in shapes if shape.type == "line"]

    assert limits("gradient_std") == pytest.approx([6.10e-5, 5.96e-8], rel=1e-3)
    assert limits("weight_gradient_norm") == []  # a norm over many values has no such limit
    band = next(
        s for s in flow_figure([curve()], "gradient_std", LIGHT).layout.shapes if s.type == "rect"
    )
    assert band.y1 == pytest.approx(2.98e-8, rel=1e-3)


# --- depth ---------------------------------------------------------------------------------------


def test_a_layer_name_has_one_place_in_all_networks():
    depth = Depth([flow("vgg11"), flow("vgg19"), flow("vgg16_c")])
    assert depth.names[:4] == ["conv1_1", "conv1_2", "conv2_1", "conv2_2"]
    assert depth.names[-4:] == ["conv5_4", "fc6", "fc7", "fc8"]
    assert len(depth.names) == 19
    assert depth.place("conv5_4") == 15
    assert depth.place("conv9_9") is None


def test_five_convolutions_are_spread_over_the_depth_of_a_vgg():
    depth = Depth([flow("zfnet_b"), flow("vgg16")])
    assert [depth.place(f"conv{i}") for i in range(1, 6)] == [0, 3, 6, 9, 12]
    assert depth.place("fc6") == 13
    assert "conv3" not in depth.names
    alone = Depth([flow("zfnet_b"), flow("alexnet")])
    assert alone.names == [*(f"conv{i}" for i in range(1, 6)), "fc6", "fc7", "fc8"]


def test_the_nearest_layer_stands_in_for_one_that_a_network_lacks():
    shallow, zfnet = flow("vgg11"), flow("zfnet_b")
    depth = Depth([shallow, zfnet, flow("vgg19")])
    assert depth.nearest(shallow, "conv5_2").layer == "conv5_2"
    assert depth.nearest(shallow, "conv3_4").layer == "conv4_1"
    assert depth.nearest(shallow, "conv1_2").layer == "conv1_1"  # a tie: the earlier one
    assert depth.nearest(zfnet, "fc7").layer == "fc7"


def test_a_marked_layer_is_marked_at_its_place():
    marked = flow_figure([curve()], "z_std", LIGHT, layer="conv5_3").layout.shapes
    assert 12 in {shape.x0 for shape in marked}
    plain = flow_figure([curve()], "z_std", LIGHT, layer="conv9_9").layout.shapes
    assert len(plain) == len(marked) - 1


def test_charts_of_the_same_height_have_slopes_that_compare():
    curves = [curve()]
    height = max(decades(curves, name) for name in ("z_std", "gradient_std"))
    assert height > decades(curves, "weight_gradient_norm")
    figure = flow_figure(curves, "weight_gradient_norm", LIGHT, height_in_decades=height)
    low, high = figure.layout.yaxis.range
    assert high - low == pytest.approx(height)
    assert decades(curves, "dead_share") == 0


# --- values that a log axis cannot show ----------------------------------------------------------


def test_zeros_and_infinities_stand_at_the_ends_of_the_axis():
    bad = changed(flow(), "conv1_1", gradient_std=0.0)
    bad = changed(bad, "conv1_2", gradient_std=math.inf)
    bad = changed(bad, "conv2_1", gradient_std=math.nan)
    figure = flow_figure([Curve(bad, 0)], "gradient_std", LIGHT)
    low, high = figure.layout.yaxis.range
    assert math.isfinite(low)
    assert math.isfinite(high)
    zero, infinite = (t for t in figure.data if t.mode == "markers")
    assert math.log10(zero.y[0]) == pytest.approx(low)
    assert "exactly 0" in zero.text[0]
    assert math.log10(infinite.y[0]) == pytest.approx(high)
    assert "conv2_1" not in [name for t in figure.data for name in t.customdata or ()]


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_a_chart_without_a_single_number_is_empty_not_an_error(value):
    bad = flow()
    for row in bad.layers:
        bad = changed(bad, row.layer, z_std=value)
    bad = replace(bad, layers=tuple(replace(row, predicted_z_std=math.nan) for row in bad.layers))
    figure = flow_figure([Curve(bad, 0)], "z_std", LIGHT)
    assert all(map(math.isfinite, figure.layout.yaxis.range))
    figure.to_json()


def test_overflow_is_named_with_the_layer_where_it_begins():
    assert non_finite(flow()) == ""
    forward = changed(flow(), "conv4_2", z_std=math.inf)
    assert non_finite(forward) == (
        "The signal is no longer a finite number from conv4_2 on: it overflows."
    )
    backward = changed(flow(), "conv2_1", gradient_std=math.nan)
    assert "from conv2_1 down" in non_finite(backward)
    assert "loss" in non_finite(replace(flow(), loss=math.nan))
    weights = changed(flow(), "conv3_1", weight_gradient_norm=math.inf)
    assert "weight gradient of conv3_1" in non_finite(weights)


def test_numbers_have_three_digits_and_short_exponents():
    assert [digits(v) for v in (2.1999e-7, 1.5e10, 0.5, 0.0, math.inf)] == [
        "2.2e-7",
        "1.5e10",
        "0.5",
        "0",
        "inf",
    ]


# --- histograms, files ---------------------------------------------------------------------------


def test_a_histogram_shows_shares_of_all_values():
    vgg = flow()
    layer = vgg.layers[3]
    figure = histogram_figure([(Curve(vgg, 0), layer)], "activation", LIGHT)
    assert sum(figure.data[0].y) == pytest.approx(0.5, abs=0.01)
    assert zero_share(layer, "activation") == pytest.approx(0.5)
    peak = figure.data[0].x[int(np.argmax(figure.data[0].y))]
    assert 10**peak == pytest.approx(layer.values["activation_std"], rel=1)
    low, high = figure.layout.xaxis.range
    assert MAGNITUDES[0] - 1 < low < peak < high < 0


def test_a_layer_without_relu_has_no_histogram_of_it():
    vgg = flow()
    last = vgg.layers[-1]
    assert zero_share(last, "activation") is None
    assert not histogram_figure([(Curve(vgg, 0), last)], "activation", LIGHT).data


def test_the_page_to_keep_needs_no_network():
    curves = [curve(), curve(initialization="he_fan_in", number=1)]
    text = flow_page(curves, ("z_std", "gradient_std"), {"<b>": "a & b"}).decode()
    assert text.count('class="plotly-graph-div"') == 2
    assert "&lt;b&gt;" in text
    assert "a &amp; b" in text
    assert "<script src=" not in text
    assert len(text) > 3_000_000  # plotly itself, once
    assert len(text) < 8_000_000


def test_other_pages_do_not_wait_for_plotly():
    program = "import sys, vgg_viz.figures; sys.exit('plotly' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert done.returncode == 0
