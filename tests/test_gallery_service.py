"""The gallery as the service answers it: for its own weights only, without torch."""

import json

import numpy as np
import pytest
from PIL import Image

from dashboard.feature_vis_code import gallery_code
from vgg_viz.errors import UnknownNameError, VggVizError, WeightsUnavailableError
from vgg_viz.models.gallery import COLUMNS, FORMAT
from vgg_viz.models.registry import bundled_cards
from vgg_viz.requests import GalleryRequest
from vgg_viz.service.local import LocalService

SIDE = 32
VGG = "vgg16:bundled"


def colours(count):
    return np.array([(20 * (i % 12), 255 - 20 * (i % 12), 60) for i in range(count)], np.uint8)


def write(assets, digest, layers):
    """A gallery of vgg16: pictures of one colour each."""
    folder = assets / "gallery" / "vgg16"
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for name, (count, objective) in layers.items():
        rows = -(-count // COLUMNS)
        atlas = np.zeros((rows * SIDE, COLUMNS * SIDE, 3), np.uint8)
        for i, colour in enumerate(colours(count)):
            top, left = SIDE * (i // COLUMNS), SIDE * (i % COLUMNS)
            atlas[top : top + SIDE, left : left + SIDE] = colour
        Image.fromarray(atlas).save(folder / f"{name}.webp", lossless=True)
        entries[name] = {
            "row": name,
            "objective": objective,
            "size": 64,
            "side": SIDE,
            "values": [i / 10 for i in range(count)],
            "photo_values": None if objective == "class" else [i / 20 for i in range(count)],
            "photos": 100,
        }
    document = {
        "format": FORMAT,
        "network": "vgg16",
        "digest": digest,
        "settings": {"steps": 256, "learning_rate": 0.05, "seed": 3, "parametrization": "fourier"},
        "layers": entries,
    }
    (assets / "gallery" / "vgg16.json").write_text(json.dumps(document))


@pytest.fixture
def asked(assets):
    """A service that was asked nothing yet, over a gallery of the right weights."""
    write(assets, bundled_cards()["vgg16"].sha256, {"conv2_1": (8, "channel"), "fc8": (7, "class")})
    with LocalService("cpu") as made:
        yield made


def test_the_pictures_of_a_layer(asked):
    found = asked.run(GalleryRequest(VGG, "conv2_1"))
    assert found.missing == ""
    assert found.channels == tuple(range(8))
    assert found.pixels.shape == (8, SIDE, SIDE, 3)
    np.testing.assert_array_equal(found.pixels[:, 4, 4], colours(8))
    np.testing.assert_allclose(found.values, np.arange(8) / 10)
    np.testing.assert_allclose(found.photo_values, np.arange(8) / 20)
    assert (found.objective, found.photos, found.size) == ("channel", 100, 64)
    assert found.weights.startswith("bundled weights")
    assert ("steps", "256") in found.settings
    assert ("parametrisation", "fourier") in found.settings
    assert not asked.health().ready  # torch was not loaded for it


def test_the_code_that_pages_show_writes_the_picture(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(gallery_code(VGG, "conv2_1", 3), {})  # noqa: S102 - this program's own text
    with Image.open("gallery.png") as picture:
        assert picture.getpixel((4, 4)) == tuple(colours(8)[3])


def test_one_picture_and_the_classes(asked):
    found = asked.run(GalleryRequest(VGG, "conv2_1", 3))
    assert found.channels == (3,)
    np.testing.assert_array_equal(found.pixels[0, 4, 4], colours(8)[3])
    np.testing.assert_allclose(found.values, [0.3])
    assert found.place(3) == 0
    assert found.place(4) is None
    classes = asked.run(GalleryRequest(VGG, "fc8"))
    assert (classes.objective, len(classes.pixels)) == ("class", 7)
    assert classes.photo_values is None


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (GalleryRequest("zfnet_b:bundled", "conv5"), "no gallery for bundled weights"),
        (GalleryRequest("vgg16:random", "conv2_1"), "no gallery for random weights"),
        (GalleryRequest(VGG, "conv5_3"), "no pictures of conv5_3"),
    ],
)
def test_where_there_is_none_the_answer_says_so(asked, request_, words):
    found = asked.run(request_)
    assert words in found.missing
    assert "yourself" in found.missing
    assert found.channels == ()
    assert len(found.pixels) == len(found.values) == 0


def test_pictures_of_other_weights_are_never_shown(assets):
    write(assets, "0" * 64, {"conv2_1": (8, "channel")})
    with LocalService("cpu") as made:
        found = made.run(GalleryRequest(VGG, "conv2_1"))
    assert "other weights" in found.missing
    assert len(found.pixels) == 0


def test_names_that_do_not_exist_are_told(asked):
    with pytest.raises(UnknownNameError, match="conv9_9"):
        asked.run(GalleryRequest(VGG, "conv9_9"))
    with pytest.raises(UnknownNameError, match="0 to 7; 8 is none"):
        asked.run(GalleryRequest(VGG, "conv2_1", 8))
    with pytest.raises(WeightsUnavailableError, match="not on this machine"):
        asked.run(GalleryRequest("vgg16:imagenet", "conv2_1"))


def test_a_damaged_gallery_is_told(assets, asked):
    (assets / "gallery" / "vgg16.json").write_text("{")
    with pytest.raises(VggVizError, match="cannot be read"):
        asked.run(GalleryRequest(VGG, "conv2_1"))
