"""Studies: steps on the worker, previews, a stop that loses nothing, and requests in between."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from vgg_viz.errors import InputError, JobError, MissingImageError, OutOfMemoryError, VggVizError
from vgg_viz.requests import FeatureVisJob, InversionJob, Term
from vgg_viz.results import FeatureVis, Provenance
from vgg_viz.service import studies as module
from vgg_viz.service.studies import KEPT_STUDIES, Studies
from vgg_viz.service.worker import DeviceWorker

JOB = FeatureVisJob("vgg11:random", (Term("channel", "conv1_1", 0),), steps=6)
MADE_BY = Provenance("vgg11:random", "random weights", "0" * 64, "cpu", "fp32", 64, ())


class Counting:
    """A study that counts; `gate` holds every step until it is released."""

    def __init__(self, job, gate, fails):
        self.job, self.gate, self.fails, self.step = job, gate, fails, 0
        self.threads = set()

    def advance(self, _):
        self.threads.add(threading.current_thread().name)
        self.gate.acquire()
        if self.fails is not None and self.step == 2:
            raise self.fails
        self.step += 1

    def result(self, _):
        pixels = np.zeros((1, 4, 4, 3), np.uint8)
        history = np.arange(self.step, dtype=np.float32)
        values = np.zeros(1, np.float32)
        return FeatureVis(pixels, history, values, self.step, self.job.steps, 0.0, (), MADE_BY)

    def go_on(self, job):
        self.job = job

    @property
    def finished(self):
        return self.step >= self.job.steps

    @property
    def share(self):
        return self.step / self.job.steps

    @property
    def words(self):
        return f"step {self.step} of {self.job.steps}"


class Bench:
    """A queue of studies over a worker without torch."""

    def __init__(self, monkeypatch):
        self.gate, self.begun, self.fails = threading.Semaphore(0), [], None
        self.forgotten = 0
        self.worker = DeviceWorker(lambda: self)
        self.gone = False

        def begin(_, job, photos):
            study = Counting(job, self.gate, self.fails)
            self.begun.append((study, photos))
            return study

        monkeypatch.setattr(module, "studies", lambda: {FeatureVisJob: begin})
        self.studies = Studies(
            lambda function: self.worker.call(function).result(), self.photos_of, lambda _: 100
        )

    def photos_of(self, _):
        if self.gone:
            raise MissingImageError("This uploaded photo is no longer on the server.")
        return ()

    def forget(self):
        self.forgotten += 1

    def allow(self, steps):
        for _ in range(steps):
            self.gate.release()

    def ended(self, name):
        return until(lambda: (e := self.studies.events(name)[-1]).final and e)


def until(found, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.005)
    raise AssertionError("it did not happen")


@pytest.fixture
def bench(monkeypatch):
    made = Bench(monkeypatch)
    yield made
    made.allow(100)
    made.studies.close()
    made.worker.close()


def test_a_study_runs_on_the_worker_to_its_end_and_is_found_by_its_settings(bench):
    name = bench.studies.submit(JOB)
    assert bench.studies.submit(JOB) == name, "the same job is joined"
    bench.allow(6)
    event = bench.ended(name)
    assert (event.state, event.message) == ("done", "step 6 of 6")
    assert bench.studies.result(name).step == 6
    assert bench.studies.find(replace(JOB)) == name
    assert bench.studies.find(replace(JOB, seed=1)) is None
    (study, _), *more = bench.begun
    assert not more
    assert study.threads == {"vgg-viz device"}


def test_a_stopped_study_keeps_its_preview_and_goes_on_where_it_stood(bench):
    name = bench.studies.submit(JOB)
    bench.allow(3)
    until(lambda: bench.begun and bench.begun[0][0].step == 3)
    bench.studies.cancel(name)
    bench.allow(1)  # the step under way ends
    event = bench.ended(name)
    assert event.state == "cancelled"
    assert "step 4 of 6" in event.message
    assert bench.studies.result(name).step == 4
    again = bench.studies.submit(JOB)
    assert again != name
    assert bench.studies.find(JOB) == again
    bench.allow(2)
    assert bench.ended(again).state == "done"
    assert len(bench.begun) == 1, "it began anew"
    assert list(bench.studies.result(again).history) == [0, 1, 2, 3, 4, 5]


def test_more_steps_go_on_with_a_stopped_study(bench):
    name = bench.studies.submit(JOB)
    bench.allow(1)
    until(lambda: bench.begun and bench.begun[0][0].step == 1)
    bench.studies.cancel(name)
    bench.allow(1)
    bench.ended(name)
    longer = bench.studies.submit(replace(JOB, steps=9))
    bench.allow(7)
    assert bench.ended(longer).message == "step 9 of 9"
    assert len(bench.begun) == 1


def test_more_steps_go_on_with_a_study_that_is_through_and_fewer_begin_anew(bench):
    bench.allow(6)
    bench.ended(bench.studies.submit(JOB))
    bench.allow(3)
    longer = bench.studies.submit(replace(JOB, steps=9))
    assert bench.ended(longer).message == "step 9 of 9"
    assert len(bench.begun) == 1
    bench.allow(4)
    shorter = bench.studies.submit(replace(JOB, steps=4))
    assert bench.ended(shorter).message == "step 4 of 4"
    assert len(bench.begun) == 2


def test_requests_are_answered_between_two_steps(bench):
    name = bench.studies.submit(JOB)
    until(lambda: bench.begun)
    answered = bench.worker.call(lambda _: "answer")
    bench.allow(1)
    assert answered.result(timeout=20) == "answer"
    assert not bench.studies.events(name)[-1].final


def test_a_study_that_fails_says_why_and_begins_anew(bench):
    bench.fails = InputError("No channel 99; choose 0 to 7.")
    name = bench.studies.submit(JOB)
    bench.allow(3)
    event = bench.ended(name)
    assert (event.state, event.message) == ("failed", "No channel 99; choose 0 to 7.")
    bench.fails = None
    again = bench.studies.submit(JOB)
    bench.allow(6)
    assert bench.ended(again).state == "done"
    assert len(bench.begun) == 2


def test_a_device_that_is_too_small_says_what_to_do(bench):
    bench.fails = MemoryError()
    name = bench.studies.submit(JOB)
    bench.allow(3)
    event = bench.ended(name)
    assert event.state == "failed"
    assert "smaller size" in event.message
    assert bench.forgotten == 1
    with pytest.raises(OutOfMemoryError):
        raise OutOfMemoryError(event.message)


def test_a_photo_that_is_gone_is_told_at_once(bench):
    bench.gone = True
    with pytest.raises(MissingImageError):
        bench.studies.submit(replace(JOB, image="a" * 64))
    assert bench.studies.find(replace(JOB, image="a" * 64)) is None


def test_only_a_few_stopped_studies_are_kept(bench):
    jobs = [replace(JOB, seed=seed) for seed in range(KEPT_STUDIES + 2)]
    for job in jobs:
        bench.allow(1)
        name = bench.studies.submit(job)
        until(lambda job=job: any(s.job == job and s.step for s, _ in bench.begun))
        bench.studies.cancel(name)
        bench.allow(1)
        bench.ended(name)
    begun = len(bench.begun)
    bench.allow(100)
    bench.ended(bench.studies.submit(jobs[-1]))
    assert len(bench.begun) == begun, "the newest is kept"
    bench.ended(bench.studies.submit(jobs[0]))
    assert len(bench.begun) == begun + 1, "the oldest is not"


def test_unknown_ids_and_a_closed_queue(bench):
    with pytest.raises(JobError):
        bench.studies.result("nothing")
    assert not bench.studies.knows("nothing")
    bench.studies.close()
    with pytest.raises(JobError):
        bench.studies.submit(JOB)


def test_the_service_checks_the_model_of_a_study_at_once(service):
    for job in (replace(JOB, model="vgg99"), InversionJob("vgg16:nothing", "cat")):
        with pytest.raises(VggVizError):
            service.submit(job)
        with pytest.raises(VggVizError):
            service.find(job)
    with pytest.raises(VggVizError):
        service.submit(InversionJob("vgg16", "no such photo"))
