"""Recordings on the disk: what is written is read, after a kill as well; damage is one sentence."""

import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vgg_viz.errors import InputError
from vgg_viz.recordings import (
    WHOLE,
    RunWriter,
    files,
    find_runs,
    read_info,
    read_recording,
    rename,
)
from vgg_viz.recordings import writer as writing
from vgg_viz.recordings.files import BINS, SCHEMAS
from vgg_viz.results import QUANTITIES, Finding, LayerFlow

ROOT = Path(__file__).resolve().parent.parent
NAN, INF = float("nan"), float("inf")
TABLES = tuple(SCHEMAS)


def flow_row(layer, first=0.5, counts=None, total=10, **values):
    numbers = {quantity: first / (i + 1) for i, quantity in enumerate(QUANTITIES)}
    histograms = {} if counts is None else {"z": counts, "gradient": counts[::-1]}
    totals = dict.fromkeys(histograms, total)
    return LayerFlow(layer, "conv", numbers | values, histograms, totals, 0.0, NAN, NAN)


def counts_of(**bins):
    counts = np.zeros(BINS, np.int64)
    for name, count in bins.items():
        counts[int(name.removeprefix("bin"))] = count
    return counts


def write(folder, *, steps=4, close="complete", **options):
    """A recording whose every number says where it belongs."""
    writer = RunWriter(folder, title="A run", planned_steps=9, **options)
    fill(writer, steps)
    if close:
        writer.close(close)
    else:
        abandon(writer)
    return writer


def fill(writer, steps=4):
    for step in range(1, steps + 1):
        writer.scalars(step, {"loss": 1 / step, "accuracy": step / 10})
        writer.flow(step, [flow_row("conv1", step), flow_row("fc", 10 * step)])
        writer.picture(step, "kernels", np.full((2, 1, 3, 3), step, np.float32))
        writer.flush()


def abandon(writer):
    """What a kill leaves behind: streams without an end."""
    for file in writer._files.values():
        file.close()


def edit(folder, **fields):
    path = folder / "run.json"
    document = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not ...}))


# --- round trip ----------------------------------------------------------------------------------


@pytest.mark.parametrize("close", ["complete", ""])
def test_everything_written_is_read(tmp_path, close):
    """From the Parquet files, and from the streams of a training that still runs."""
    counts = counts_of(bin0=4, bin30=1, bin59=2)
    pictures = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    own = {"network": "vgg11", "rates": [0.1, 0.2], "name": "\N{SNOWMAN}", "path": Path("a/b")}
    writer = RunWriter(
        tmp_path / "mine", title="Mine", settings=own, planned_steps=7, versions={"torch": "2"}
    )
    writer.scalars(1, {"loss": 2.5, "tiny": 1e-30})
    writer.scalars(2, {"loss": NAN})
    writer.flow(1, [flow_row("a", counts=counts), flow_row("b", z_std=1e-30, gradient_std=INF)])
    writer.flow(2, [flow_row("a", z_std=NAN, update_ratio=-INF), flow_row("b", counts=counts)])
    writer.picture(1, "cam", pictures[0])
    writer.picture(2, "cam", pictures[1][:, ::-1])  # not contiguous
    writer.picture(2, "kernels", np.float32(7) * np.ones((2, 1, 3, 3)))
    found = Finding(2, "b", "dead layer", "step 2: b is dead")
    writer.finding(found)
    if close:
        writer.close(close)
    else:
        writer.flush()
        abandon(writer)
    recording = read_recording(tmp_path / "mine", alive=True)

    info = recording.info
    assert (info.run, info.title, info.bundled) == ("mine", "Mine", False)
    assert info.state == (close or "running")
    assert (info.steps, info.planned_steps, info.layers) == (2, 7, ("a", "b"))
    assert info.settings == own | {"path": str(Path("a/b"))}
    assert (info.findings, info.versions) == ((found,), {"torch": "2"})

    assert recording.scalars.keys() == {"loss", "tiny"}
    loss = recording.scalars["loss"]
    assert loss.steps.tolist() == [1, 2]
    assert loss.values[0] == 2.5
    assert np.isnan(loss.values[1])
    assert recording.scalars["tiny"].values.tolist() == [np.float32(1e-30)]

    assert recording.flow_steps.tolist() == [1, 2]
    assert recording.flow.keys() == set(QUANTITIES)
    expected = np.float32([[0.5, 1e-30], [NAN, 0.5]])
    np.testing.assert_array_equal(recording.flow["z_std"], expected)
    assert recording.flow["gradient_std"][0, 1] == INF
    assert recording.flow["update_ratio"][1, 0] == -INF
    shares = recording.histograms["z"][0, 0]
    assert (shares[0], shares[30], shares[59]) == (26214, 6554, 13107)  # 4, 1, 2 of 10 x 65535
    assert shares.sum() == 26214 + 6554 + 13107
    np.testing.assert_array_equal(recording.histograms["gradient"][1, 1], shares[::-1])
    assert not recording.histograms["z"][0, 1].any()

    np.testing.assert_array_equal(recording.pictures["cam"][0], pictures[0])
    np.testing.assert_array_equal(recording.pictures["cam"][1], pictures[1][:, ::-1])
    assert recording.picture_steps["cam"].tolist() == [1, 2]
    assert recording.picture_steps["kernels"].tolist() == [2]
    assert recording.pictures["kernels"].shape == (1, 2, 1, 3, 3)


def test_shares_reach_the_whole(tmp_path):
    with RunWriter(tmp_path / "a", title="a") as writer:
        writer.flow(1, [flow_row("x", counts=counts_of(bin7=10))])
    assert read_recording(tmp_path / "a").histograms["z"][0, 0, 7] == WHOLE


@pytest.mark.parametrize("close", ["complete", ""])
def test_what_came_after_a_step(tmp_path, close):
    write(tmp_path / "a", close=close)
    later = read_recording(tmp_path / "a", after=2, alive=True)
    assert later.flow_steps.tolist() == [3, 4]
    assert later.flow["z_std"].tolist() == [[3, 30], [4, 40]]
    assert later.scalars["loss"].steps.tolist() == [3, 4]
    assert later.picture_steps["kernels"].tolist() == [3, 4]
    assert later.info.steps == 4
    nothing = read_recording(tmp_path / "a", after=4, alive=True)
    assert (nothing.scalars, nothing.pictures) == ({}, {})
    assert nothing.flow["z_std"].shape == (0, 2)
    assert nothing.histograms["z"].shape == (0, 2, BINS)


@pytest.mark.parametrize("close", ["complete", ""])
def test_a_recording_of_nothing(tmp_path, close):
    write(tmp_path / "a", steps=0, close=close)
    recording = read_recording(tmp_path / "a", alive=True)
    assert (recording.info.steps, recording.info.layers, recording.scalars) == (0, (), {})
    assert recording.flow["z_std"].shape == (0, 0)


def test_a_layer_that_runs_later_has_a_place(tmp_path):
    with RunWriter(tmp_path / "a", title="a") as writer:
        writer.flow(1, [flow_row("x")])
        writer.flow(2, [flow_row("y"), flow_row("x")])
    recording = read_recording(tmp_path / "a")
    assert recording.info.layers == ("x", "y")
    np.testing.assert_array_equal(recording.flow["z_std"], np.float32([[0.5, NAN], [0.5, 0.5]]))


def test_a_picture_of_another_shape_is_refused_when_written(tmp_path):
    with RunWriter(tmp_path / "a", title="a") as writer:
        writer.picture(1, "cam", np.zeros((2, 2)))
        with pytest.raises(InputError, match=r"'cam' are \(2, 2\) here, not \(3, 3\)"):
            writer.picture(2, "cam", np.zeros((3, 3)))
    assert read_recording(tmp_path / "a").pictures["cam"].shape == (1, 2, 2)


def test_the_name_of_a_folder_is_no_column(tmp_path):
    write(tmp_path / "step=9" / "layer=x")
    assert read_recording(tmp_path / "step=9" / "layer=x").flow_steps.tolist() == [1, 2, 3, 4]


# --- states and files ----------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["complete", "stopped", "diverged"])
def test_closing_leaves_parquet_only(tmp_path, state):
    writer = write(tmp_path / "a", close=state)
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {"run.json", *(f"{name}.parquet" for name in TABLES)}
    before = (tmp_path / "a" / "run.json").read_bytes()
    writer.close("stopped")
    assert (tmp_path / "a" / "run.json").read_bytes() == before
    assert read_info(tmp_path / "a").state == state


def test_a_finding_after_the_end_does_not_open_it_again(tmp_path):
    writer = write(tmp_path / "a")
    writer.finding(Finding(4, "", "note", "late"))
    info = read_info(tmp_path / "a")
    assert (info.state, info.findings[-1].message) == ("complete", "late")


def test_an_error_in_the_block_is_a_stop(tmp_path):
    with pytest.raises(KeyError), RunWriter(tmp_path / "a", title="a"):
        raise KeyError
    assert read_info(tmp_path / "a").state == "stopped"


def test_a_recording_is_never_overwritten(tmp_path):
    write(tmp_path / "a")
    before = {path: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    with pytest.raises(InputError, match="already holds a recording; choose another folder"):
        RunWriter(tmp_path / "a", title="another")
    assert {path: path.read_bytes() for path in (tmp_path / "a").iterdir()} == before


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/run cannot be written: Not a directory\."):
        RunWriter(tmp_path / "file" / "run", title="a")


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(path, document):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(writing, "write_json", refuse)
    with pytest.raises(InputError, match=r"cannot be written: Permission denied\."):
        RunWriter(tmp_path / "a", title="a")


def test_settings_that_are_no_json(tmp_path):
    with pytest.raises(InputError, match="settings cannot be kept as JSON"):
        RunWriter(tmp_path / "a", title="a", settings={"classes": {(1, 2): "cat"}})
    assert find_runs(tmp_path) == ()


def test_rename(tmp_path):
    write(tmp_path / "a")
    rename(tmp_path / "a", "  An  other\nname " + "x" * 200)
    info = read_info(tmp_path / "a")
    assert info.title == ("An other name " + "x" * 200)[:120]
    assert (info.steps, info.state) == (4, "complete")
    with pytest.raises(InputError, match="needs a name"):
        rename(tmp_path / "a", " \n")
    with pytest.raises(InputError, match="no readable recording"):
        rename(tmp_path / "nowhere", "b")


def test_find_runs(tmp_path):
    assert find_runs(tmp_path / "nowhere") == ()
    for name in ("b", "a"):
        write(tmp_path / name, steps=1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "run.json").touch()
    assert find_runs(tmp_path) == (tmp_path / "a", tmp_path / "b")


# --- kills ---------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, {root!r})
from tests.test_recordings import flow_row
from vgg_viz.recordings import RunWriter
writer = RunWriter(Path({folder!r}), title="killed", planned_steps=1000)
for step in range(1, 1000):
    writer.scalars(step, {{"loss": 1 / step}})
    writer.flow(step, [flow_row("a", step), flow_row("b", -step)])
    writer.picture(step, "cam", np.full((5, 5), step))
    if step == {last}:
        writer.flush()
        print("flushed", flush=True)
        writer.scalars(step + 1, {{"loss": 0.0}})
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_loses_nothing_that_was_flushed(tmp_path):
    folder = tmp_path / "killed"
    program = KILLED.format(root=str(ROOT), folder=str(folder), last=37)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (run.returncode, run.stdout) == (-signal.SIGKILL, b"flushed\n"), run.stderr
    recording = read_recording(folder)
    assert recording.info.state == "interrupted"
    assert read_info(folder, alive=True).state == "running"
    assert recording.info.steps == 37
    assert recording.flow["z_std"][:, 1].tolist() == [-step for step in range(1, 38)]
    assert recording.scalars["loss"].values.tolist() == [np.float32(1 / s) for s in range(1, 38)]
    assert recording.pictures["cam"][:, 0, 0].tolist() == list(range(1, 38))
    with pytest.raises(InputError, match="already holds"):
        RunWriter(folder, title="again")


def test_reading_while_it_is_written(tmp_path):
    writer = RunWriter(tmp_path / "a", title="a")
    for step in range(1, 4):
        writer.flow(step, [flow_row("x", step)])
        recording = read_recording(tmp_path / "a", after=step - 1, alive=True)
        assert recording.flow["z_std"].tolist() == [[step]]
    writer.close()


@pytest.mark.parametrize("name", TABLES)
def test_a_stream_cut_anywhere_gives_whole_batches(tmp_path, name):
    """Every length from nothing to the whole: the rows are a prefix, and it grows with the file."""
    folder = tmp_path / "a"
    write(folder, steps=2, close="")
    path = folder / f"{name}.arrows"
    data = path.read_bytes()
    whole = files.read_stream(path, name)
    assert whole.num_rows >= 2
    seen = []
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        table = files.read_stream(path, name)
        assert table.equals(whole.slice(0, table.num_rows))
        seen.append(table.num_rows)
        if length % 97 == 0 or length > len(data) - 50:
            read_recording(folder)
    assert seen == sorted(seen)
    assert set(seen) == {0, whole.num_rows // 2, whole.num_rows}


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lengths=st.tuples(*[st.floats(0, 1)] * 3), junk=st.binary(max_size=40))
@example(lengths=(0.0, 0.0, 0.0), junk=b"")
@example(lengths=(1.0, 1.0, 1.0), junk=b"\xff" * 16)
def test_streams_cut_at_different_places_are_still_a_recording(
    tmp_path_factory, streams, lengths, junk
):
    """The three files need not end at the same step, and the last block may hold rubbish."""
    folder = tmp_path_factory.mktemp("cut")
    for (name, data), share in zip(streams.items(), lengths, strict=True):
        (folder / name).write_bytes(data[: int(share * len(data))])
    (folder / "run.json").write_bytes(DOCUMENT)
    with (folder / "layers.arrows").open("ab") as file:
        file.write(junk)
    recording = read_recording(folder)
    steps = recording.scalars["loss"].steps.tolist() if recording.scalars else []
    assert steps == list(range(1, len(steps) + 1))
    assert recording.flow_steps.tolist() == list(range(1, len(recording.flow_steps) + 1))
    assert recording.info.state == "interrupted"


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "a"
    write(folder, close="")
    return {f"{name}.arrows": (folder / f"{name}.arrows").read_bytes() for name in TABLES}


DOCUMENT = json.dumps(
    {
        "format": 1,
        "title": "cut",
        "created": "2026-01-01T00:00:00+00:00",
        "planned_steps": 9,
        "settings": {},
        "versions": {},
        "state": "running",
        "layers": ["conv1", "fc"],
        "findings": [],
        "steps": 0,
        "seconds": 0.0,
    }
).encode()


@pytest.mark.parametrize("survivor", range(6))
def test_a_kill_while_closing(tmp_path, monkeypatch, survivor):
    """Before each Parquet file, before the last run.json, and before each stream is deleted."""
    folder = tmp_path / "a"
    writer = RunWriter(folder, title="a")
    fill(writer)
    left = survivor

    class KilledError(BaseException): ...

    def dies(real):
        def step(*args, **kwargs):
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError
            return real(*args, **kwargs)

        return step

    monkeypatch.setattr(writing, "_write_parquet", dies(writing._write_parquet))
    monkeypatch.setattr(writing, "write_json", dies(writing.write_json))
    monkeypatch.setattr(Path, "unlink", dies(Path.unlink))
    with pytest.raises(KilledError):
        writer.close()
    abandon(writer)
    monkeypatch.undo()
    recording = read_recording(folder)
    assert recording.info.state == ("interrupted" if survivor < 4 else "complete")
    assert recording.flow["z_std"].tolist() == [[step, 10 * step] for step in range(1, 5)]
    assert recording.scalars["loss"].values.tolist() == [np.float32(1 / s) for s in range(1, 5)]
    assert recording.pictures["kernels"][:, 0, 0, 0, 0].tolist() == [1, 2, 3, 4]


# --- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": 1', "\x00" * 40, "[" * 100_000, '{"format": 1}'],
    ids=["empty", "open", "list", "null", "cut", "zeros", "deep", "bare"],
)
def test_a_damaged_run_json(tmp_path, text):
    write(tmp_path / "a")
    (tmp_path / "a" / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"choose a folder|record it again|newest vgg-viz"):
        read_info(tmp_path / "a")


