"""Training replay, run by Streamlit's AppTest over recordings without trainings."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

import pages
from dashboard import components, run_words
from dashboard.run_files import layers_file, scalars_file, settings_file
from fake_runs import CHANCE, FakeTraining
from pages import one_page, texts, whole_app
from vgg_viz import figures
from vgg_viz.errors import OutOfMemoryError, UnknownNameError
from vgg_viz.requests import RecordingRequest, TrainingJob
from vgg_viz.results import Series

GONE = UnknownNameError("No weights of a-glorot were kept after step 599.")


@pytest.fixture
def frames(monkeypatch):
    """What the component was given, newest last."""
    sent = []
    monkeypatch.setattr(components, "training_replay", lambda frame, **_: sent.append(frame))
    return sent


@pytest.fixture
def app(fake, frames):
    return one_page("gradient_flow")


def opened(app, **params):
    return pages.opened(app, view="replay", **params)


def shown(frames):
    return [run["run"] for run in figures.unpack(frames[-1])[0]["runs"]]


def finished(fake, steps=12, **job):
    """A recording of one's own."""
    fake.training.step_seconds = 0
    name = fake.submit(TrainingJob("mine-1", "Mine", steps=steps, **job))
    while not fake.events(name)[-1:] or not fake.events(name)[-1].final:
        pass


def test_the_first_two_recordings_are_laid_over_each_other(app, frames):
    opened(app)
    assert shown(frames) == ["d-std-001", "d-he"]
    words = texts(app)
    assert "D from scratch, std 0.01** **did not leave the plateau**: validation loss 2.29" in words
    assert "guessing the commonest classes gives 2.30" in words
    assert "D from scratch, He** **learnt**: validation loss 0.6" in words
    assert "They differ in Initialisation: normal, std 0.01 / He, fan-in." in words
    assert "weights of this training itself" in words
    assert "seed 0" in words
    assert "torch 2.14.1" in words
    assert "0.photo" in figures.unpack(frames[-1])[1]


def test_settings_are_told_in_words_and_differences_are_bold(app):
    opened(app)
    table = next(m.value for m in app.expander[0].markdown)
    assert "| Network | VGG-16 (D) | VGG-16 (D) |" in table.replace("\\", "")
    assert "| **Initialisation** | **normal, std 0.01** | **He, fan-in** |" in table
    assert "| Optimiser | SGD, momentum 0.9 |" in table
    assert "chance" not in table


def test_a_link_opens_its_runs_and_a_pick_writes_the_link(app, frames):
    opened(app, run="a-glorot")
    assert shown(frames) == ["a-glorot"]
    app.selectbox(key="replay_compare").select("d-he").run()
    assert shown(frames) == ["a-glorot", "d-he"]
    assert "d-he" in app.query_params["compare"]
    app.selectbox(key="replay_run").select("d-he").run()  # not with itself
    assert shown(frames) == ["d-he"]
    assert "compare" not in app.query_params
    assert not app.exception


def test_a_link_to_a_recording_that_is_gone_is_explained(app, frames):
    opened(app, run="gone-1")
    app.run()
    assert "`gone-1`, which is not here" in app.warning[0].value
    assert shown(frames) == ["d-std-001"]


def test_a_diverged_run_is_a_result_with_a_name(app):
    opened(app, run="d-variance-001")
    assert "**diverged at step 37: loss is NaN, first in conv4_2**" in texts(app)
    assert not app.error


def test_without_recordings_the_page_says_how_to_make_one(app, fake, frames):
    fake.training.known.clear()
    opened(app)
    assert "no recording here yet" in app.info[0].value
    assert not frames


def test_a_recording_that_cannot_be_read_is_a_message(app, fake):
    fake.errors = {RecordingRequest: OutOfMemoryError("Too little memory for this recording.")}
    opened(app)
    assert app.error[0].value == "Too little memory for this recording."


def test_ones_own_recording_is_named_and_deleted_after_asking(app, fake, frames):
    finished(fake)
    opened(app, run="mine-1")
    app.text_input(key="title_mine-1").input("A better name")
    app.button(key="rename_mine-1").click().run()
    assert "A better name" in texts(app)
    assert app.button(key="delete_mine-1").disabled
    app.checkbox(key="sure_mine-1").check().run()
    app.button(key="delete_mine-1").click().run()
    assert "mine-1" not in [info.run for info in fake.runs()]
    assert shown(frames) == ["d-std-001", "d-he"]
    assert not app.exception


def test_bundled_recordings_cannot_be_renamed(app):
    opened(app)
    assert not app.text_input
    assert not [button for button in app.button if "delete" in (button.key or "")]


