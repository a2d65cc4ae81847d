"""The correspondence experiment through the service, its chart and its command."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

import fake_edits
from tests import reference_correspondence
from vgg_viz import figures
from vgg_viz.correspondence import anywhere, covered, outputs
from vgg_viz.errors import VggVizError
from vgg_viz.figures import LIGHT
from vgg_viz.images import decode
from vgg_viz.preprocessing import prepare
from vgg_viz.requests import CorrespondenceRequest
from vgg_viz.results import Correspondence, Provenance
from vgg_viz.service.execution import Executor

PART = (0.25, 0.25, 0.6, 0.6)
REQUEST = CorrespondenceRequest("vgg16", ("cat", "dog"), (PART, (0.0, 0.1, 0.5, 1.0)), draws=3)
MADE_BY = Provenance("vgg16:bundled", "bundled weights", "0" * 64, "cpu", "fp32", 64, ())


@pytest.fixture(scope="module")
def answer(service):
    return service.run(REQUEST)


def test_the_answer_is_the_measure_of_part_and_of_every_draw(answer, assets):
    ready = Executor("cpu").ready("vgg16:bundled")
    preprocessing = ready.loaded.preprocessing
    images = [
        torch.from_numpy(
            prepare(decode((assets / "images" / f"{name}.jpg").read_bytes()).pixels, preprocessing)
        )[None]
        for name in REQUEST.images
    ]
    sizes = [(0.35, 0.35), (0.5, 0.9)]
    assert answer.layers == ("conv5_3", "fc7")
    assert answer.rows == ("relu5_3", "relu7")
    coverings = [REQUEST.parts, *anywhere(sizes, 3, seed=0)]
    for k, row in enumerate(answer.rows):
        expected = []
        for rectangles in coverings:
            plain = [outputs(ready.network, image, [row])[0].numpy() for image in images]
            after = [
                outputs(ready.network, covered(image, rectangle), [row])[0].numpy()
                for image, rectangle in zip(images, rectangles, strict=True)
            ]
            expected.append(reference_correspondence.delta_share(plain, after))
        np.testing.assert_allclose(answer.part[k], expected[:1], atol=1e-6)
        np.testing.assert_allclose(answer.anywhere[k][:, 0], expected[1:], atol=1e-6)
    assert answer.pictures.shape == answer.elsewhere.shape == (2, 112, 112, 3)
    assert not np.array_equal(answer.pictures, answer.elsewhere)
    assert not answer.part.flags.writeable


def test_means_and_deviations_by_hand():
    part = np.array([[0.1, 0.2, 0.3]], np.float32)
    elsewhere = np.array([[[0.2, 0.4, 0.6], [0.4, 0.6, 0.8]]], np.float32)  # means 0.4 and 0.6
    none = np.zeros((3, 2, 2, 3), np.uint8)
    made = Correspondence(
        ("fc7",), ("relu7",), ("a", "b", "c"), part, elsewhere, none, none, MADE_BY
    )
    assert made.of_part(0) == pytest.approx((0.2, 0.0816497), rel=1e-5)
    assert made.of_anywhere(0) == pytest.approx((0.5, 0.1), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": ("cat",), "parts": (PART,)}, "2 to 8 photos, not 1"),
        ({"images": ("cat",) * 9, "parts": (PART,) * 9}, "2 to 8 photos, not 9"),
        ({"parts": (PART,)}, "a part for each of the 2"),
        ({"parts": (PART, (0.5, 0, 0.5, 1))}, "A part needs"),
        ({"draws": 1}, "2 to 30 times, not 1"),
        ({"seed": -1}, "seed"),
        ({"images": ("cat", "unicorn")}, "unicorn"),
    ],
)
def test_what_cannot_be_asked(service, changes, words):
    fields = {**vars(REQUEST), **changes}
    with pytest.raises(VggVizError, match=words):
        service.run(CorrespondenceRequest(**fields))


def test_the_chart_shows_part_and_anywhere_of_both_networks(fake):
    infos = [fake.models[name] for name in ("zfnet_b:bundled", "vgg16:bundled")]
    lines = [
        (fake_edits.correspondence(REQUEST, info, MADE_BY), info.title, series)
        for series, info in enumerate(infos)
    ]
    figure = figures.correspondence_figure(lines, LIGHT)
    assert list(figure.layout.xaxis.ticktext) == ["conv5", "fc7", "conv5_3", "fc7"]
    means = [list(map(float, trace.y)) for trace in figure.data]
    np.testing.assert_allclose(means, [[0.1, 0.2], [0.2, 0.4]] * 2, rtol=1e-5)
    assert [trace.showlegend for trace in figure.data] == [True, True, True, False]
    with Image.open(io.BytesIO(figures.covered_photos_png(lines[0][0]))) as picture:
        assert picture.size == (2 * 8 + 6, 2 * 8 + 6)


def test_the_command_prints_part_and_anywhere(vgg, assets):
    words = ["cat@0.4,0.4,0.3", "dog@0.6,0.5,0.2", "--model", "zfnet_b", "--draws", "2"]
    code, text, err = vgg("correspondence", *words, "--format", "json")
    assert code == 0, err
    fields = json.loads(text)
    assert [layer["layer"] for layer in fields["layers"]] == ["conv5", "fc7"]
    assert np.shape(fields["layers"][0]["anywhere"]) == (2, 1)
    code, text, err = vgg("correspondence", *words)
    assert code == 0, err
    assert "conv5" in text
    assert "bundled weights" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cat@0.4,0.4,0.3"], "2 to 8 photos"),
        (["cat", "dog@0.5,0.5,0.2"], "PHOTO@X,Y,SIDE"),
        (["cat@0.5,0.5,2", "dog@0.5,0.5,0.2"], "0 to 1"),
        (["cat@0.4,0.4,0.3", "unicorn@0.5,0.5,0.2"], "unicorn"),
    ],
)
def test_the_command_says_what_is_wrong(vgg, assets, words, message):
    code, out, err = vgg("correspondence", *words)
    assert code == 2
    assert message in err
    assert out == ""