def test_no_recording_at_all(tmp_path):
    with pytest.raises(InputError, match=r"no readable recording .* choose a folder that"):
        read_recording(tmp_path)


def test_bytes_that_are_no_text(tmp_path):
    write(tmp_path / "a")
    (tmp_path / "a" / "run.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no readable recording"):
        read_info(tmp_path / "a")


@pytest.mark.parametrize("number", [0, 2, "1", None, ...])
def test_a_format_of_another_version(tmp_path, number):
    write(tmp_path / "a")
    edit(tmp_path / "a", format=number)
    with pytest.raises(InputError, match="format this version does not know; install the newest"):
        read_info(tmp_path / "a")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "finished"),
        ("state", ["running"]),
        ("title", ...),
        ("steps", "many"),
        ("steps", INF),
        ("seconds", None),
        ("settings", "fast"),
        ("settings", 3),
        ("versions", None),
        ("layers", 5),
        ("findings", [{"step": 1}]),
        ("findings", ["nan"]),
        ("findings", {"a": 1}),
    ],
)
def test_foreign_values_in_run_json(tmp_path, field, value):
    write(tmp_path / "a")
    edit(tmp_path / "a", **{field: value})
    with pytest.raises(InputError, match=r"is damaged .* record it again"):
        read_info(tmp_path / "a")


