"""`vgg-viz attribute` and `vgg-viz methods`, over the real service with tiny networks."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.tiny_assets import NAMES
from vgg_viz.attribution.methods import METHODS

CPU = ("--device", "cpu")


def test_methods_are_listed(vgg):
    code, out, err = vgg("methods")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 1 + len(METHODS)
    for line, info in zip(lines[1:], METHODS.values(), strict=True):
        assert line.startswith(info.name)
        assert info.paper in line
    listed = json.loads(vgg("methods", "--format", "json")[1])
    assert [row["name"] for row in listed] == list(METHODS)


@pytest.mark.parametrize("method", list(METHODS))
def test_one_method_with_its_settings(vgg, method):
    code, out, err = vgg("methods", method)
    assert (code, err) == (0, "")
    info = METHODS[method]
    for text in (info.title, info.paper, info.formula, info.about, info.caution):
        assert text in out
    for parameter in info.parameters:
        assert f"--param {parameter.name}={parameter.default}" in out
        assert parameter.help in out


def test_a_method_that_is_not_there(vgg):
    code, out, err = vgg("methods", "magic")
    assert (code, out) == (2, "")
    assert re.match(r"Error: Unknown method 'magic'; choose one of: gradient, .*grad_cam", err)


@pytest.mark.parametrize("method", ["gradient", "layer_cam", "deep_lift"])
def test_a_map_is_drawn_and_kept(vgg, assets, tmp_path, method):
    words = ["--model", "vgg16", "--method", method, "--target", NAMES[2], "--versus", NAMES[4]]
    files = ["-o", tmp_path / "a.png", "--npz", tmp_path / "a.npz", "--format", "json"]
    code, out, _ = vgg("attribute", "cat", *words, *files, *CPU)
    assert code == 0
    found = json.loads(out)
    assert (found["method"], found["target"], found["versus"]) == (method, 2, 4)
    assert found["parameters"] == METHODS[method].defaults()
    assert ("completeness error" in found["checks"]) == (method == "deep_lift")
    with Image.open(tmp_path / "a.png") as drawn:
        assert drawn.width == 448
    with np.load(tmp_path / "a.npz") as kept:
        assert list(kept["grid"].shape) == found["shape"]
        assert json.loads(str(kept["provenance"]))["versus_name"] == NAMES[4]


def test_a_method_of_many_passes_tells_its_cost_and_runs_under_a_bar(vgg, assets, tmp_path):
    words = ["--method", "integrated_gradients", "--param", "steps=4", "--param", "baseline=noise"]
    code, out, err = vgg("attribute", "cat", *words, "--seed", 3, "-o", tmp_path / "a.html", *CPU)
    assert code == 0
    assert "5 passes forward and 4 back" in err
    assert "Integrated gradients\n" in err  # the bar, where there is no terminal
    assert "Integrated gradients for" in out
    assert "steps 4, baseline noise, seed 3" in out
    assert "completeness error: " in out
    assert "Caution: Keeps the outlines" in err
    page = (tmp_path / "a.html").read_text()
    assert METHODS["integrated_gradients"].about in page


def test_notes_are_told(vgg, assets, tmp_path):
    words = ["--method", "xgrad_cam", "--layer", "conv4_1", "-o", tmp_path / "a.png"]
    code, out, _ = vgg("attribute", "cat", *words, *CPU)
    assert code == 0
    assert "Note: conv4_1 has negative values" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "magic"], "Unknown method 'magic'"),
        (["--param", "steps"], "write name=value"),
        (["--param", "steps=3"], "Unknown parameter of Grad-CAM 'steps'"),
        (["--method", "smoothgrad", "--param", "samples=0"], "give a whole number from 2 to 500"),
        (["--method", "smoothgrad", "--param", "samples=2.5"], "give a whole number"),
        (["--method", "smoothgrad", "--param", "noise=loud"], "give a number from 0 to 1"),
        (["--method", "gradient", "--param", "colours=red"], "choose one of: largest, sum"),
        (["--target", NAMES[1], "--versus", NAMES[1]], "against itself"),
        (["--versus", "unicorn"], "Unknown class 'unicorn'"),
        (["-o", "a.jpg"], "ends in .png"),
    ],
)
def test_what_cannot_be_used_is_said(vgg, assets, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = vgg("attribute", "cat", *words, *CPU)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["attribute", "methods"])
def test_the_commands_have_help(vgg, command):
    code, out, err = vgg(command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: vgg-viz {command}")
    summary = next(
        line for line in vgg("--help")[1].splitlines() if line.strip().startswith(command)
    )
    assert "..." not in summary
