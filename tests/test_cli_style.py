"""`vgg-viz style` and `api.style`, in this process, over tiny networks."""

import json

import numpy as np
import pytest
from PIL import Image

from vgg_viz import api
from vgg_viz.cli.style import weights
from vgg_viz.errors import InputError

pytestmark = pytest.mark.usefixtures("assets")
FAST = ("--steps", "2", "--size", "96")


def test_it_writes_the_picture_px_for_px(vgg, tmp_path):
    out = tmp_path / "x.png"
    code, text, err = vgg(
        "style", "cat", "--style", "mosaic", "--model", "zfnet_b", *FAST, "-o", out
    )
    assert code == 0, err
    for words in ("ZFNet (b), bundled weights", "conv5", "content", "CVPR 2016"):
        assert words in text
    with Image.open(out) as picture:
        assert picture.size == (96, 96)


def test_px_curves_and_matrices(vgg, tmp_path):
    out = tmp_path / "x.npz"
    words = ["--style", "dog", "--mix", "style", "--start", "noise", "--keep-colour", "-o", out]
    code, text, err = vgg("style", "cat", *words, *FAST, "--format", "json")
    assert code == 0, err
    fields = json.loads(text)
    assert fields["alpha"] == 0
    assert fields["npz"] == str(out)
    with np.load(out) as data:
        assert data["pixels"].shape == (96, 96, 3)
        assert data["conv5_1_gram"].shape == data["conv5_1_style_gram"].shape
        assert data["losses"].shape == (3,)
        assert data["losses"][-1] == pytest.approx(fields["loss"][1])
        about = json.loads(str(data["provenance"]))
    assert "Style: " in about["credit"]
    assert about["keep_colour"] is True


def test_a_sheet_and_a_page(vgg, tmp_path):
    for name, words in (("x.png", ["--sheet"]), ("x.html", ["--optimizer", "adam"])):
        code, _, err = vgg("style", "cat", *words, *FAST, "--out", tmp_path / name)
        assert code == 0, err
    with Image.open(tmp_path / "x.png") as sheet:
        assert sheet.width > 900
    page = (tmp_path / "x.html").read_text()
    assert page.count("data:image/png;base64") == 1
    assert "drawn by vgg-viz" in page


@pytest.mark.parametrize(
    ("words", "message", "status"),
    [
        (["--style", "sand"], "Textures are: texture-swirls", 2),
        (["--mix", "half"], "--mix is a number", 2),
        (["--mix", "content"], "Start from noise", 1),
        (["--style", "cat"], "same picture", 1),
        (["--size", "9"], "64 to 512 px", 1),
        (["--out", "x.jpg"], ".png or .html or .npz", 2),
    ],
)
def test_it_says_what_is_wrong(vgg, tmp_path, monkeypatch, words, message, status):
    monkeypatch.chdir(tmp_path)
    code, out, err = vgg("style", "cat", "--model", "vgg16", *words)
    assert code == status
    assert message in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_the_weights_of_a_mix():
    assert weights("0.25") == (0.25, 1)
    assert weights("content") == (1, 0)
    assert weights("style") == (0, 1)


def test_names_of_style_pictures(service, assets):
    assert api.named_style(service, "marble") == "texture-marble"
    assert api.named_style(service, "texture-wood") == "texture-wood"
    assert api.named_style(service, "dog") == "dog"
    assert len(api.named_style(service, assets / "images" / "dog.jpg")) == 64
    with pytest.raises(InputError, match=r"neither a file nor a bundled photo.*texture-dots"):
        api.named_style(service, "nothing")


def test_the_api_paints(service):
    seen = []
    found = api.style(
        "cat", "weave", "zfnet_b", service=service, watch=seen.append, size=96, steps=2
    )
    assert found.step == 2
    assert seen[-1].final
