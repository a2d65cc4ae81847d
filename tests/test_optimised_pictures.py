"""Pictures by optimisation as bytes for the browser, as files and as a curve."""

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from vgg_viz.figures import (
    LIGHT,
    objective_figure,
    optimised_sheet_png,
    picture_grid_frame,
    picture_png,
    pictures_png,
    preview_url,
    unpack,
)
from vgg_viz.figures.optimised_pictures import CELL, GAP
from vgg_viz.results import FeatureVis, GalleryPictures, Provenance

MADE_BY = Provenance("vgg16:bundled", "bundled weights", "0" * 64, "cpu", "fp32", 64, ())


def plain(count, side=24):
    """Pictures of one colour each: (10 i, 255 - 10 i, 128)."""
    colours = np.array([(10 * (i % 25), 255 - 10 * (i % 25), 128) for i in range(count)], np.uint8)
    return np.broadcast_to(colours[:, None, None], (count, side, side, 3)).copy()


def gallery(count=10, **changes):
    values = np.linspace(1, 2, count, dtype=np.float32)
    parts = {
        "model": "vgg16:bundled",
        "weights": "bundled weights",
        "layer": "conv1_1",
        "channels": tuple(range(count)),
        "objective": "channel",
        "pixels": plain(count),
        "values": values,
        "photo_values": values / 2,
        "photos": 100,
        "size": 96,
        "settings": (),
        "missing": "",
    }
    return GalleryPictures(**(parts | changes))


def optimised(count=1, side=24, history=(0.5, 1.0, 2.0), steps=8):
    return FeatureVis(
        plain(count, side),
        np.array(history, np.float32),
        np.ones(count, np.float32),
        len(history),
        steps,
        1.0,
        (),
        MADE_BY,
    )


def opened(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_every_picture_of_the_grid_lies_where_the_header_says():
    found = gallery()
    names = [f"channel {c}" for c in found.channels]
    frame = picture_grid_frame(found, title="All", names=names, hint="Click", selected=7)
    header, parts = unpack(frame)
    sheet = opened(parts["sheet"])
    assert (header["side"], header["across"], header["selected"]) == (CELL, 4, 7)
    assert sheet.shape == (3 * CELL, 4 * CELL, 3)
    for i, colour in enumerate(found.pixels[:, 0, 0].astype(int)):
        middle = sheet[CELL * (i // 4) + CELL // 2, CELL * (i % 4) + CELL // 2]
        assert np.abs(middle - colour).max() <= 6  # a JPEG
    assert header["values"] == pytest.approx(found.values, abs=1e-4)
    assert header["photo_values"] == pytest.approx(found.values / 2, abs=1e-4)
    assert header["names"][7] == "channel 7"


def test_a_whole_layer_stays_small():
    noise = np.random.default_rng(0).integers(0, 255, (24, 24, 3), dtype=np.uint8)
    found = gallery(128, pixels=np.stack([noise] * 128))  # noise is the worst case there is
    frame = picture_grid_frame(found, title="", names=[""] * 128, hint="", selected=None)
    assert len(frame) < 650_000
    smooth = np.linspace(0, 255, 24, dtype=np.uint8)
    ramp = np.broadcast_to(smooth[None, :, None], (128, 24, 24, 3))
    found = gallery(128, pixels=np.ascontiguousarray(ramp))
    assert len(picture_grid_frame(found, title="", names=[""] * 128, hint="", selected=None)) < 1e5


def test_numbers_that_are_none_are_no_json_error():
    found = gallery(2, values=np.array([np.nan, 1], np.float32), photo_values=None)
    header, _ = unpack(picture_grid_frame(found, title="", names=["", ""], hint="", selected=9))
    assert header["values"] == [0, 1]
    assert header["photo_values"] is None
    assert header["selected"] is None


def test_one_picture_is_enlarged_by_a_whole_factor():
    assert opened(picture_png(plain(1)[0], side=100)).shape == (120, 120, 3)
    assert opened(picture_png(plain(1, 128)[0], side=100)).shape == (128, 128, 3)


def test_several_pictures_stand_about_square():
    shown = opened(pictures_png(plain(3)))
    side = 2 * 24 + GAP
    assert shown.shape == (side, side, 3)
    assert (shown[24 + GAP :, 24 + GAP :] == 255).all()  # there is no fourth
    np.testing.assert_array_equal(shown[:24, 24 + GAP :], plain(3)[1])
    np.testing.assert_array_equal(opened(pictures_png(plain(1))), plain(1)[0])


def test_what_lies_between_pictures_has_the_pages_colour():
    shown = opened(pictures_png(plain(3), background="#10141B"))
    assert shown[-1, -1].tolist() == [16, 20, 27]


def test_previews_are_in_the_page_itself():
    url = preview_url(plain(4))
    head, data = url.split(",")
    assert head == "data:image/jpeg;base64"
    assert opened(b64decode(data)).shape == (2 * 24 + GAP, 2 * 24 + GAP, 3)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_the_sheet_has_room_for_its_caption(count):
    short = opened(optimised_sheet_png(optimised(count), "one line"))
    long = opened(optimised_sheet_png(optimised(count), "\n".join(["words " * 30] * 3)))
    assert short.shape[1] == long.shape[1] >= 448 + 24
    assert long.shape[0] > short.shape[0] + 100
    assert (long[-3:] == 255).all()


def test_the_curve_has_every_step_and_the_gallerys_value():
    figure = objective_figure(optimised(), LIGHT, reference=1.5)
    (line,) = figure.data
    np.testing.assert_array_equal(line.x, [1, 2, 3])
    np.testing.assert_allclose(line.y, [0.5, 1, 2])
    assert list(figure.layout.xaxis.range) == [0, 8]
    assert figure.layout.shapes[0].y0 == 1.5
    assert figure.layout.annotations[0].text == "gallery 1.5"


def test_a_curve_that_is_not_a_number_is_no_error():
    figure = objective_figure(optimised(history=(np.inf, 1.0)), LIGHT, series=1)
    assert np.isnan(figure.data[0].y[0])
    assert objective_figure(optimised(history=(1.0,)), LIGHT).data[0].mode == "markers"
