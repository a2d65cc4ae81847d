"""Trainings on the server: real child processes, steered, queued, stopped and killed."""

import io
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vgg_viz.errors import InputError, JobError, UnknownNameError
from vgg_viz.requests import (
    FetchWeightsJob,
    GradientFlowRequest,
    RecordingRequest,
    Steering,
    TrainingJob,
    new_run,
)
from vgg_viz.results import Recording, Series
from vgg_viz.service import training as service_training
from vgg_viz.service.execution import Executor
from vgg_viz.service.local import LocalService
from vgg_viz.service.runs import RunStore
from vgg_viz.training import live
from vgg_viz.training.live import Control, Order, Report

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 150  # seconds for one thing to happen, on a machine that does much else


def tiny(title="tiny", **changes):
    """A training of some 20 ms a step."""
    job = TrainingJob(
        new_run(title), title, width=1 / 16, data="digits", batch=8, every=5, steps=20
    )
    return replace(job, **changes)


def make_photos(folder, broken=0):
    for label, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for index in range(8):
            rng = np.random.default_rng(100 * label + index)
            pixels = rng.integers(128 * label, 128 * (label + 1), (40, 40, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    for index in range(broken):
        (folder / "dark" / f"broken{index}.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    make_photos(folder / "photos", broken=3)
    (folder / "empty").mkdir()
    return folder


@pytest.fixture(scope="module")
def service(place):
    photos = [place / "photos", place / "empty"]
    with LocalService("cpu", runs=place / "runs", photos=photos) as service:
        yield service


def until(condition, what):
    """Wait for the first true value of `condition()`, and return it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {PATIENCE} s")


def said(service, job, text):
    return until(
        lambda: next((e for e in service.events(job) if text in e.message), None),
        f"{text!r} after {service.events(job)[-1]}",
    )


def final(service, job):
    return until(lambda: (e := service.events(job)[-1]).final and e, "the end")


def child_of(service):
    (child,) = service._trainings._children.values()
    return child


def gone(pid):
    """No process of this id any more, or one that only waits for its parent to look."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def info_of(service, run):
    return next(info for info in service.runs() if info.run == run)


# --- with a process of its own -------------------------------------------------------------------


def test_two_people_train_one_after_the_other_and_nothing_is_mixed(service, place):
    first = tiny("first", seed=1)
    second = replace(first, run=new_run("second"), title="second", learning_rate=0.02)
    third = replace(first, run=new_run("third"), title="third")
    one, two, three = map(service.submit, (first, second, third))
    assert len({one, two, three}) == 3, "the same settings under other names are other jobs"
    assert service.submit(second) == two, "the same job is joined"
    assert service.events(two)[-1].message == "1 training is before yours."
    assert service.events(three)[-1].message == "2 trainings are before yours."
    with pytest.raises(JobError, match="not begun"):
        service.steer(two, Steering(paused=True))
    service.cancel(three)
    assert service.events(three)[-1].state == "cancelled", "at once"
    said(service, one, "step 1 of 20, loss ")
    assert info_of(service, first.run).state == "running"
    with pytest.raises(InputError, match="stop it first"):
        service.delete_run(first.run)
    assert service.events(two)[-1].state == "queued", "one at a time"

    done = final(service, one)
    assert (done.state, done.progress) == ("done", 1.0)
    assert done.message.startswith("All 20 steps are done, loss ")
    assert final(service, two).state == "done"
    shares = [e.progress for e in service.events(two) if e.message.startswith("step ")]
    assert shares == sorted(shares)

    recordings = {}
    for job in (first, second):
        found = service.run(RecordingRequest(job.run))
        assert isinstance(found, Recording)
        assert (found.info.title, found.info.state, found.info.steps) == (job.title, "complete", 20)
        assert found.info.settings["data"] == "digits"
        assert found.scalars["loss"].steps.tolist() == list(range(1, 21))
        assert found.scalars["learning_rate"].values[-1] == pytest.approx(job.learning_rate)
        assert found.flow_steps.tolist() == [1, 5, 10, 15, 20]
        recordings[job.run] = found
    assert third.run not in {info.run for info in service.runs()}
    losses = [found.scalars["loss"].values for found in recordings.values()]
    assert losses[0][0] == losses[1][0], "the same first weights and the same first batch"
    assert losses[0][-1] != losses[1][-1]

    assert service.run(RecordingRequest(first.run)) is recordings[first.run], "read once"
    later = service.run(RecordingRequest(first.run, after=15))
    assert later.scalars["loss"].steps.tolist() == [16, 17, 18, 19, 20]
    service.rename_run(first.run, "the one to keep")
    assert service.run(RecordingRequest(first.run)).info.title == "the one to keep"
    with pytest.raises(InputError, match="already"):
        service.submit(first)
    service.delete_run(first.run)
    with pytest.raises(UnknownNameError):
        service.run(RecordingRequest(first.run))
    assert service.run(RecordingRequest(second.run)).info.title == "second"


def test_a_training_is_paused_changed_continued_and_stopped(service):
    job = tiny("steered", steps=5000, learning_rate=0.002)
    name = service.submit(job)
    said(service, name, "step 1 of 5000")
    service.steer(name, Steering(paused=True))
    paused = said(service, name, "Paused at step ")
    assert paused.message.endswith(" of 5000.")
    at = int(paused.message.split()[3])
    time.sleep(0.7)
    assert service.events(name)[-1] == paused, "nothing moves"
    for rate in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="positive number"):
            service.steer(name, Steering(learning_rate=rate))
    service.steer(name, Steering(learning_rate=0.004))
    time.sleep(0.3)
    assert service.events(name)[-1] == paused, "a new learning rate does not continue it"
    service.steer(name, Steering(paused=False))
    until(lambda: len(service.events(name, paused.number)) >= 4, "more steps")
    began = time.monotonic()
    seen = len(service.events(name))
    time.sleep(2)
    told = len(service.events(name)) - seen
    assert told <= 2 * (time.monotonic() - began) + 2, "about two a second"
    service.cancel(name)
    end = final(service, name)
    assert end.state == "cancelled"
    assert "the recording is kept" in end.message
    found = service.run(RecordingRequest(job.run))
    assert found.info.state == "stopped"
    assert end.message.startswith(f"Stopped at step {found.info.steps} of 5000")
    rate = found.scalars["learning_rate"]
    full = np.minimum(1, rate.steps / 50)  # the warm-up
    after = rate.steps > at
    assert after.any()
    np.testing.assert_allclose(rate.values[~after], 0.002 * full[~after], rtol=1e-5)
    np.testing.assert_allclose(rate.values[after], 0.004 * full[after], rtol=1e-5)
    with pytest.raises(JobError, match="has ended"):
        service.steer(name, Steering(paused=True))


def test_a_killed_child_fails_alone_and_the_next_one_diverges_by_name(service, caplog):
    killed, diverging = tiny("killed", steps=5000), tiny("high", learning_rate=1e6, every=1)
    one, two = service.submit(killed), service.submit(diverging)
    said(service, one, "step 1 of 5000")
    until(lambda: service.run(RecordingRequest(killed.run)).info.steps >= 5, "a few steps")
    os.kill(child_of(service).pid, signal.SIGKILL)
    end = final(service, one)
    assert end.state == "failed"
    assert "ended unexpectedly (killed by signal 9; step " in end.message
    assert "is kept" in end.message
    assert killed.run in caplog.text
    found = service.run(RecordingRequest(killed.run))
    assert found.info.state == "interrupted"
    assert found.scalars["loss"].steps.tolist() == list(range(1, found.info.steps + 1))
    service.delete_run(killed.run)

    end = final(service, two)
    assert end.state == "done", "a result, not a failure"
    assert end.message.startswith("diverged at step ")
    found = service.run(RecordingRequest(diverging.run))
    assert found.info.state == "diverged"
    (finding,) = [f for f in found.info.findings if f.kind == "diverged"]
    assert end.message == f"{finding.message}."
    assert finding.layer in found.info.layers


def test_closing_the_service_ends_the_child_within_seconds(tmp_path):
    with LocalService("cpu", runs=tmp_path, photos=()) as service:
        job = tiny("closed", steps=5000)
        name = service.submit(job)
        waiting = service.submit(tiny("waiting"))
        said(service, name, "step 1 of 5000")
        pid = child_of(service).pid
        began = time.monotonic()
    assert time.monotonic() - began < 15
    with pytest.raises(ProcessLookupError):  # not even a zombie
        os.kill(pid, 0)
    assert service.events(name)[-1].state == service.events(waiting)[-1].state == "cancelled"
    (info,) = [info for info in service.runs() if not info.bundled]
    assert (info.run, info.state) == (job.run, "stopped")


SERVER = """
import sys, time
from pathlib import Path
from vgg_viz.requests import TrainingJob
from vgg_viz.service.local import LocalService

service = LocalService("cpu", runs=Path(sys.argv[1]), photos=())
job = TrainingJob("run", "run", width=1 / 16, data="digits", batch=8, every=5, steps=5000)
name = service.submit(job)
while "step 1 of" not in service.events(name)[-1].message:
    time.sleep(0.02)
(child,) = service._trainings._children.values()
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_killed_server_leaves_no_child_and_a_recording_that_opens(tmp_path):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        pid = int(server.stdout.readline())
        assert not gone(pid)
        folder = tmp_path / "run"
        store = RunStore(tmp_path, tmp_path / "none")
        until(lambda: store.recording("run").info.steps >= 5, "a few steps")
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    until(lambda: gone(pid), "the end of the child")
    found = store.recording("run")
    assert found.info.state == "stopped", "closed properly by the child itself"
    assert found.scalars["loss"].steps.tolist() == list(range(1, found.info.steps + 1))
    assert not list(folder.glob("*.arrows"))


def test_a_refused_folder_is_a_failed_job_that_says_why(service):
    name = service.submit(tiny("nothing there", data="folder:empty"))
    end = final(service, name)
    assert end.state == "failed"
    assert end.message.startswith("The folder empty holds no photos; put photos into empty/<class>")


# --- what is asked for ---------------------------------------------------------------------------


def test_the_service_describes_what_can_be_trained(service, place):
    described = service.describe()
    assert {"vgg11", "vgg16_bn", "zfnet_b"} <= {network.name for network in described.networks}
    assert {"std_0.01", "he_fan_in", "staged"} <= {i.name for i in described.initializations}
    names = [data.name for data in described.datasets]
    assert names == ["shapes", "digits", "folder:photos", "folder:empty"]
    assert str(place) not in repr(described)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "number of steps is 0; give a whole number from 1 to 5000"),
        ({"steps": 5001}, "from 1 to 5000"),
        ({"steps": 1.5}, "from 1 to 5000"),
        ({"steps": math.nan}, "from 1 to 5000"),
        ({"minutes": 0}, "0 minutes are out of range"),
        ({"minutes": 61}, "at most 60"),
        ({"minutes": math.nan}, "at most 60"),
        ({"batch": 1}, "batch is 1; give a whole number from 2 to 256"),
        ({"batch": 257}, "from 2 to 256"),
        ({"width": 0}, "width of 0 is out of range"),
        ({"width": 1.01}, "above 0 and up to 1"),
        ({"width": math.nan}, "above 0 and up to 1"),
        ({"learning_rate": 0}, "learning rate of 0 does not work; give a positive number"),
        ({"learning_rate": -0.1}, "positive number"),
        ({"learning_rate": math.inf}, "positive number"),
        ({"every": 0}, "between two measurements is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"title": "  "}, "a name of 1 to 120 characters"),
        ({"title": "x" * 121}, "a name of 1 to 120 characters"),
        ({"run": "../elsewhere"}, "cannot name a recording"),
        ({"run": ""}, "cannot name a recording"),
        ({"network": "resnet"}, "Unknown network 'resnet'"),
        ({"network": "resnet", "batch_norm": True}, "Unknown network 'resnet'"),
        ({"network": "zfnet_b", "batch_norm": True}, "not offered with batch normalisation"),
        ({"initialization": "staged"}, "Unknown initialisation 'staged'"),
        ({"optimizer": "lion"}, "Unknown optimiser 'lion'; choose one of: sgd, adam"),
        ({"data": "folder:/etc"}, "Unknown data set"),
        ({"data": "/etc"}, "Unknown data set"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_it_is_queued(service, changes, message):
    before = service._trainings._registry.active()
    with pytest.raises(InputError, match=message):
        service.submit(tiny(**changes))
    assert service._trainings._registry.active() == before


def test_batch_normalisation_is_part_of_the_networks_name():
    network_of = service_training.network_of
    assert network_of(tiny(network="vgg16", batch_norm=True)) == "vgg16_bn"
    assert network_of(tiny(network="vgg16_bn", batch_norm=True)) == "vgg16_bn"
    assert network_of(tiny(network="vgg16")) == "vgg16"


def test_unknown_jobs_and_jobs_of_another_kind_cannot_be_steered(service):
    with pytest.raises(JobError, match="not known"):
        service.steer("nope", Steering(paused=True))
    with pytest.raises(JobError, match="not known"):
        service.events("nope")


def test_fetching_weights_does_not_wait_behind_trainings(tmp_path, monkeypatch):
    monkeypatch.setattr("vgg_viz.service.local.fetch_weights", lambda _: "Fetched.")
    gate = threading.Event()
    with LocalService("cpu", runs=tmp_path, photos=()) as service:
        monkeypatch.setattr(
            service._trainings._registry, "_run", lambda _: gate.wait(PATIENCE) and "Trained."
        )
        for _ in range(3):
            training = service.submit(tiny())
        fetching = service.submit(FetchWeightsJob("vgg16:imagenet"))
        assert final(service, fetching).message == "Fetched."
        assert service.events(training)[-1].state == "queued"
        gate.set()
        assert final(service, training).message == "Trained."


def test_a_run_name_is_taken_as_soon_as_it_is_asked_for(tmp_path, monkeypatch):
    gate = threading.Event()
    with LocalService("cpu", runs=tmp_path, photos=()) as service:
        monkeypatch.setattr(
            service._trainings._registry, "_run", lambda _: gate.wait(PATIENCE) and "Trained."
        )
        job = tiny()
        assert service.submit(job) == service.submit(job)
        with pytest.raises(InputError, match="another name"):
            service.submit(replace(job, steps=7))
        gate.set()


@pytest.fixture
def offered(monkeypatch, tmp_path):
    """A service as the dashboard makes it: by its environment alone."""
    make_photos(tmp_path / "flowers")
    monkeypatch.setenv("VGG_VIZ_PHOTOS", f"{tmp_path / 'flowers'}{os.pathsep}{tmp_path / 'gone'}")
    monkeypatch.setenv("VGG_VIZ_RUNS", str(tmp_path / "runs"))
    with LocalService("cpu") as service:
        yield service


def test_the_environment_offers_folders_and_says_where_runs_live(offered, tmp_path):
    assert offered.describe().datasets[-1].name == "folder:flowers"
    assert len(offered.describe().datasets) == 3
    assert offered._runs._own == tmp_path / "runs"


# --- the child's work, in this process -----------------------------------------------------------


class Said(Report):
    """A report that keeps what is said."""

    def __init__(self):
        self.stream = io.StringIO()
        super().__init__(self.stream)

    @property
    def lines(self):
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def control():
    """A control and the end of its pipe that the server would hold."""
    source, end = os.pipe()
    with open(end, "w", buffering=1) as server:  # noqa: PTH123 - a file descriptor
        yield Control(source), server
    # A listener that has not heard of the end yet would read the next pipe of the same number.
    for thread in threading.enumerate():
        if thread.name == "control":
            thread.join(PATIENCE)
    os.close(source)


@pytest.fixture(autouse=True)
def at_normal_priority(monkeypatch):
    monkeypatch.setattr(os, "nice", lambda _: 0)


def order(tmp_path, **changes):
    job = tiny(**changes)
    return Order(job, job.network, 32, str(tmp_path / job.run), device="cpu")


def test_broken_photos_are_named_in_the_recording_and_in_the_last_message(tmp_path, control):
    folder = make_photos(tmp_path / "flowers", broken=3)
    asked = order(tmp_path, data="folder:flowers", steps=2)
    asked = replace(asked, data_folders={"folder:flowers": str(folder)})
    ending, message = live.train(asked, control[0], Said())
    note = (
        "3 photos could not be read and were left out: dark/broken0.jpg, dark/broken1.jpg, "
        "dark/broken2.jpg."
    )
    assert ending == "complete"
    assert message.endswith(note)
    found = RunStore(tmp_path, tmp_path / "none").recording(asked.job.run)
    assert [f.message for f in found.info.findings if f.kind == "note"] == [note]
    assert found.info.weights == (2,)  # to look into afterwards
    assert found.info.settings["training_photos"] == 12  # of 16, 4 of which validate


def test_minutes_end_a_training_and_paused_ones_count(tmp_path, control):
    asked = order(tmp_path, steps=5000, minutes=1e-4)
    ending, message = live.train(asked, control[0], Said())
    assert ending == "out of time"
    assert message.startswith("Stopped after 0.0001 minutes at step 1 of 5000")
    info = RunStore(tmp_path, tmp_path / "none").recording(asked.job.run).info
    assert info.state == "stopped"
    assert info.weights == (1,)
    assert info.findings[-1].message == "stopped after 0.0001 minutes"

    asked = order(tmp_path, steps=5000, minutes=0.05)
    control[0]._take({"paused": True})
    heard = Said()
    ending, _ = live.train(asked, control[0], heard)
    assert ending == "out of time"
    assert heard.lines[-1]["message"] == "Paused at step 1 of 5000."


def test_a_stop_that_comes_first_records_nothing(tmp_path, control):
    asked = order(tmp_path)
    control[0]._take({"stop": True})
    ending, message = live.train(asked, control[0], Said())
    assert ending == "stopped"
    assert "nothing was recorded" in message
    assert not Path(asked.folder).exists()


def test_a_stop_or_a_pause_at_the_last_step_comes_too_late(tmp_path, control):
    control = control[0]
    asked = order(tmp_path, steps=2)

    class Asking(Said):
        def progress(self, message, share=None, *, always=True):
            if message.startswith("step 2"):
                control._take({"paused": True})
                control._take({"stop": True})

    ending, message = live.train(asked, control, Asking())
    assert ending == "complete"
    assert message.startswith("All 2 steps are done")
    assert RunStore(tmp_path, tmp_path / "none").recording(asked.job.run).info.state == "complete"


def test_an_order_survives_the_pipe_and_commands_follow_it(tmp_path, control):
    control, server = control
    asked = order(tmp_path, title="Größe µ")
    server.write(asked.to_json() + "\n" + json.dumps({"paused": True}) + "\n")
    assert Order.from_json(control.first_line()) == asked
    control.start()
    until(lambda: control.paused, "the pause")
    server.write(json.dumps({"learning_rate": 0.5}) + "\n")
    rate = until(control.new_learning_rate, "the learning rate")
    assert rate == 0.5
    assert control.new_learning_rate() is None, "taken once"
    assert control.paused


def test_a_server_that_goes_ends_the_training_in_the_middle_of_a_pause(control, monkeypatch):
    control, server = control
    monkeypatch.setattr(live, "ORPHAN_SECONDS", 0.0)
    ended = threading.Event()
    monkeypatch.setattr(os, "_exit", lambda _: ended.set())
    monkeypatch.setattr(control, "_leave", live._leave_soon)
    server.write(json.dumps({"paused": True}) + "\n")
    control.start()
    until(lambda: control.paused, "the pause")
    server.close()
    control.wait(PATIENCE)
    assert control.stopped
    assert not control.paused
    assert ended.wait(PATIENCE), "a step that never ends cannot keep an orphan alive"


def test_progress_is_told_twice_a_second_at_most():
    heard = Said()
    for step in range(1000):
        heard.progress(f"step {step}", step / 1000, always=False)
    assert 1 <= len(heard.lines) <= 3
    heard.progress("Paused.")
    assert heard.lines[-1] == {"message": "Paused.", "share": None}


def test_a_child_without_a_server_ends_quietly():
    child = subprocess.run(
        [sys.executable, "-m", "vgg_viz.training.live"],
        cwd=ROOT,
        input=b"",
        capture_output=True,
        check=False,
    )
    assert (child.returncode, child.stdout, child.stderr) == (0, b"", b"")


# --- gradient flow, the other question about trainings -------------------------------------------


def test_a_gradient_flow_is_measured_on_the_device_once(tmp_path):
    request = GradientFlowRequest("vgg11", "he_fan_in", width=1 / 16, input_size=32, classes=10)
    with LocalService("cpu", runs=tmp_path, photos=()) as service:
        first = service.run(request)
        assert first.layers[0].layer == "conv1_1"
        assert service.run(request) is first
        assert service.run(replace(request, seed=1)) is not first
        bins = sum(h.nbytes for layer in first.layers for h in layer.histograms.values())
        assert service._results.nbytes > 2 * bins > 0, "the cache knows how large they are"


def test_a_gradient_flow_is_given_the_photos_it_names(tmp_path, monkeypatch):
    given = []

    def answer(_self, _request, photos):
        given.append([photo.digest for photo in photos])
        return Series(np.zeros(1, np.int32), np.zeros(1, np.float32))

    monkeypatch.setattr(Executor, "answer", answer)
    with LocalService("cpu", runs=tmp_path, photos=()) as service:
        samples = [service._photos.get(s.name).digest for s in service.describe().samples]
        for asked in ("noise", "samples", service.describe().samples[5].name):
            service.run(GradientFlowRequest("vgg11", "he_fan_in", input=asked))
        with pytest.raises(UnknownNameError, match="photo"):
            service.run(GradientFlowRequest("vgg11", "he_fan_in", input="nobody"))
    assert given == [[], samples[:4], [samples[5]]]
