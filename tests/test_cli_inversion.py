"""`vgg-viz invert`, in this process, over tiny networks."""

import json

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("assets")


def test_invert_writes_a_sheet_of_every_depth(vgg, tmp_path):
    out = tmp_path / "x.png"
    words = ["--model", "zfnet_b", "--depths", "--steps", "3", "--out", out]
    code, text, err = vgg("invert", "cat", *words)
    assert code == 0, err
    for name in ("conv1", "conv5", "fc7", "bundled weights", "arXiv 1412.0035"):
        assert name in text
    with Image.open(out) as sheet:
        assert sheet.width == 4 * (256 + 12) + 12


def test_invert_writes_px_and_curves(vgg, tmp_path):
    out = tmp_path / "x.npz"
    words = ["--layer", "conv2_1", "--layer", "relu7", "--steps", "4", "--seed", "5", "-o", out]
    code, text, err = vgg("invert", "cat", "--model", "vgg16", *words, "--format", "json")
    assert code == 0, err
    fields = json.loads(text)
    assert fields["npz"] == str(out)
    assert [layer["layer"] for layer in fields["layers"]] == ["conv2_1", "relu7"]
    assert fields["seed"] == 5
    with np.load(out) as data:
        assert data["conv2_1_pixels"].shape == data["photo"].shape == (64, 64, 3)
        assert data["relu7_losses"].shape == (4,)
        np.testing.assert_allclose(data["relu7_losses"][-1], fields["layers"][1]["objective"])
        assert json.loads(str(data["provenance"]))["credit"]


def test_invert_writes_a_page(vgg, tmp_path):
    out = tmp_path / "x.html"
    code, _, err = vgg("invert", "cat", "--model", "vgg11", "--steps", "1", "--out", out)
    assert code == 0, err
    page = out.read_text()
    assert page.count("data:image/png;base64") == 1
    assert "conv5_2" in page
    assert "code distance" in page


@pytest.mark.parametrize(
    ("words", "message", "status"),
    [
        (["--layer", "conv9_9"], "conv9_9", 1),
        (["--steps", "0"], "not 0", 1),
        (["--smoothing", "-1"], "total variation", 1),
        (["--out", "x.jpg"], ".png or .html or .npz", 2),
    ],
)
def test_invert_says_what_is_wrong(vgg, tmp_path, monkeypatch, words, message, status):
    monkeypatch.chdir(tmp_path)
    code, out, err = vgg("invert", "cat", "--model", "vgg16", *words)
    assert code == status
    assert message in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []
