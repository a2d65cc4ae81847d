"""`vgg-viz runs`: tables say what the recordings hold; a copy is whole or not there."""

import csv
import io
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.test_recordings import flow_row
from vgg_viz.cli import runs
from vgg_viz.recordings import RunWriter, read_info, read_recording
from vgg_viz.results import QUANTITIES, Finding

ROOT = Path(__file__).resolve().parent.parent
NAN = float("nan")


def record(folder, *, title="A run", settings=None, steps=20, factor=1.0, layers=("a", "b")):
    with RunWriter(folder, title=title, settings=settings, planned_steps=40) as writer:
        for step in range(1, steps + 1):
            writer.scalars(step, {"loss": factor / step, "accuracy": step / 100})
            if step in {1, 10, 20}:
                rows = [flow_row(name, factor * step, activation_std=NAN) for name in layers]
                writer.flow(step, rows)
                writer.scalars(step, {"validation_loss": 2 * factor / step})
        writer.finding(Finding(10, "b", "dead layer", "step 10: b is dead"))
    return folder


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """One bundled recording, two of one's own."""
    monkeypatch.setenv("VGG_VIZ_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setenv("VGG_VIZ_RUNS", str(tmp_path / "own"))
    record(tmp_path / "assets" / "runs" / "d-std", title="D, std 0.01", settings={"lr": 0.01})
    settings = {"lr": 0.02, "network": "vgg16", "classes": ["cat"] * 40}
    record(tmp_path / "own" / "mine", title="Mine", settings=settings, factor=3)
    record(tmp_path / "own" / "other", settings=settings, layers=("a", "b", "c"))
    return tmp_path


@pytest.fixture
def vgg(vgg):
    """Run `vgg-viz runs ...` in this process: (exit code, stdout, stderr)."""
    return partial(vgg, "runs")


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


# --- list ----------------------------------------------------------------------------------------


def test_list(vgg, folders):
    code, out, err = vgg("list")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["run", "title", "origin", "state", "steps", "findings"]
    assert lines[1] == ["d-std", "D,", "std", "0.01", "bundled", "complete", "20", "1"]
    assert {line[0] for line in lines[2:]} == {"mine", "other"}


def test_list_for_programs(vgg, folders):
    _, out, _ = vgg("list", "--format", "csv")
    assert rows_of(out)[0] == {
        "run": "d-std",
        "title": "D, std 0.01",
        "origin": "bundled",
        "state": "complete",
        "steps": "20",
        "findings": "1",
    }
    _, out, _ = vgg("list", "--format", "json")
    assert json.loads(out)[0]["run"] == "d-std"
    assert json.loads(out)[0]["findings"][0]["message"] == "step 10: b is dead"


def test_nothing_to_list(vgg, tmp_path, monkeypatch):
    monkeypatch.setenv("VGG_VIZ_ASSETS", str(tmp_path))
    monkeypatch.setenv("VGG_VIZ_RUNS", str(tmp_path / "own"))
    assert vgg("list") == (0, "", "There are no recordings here yet.\n")
    assert vgg("list", "--format", "json") == (0, "[]\n", "")
    assert not (tmp_path / "own").exists()


# --- show ----------------------------------------------------------------------------------------


def test_show(vgg, folders):
    code, out, err = vgg("show", "mine")
    assert (code, err) == (0, "")
    head, settings, found, losses, first, last = out.rstrip().split("\n\n")
    assert head.startswith("Mine\nmine: complete, 20 of 40 steps in 0 s, begun 20")
    assert ["lr", "0.02"] in [line.split() for line in settings.splitlines()]
    assert max(map(len, settings.splitlines())) < 75
    assert found == "Found: step 10: b is dead"
    assert [line.split() for line in losses.splitlines()] == [
        ["step", "loss", "accuracy", "validation_loss"],
        ["1", "3", "0.01", "6"],
        ["10", "0.3", "0.1", "0.6"],
        ["20", "0.15", "0.2", "0.3"],
    ]
    assert first.splitlines()[0].split() == ["at", "step", "1", *runs.SHOWN_FLOW]
    # Quantity i of layer a at step s is 3 s / (i + 1): z_std, gradient_std, |dL/dW|, ...
    expected = [3 * 20 / (1 + QUANTITIES.index(quantity)) for quantity in runs.SHOWN_FLOW]
    label, *numbers = last.splitlines()[1].split()
    assert label == "a"
    assert [float(number) for number in numbers] == pytest.approx(expected, rel=1e-3)


def test_show_takes_a_folder(vgg, tmp_path):
    record(tmp_path / "somewhere" / "else")
    code, out, _ = vgg("show", tmp_path / "somewhere" / "else")
    assert code == 0
    assert "else: complete, 20 of 40 steps" in out


def test_show_for_programs(vgg, folders):
    _, out, _ = vgg("show", "mine", "--format", "csv")
    table = rows_of(out)
    assert [(row["step"], row["layer"]) for row in table] == [
        ("1", "a"), ("1", "b"), ("20", "a"), ("20", "b"),
    ]  # fmt: skip
    assert list(table[0])[2:] == list(QUANTITIES)
    assert float(table[2]["z_std"]) == 60
    _, out, _ = vgg("show", "mine", "--format", "json")
    shown = json.loads(out, parse_constant=pytest.fail)  # strict JSON: no NaN
    assert shown["flow"][0]["activation_std"] is None
    assert shown["scalars"]["loss"]["values"][:2] == [3, 1.5]
    assert shown["settings"]["lr"] == 0.02


def test_show_a_long_training_at_some_steps(vgg, tmp_path):
    with RunWriter(tmp_path / "a", title="a") as writer:
        for step in range(1, 1001):
            writer.scalars(step, {"loss": step})
    _, out, _ = vgg("show", tmp_path / "a")
    steps = [int(line.split()[0]) for line in out.rstrip().split("\n\n")[-1].splitlines()[1:]]
    assert (steps[0], steps[-1], len(steps)) == (1, 1000, runs.SHOWN_STEPS)
    assert np.ptp(np.diff(steps)) <= 1


def test_show_nothing(vgg, tmp_path):
    with RunWriter(tmp_path / "a", title="a"):
        pass
    assert vgg("show", tmp_path / "a")[0] == 0
    code, _, err = vgg("show", tmp_path / "a", "--format", "csv")
    assert (code, "holds no gradient flow" in err) == (2, True)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("mime", "Unknown recording 'mime'; choose one of: d-std,"),
        ("nowhere/at-all", "nowhere/at-all holds no recording"),
        ("..", "holds no recording (there is no run.json)"),
    ],
)
def test_what_is_not_there(vgg, folders, run, said):
    code, out, err = vgg("show", run)
    assert (code, out) == (2, "")
    assert said in err


def test_a_damaged_one_is_one_sentence(vgg, folders):
    (folders / "own" / "mine" / "layers.parquet").write_bytes(b"PAR1")
    code, _, err = vgg("show", "mine")
    assert code == 2
    assert "record it again" in err
    assert err.count("\n") == 1


# --- compare -------------------------------------------------------------------------------------


def test_compare(vgg, folders):
    code, out, err = vgg("compare", "d-std", "other")
    assert (code, err) == (0, "")
    settings, outcomes, flow = (
        [line.split() for line in part.splitlines()] for part in out.rstrip().split("\n\n")
    )
    assert settings[0] == ["setting", "d-std", "other"]
    assert ["lr", "0.01", "0.02"] in settings
    assert ["last", "validation_loss", "0.1", "0.1"] in outcomes
    assert ["findings", "1", "1"] in outcomes
    assert [line[0] for line in flow] == ["layer", "a", "b", "c"]
    assert flow[1][1:3] == ["20", "20"]
    assert len(flow[3]) == 1 + len(runs.COMPARED_FLOW)  # d-std has no layer c


def test_compare_the_same_settings(vgg, folders):
    _, out, _ = vgg("compare", "mine", "other")
    assert out.startswith("All settings are the same.\n")
    assert ["last", "loss", "0.15", "0.05"] in [line.split() for line in out.splitlines()]


def test_compare_for_programs(vgg, folders):
    _, out, _ = vgg("compare", "d-std", "mine", "--format", "json")
    compared = json.loads(out, parse_constant=pytest.fail)
    assert compared["settings"]["lr"] == [0.01, 0.02]
    assert [outcome["run"] for outcome in compared["outcomes"]] == ["d-std", "mine"]
    assert compared["outcomes"][1]["last loss"] == pytest.approx(0.15)
    _, out, _ = vgg("compare", "d-std", "mine", "--format", "csv")
    assert rows_of(out)[0]["z_std mine"] == "60.0"


def test_layers_of_a_deeper_net_stand_in_their_stage():
    a = ["conv1_1", "conv2_1", "conv3_2", "fc8"]
    d = ["conv1_1", "conv1_2", "conv2_1", "conv3_2", "conv3_3", "fc8"]
    assert runs._joined([a, d]) == runs._joined([d, a]) == d
    assert runs._joined([["x", "p", "y"], ["x", "q", "r", "y"]]) == ["x", "p", "q", "r", "y"]


