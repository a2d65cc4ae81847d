"""Sheets and charts of rebuilt photos, from answers made by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from vgg_viz import figures
from vgg_viz.figures import LIGHT
from vgg_viz.results import Inversion, LayerInversion, Provenance

MADE_BY = Provenance("vgg16:bundled", "bundled weights", "0" * 64, "cpu", "fp32", 8, ())


def picture(low, high, side=8):
    ramp = np.linspace(low, high, side * side).round().astype(np.uint8).reshape(side, side)
    return np.repeat(ramp[..., None], 3, axis=2)


def layer(name, pixels, *, distance=0.0123, correlation=0.5, losses=(100.0, 10.0, 2.0)):
    losses = np.array(losses, np.float32)
    return LayerInversion(
        name, pixels, (4, 2, 2), losses, losses / 10, distance, correlation, 10.0, 0.009
    )


def found(*layers, photo=None):
    photo = picture(0, 255) if photo is None else photo
    return Inversion(photo, layers, ("conv1", "fc6"), 3, 1.5, (), MADE_BY)


def test_a_pale_picture_gets_the_photos_range_and_middle():
    pale, photo = picture(100, 120), picture(20, 220)
    shown, gain = figures.contrasted(pale, photo)
    assert gain == pytest.approx(10, rel=0.1)
    assert shown.dtype == np.uint8
    assert abs(float(shown.min()) - 20) < 8
    assert abs(float(shown.max()) - 220) < 8
    assert abs(float(shown.mean()) - float(photo.mean())) < 3


def test_a_picture_like_the_photo_is_left_alone():
    photo = picture(20, 220)
    for same in (photo, picture(0, 255), picture(25, 210)):
        shown, gain = figures.contrasted(same, photo)
        assert gain == 1
        assert shown is same


def test_a_flat_picture_is_stretched_by_no_more_than_the_limit():
    shown, gain = figures.contrasted(np.full((8, 8, 3), 90, np.uint8), picture(0, 255))
    assert gain == 16
    assert len(np.unique(shown)) == 1


def test_words_name_distance_similarity_and_stretch():
    pale = layer("fc6", picture(100, 120), correlation=-0.25)
    words = figures.rebuilt_words(found(pale), pale, stretched=True).replace("\u00a0", " ")
    assert words.startswith("code distance 0.0123, r −0.25, contrast × 1")
    plain = figures.rebuilt_words(found(pale), pale, stretched=False).replace("\u00a0", " ")
    assert plain == "code distance 0.0123, r −0.25"
    flat = layer("fc6", picture(9, 9), correlation=float("nan"))
    assert figures.rebuilt_words(found(flat), flat, stretched=False) == "code distance 0.0123"


def test_pictures_are_enlarged_by_whole_px():
    image = Image.open(io.BytesIO(figures.plain_png(picture(0, 255))))
    assert image.size == (384, 384)
    assert np.asarray(image)[:48, :48].std() == 0
    wide = layer("conv1", picture(100, 120))
    stretched = np.asarray(
        Image.open(io.BytesIO(figures.rebuilt_png(found(wide), wide, stretched=True)))
    )
    assert stretched.min() < 20
    assert stretched.max() > 235


@pytest.mark.parametrize("count", [1, 4, 7])
def test_the_sheet_holds_every_picture(count):
    answer = found(*(layer(f"conv{i}", picture(0, 255)) for i in range(count)))
    data = figures.inversion_sheet_png(answer, "one line\nand another", stretched=True)
    with Image.open(io.BytesIO(data)) as sheet:
        assert sheet.width == min(4, count + 1) * (256 + 12) + 12
        assert sheet.height > -(-(count + 1) // 4) * (256 + 22)


def test_the_descent_is_drawn_on_a_log_scale_without_what_is_no_number():
    figure = figures.descent_figure(layer("conv1", picture(0, 9), losses=(5, 0, 1)), 200, LIGHT)
    distance, objective = figure.data
    assert list(distance.x) == [0, 1, 2]
    assert [round(value, 3) if value else value for value in distance.y] == [0.5, None, 0.1]
    assert objective.y[1] is None
    assert figure.layout.yaxis.type == "log"
    low, high = figure.layout.yaxis.range
    assert 10**low < 0.1
    assert 10**high > 5
    assert figure.layout.xaxis.range == (0, 200)


def test_what_is_kept_has_a_place_for_each_depth_and_both_names():
    left = found(layer("conv1", picture(0, 9), correlation=0.9), layer("fc6", picture(0, 9)))
    right = found(
        layer("conv1_1", picture(0, 9), correlation=float("nan")), layer("fc6", picture(0, 9))
    )
    lines = [(left, "ZFNet", 0), (right, "VGG-16", 1)]
    similar = figures.kept_figure(lines, LIGHT, "similarity")
    assert list(similar.layout.xaxis.ticktext) == ["conv1", "fc6"]
    apart = figures.kept_figure(
        [(left, "ZFNet", 0), (found(layer("pool1", picture(0, 9))), "VGG-16", 1)], LIGHT, "distance"
    )
    assert apart.layout.xaxis.ticktext[0] == "conv1<br>pool1"
    assert list(similar.data[0].y) == [0.9, 0.5]
    assert similar.data[1].y[0] is None
    assert similar.data[0].line.dash != similar.data[1].line.dash
    distant = figures.kept_figure(lines, LIGHT, "distance")
    assert distant.layout.yaxis.type == "log"
    assert list(distant.data[1].y) == [0.0123, 0.0123]
