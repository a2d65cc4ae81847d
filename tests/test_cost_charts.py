"""Charts of costs, of the roofline and of dense maps: what they draw are the numbers they got."""

from dataclasses import replace

import numpy as np
import pytest

from fake_computation import BANDWIDTH, PEAK, dense_map, layer_timings
from fake_models import fake_model, provenance, sample_photo
from vgg_viz import figures
from vgg_viz.architecture import describe_network, memory_of
from vgg_viz.figures import LIGHT, cost_bars
from vgg_viz.figures.cost_charts import METRICS, leads
from vgg_viz.figures.dense_map import LETTERS
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import DenseMapRequest, LayerTimingsRequest

# --- costs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", NETWORKS)
def test_bars_add_up_to_the_network(network):
    a = describe_network(network)
    memory = memory_of(a, 4)
    totals = {"parameters": a.parameters, "macs": 4 * a.macs, "training": memory.kept}
    for metric, total in totals.items():
        bars = cost_bars(a, metric, 4)
        assert sum(bar.value for bar in bars) == total
        assert sum(bar.share for bar in bars) == pytest.approx(1)
        assert bars[-1].cumulated == pytest.approx(1)
    peaks = cost_bars(a, "inference", 4)
    assert max(bar.value for bar in peaks) == memory.peak.alive
    assert max(bar.share for bar in peaks) == 1


def test_normalisation_and_relu_belong_to_their_convolution():
    zfnet = describe_network("zfnet_b")
    groups = {group[0].name: [row.name for row in group] for group in leads(zfnet.rows)}
    assert groups["conv1"] == ["conv1", "relu1", "norm1"]
    assert groups["avgpool"] == ["avgpool", "flatten"]
    assert groups["fc6"] == ["fc6", "relu6", "drop6"]
    names = [row.name for group in leads(zfnet.rows) for row in group]
    assert names == [row.name for row in zfnet.rows]
    bars = {bar.layer: bar for bar in cost_bars(describe_network("vgg11_bn"), "parameters")}
    assert bars["conv1_1"].value == 1_792 + 2 * 64
    assert "pool1" not in bars  # has neither parameters nor MACs


def test_the_chart_has_the_numbers_the_scale_and_the_labels():
    bars = cost_bars(describe_network("vgg16"), "parameters")
    figure = figures.layer_cost_figure(bars, "parameters", LIGHT, title="VGG-16", top=2e8)
    drawn = dict(zip(figure.data[1].x, figure.data[1].y, strict=True))
    assert drawn["fc6"] == 102_764_544
    assert figure.data[1].text[0] == "74 %"
    assert "102.8 M (102,764,544)" in figure.data[1].customdata[0]
    assert figure.layout.yaxis.range[1] == pytest.approx(1.2 * 2e8)
    assert figure.layout.yaxis.title.text == METRICS["parameters"]
    assert list(figure.layout.xaxis.categoryarray) == [bar.layer for bar in bars]
    assert [trace.name for trace in figure.data] == ["convolution", "fully connected"]


def test_the_cumulated_line_has_an_axis_of_its_own_and_a_peak_has_none():
    a = describe_network("vgg16")
    for metric, expected in (("macs", 1), ("inference", 0)):
        bars = cost_bars(a, metric)
        figure = figures.layer_cost_figure(bars, metric, LIGHT, title="", cumulated=True)
        assert sum(trace.type == "scatter" for trace in figure.data) == expected
    line = figures.layer_cost_figure(
        cost_bars(a, "macs"), "macs", LIGHT, title="", cumulated=True
    ).data[-1]
    assert line.y[0] == pytest.approx(100 * 86_704_128 / a.macs)


def test_shares_are_the_lectures():
    a = describe_network("vgg16")
    figure = figures.share_figure([a, a], LIGHT)
    conv, fc = figure.data
    assert [round(value, 2) for value in conv.x[:2]] == [99.20, 10.64]
    assert [round(value, 2) for value in fc.x[:2]] == [0.80, 89.36]
    assert len(set(conv.y)) == 4  # one network twice is still four bars
    assert fc.text[1] == "FC <b>89.4 %</b>"
    assert fc.text[0] == ""


