"""Live training, run by Streamlit's AppTest over trainings that only count."""

import time

import pytest

from dashboard import components
from pages import one_page, opened, texts
from vgg_viz import figures
from vgg_viz.requests import RecordingRequest


@pytest.fixture
def fake(fake):
    fake.training.step_seconds = 0.01
    yield fake
    for job in list(fake.training.jobs):
        fake.cancel(job)


@pytest.fixture
def mounted(monkeypatch):
    """What the component was given, newest last: (frame, resend callback)."""
    calls = []

    def mount(frame, *, key, on_resend):
        calls.append((frame, on_resend))

    monkeypatch.setattr(components, "training_replay", mount)
    return calls


@pytest.fixture
def app(fake, mounted):
    return opened(one_page("gradient_flow"), view="live")


def start(app, **values):
    for name, value in values.items():
        kind = {"steps": "number_input", "learning_rate": "number_input", "title": "text_input"}
        getattr(app, kind.get(name, "selectbox"))(key=f"train_{name}").set_value(value)
    app.button(key="FormSubmitter:training-Start").click().run()
    assert not app.exception
    return job_of(app)


def address(app, name):
    """The values of one parameter; AppTest tells a single one as itself or as a list."""
    value = app.query_params[name]
    return [value] if isinstance(value, str) else list(value)


def job_of(app):
    return address(app, "job")[-1], address(app, "run")[-1]


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def done(fake, run):
    return fake.training.known[run].done


def heads(mounted):
    return figures.unpack(mounted[-1][0])[0]["runs"]


def test_the_form_offers_what_the_service_describes(app, fake):
    assert "Nothing runs here yet" in app.info[0].value
    assert "staged" not in app.selectbox(key="train_initialization").options
    assert len(app.selectbox(key="train_initialization").options) == 7
    assert not any("BN" in title for title in app.selectbox(key="train_network").options)
    assert "a linear model fails on it" in texts(app)
    assert not app.exception


def test_what_the_form_says_is_what_is_trained(app, fake, mounted):
    app.toggle(key="train_batch_norm").set_value(True)
    job, run = start(app, network="vgg16", width=0.5, initialization="glorot", steps=50)
    asked = fake.training.jobs[job].job
    assert (asked.network, asked.width, asked.initialization) == ("vgg16", 0.5, "glorot")
    assert (asked.batch_norm, asked.steps, asked.data) == (True, 50, "shapes")
    assert asked.run == run
    assert asked.title == "VGG-16 (D) + batch norm, Glorot, SGD 0.01"


def test_pictures_bring_only_what_is_new(app, fake, mounted):
    _, run = start(app, steps=2000)
    until(lambda: done(fake, run) > 60)
    app.run()
    until(lambda: done(fake, run) > 120)
    app.run()
    until(lambda: done(fake, run) > 180)
    app.run()
    (head,) = heads(mounted)
    assert head["after"] > 50  # not from the start again
    header, parts = figures.unpack(mounted[-1][0])
    assert header["live"]
    assert "0.photo" not in parts
    assert len(mounted[-1][0]) < 60_000


def test_a_browser_that_lacks_steps_gets_them_all(app, fake, mounted):
    _, run = start(app, steps=2000)
    for least in (20, 40, 60):
        until(lambda least=least: done(fake, run) > least)
        app.run()
    assert heads(mounted)[0]["after"] >= 0
    app.session_state["live_sent"] = {}  # what the callback of "resend" does
    app.run()
    assert heads(mounted)[0]["after"] == -1


def test_a_training_is_paused_continued_and_stopped(app, fake, mounted):
    job, run = start(app, steps=2000)
    until(lambda: done(fake, run) > 5)
    app.button(key=f"pause_{run}").click().run()
    until(lambda: fake.events(job)[-1].message.startswith("Paused"))
    app.run()
    assert app.button(key=f"pause_{run}").label == "Continue"
    before = done(fake, run)
    app.button(key=f"pause_{run}").click().run()
    until(lambda: done(fake, run) > before)
    app.button(key=f"stop_{run}").click().run()
    until(lambda: fake.events(job)[-1].final)
    app.run()
    assert heads(mounted)[0]["state"] == "stopped"
    assert heads(mounted)[0]["last"] == done(fake, run)  # what was recorded is kept
    assert app.button(key=f"replay_{run}")
    assert not app.exception


