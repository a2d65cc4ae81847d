"""`vgg-viz feature-vis`, in this process, over tiny networks."""

import json

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("assets")

QUICK = ["feature-vis", "vgg16", "--steps", "2", "--size", "64"]


def test_it_writes_the_picture_and_what_made_it(vgg, tmp_path):
    out = tmp_path / "x.png"
    code, text, err = vgg(*QUICK, "--channel", "conv2_1:3", "--seed", "5", "-o", out)
    assert code == 0, err
    for words in ("channel 3 of conv2_1", "bundled weights", "2 steps, from noise", "seed 5"):
        assert words in text
    assert str(out) in text
    assert "100%" in err or "s for 2 steps" in err
    with Image.open(out) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width >= 448


def test_a_sum_of_all_kinds_as_numbers(vgg, tmp_path):
    out = tmp_path / "x.npz"
    words = ["--channel", "conv2_1:3=0.5", "--channel", "conv2_1:4=-1", "--class", "b=-0.5"]
    words += ["--neuron", "conv2_1:2@1,2", "--layer", "conv1_1=2", "--pictures", "2"]
    words += ["--direction", "conv2_1:1=1,2=-0.5", "--format", "json", "-o", out]
    code, text, err = vgg(*QUICK, *words)
    assert code == 0, err
    fields = json.loads(text)
    assert fields["npz"] == str(out)
    terms = {(t["kind"], t["channel"], t["row"], t["column"], t["weight"]) for t in fields["terms"]}
    assert terms == {
        ("channel", 3, None, None, 0.5),
        ("channel", 4, None, None, -1.0),
        ("class", 1, None, None, -0.5),
        ("neuron", 2, 1, 2, 1.0),
        ("layer", None, None, None, 2.0),
        ("direction", None, None, None, 1.0),
    }
    with np.load(out) as data:
        assert data["pixels"].shape == (2, 64, 64, 3)
        assert data["pixels"].dtype == np.uint8
        assert len(data["history"]) == 2
        about = json.loads(str(data["provenance"]))
    assert about["terms"][-2]["direction"] == [[1, 1.0], [2, -0.5]]
    assert about["provenance"]["model"] == "vgg16:bundled"


def test_a_page_of_random_weights_says_so(vgg, tmp_path):
    out = tmp_path / "x.html"
    words = ["feature-vis", "vgg11:random", "--steps", "1", "--size", "32", "--layer", "conv1_1"]
    code, text, err = vgg(*words, "--start", "cat", "-o", out)
    assert code == 0, err
    assert "no knowledge" in text
    page = out.read_text()
    assert page.count("data:image/png;base64") == 1
    assert "random weights" in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--channel conv5_3:12"),
        (["--channel", "conv2_1"], "write for example --channel"),
        (["--neuron", "conv2_1:3@1"], "write for example --neuron"),
        (["--direction", "conv2_1:a=1"], "write for example --direction"),
        (["--class", "unicorn"], "unicorn"),
        (["--channel", "conv9_9:1"], "conv9_9"),
        (["--channel", "conv2_1:999"], "999"),
        (["--channel", "conv2_1:1", "-o", "x.jpg"], "ends in .png or .html or .npz"),
        (["--channel", "conv2_1:1", "--start", "nothing"], "neither a file nor a bundled photo"),
    ],
)
def test_what_cannot_be_used_is_told(vgg, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = vgg(*QUICK, *words)
    assert code in (1, 2)
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
