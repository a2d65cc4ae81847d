"""Frames, charts and sheets of activation maps: what is drawn is what the results say."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.fake_maps import histogram
from tests.fake_service import FakeService
from vgg_viz import figures
from vgg_viz.figures import LIGHT, NamedDifferences, NamedLayer, NamedStrip
from vgg_viz.requests import ChannelsRequest, LayerStripRequest, PhotoDifferencesRequest

VGG, ZFNET = "vgg16:bundled", "zfnet_b:bundled"


@pytest.fixture(scope="module")
def service():
    return FakeService()


def layer(service, model, name, series=0):
    summary = service.run(LayerStripRequest(model, "cat")).layer(name)
    return NamedLayer(f"{name} of {model}", summary, series)


@pytest.mark.parametrize("relu", [False, True])
def test_the_strip_keeps_every_mini_map_to_one_255th(service, relu):
    strip = service.run(LayerStripRequest(ZFNET, "cat"))
    header, parts = figures.unpack(
        figures.layer_strip_frame(strip, side="left", relu=relu, selected="conv2")
    )
    at = 0
    for each, told in zip(strip.layers, header["layers"], strict=True):
        mini = each.values(relu=relu).mini
        part = np.frombuffer(parts["minis"], np.uint8)[at : at + mini.size].reshape(mini.shape)
        at += mini.size
        drawn = told["low"] + part / 255 * (told["high"] - told["low"])
        np.testing.assert_allclose(drawn, mini, atol=(told["high"] - told["low"]) / 500 + 1e-6)
        assert told["low"] <= 0 <= told["high"]
        assert (told["dead"], told["relu"]) == (each.dead, each.relu is not None)
    assert at == len(parts["minis"])
    assert header["selected"] == "conv2"


def test_one_limit_fits_both_networks_with_signs(service):
    layers = [
        service.run(ChannelsRequest(model, "cat", name, relu=False))
        for model, name in ((ZFNET, "conv5"), (VGG, "conv5_3"))
    ]
    limit = figures.shared_map_limit(layers)
    assert limit == max(figures.map_limit(each) for each in layers)
    assert limit >= max(each.highs.max() for each in layers)
    assert limit >= -min(each.lows.min() for each in layers)
    assert figures.shared_map_limit([]) == 0
    header, _ = figures.unpack(figures.channel_grid_frame(layers[0], side="left", limit=limit))
    assert (header["limit"], header["scale"], header["signed"]) == (limit, "shared", True)


def test_bins_of_two_layers_are_brought_to_one_width(service):
    values = service.run(LayerStripRequest(VGG, "cat")).layer("conv1_1")
    fine, heights = figures.value_shares(values, relu=False)
    assert sum(heights) == pytest.approx(
        values.before.histogram.counts.sum() / (values.channels * values.side**2)
    )
    wide, merged = figures.value_shares(values, relu=False, width=4 * fine.width)
    assert wide.width == 4 * fine.width
    assert wide.edges[0] <= fine.edges[0]
    assert sum(merged) == pytest.approx(sum(heights))
    for low, high, share in zip(wide.edges, wide.edges[1:], merged, strict=False):
        inside = (fine.edges[:-1] >= low) & (fine.edges[:-1] < high)
        assert share == pytest.approx(np.asarray(heights)[inside].sum())


def test_a_histogram_by_hand():
    found = histogram(np.array([-0.2, 0.0, 0.1, 0.3], dtype=np.float32))
    assert (found.start, found.width, found.counts.tolist()) == (-2, 0.125, [1, 0, 2, 0, 1])


@pytest.mark.parametrize("relu", [False, True])
def test_both_networks_are_drawn_and_told_apart(service, relu):
    layers = [layer(service, ZFNET, "conv5"), layer(service, VGG, "conv5_3", 1)]
    figure = figures.value_histogram_figure(layers, LIGHT, relu=relu)
    assert [trace.name for trace in figure.data] == [each.label for each in layers]
    assert len({trace.line.color for trace in figure.data}) == 2
    assert len({trace.line.dash for trace in figure.data}) == 2
    assert bool(figure.layout.shapes) is not relu  # the line at 0


def test_sparsity_over_depth(service):
    strips = [
        NamedStrip(model, service.run(LayerStripRequest(model, "cat")), i)
        for i, model in enumerate((ZFNET, VGG))
    ]
    figure = figures.sparsity_figure(strips, LIGHT)
    assert len(figure.data) == 6
    rows = figures.depth_rows(strips[1].strip)
    assert [row.layer for row in rows][-2:] == ["fc6", "fc7"]
    zeros = next(trace for trace in figure.data if trace.name == f"zeros after ReLU, {VGG}")
    assert list(zeros.y) == [row.after.zeros for row in rows]
    straight = next(trace for trace in figure.data if trace.name == f"saturated channels, {VGG}")
    assert list(straight.y)[-2:] == [None, None]


def test_differences_of_photos(service):
    asked = PhotoDifferencesRequest(VGG, ("cat", "dog"), "conv5_3")
    found = service.run(asked)
    figure = figures.photo_differences_figure(
        [NamedDifferences("conv5_3", found, 1)], LIGHT, ("cat", "dog")
    )
    np.testing.assert_allclose(figure.data[1].x, found.means[0])
    np.testing.assert_allclose(figure.data[1].y, found.means[1])
    order = figures.most_changed(found, 128)
    change = np.abs(found.means[1] - found.means[0])[order]
    assert (np.diff(change) <= 0).all()
    assert sorted(order) == list(range(128))


@pytest.mark.parametrize("name", ["conv5_3", "fc6", "conv1_1"])
def test_a_sheet_holds_every_map_and_says_its_scale(service, name):
    channels = service.run(ChannelsRequest(VGG, "cat", name, relu=False))
    sheet = Image.open(io.BytesIO(figures.map_sheet_png(channels, "A caption.")))
    pixels = np.asarray(sheet.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    assert 400 < sheet.width < 2000
    brighter = figures.map_sheet_png(channels, "A caption.", limit=100.0)
    assert brighter != figures.map_sheet_png(channels, "A caption.")
