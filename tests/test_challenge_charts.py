"""Charts of published errors: what is drawn is what is published, and the hover text says how."""

import re

import pytest

from vgg_viz import figures
from vgg_viz.architecture import describe_network
from vgg_viz.figures import LIGHT, depth_charts
from vgg_viz.figures.challenge_charts import LARGEST, MOST, STANDINGS
from vgg_viz.published import CHALLENGE, COMPARISONS, CONFIGURATIONS, METRICS, NETWORKS, find

EVERY = {
    "winners": figures.challenge_figure(LIGHT),
    **{
        f"{name} {metric}": figures.error_against_cost_figure(comparison, metric, LIGHT)
        for name, comparison in COMPARISONS.items()
        for metric in METRICS
    },
    **{
        f"{draw.__name__} {metric}": draw(metric, LIGHT)
        for draw in (figures.depth_figure, figures.testing_figure, figures.ablations_figure)
        for metric in METRICS
    },
}


def drawn(figure):
    """(trace, x, y, hover text) of every point."""
    for trace in figure.data:
        texts = trace.hovertext or [trace.hovertemplate] * len(trace.x)
        for x, y, text in zip(trace.x, trace.y, texts, strict=True):
            if x is not None and y is not None:
                yield trace, x, y, text


def inside(value, axis):
    low, high = sorted(axis.range)
    return low <= value <= high


# --- what holds for all --------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_every_chart_has_a_title_and_units(name):
    layout = EVERY[name].layout
    assert layout.title.text
    titles = (layout.xaxis.title.text or "") + (layout.yaxis.title.text or "")
    assert "%" in titles
    assert "top-" in titles


@pytest.mark.parametrize("name", EVERY)
def test_every_point_says_protocol_split_and_source(name):
    points = list(drawn(EVERY[name]))
    assert len(points) >= 3
    for _, _, _, text in points:
        assert "Source: " in text
        if "A person" not in text:
            assert re.search(r"top-[15] error \d+\.\d+ % \((train|val|test)\)", text)
            assert re.search("dense|crop|not stated", text)


@pytest.mark.parametrize("name", EVERY)
def test_the_value_in_the_hover_text_is_the_one_drawn(name):
    for _, x, y, text in drawn(EVERY[name]):
        said = re.search(r"error (\d+\.\d+) %", text)
        if said:
            assert float(said[1]) in {x, y}


# --- the challenge -------------------------------------------------------------------------------


def test_each_entry_is_a_bar_with_a_marker_of_its_standing():
    bars, markers, _ = EVERY["winners"].data
    assert list(bars.x) == list(markers.x) == [entry.error.value for entry in CHALLENGE]
    assert list(markers.marker.symbol) == [STANDINGS[e.standing][0] for e in CHALLENGE]
    assert all(inside(value, EVERY["winners"].layout.xaxis) for value in bars.x)


def test_clarifai_and_zfnets_paper_are_two_marks_with_words():
    figure = EVERY["winners"]
    words = [note.text for note in figure.layout.annotations]
    assert "2013 <b>ZFNet's paper</b>, not the winner" in words
    assert "2013 Clarifai, winner" in words
    assert "2014 <b>VGG</b>, 2nd place" in words
    assert "2016 winner" in words
    symbols = dict(zip(figure.data[1].x, figure.data[1].marker.symbol, strict=True))
    assert (symbols[14.8], symbols[11.7], symbols[11.2]) == ("diamond", "circle", "circle-open")


def test_networks_of_the_lecture_have_their_colours_others_are_grey():
    colours = {
        entry.label: colour
        for entry, colour in zip(CHALLENGE, EVERY["winners"].data[0].marker.color, strict=True)
    }
    assert colours["ZFNet's paper"] == LIGHT.colours[0]
    assert colours["VGG"] == LIGHT.colours[1]
    assert colours["Clarifai"] == colours["ResNet"] == LIGHT.muted


def test_a_person_is_a_dashed_line_with_a_source():
    line = EVERY["winners"].data[-1]
    assert set(line.x) == {5.1}
    assert line.line.dash == "dash"
    assert "Russakovsky" in line.hovertemplate
    assert any("a person: 5.1" in note.text for note in EVERY["winners"].layout.annotations)


# --- error and cost ------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", COMPARISONS)
def test_bubbles_are_error_macs_and_parameters(name, metric):
    (bubbles,) = EVERY[f"{name} {metric}"].data
    points = COMPARISONS[name].points(metric)
    assert list(bubbles.y) == [point.error.value for point in points]
    assert list(bubbles.x) == [point.cost.macs for point in points]
    assert list(bubbles.marker.size) == [point.cost.parameters for point in points]
    assert bubbles.marker.sizemode == "area"
    # plotly's rule for areas: the point of size MOST gets the diameter LARGEST.
    assert bubbles.marker.sizeref == pytest.approx(2 * MOST / LARGEST**2)


