"""`vgg-viz deconv` and `vgg-viz filters`, in this process, over tiny networks."""

import json

import numpy as np
import pytest
from PIL import Image

from vgg_viz.results import RULES


def size(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return image.size


pytestmark = pytest.mark.usefixtures("assets")


def test_deconv_writes_the_picture(vgg, tmp_path):
    out, npz = tmp_path / "x.png", tmp_path / "x.npz"
    words = ["--model", "zfnet_b", "--layer", "conv5", "--channel", "3", "-o", out, "--npz", npz]
    code, text, err = vgg("deconv", "cat", *words, "--format", "json")
    assert code == 0, err
    fields = json.loads(text)
    assert (fields["layer"], fields["channel"], fields["rules"]) == ("conv5", 3, ["deconvnet"])
    assert fields["lrn_in_deconvnet"] == "passed"
    assert fields["provenance"]["model"] == "zfnet_b:bundled"
    assert size(out)[0] == 2 * (448 + 12) + 12
    with np.load(npz) as data:
        assert data["deconvnet"].shape == (3, 128, 128)
        assert data["deconvnet"].dtype == np.float32
        assert data["deconvnet"].any() == bool(fields["units"])
        assert json.loads(str(data["provenance"]))["channel"] == 3


def test_deconv_draws_all_rules_of_the_last_layer(vgg, tmp_path):
    out = tmp_path / "x.png"
    code, text, err = vgg("deconv", "cat", "--model", "vgg16", "--rule", "all", "--top9", "-o", out)
    assert code == 0, err
    assert "conv5_3, channel" in text
    assert "nearly class-insensitive" in text
    assert "bundled weights" in text
    assert size(out)[0] == (1 + len(RULES)) * (448 + 12) + 12


def test_deconv_of_one_unit(vgg, tmp_path):
    words = ["deconv", "cat", "--model", "vgg16", "--layer", "conv1_1", "--format", "json"]
    words += ["-o", tmp_path / "x.png", "--zoom"]
    strongest = json.loads(vgg(*words)[1])
    (unit,) = strongest["units"]
    place = f"{unit['row']},{unit['column']}"
    code, text, err = vgg(*words, "--unit", place, "--channel", strongest["channel"])
    assert code == 0, err
    assert json.loads(text)["units"] == [unit]
    assert unit["field_y"] == [unit["row"] - 1, unit["row"] + 2]  # 3 px, padding 1


@pytest.mark.parametrize("words", [["deconv", "cat", "--model", "vgg16"], ["filters", "vgg16"]])
def test_the_picture_may_be_a_page(vgg, tmp_path, words):
    code, text, err = vgg(*words, "-o", tmp_path / "x.html", "--format", "json")
    assert code == 0, err
    assert json.loads(text)["html"] == str(tmp_path / "x.html")
    page = (tmp_path / "x.html").read_text()
    assert page.count("data:image/png;base64") == 1
    assert json.loads(text)["provenance"]["digest"] in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--unit", "3"], "ROW,COLUMN"),
        (["--unit", "3,4", "--top9"], "not both"),
        (["--unit", "999,4"], "choose row and column"),
        (["--layer", "conv9_9"], "conv9_9"),
        (["--channel", "99999"], "has channels 0 to"),
        (["--npz", "x.npy"], "ends in .npz"),
        (["-o", "x.jpg"], "ends in .png or .html"),
        (["-o", "nowhere/x.png"], "no folder nowhere"),
    ],
)
def test_deconv_says_what_is_wrong(vgg, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = vgg("deconv", "cat", "--model", "vgg16", *words)
    assert code == 2
    assert message in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_filters_draws_first_and_deeper_layers(vgg, tmp_path):
    first, deep, npz = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "b.npz"
    code, text, err = vgg("filters", "vgg16", "--layer", "conv1_1", "-o", first)
    assert code == 0, err
    assert "conv1_1, 4 kernels 3 x 3 x 3" in text
    assert "Alike" in text
    words = ["--layer", "conv4_2", "--channel", "5", "-o", deep, "--npz", npz, "--format", "json"]
    code, text, err = vgg("filters", "vgg16", *words)
    assert code == 0, err
    fields = json.loads(text)
    assert (fields["channel"], fields["shape"][1:]) == (5, [32, 3])
    assert len(fields["norms"]) == fields["shape"][0]
    with np.load(npz) as data:
        assert data["kernel"].shape == (32, 3, 3)
        np.testing.assert_allclose(np.linalg.norm(data["kernel"]), data["norms"][5], rtol=1e-5)
    assert size(first) != size(deep)


def test_filters_says_what_is_wrong(vgg, tmp_path):
    code, _, err = vgg("filters", "vgg16", "--layer", "pool1", "-o", tmp_path / "a.png")
    assert code == 2
    assert "convolution" in err
