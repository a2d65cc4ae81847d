"""`vgg-viz clip`, in this process, over tiny networks."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.small_clips import animation, frames, video
from vgg_viz import activations

pytestmark = pytest.mark.usefixtures("assets")
WORDS = ["--model", "vgg16", "--layer", "conv3_1"]


def test_a_video_becomes_values(vgg, tmp_path):
    (tmp_path / "a.mp4").write_bytes(video("mp4", "mpeg4", 5))
    code, out, err = vgg("clip", tmp_path / "a.mp4", *WORDS, "-o", tmp_path / "a.npz")
    assert code == 0, err
    assert len(out.splitlines()) == 1 + 1 + 5 + 1
    with np.load(tmp_path / "a.npz") as found:
        assert found["maps"].shape[:2] == (5, len(found["channels"]))
        assert found["seconds"] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8], abs=0.01)
        assert json.loads(str(found["provenance"]))["provenance"]["model"] == "vgg16:bundled"
        assert found["probabilities"].sum(axis=1) == pytest.approx(1)
        largest = np.abs(found["maps"]).max(axis=(0, 2, 3))
        assert found["limits"] == pytest.approx(largest, rel=1e-5)


@pytest.mark.parametrize("kind", ["png", "html"])
def test_pictures_become_a_sheet_or_a_page(vgg, tmp_path, kind):
    for number, image in enumerate(frames(3)):
        image.save(tmp_path / f"{number}.png")
    files = sorted(tmp_path.glob("*.png"))
    out = tmp_path / f"sheet.{kind}"
    code, text, err = vgg("clip", *files, *WORDS, "--channel", 5, "-o", out, "--format", "json")
    assert code == 0, err
    found = json.loads(text)
    assert (found["channel"], found["seconds"]) == (5, [0, 0.5, 1])
    maps = [activations.of_photo(file, "vgg16").maps("conv3_1", relu=True)[5] for file in files]
    at = found["channels"].index(5)
    means = [row[at] for row in found["means"]]
    assert means == pytest.approx([float(each.mean()) for each in maps], rel=1e-3, abs=1e-5)
    if kind == "png":
        with Image.open(out) as sheet:
            assert sheet.width == 480 + 24
    else:
        assert "channel 5 of VGG-16 (D), bundled weights" in out.read_text()


def still():
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "words", "message"),
    [
        (b"", [], "is empty"),
        (still(), [], "single picture"),
        (b"nothing", [], "no clip that can be read"),
        (animation("GIF", 2), ["--channel", "99999"], "has channels 0 to"),
        (animation("GIF", 2), ["--layer", "conv9"], "layer of vgg16"),
        (animation("GIF", 2), ["-o", "x.gif"], "ends in .png or .html or .npz"),
    ],
)
def test_what_cannot_be_used_is_said(vgg, tmp_path, monkeypatch, data, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.gif").write_bytes(data)
    code, out, err = vgg("clip", "a.gif", *WORDS, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


def test_a_file_that_is_not_there(vgg):
    code, _, err = vgg("clip", "nowhere.mp4", *WORDS)
    assert code == 2
    assert "nowhere.mp4 cannot be read: No such file" in err