def test_the_largest_bubble_is_the_largest_network():
    tables = (network.registry for network in NETWORKS.values() if network.registry)
    assert max(describe_network(table).parameters for table in tables) == MOST


def test_bubbles_over_one_another_have_labels_apart():
    (bubbles,) = EVERY["single_crop top-5"].data
    places = dict(
        zip(bubbles.text, zip(bubbles.x, bubbles.textposition, strict=True), strict=False)
    )
    assert places["<b>VGG-11</b><br>133 M"] == (7_609_090_048, "top center")
    below = [p for t, p in zip(bubbles.text, bubbles.textposition, strict=True) if "+BN" in t]
    assert below == ["bottom center"] * 4
    (papers,) = EVERY["best top-5"].data
    beside = [t for t, p in zip(papers.text, papers.textposition, strict=True) if "right" in p]
    assert beside == ["<b>16 C</b>"]  # between B above and ResNet-152 below


def test_a_bubble_says_what_it_costs_in_macs_and_flops():
    (bubbles,) = EVERY["dense_256 top-1"].data
    (text,) = (t for t in bubbles.hovertext if "VGG-16 (D)" in t)
    assert "138.36 M parameters, 15.5 GMACs (30.9 GFLOPs)" in text
    assert "Cost: counted from the layer table" in text


# --- VGG's tables --------------------------------------------------------------------------------


def test_depth_has_a_line_for_each_training_scale_and_lrn_beside_it():
    figure = EVERY["depth_figure top-1"]
    lines = {trace.name: trace for trace in figure.data if trace.showlegend is not False}
    assert [list(line.y) for line in lines.values()] == [
        [29.6, 28.7, 28.1, 27.0, 27.3],
        [28.1, 26.8, 26.9],
        [27.3, 25.6, 25.5],
    ]
    assert list(lines) == ["S = 256 px", "S = 384 px", "S = 256 to 512 px (scale jitter)"]
    (lrn,) = (trace for trace in figure.data if trace.showlegend is False)
    assert (list(lrn.x), list(lrn.y)) == ([0, 1], [29.6, 29.7])
    assert len({(line.marker.symbol, line.line.dash) for line in lines.values()}) == 3


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("top-1", ("29.6 → 29.7", "27.0 → 27.3", "27.0 → 25.6")),
        ("top-5", ("10.4 → 10.5", "8.8 → 9.0", "8.8 → 8.1")),
    ],
)
def test_the_chart_says_where_more_stops_helping(metric, said):
    notes = EVERY[f"depth_figure {metric}"].layout.annotations
    texts = [note.text for note in notes]
    assert [text.partition("<br>")[0] for text in texts] == [
        "LRN gains nothing",
        "E is worse than D",
        "scale jitter gains most",
    ]
    assert all(f"<b>{numbers}</b>" in text for text, numbers in zip(texts, said, strict=True))
    points = {(x, y) for _, x, y, _ in drawn(EVERY[f"depth_figure {metric}"])}
    assert all((note.x, note.y) in points for note in notes)


def test_weight_layers_are_those_of_the_tables():
    for name in CONFIGURATIONS:
        rows = describe_network(name).rows
        weighted = sum(row.kind in {"conv", "linear"} for row in rows)
        assert depth_charts.WEIGHT_LAYERS[name] == weighted


def test_ways_to_test_go_from_one_scale_to_multi_crop_and_dense():
    figure = EVERY["testing_figure top-5"]
    lines = {trace.name: list(trace.y) for trace in figure.data}
    assert lines["D alone"] == [8.1, 7.5, 7.5, 7.2]
    assert lines["E alone"] == [8.0, 7.5, 7.4, 7.1]
    assert lines["D and E averaged"] == [7.1, 7.2, 6.8]
    assert lines["the entry, 7 networks, dense: 7.5"] == [7.5, 7.5]
    assert list(figure.data[-1].x) == [1, 2, 3]  # no fusion at one scale


# --- ZFNet's ablations ---------------------------------------------------------------------------


def test_ablations_show_training_errors_where_the_paper_has_them():
    one, five = EVERY["ablations_figure top-1"], EVERY["ablations_figure top-5"]
    assert {trace.name for trace in one.data} == {"train", "val"}
    assert {trace.name for trace in five.data} == {"val"}
    assert len({trace.marker.symbol for trace in one.data}) == 2
    labels = list(one.layout.yaxis.ticktext)
    assert labels[4] == "without 3, 4, 6, 7"
    val = next(trace for trace in one.data if trace.name == "val")
    assert val.x[4] == 71.3
    assert all(inside(x, one.layout.xaxis) for trace in one.data for x in trace.x)


def test_a_number_that_no_paper_has_is_not_invented():
    assert depth_charts.vgg_table_3("vgg11", "384", "top-1") is None
    assert find([], "vgg16", "top-1") is None
    assert depth_charts.errors_by_views("vgg_d_e", "top-1")[0][0] == 1