def test_memory_bars_have_four_parts():
    memory = memory_of(describe_network("vgg16"))
    figure = figures.memory_figure([("VGG-16", memory)], LIGHT, "Memory")
    parts = {trace.name: list(trace.x) for trace in figure.data}
    p = memory.parameters
    assert parts == {
        "parameters": [p, p],
        "gradients": [p, 0],
        "momentum": [p, 0],
        "maps": [memory.kept, memory.peak.alive],
    }
    assert "1.734 GB" in figure.data[0].y[0]


# --- measured ------------------------------------------------------------------------------------


def timings(network="vgg16", batch=1):
    return layer_timings(None, LayerTimingsRequest(f"{network}:random", batch))


def test_the_roofline_has_every_layer_with_macs_under_the_roofs():
    vgg, zfnet = timings(), timings("zfnet_b")
    figure = figures.roofline_figure([zfnet, vgg], LIGHT)
    roof, *points = figure.data
    ridge = PEAK / BANDWIDTH
    assert roof.x[1] == ridge
    assert list(roof.y[1:]) == [PEAK / 1e9, PEAK / 1e9]
    assert roof.y[0] == pytest.approx(roof.x[0] * BANDWIDTH / 1e9)
    assert [len(trace.x) for trace in points] == [8, 16]
    assert points[0].marker.symbol != points[1].marker.symbol
    fc6 = next(layer for layer in vgg.layers if layer.layer == "fc6")
    at = [text.startswith("<b>fc6</b>") for text in points[1].customdata].index(True)
    assert points[1].x[at] == fc6.intensity == pytest.approx(0.5, rel=1e-3)
    assert points[1].y[at] == fc6.flops_per_second / 1e9
    assert "bound by memory, at 80 % of the roof" in points[1].customdata[at]
    assert {figure.layout.xaxis.type, figure.layout.yaxis.type} == {"log"}
    notes = " ".join(note.text for note in figure.layout.annotations)
    assert "ridge 5 FLOPs/byte" in notes
    assert "peak 100 GFLOP/s" in notes


def test_the_best_roofs_of_one_device_are_drawn():
    slower = replace(timings("zfnet_b"), peak_flops=PEAK / 2, bandwidth=2 * BANDWIDTH)
    roof = figures.roofline_figure([slower, timings()], LIGHT).data[0]
    assert max(roof.y) == PEAK / 1e9
    assert roof.x[1] == PEAK / (2 * BANDWIDTH)


def test_names_on_the_roofline_do_not_cover_one_another():
    points = figures.roofline_figure([timings(), timings("vgg19")], LIGHT).data[1:]
    shown = [
        (np.log10(x), np.log10(y) + (-0.1 if number else 0.1))
        for number, trace in enumerate(points)
        for x, y, text in zip(trace.x, trace.y, trace.text, strict=True)
        if text
    ]
    assert len(shown) >= 3
    for i, (x, y) in enumerate(shown):
        for a, b in shown[i + 1 :]:
            assert abs(x - a) >= 0.42 or abs(y - b) >= 0.12


def test_milliseconds_stack_to_the_layers_and_marks_are_the_two_roofs():
    timing = timings("zfnet_b", batch=2)
    figure = figures.time_figure(timing, LIGHT, title="ZFNet")
    stacked = [trace for trace in figure.data if trace.type == "bar"]
    total = sum(sum(trace.y) for trace in stacked)
    assert total == pytest.approx(1000 * timing.sum_seconds)
    lrn = next(trace for trace in stacked if trace.name == "LRN")
    norm1 = next(layer for layer in timing.layers if layer.layer == "norm1")
    assert lrn.y[list(lrn.x).index("conv1")] == pytest.approx(1000 * norm1.seconds)
    arithmetic, memory = (trace for trace in figure.data if trace.type == "scatter")
    fc6 = next(layer for layer in timing.layers if layer.layer == "fc6")
    at = list(memory.x).index("fc6")
    assert memory.y[at] == pytest.approx(1000 * fc6.moved_bytes / BANDWIDTH)
    assert arithmetic.y[at] == pytest.approx(2000 * fc6.macs / PEAK)
    assert figure.layout.yaxis.range[1] == pytest.approx(1.05 * figures.highest(timing))
    shared = figures.time_figure(timing, LIGHT, title="", top=1e6)
    assert shared.layout.yaxis.range[1] == pytest.approx(1.05e6)


def test_every_kind_of_layer_has_a_colour():
    for network in NETWORKS:
        figure = figures.time_figure(timings(network), LIGHT, title="")
        assert sum(sum(t.y) for t in figure.data if t.type == "bar") > 0