@pytest.mark.parametrize("name", TABLES)
def test_a_missing_table(tmp_path, name):
    write(tmp_path / "a")
    (tmp_path / "a" / f"{name}.parquet").unlink()
    with pytest.raises(InputError, match=rf"is damaged .*{name}.* record it again"):
        read_recording(tmp_path / "a")


@pytest.mark.parametrize("name", TABLES)
def test_truncated_parquet(tmp_path, name):
    write(tmp_path / "a")
    path = tmp_path / "a" / f"{name}.parquet"
    data = path.read_bytes()
    for length in (0, 3, 8, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match="record it again"):
            read_recording(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("scalars", {"step": [1], "value": [1.0]}),
        ("scalars", {"step": ["one"], "name": ["loss"], "value": [1.0]}),
        ("scalars", {"step": [2**40], "name": ["loss"], "value": [1.0]}),
        ("layers", {"step": [1], "layer": ["conv1"]}),
        ("pictures", {"step": [1], "name": ["a"], "shape": [[2, 2]], "values": [[1.0]]}),
        ("pictures", {"step": [1], "name": ["a"], "shape": [[1]], "values": [None]}),
        (
            "pictures",
            {"step": [1, 2], "name": ["a"] * 2, "shape": [[1], [2]], "values": [[1.0], [1.0, 2.0]]},
        ),
    ],
)
def test_a_table_of_another_schema(tmp_path, name, table):
    write(tmp_path / "a")
    pq.write_table(pa.table(table), tmp_path / "a" / f"{name}.parquet")
    with pytest.raises(InputError, match="record it again"):
        read_recording(tmp_path / "a")


def test_a_stream_of_another_schema(tmp_path):
    write(tmp_path / "a", close="")
    table = pa.table({"step": [1], "other": [2]})
    with pa.ipc.new_stream(tmp_path / "a" / "scalars.arrows", table.schema) as stream:
        stream.write_table(table)
    with pytest.raises(InputError, match="record it again"):
        read_recording(tmp_path / "a")


def test_a_layer_that_run_json_does_not_know(tmp_path):
    write(tmp_path / "a")
    edit(tmp_path / "a", layers=["conv1"])
    with pytest.raises(InputError, match=r"is damaged .*fc.* record it again"):
        read_recording(tmp_path / "a")


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_flipped_bits_raise_nothing_else(tmp_path_factory, whole, data):
    """Whatever the disk did to a file: the recording is read, or refused with advice."""
    folder = tmp_path_factory.mktemp("bits") / "a"
    folder.mkdir()
    name = data.draw(st.sampled_from(sorted(whole)))
    for file, content in whole.items():
        changed = bytearray(content)
        if file == name:
            at = data.draw(st.integers(0, len(content) - 1))
            changed[at] ^= data.draw(st.integers(1, 255))
        (folder / file).write_bytes(changed)
    with suppress(InputError):
        assert read_recording(folder).info.run == "a"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bits") / "a"
    write(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}
