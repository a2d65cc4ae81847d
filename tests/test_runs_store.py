"""Recordings by name: bundled and own, running and interrupted, renamed, deleted, never a path."""

import json

import pytest

from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.recordings import RunWriter
from vgg_viz.service.runs import RunStore, runs_folder


def record(folder, *, title="a run", created="2026-01-01T00:00:00+00:00", state="complete"):
    writer = RunWriter(folder, title=title, settings={"network": "vgg11"}, planned_steps=3)
    for step in (1, 2, 3):
        writer.scalars(step, {"loss": 3.0 / step})
    writer.close(state)
    document = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**document, "created": created}))


@pytest.fixture
def bundled(tmp_path):
    for name in ("d-std", "a-std"):
        record(tmp_path / "bundled" / name, title=f"shipped {name}")
    return tmp_path / "bundled"


@pytest.fixture
def store(tmp_path, bundled):
    record(tmp_path / "own" / "older", created="2026-02-01T00:00:00+00:00")
    record(tmp_path / "own" / "newer", created="2026-03-01T00:00:00+00:00")
    return RunStore(tmp_path / "own", bundled)


def title_of(store, run):
    return next(info.title for info in store.infos() if info.run == run)


def test_bundled_ones_come_first_then_ones_own_newest_first(store):
    infos = store.infos()
    assert [info.run for info in infos] == ["a-std", "d-std", "newer", "older"]
    assert [info.bundled for info in infos] == [True, True, False, False]
    assert {info.state for info in infos} == {"complete"}


def test_no_folder_at_all_is_no_recording(tmp_path):
    assert RunStore(tmp_path / "none", tmp_path / "neither").infos() == ()
    assert not (tmp_path / "none").exists()


def test_a_recording_is_read_whole_or_from_a_step_on(store):
    whole = store.recording("newer").scalars["loss"]
    assert whole.steps.tolist() == [1, 2, 3]
    assert whole.values.tolist() == [3.0, 1.5, 1.0]
    assert store.recording("newer", after=2).scalars["loss"].steps.tolist() == [3]
    assert store.recording("d-std").info.bundled


def test_a_damaged_one_is_left_out_and_the_others_are_there(store, tmp_path, caplog):
    (tmp_path / "own" / "older" / "run.json").write_text("{")
    assert [info.run for info in store.infos()] == ["a-std", "d-std", "newer"]
    assert "older" in caplog.text
    with pytest.raises(InputError):
        store.recording("older")


NOT_NAMES = [
    "",
    ".",
    "..",
    "../own/newer",
    "own/newer",
    "/etc",
    "a\\b",
    ".hidden",
    "a\0b",
    "x" * 200,
]


@pytest.mark.parametrize("name", NOT_NAMES)
def test_no_name_is_a_path(store, name):
    for ask in (store.recording, store.delete, store.exists):
        with pytest.raises(InputError, match="cannot name a recording"):
            ask(name)
    with pytest.raises(InputError), store.writing(name):
        pass


def test_an_unknown_one_is_said_to_be_unknown(store):
    for ask in (store.recording, store.delete, lambda run: store.rename(run, "x")):
        with pytest.raises(UnknownNameError, match="no recording nothing"):
            ask("nothing")


def test_ones_own_can_be_renamed_and_deleted(store, tmp_path):
    store.rename("newer", "  the one\nwith He ")
    assert title_of(store, "newer") == "the one with He"
    with pytest.raises(InputError, match="needs a name"):
        store.rename("newer", "  ")
    store.delete("newer")
    assert [info.run for info in store.infos()] == ["a-std", "d-std", "older"]
    assert [place.name for place in (tmp_path / "own").iterdir()] == ["older"], "nothing is left"


def test_bundled_ones_stay_as_they_are(store, bundled):
    with pytest.raises(InputError, match="cannot be renamed"):
        store.rename("d-std", "mine")
    with pytest.raises(InputError, match="cannot be deleted"):
        store.delete("d-std")
    assert title_of(store, "d-std") == "shipped d-std"


def test_an_own_one_cannot_hide_a_bundled_one(store, tmp_path):
    record(tmp_path / "own" / "d-std", title="mine")
    assert [info.title for info in store.infos() if info.run == "d-std"] == ["shipped d-std"]
    with pytest.raises(InputError, match="already"), store.writing("d-std"):
        pass


def test_one_that_is_written_is_running_and_cannot_be_deleted(store):
    with store.writing("now") as folder:
        assert store.infos()[0].run == "a-std"
        writer = RunWriter(folder, title="live", planned_steps=10)
        writer.scalars(1, {"loss": 2.0})
        writer.flush()
        states = {info.run: info.state for info in store.infos()}
        assert states["now"] == "running"
        assert store.recording("now").info.state == "running"
        assert store.recording("now").scalars["loss"].values.tolist() == [2.0]
        assert store.stamp("now") is None, "what grows is not cached"
        with pytest.raises(InputError, match="stop it first"):
            store.delete("now")
        with pytest.raises(InputError, match="already"), store.writing("now"):
            pass
        writer.close("stopped")
    assert store.recording("now").info.state == "stopped"
    store.delete("now")


def test_one_whose_writer_was_killed_is_interrupted(store):
    with store.writing("killed") as folder:
        writer = RunWriter(folder, title="live", planned_steps=10)
        writer.scalars(7, {"loss": 2.0})
        writer.flush()
    found = store.recording("killed")
    assert (found.info.state, found.info.steps) == ("interrupted", 7)
    for file in writer._files.values():
        file.close()
    store.delete("killed")


def test_a_title_given_while_it_is_written_outlives_the_writer(store):
    with store.writing("now") as folder:
        writer = RunWriter(folder, title="old", planned_steps=10)
        store.rename("now", "better")
        assert title_of(store, "now") == "better"
        assert store.recording("now").info.title == "better"
        with pytest.raises(InputError, match="needs a name"):
            store.rename("now", " ")
        writer.close()
    assert title_of(store, "now") == "better"
    assert json.loads((folder / "run.json").read_text())["title"] == "better"


def test_weights_are_handed_out_where_they_were_kept(store, tmp_path):
    folder = tmp_path / "own" / "older"
    assert store.infos()[-1].run == "older"
    (folder / "weights-00007.safetensors").write_bytes(b"seven")
    (folder / "weights-00012.safetensors").write_bytes(b"twelve")
    (folder / "weights-mine.safetensors").write_bytes(b"no step")
    assert store.infos()[-1].weights == (7, 12)
    assert store.weights("older", 12) == b"twelve"
    with pytest.raises(UnknownNameError, match="No weights of older were kept after step 8"):
        store.weights("older", 8)
    with pytest.raises(InputError):
        store.weights("../old", 7)


def test_a_stamp_changes_with_the_recording(store, tmp_path):
    before = store.stamp("newer")
    assert before is not None
    assert store.stamp("newer") == before
    store.rename("newer", "another")
    assert store.stamp("newer") != before


def test_a_folder_that_cannot_be_written_is_said(store, tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(InputError, match=r"cannot be deleted: Permission denied\. Check"):
        store.delete("newer")


def test_the_environment_says_where_ones_own_are(monkeypatch, tmp_path):
    monkeypatch.setenv("VGG_VIZ_RUNS", str(tmp_path / "mine"))
    assert runs_folder() == tmp_path / "mine"
    monkeypatch.delenv("VGG_VIZ_RUNS")
    assert runs_folder().parts[-2:] == ("vgg-viz", "runs")
