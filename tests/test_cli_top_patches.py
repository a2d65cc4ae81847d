"""`vgg-viz top-patches`, in this process, over tiny networks."""

import json

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("assets")


@pytest.fixture
def photos(tmp_path):
    """A folder of five pictures, one of which is broken."""
    folder = tmp_path / "photos"
    for number in range(4):
        blocks = np.random.default_rng(number).integers(0, 255, (5, 5, 3), dtype=np.uint8)
        (folder / f"class {number % 2}").mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(blocks).resize((90, 70))
        picture.save(folder / f"class {number % 2}" / f"{number}.png")
    (folder / "bad.jpg").write_bytes(b"no picture")
    return folder


def test_the_figure_and_the_summary(vgg, photos, tmp_path):
    out = tmp_path / "x.png"
    code, text, err = vgg("top-patches", "vgg16", photos, "--layer", "conv3_2", "-o", out)
    assert code == 0, err
    assert "Indexed: 4 pictures" in err
    assert "1 could not be read: bad.jpg." in err
    assert "bundled weights" in text
    assert "conv3_2, channel" in text
    assert "of 4 pictures" in text
    assert "class 0/" in text
    assert text.rstrip().endswith(f"Written: {out}")
    with Image.open(out) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 1000


def test_arrays_and_json(vgg, photos, tmp_path):
    out = tmp_path / "x.npz"
    words = ["--layer", "conv2", "--channel", "1", "--limit", "3", "--format", "json", "-o", out]
    code, text, err = vgg("top-patches", "zfnet_b", photos, *words)
    assert code == 0, err
    fields = json.loads(text)
    assert (fields["layer"], fields["channel"], fields["source"]) == ("conv2", 1, str(photos))
    assert fields["npz"] == str(out)
    assert fields["images"] <= 3
    values = [patch["value"] for patch in fields["patches"]]
    assert values == sorted(values, reverse=True)
    with np.load(out) as data:
        np.testing.assert_allclose(data["values"], values, rtol=1e-6)
        assert data["patches"].shape == (len(values), 27, 27, 3)
        assert json.loads(str(data["about"]))["provenance"]["model"] == "zfnet_b:bundled"
    code, text, err = vgg("top-patches", "zfnet_b", photos, *words)
    assert json.loads(text)["index"].startswith(
        f"Indexed: {fields['images']} pictures, nothing new"
    )


def test_a_page(vgg, photos, tmp_path):
    out = tmp_path / "x.html"
    code, _, err = vgg("top-patches", "vgg16", photos, "-o", out)
    assert code == 0, err
    page = out.read_text()
    assert "data:image/png;base64," in page
    assert "class 0/0.png" in page
    assert "4 in the index, from" in page


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["vgg16", "nowhere"], 1, "There is no folder nowhere"),
        (["vgg16", "."], 1, "holds no picture"),
        (["vgg16", ".", "-o", "x.gif"], 2, ".png or .html or .npz"),
        (["vgg99", "."], 2, "vgg99"),
    ],
)
def test_what_cannot_be_used_is_said(vgg, tmp_path, monkeypatch, words, exit_code, message):
    monkeypatch.chdir(tmp_path)
    code, text, err = vgg("top-patches", *words)
    assert (code, text) == (exit_code, "")
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())