# --- import --------------------------------------------------------------------------------------


def test_import(vgg, folders):
    source = record(folders / "elsewhere" / "my run #1")
    (source / "notes.txt").write_text("not a part of it")
    code, out, err = vgg("import", source, "--title", "Brought here")
    assert (code, err) == (0, "")
    place = folders / "own" / "my-run-1"
    assert out == f"my-run-1: Brought here, complete after 20 steps; in {place}\n"
    assert not (place / "notes.txt").exists()
    copied, original = read_recording(place), read_recording(source)
    assert (copied.info.title, original.info.title) == ("Brought here", "A run")
    np.testing.assert_array_equal(copied.flow["z_std"], original.flow["z_std"])
    assert "my-run-1" in vgg("list")[1]


def test_import_of_a_training_that_was_killed(vgg, folders):
    writer = RunWriter(folders / "killed", title="k")
    writer.flow(1, [flow_row("a")])
    for file in writer._files.values():
        file.close()
    code, out, _ = vgg("import", folders / "killed", "--format", "json")
    assert code == 0
    assert json.loads(out)["state"] == "interrupted"
    assert read_recording(folders / "own" / "killed").flow_steps.tolist() == [1]


def test_import_never_overwrites(vgg, folders):
    source = record(folders / "elsewhere" / "mine")
    bundled = record(folders / "elsewhere" / "d-std")
    before = (folders / "own" / "mine" / "run.json").read_bytes()
    for folder in (source, bundled):
        code, _, err = vgg("import", folder)
        assert code == 2
        assert f"There is a recording called {folder.name} already; give another with --name" in err
    assert (folders / "own" / "mine" / "run.json").read_bytes() == before
    assert vgg("import", source, "--name", "mine-2")[0] == 0
    assert read_info(folders / "own" / "mine-2").steps == 20


def test_a_name_that_is_taken_meanwhile_is_not_overwritten(vgg, folders, monkeypatch):
    source = record(folders / "elsewhere" / "mine")
    before = (folders / "own" / "mine" / "run.json").read_bytes()
    monkeypatch.setattr("vgg_viz.service.runs.RunStore.exists", lambda *_: False)
    code, _, err = vgg("import", source)
    assert (code, "cannot be written" in err) == (2, True)
    assert (folders / "own" / "mine" / "run.json").read_bytes() == before
    assert {path.name for path in (folders / "own").iterdir()} == {"mine", "other"}


@pytest.mark.parametrize("name", ["scalars.parquet", "layers.parquet", "pictures.parquet"])
def test_import_refuses_what_is_damaged(vgg, folders, name):
    source = record(folders / "elsewhere" / "new")
    data = (source / name).read_bytes()
    (source / name).write_bytes(data[: len(data) // 2])
    code, _, err = vgg("import", source)
    assert code == 2
    assert "record it again" in err
    assert {path.name for path in (folders / "own").iterdir()} == {"mine", "other"}


@pytest.mark.parametrize("name", ["../mine", "a/b", ".hidden", "x" * 200])
def test_import_takes_no_path_for_a_name(vgg, folders, name):
    code, _, err = vgg("import", folders / "own" / "mine", "--name", name)
    assert (code, "cannot name a recording" in err) == (2, True)


def test_import_of_nothing(vgg, folders):
    code, _, err = vgg("import", folders / "nowhere")
    assert (code, "choose a folder that" in err) == (2, True)


def test_import_into_a_folder_that_cannot_be_made(vgg, folders, monkeypatch):
    (folders / "file").touch()
    monkeypatch.setenv("VGG_VIZ_RUNS", str(folders / "file" / "runs"))
    code, _, err = vgg("import", folders / "own" / "mine")
    assert (code, "cannot be written: Not a directory." in err) == (2, True)


# --- torch stays away ----------------------------------------------------------------------------

PROGRAM = """
import sys
from vgg_viz.cli import app_entry
sys.argv = ["vgg-viz", "runs", *sys.argv[1:]]
try:
    app_entry()
finally:
    print(*sorted({"torch", "pyarrow"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("words", "loaded"),
    [
        (["--help"], []),
        (["list"], ["pyarrow"]),
        (["show", "mine"], ["pyarrow"]),
        (["compare", "mine", "d-std"], ["pyarrow"]),
        (["import", "own/mine", "--name", "copy"], ["pyarrow"]),
    ],
)
def test_torch_is_not_loaded(folders, words, loaded):
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=folders,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout
    assert run.stderr.split() == loaded