def test_the_learning_rate_is_changed_while_it_runs(app, fake, mounted):
    _, run = start(app, steps=2000)
    until(lambda: done(fake, run) > 3)
    app.run()
    app.number_input(key=f"rate_{run}").set_value(0.5)
    app.button(key=f"apply_{run}").click().run()
    until(lambda: done(fake, run) > fake.training.known[run].rates[0][0])
    rates = fake.run(RecordingRequest(run)).scalars["learning_rate"].values
    assert rates[0] == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0.5)


def test_a_learning_rate_of_zero_is_explained(app, fake, mounted):
    _, run = start(app, steps=2000)
    until(lambda: done(fake, run) > 3)
    app.run()
    app.number_input(key=f"rate_{run}").set_value(0.0)
    app.button(key=f"apply_{run}").click().run()
    assert "positive number" in app.warning[0].value
    assert not app.exception


def test_a_second_training_waits_in_line_and_is_told_its_place(app, fake, mounted):
    _, first = start(app, steps=2000, title="One")
    until(lambda: done(fake, first) > 3)
    start(app, steps=2000, title="Two")
    assert len(address(app, "job")) == 2
    second = address(app, "run")[1]
    bars = " ".join(bar.text for bar in app.get("progress"))
    assert "2nd in line" in bars
    assert "**One** · step" in bars
    assert [head["title"] for head in heads(mounted)] == ["One"]  # nothing is mixed into it
    assert app.button(key=f"stop_{second}").label == "Leave the line"


def test_a_recording_is_laid_under_the_live_one(app, fake, mounted):
    _, run = start(app, steps=2000)
    until(lambda: done(fake, run) > 3)
    app.run()
    app.selectbox(key="live_compare").select("d-he").run()
    assert [head["run"] for head in heads(mounted)] == [run, "d-he"]
    assert heads(mounted)[1]["after"] == -1
    app.run()
    app.run()
    assert heads(mounted)[1]["after"] >= 0  # sent once
    assert not app.exception


def test_a_diverging_training_ends_as_a_result(app, fake, mounted):
    fake.training.diverges_at = 7
    job, _ = start(app, steps=40, learning_rate=5.0)
    until(lambda: fake.events(job)[-1].final)
    app.run()
    assert "**diverged at step 7: loss is NaN, first in conv4_2**" in texts(app)
    assert heads(mounted)[0]["findings"][0]["kind"] == "diverged"
    assert not app.error


def test_files_that_cannot_be_read_are_listed(app, fake, mounted):
    fake.training.broken_files = ("a.jpg", "b.jpg", "c.jpg")
    _, run = start(app, steps=2000)
    until(lambda: done(fake, run) > 3)
    app.run()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        assert f"{name} cannot be read" in texts(app)


def test_after_a_restart_of_the_server_the_recording_is_shown_as_it_is(app, fake, mounted):
    job, run = start(app, steps=2000)
    until(lambda: done(fake, run) > 20)
    fake.cancel(job)
    until(lambda: fake.events(job)[-1].final)
    state = fake.training.known[run]
    state.info = type(state.info)(**{**vars(state.info), "state": "running"})
    fake.training.jobs.clear()
    app.run()
    assert "no longer knows this training" in texts(app)
    assert heads(mounted)[0]["state"] == "interrupted"
    assert not app.exception


def test_a_link_to_a_training_that_is_gone_is_explained(fake, mounted):
    app = one_page("gradient_flow")
    app.query_params["view"] = "live"
    app.query_params["job"] = "training-gone"
    app.query_params["run"] = "gone"
    app.run()
    assert "is not here any more" in app.warning[0].value
    assert not app.exception


def test_a_finished_training_is_named_deleted_and_replayed(app, fake, mounted):
    job, run = start(app, steps=12)
    until(lambda: fake.events(job)[-1].final)
    app.run()
    app.text_input(key=f"title_{run}").input("Kept")
    app.button(key=f"rename_{run}").click().run()
    assert "**Kept**" in texts(app)
    app.button(key=f"replay_{run}").click().run()
    assert address(app, "view") == ["replay"]
    assert address(app, "run") == [run]
    assert not app.exception


def test_deleting_forgets_the_recording(app, fake, mounted):
    job, run = start(app, steps=12)
    until(lambda: fake.events(job)[-1].final)
    app.run()
    app.checkbox(key=f"sure_{run}").check().run()
    app.button(key=f"delete_{run}").click().run()
    assert run not in fake.training.known
    assert "job" not in app.query_params
    assert "Nothing runs here yet" in app.info[0].value