def test_files_hold_the_recorded_numbers():
    recording = FakeTraining().recording(RecordingRequest("d-variance-001"))
    rows = list(csv.DictReader(io.StringIO(scalars_file(recording).decode())))
    assert [row["step"] for row in rows] == [str(step) for step in range(38)]
    assert float(rows[5]["loss"]) == float(recording.scalars["loss"].values[5])
    assert rows[37]["loss"] == "nan"
    assert rows[1]["validation_loss"] == ""  # not measured at this step
    layers = list(csv.DictReader(io.StringIO(layers_file(recording).decode())))
    assert len(layers) == 19 * 16
    assert (layers[17]["step"], layers[17]["layer"]) == ("2", "conv1_2")
    assert float(layers[17]["z_std"]) == float(recording.flow["z_std"][1, 1])
    document = json.loads(settings_file(recording))
    assert document["settings"]["initialization"] == "variance_0.01"
    assert document["findings"][-1]["message"].startswith("diverged at step 37")


def recording_with(settings=None, **scalars):
    made = FakeTraining().recording(RecordingRequest("d-he"))
    info = replace(made.info, settings=settings or {})
    steps = np.arange(100, dtype=np.int32)
    filled = {name: Series(steps, np.full(100, v, np.float32)) for name, v in scalars.items()}
    return replace(made, info=info, scalars=filled)


@pytest.mark.parametrize(
    ("settings", "scalars", "words"),
    [
        ({"chance_loss": CHANCE}, {"validation_loss": CHANCE}, "did not leave the plateau"),
        ({"chance_loss": CHANCE}, {"validation_loss": 0.9 * CHANCE}, "learnt"),
        (
            {"chance_loss": CHANCE, "commonest_share": 0.125},
            {"validation_loss": CHANCE},
            "guessing the commonest classes gives 2.30 and accuracy 12.5 %.",
        ),
        ({}, {"validation_loss": CHANCE}, "ended with validation loss 2.30 after 599 steps."),
        ({}, {"loss": 1.0}, "training loss (mean of the last 20) 1.00 after 599 steps."),
        ({"chance_loss": float("nan")}, {"loss": 1.0}, "ended with"),
        ({}, {}, "No loss was recorded."),
    ],
)
def test_the_outcome_says_what_the_numbers_say(settings, scalars, words):
    assert words in run_words.outcome(recording_with(settings, **scalars))


def test_copied_layers_are_told_and_empty_settings_are_not(fake):
    made = recording_with({"copied": [["conv1_1", "conv1_1"], ["conv2_1", "conv1_2"]], "flip": []})
    words = run_words.in_words(made.info, fake.describe())
    assert words["Copied"] == "conv1_1 to conv1_1, conv2_1 to conv1_2"
    assert "Flip" not in words


def test_what_stayed_on_the_plateau_is_told_beside_what_left_it(app):
    opened(app, run="d-std-001")
    assert "What let VGG-16 (D) leave it, all else equal: D from scratch, He." in texts(app)


def test_where_nothing_helped_that_is_said(app, fake):
    del fake.training.known["d-he"]
    opened(app, run="d-std-001")
    assert "No other recorded training of VGG-16 (D) left it either." in texts(app)
    opened(app, run="a-glorot")
    assert "leave it" not in texts(app)


def test_kept_weights_open_on_compare(fake):
    app = whole_app()
    app.switch_page("app_pages/gradient_flow.py")
    opened(app, run="a-glorot")
    picker = app.selectbox(key="weights_a-glorot")
    assert (picker.options, picker.value) == (["after step 10", "after step 599"], 599)
    picker.select(10).run()
    app.button(key="open_a-glorot").click().run()
    assert not app.exception
    assert app.selectbox(key="right_model").value == "vgg16:file-1a2b3c4d"
    assert "file a\\-glorot, step 10" in " ".join(e.value for e in app.markdown)


def test_weights_that_are_gone_are_a_message(app, fake, monkeypatch):
    opened(app, run="a-glorot")
    monkeypatch.setattr(fake.training, "weights", lambda *_: (_ for _ in ()).throw(GONE))
    app.button(key="open_a-glorot").click().run()
    assert not app.exception
    assert "kept after step 599" in app.error[0].value


def test_all_recordings_at_a_glance_say_what_rescued_what(app, fake):
    opened(app)
    assert not app.dataframe
    app.session_state["run_overview"] = True
    app.run()
    assert not app.exception
    table = app.dataframe[0].value
    outcomes = dict(zip(table["Training"], table["Outcome"], strict=True))
    assert outcomes["D from scratch, He"] == "learnt"
    assert outcomes["D from scratch, std 0.01"] == "stayed on the plateau"
    assert outcomes["D, variance 0.01 as printed"] == "diverged or unknown"
    words = (
        "**VGG-16 (D)**: left the plateau: D from scratch, He; did not: D from scratch, std 0.01."
    )
    assert words in texts(app)
