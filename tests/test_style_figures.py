"""Charts and pictures of a style transfer, from an answer made by hand."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.fake_style import styled
from vgg_viz import figures
from vgg_viz.figures import LIGHT
from vgg_viz.requests import StyleJob
from vgg_viz.results import Provenance, StyleLayer

MADE_BY = Provenance("vgg16:bundled", "bundled weights", "0" * 64, "cpu", "fp32", 48, ())
JOB = StyleJob("vgg16:bundled", "cat", "texture-dots")


@pytest.fixture
def found():
    return styled(JOB, 8, 8, MADE_BY)


def test_losses_are_relative_and_zero_has_no_place_on_a_log_scale(found):
    figure = figures.style_losses_figure(found, LIGHT)
    *layers, content, rough = figure.data
    assert [line.name for line in layers] == [f"conv{n}_1" for n in range(1, 6)]
    for line in layers:
        assert line.y[0] == 1
        assert line.y[-1] == pytest.approx(1 / 8)
    assert len({line.line.dash for line in layers}) == 5
    assert content.y[0] is None  # the content's own loss at the content
    assert content.y[-1] == pytest.approx(0.5 * 7 / 8)
    assert rough.y[0] == pytest.approx(0.5)
    low, high = figure.layout.yaxis.range
    assert 10**low <= 0.05
    assert 10**high >= 1
    assert figure.layout.xaxis.range == (0, 8)


def test_one_evaluation_is_a_point(found):
    first = styled(JOB, 0, 8, MADE_BY)
    figure = figures.style_losses_figure(first, LIGHT)
    assert figure.data[0].mode == "markers"
    assert figure.data[0].x.tolist() == [0]


def test_a_gram_picture_orders_channels_and_takes_roots():
    """Diagonal 1, 4: channel 1 goes first; the 99th percentile of all entries is near 4."""
    style = np.array([[1, 0], [0, 4]], np.float32)
    layer = StyleLayer("conv1", np.ones(1, np.float32), 1.0, style / 4, style, style)
    assert figures.gram_order(layer).tolist() == [1, 0]
    limit = figures.gram_limit(layer)
    assert 3 < limit <= 4
    picture = np.asarray(Image.open(io.BytesIO(figures.gram_png(layer))))
    side, gap = 128, 5
    assert picture.shape == (3 * side + 2 * gap, side, 4)
    bright, middle, dark = picture[10, 10, :3], picture[100, 100, :3], picture[10, 100, :3]
    assert bright.sum() > middle.sum() > dark.sum()
    photo = picture[2 * (side + gap) + 10, 10, :3]  # a quarter everywhere: its root is a half
    assert photo.tolist() == pytest.approx(middle.tolist(), abs=2)
    assert picture[side + 2, 10, 3] == 0


def test_a_flat_matrix_is_drawn(found):
    flat = np.zeros((6, 6), np.float32)
    layer = replace(found.layers[0], style_gram=flat, content_gram=flat)
    assert Image.open(io.BytesIO(figures.gram_png(layer))).width == 132


def test_the_sheet_and_the_picture(found):
    with Image.open(io.BytesIO(figures.style_sheet_png(found, "one line\nand another"))) as sheet:
        assert sheet.width == 3 * (320 + 12) + 12
        assert sheet.height > 320 + 2 * 140
    assert Image.open(io.BytesIO(figures.styled_png(found.pixels))).width >= 512
    assert figures.styled_url(found.pixels).startswith("data:image/jpeg;base64,")
    assert figures.style_words(found) == "style 0.125, content 0.438"