# --- dense maps ----------------------------------------------------------------------------------


def dense(image="dog", side=448, *, crops=False):
    info = fake_model("vgg16", "bundled")
    request = DenseMapRequest(info.name, image, side, crops)
    return dense_map(info, request, sample_photo("dog"), provenance(info, "fp32"))


def test_cells_stand_where_the_positions_see():
    made = dense()
    figure = figures.probability_figure(made, 3, LIGHT, title="dog")
    (cells,) = figure.data
    assert (cells.x0, cells.dx, cells.y0, cells.dy) == (111.5, 32, 111.5, 32)
    np.testing.assert_allclose(np.array(cells.z, np.float32), made.probabilities[3])
    assert (cells.zmin, cells.zmax) == (0, 1)
    (image,) = figure.layout.images
    height, width = made.photo.shape[:2]
    assert (image.x, image.y, image.sizex, image.sizey) == (-0.5, -0.5, width, height)
    assert list(figure.layout.yaxis.range) == [height - 0.5, -0.5]
    assert image.source.startswith("data:image/jpeg;base64,")


def test_the_best_window_and_the_unpadded_part_are_outlined():
    made = dense()
    figure = figures.probability_figure(made, 3, LIGHT, title="")
    row, column = np.unravel_index(made.probabilities[3].argmax(), made.top.shape)
    *boxes, dashed = figure.layout.shapes
    for box in boxes:
        assert (box.x0, box.y0) == (32 * column - 0.5, 32 * row - 0.5)
        assert box.x1 - box.x0 == box.y1 - box.y0 == made.window
    rows, columns = np.nonzero(made.whole)
    assert dashed.line.dash == "dash"
    assert dashed.x1 - dashed.x0 == 32 * (np.ptp(columns) + 1)
    assert dashed.y0 == 111.5 + 32 * rows.min() - 16
    bare = replace(made, whole=np.zeros_like(made.whole))
    shapes = figures.probability_figure(bare, 3, LIGHT, title="").layout.shapes
    assert not any(shape.line.dash for shape in shapes)


def test_the_top_class_has_a_letter_and_a_colour():
    made = dense()
    shares = figures.class_shares(made)
    assert sum(share.positions for share in shares) == made.top.size
    assert [share.letter for share in shares] == list(LETTERS[:3])
    assert [share.positions for share in shares] == sorted(
        (share.positions for share in shares), reverse=True
    )
    (cells,) = figures.top_figure(made, shares, LIGHT, title="").data
    letters = {share.index: share.letter for share in shares}
    assert [list(row) for row in cells.text] == [[letters[i] for i in row] for row in made.top]


def test_many_classes_share_the_last_letter():
    made = dense()
    rows, columns = made.top.shape
    many = np.zeros((len(made.classes), rows, columns), np.float32)
    for at in range(rows * columns):
        many[at % 9, at // columns, at % columns] = 1
    shares = figures.class_shares(replace(made, probabilities=many))
    assert [share.letter for share in shares] == [*LETTERS[:5], "+"]
    assert shares[-1].name == "4 other classes"
    assert sum(share.positions for share in shares) == rows * columns
    (cells,) = figures.top_figure(replace(made, probabilities=many), shares, LIGHT, title="").data
    assert sum(letter == "+" for row in cells.text for letter in row) == shares[-1].positions


def test_one_position_is_a_map_too():
    made = dense(side=230)
    one = replace(made, probabilities=made.probabilities[:, :1, :1], whole=made.whole[:1, :1])
    (cells,) = figures.probability_figure(one, 3, LIGHT, title="").data
    assert np.shape(cells.z) == (1, 1)


def test_hovering_says_class_place_and_padding():
    made = dense()
    (cells,) = figures.probability_figure(made, 3, LIGHT, title="").data
    best = made.classes[made.top[0, -1]]
    assert made.top[0, -1] != 3
    assert cells.customdata[0][-1].startswith(f"<b>{made.classes[3]}</b> 0.")
    assert f"<b>{best}</b>" in cells.customdata[0][-1]
    assert "window from (0, 0) px; padding in sight" in cells.customdata[0][0]
    row, column = np.argwhere(made.whole)[0]
    assert "no padding in sight" in cells.customdata[row][column]
