"""Long work: the same job once, cancelled at any time, bounded, and no event after the last."""

import logging
import threading
from itertools import count

import pytest

from vgg_viz.errors import DownloadError, JobError
from vgg_viz.requests import FetchWeightsJob
from vgg_viz.service import jobs
from vgg_viz.service.jobs import KEPT, KEPT_EVENTS, MAX_WAITING, JobHandle, JobRegistry

PATIENCE = 60  # seconds until a test that waits for a thread fails


class Work:
    """A job's work that waits at a gate, so that a test decides when it goes on."""

    def __init__(self):
        self.begun, self.gate = threading.Semaphore(0), threading.Semaphore(0)
        self.seen = []

    def __call__(self, handle):
        self.seen.append(handle.job.model)
        self.begun.release()
        assert self.gate.acquire(timeout=PATIENCE)
        if handle.cancelled():
            raise DownloadError("Stopped when asked.")
        return "All there."

    def wait_until_begun(self):
        assert self.begun.acquire(timeout=PATIENCE)

    def go_on(self, times=1):
        self.gate.release(times)


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def registry(work):
    registry = JobRegistry(work, workers=1)
    yield registry
    work.go_on(100)
    registry.close()


def job(number=0):
    return FetchWeightsJob(f"vgg{number}:imagenet")


def final(registry, name):
    """The last event, once it is final."""
    pause = threading.Event()
    for _ in range(PATIENCE * 100):
        event = registry.events(name)[-1]
        if event.final:
            return event
        pause.wait(0.01)
    raise AssertionError(f"{name} does not end: {event}")


def states(registry, name):
    return [event.state for event in registry.events(name)]


def test_a_job_is_queued_runs_and_is_done(registry, work):
    name = registry.submit(job())
    work.wait_until_begun()
    assert states(registry, name) == ["queued", "running"]
    work.go_on()
    done = final(registry, name)
    assert (done.state, done.progress, done.message) == ("done", 1.0, "All there.")
    assert [event.number for event in registry.events(name)] == [1, 2, 3]


def test_the_same_job_is_joined_while_it_waits_or_runs_and_started_again_after(registry, work):
    first = registry.submit(job(1))
    work.wait_until_begun()
    waiting = registry.submit(job(2))
    assert registry.submit(job(1)) == first
    assert registry.submit(job(2)) == waiting
    work.go_on(2)
    assert {final(registry, name).state for name in (first, waiting)} == {"done"}
    assert work.seen == ["vgg1:imagenet", "vgg2:imagenet"]
    again = registry.submit(job(1))
    assert again != first
    work.go_on()
    assert final(registry, again).state == "done"


def test_a_job_cancelled_while_it_waits_ends_at_once_and_never_runs(registry, work):
    running = registry.submit(job(1))
    work.wait_until_begun()
    waiting = registry.submit(job(2))
    registry.cancel(waiting)
    event = registry.events(waiting)[-1]
    assert (event.state, event.message) == ("cancelled", "Cancelled before it began.")
    work.go_on()
    assert final(registry, running).state == "done"
    registry.close()
    assert work.seen == ["vgg1:imagenet"]
    assert states(registry, waiting) == ["queued", "cancelled"]


def test_a_running_job_stops_when_it_notices_the_cancel(registry, work):
    name = registry.submit(job())
    work.wait_until_begun()
    registry.cancel(name)
    assert states(registry, name) == ["queued", "running"]
    work.go_on()
    event = final(registry, name)
    assert (event.state, event.message) == ("cancelled", "Stopped when asked.")


def test_a_job_that_was_asked_to_stop_is_not_joined(registry, work):
    stopping = registry.submit(job())
    work.wait_until_begun()
    registry.cancel(stopping)
    fresh = registry.submit(job())
    assert fresh != stopping
    work.go_on(2)
    assert final(registry, stopping).state == "cancelled"
    assert final(registry, fresh).state == "done"


def test_cancelling_what_has_ended_changes_nothing(registry, work):
    work.go_on()
    name = registry.submit(job())
    assert final(registry, name).state == "done"
    before = registry.events(name)
    registry.cancel(name)
    assert registry.events(name) == before


def run_one(work):
    registry = JobRegistry(work)
    name = registry.submit(job())
    event = final(registry, name)
    registry.close()
    return event


def test_an_error_of_ours_is_told_in_its_own_words():
    def fail(_):
        raise DownloadError("The server is asleep; try again tomorrow.")

    event = run_one(fail)
    assert (event.state, event.message) == ("failed", "The server is asleep; try again tomorrow.")


def test_an_unexpected_error_is_logged_and_not_shown(caplog):
    def fail(_):
        raise RuntimeError("password=123 in /home/secret")

    with caplog.at_level(logging.ERROR, logger=jobs.__name__):
        event = run_one(fail)
    assert event.state == "failed"
    assert "secret" not in event.message
    assert "log" in event.message
    assert "vgg0:imagenet" in caplog.text
    assert "password=123 in /home/secret" in caplog.text


def test_a_full_queue_refuses_and_has_room_again(registry, work):
    names = [registry.submit(job(i)) for i in range(MAX_WAITING)]
    with pytest.raises(JobError, match="try again"):
        registry.submit(job(99))
    assert registry.submit(job(3)) == names[3], "the same job may still be joined"
    registry.cancel(names[-1])
    assert registry.submit(job(99)) not in names


def places(registry, name):
    return [event.message for event in registry.events(name) if event.state == "queued"]


def test_who_waits_is_told_the_place_and_every_move(registry, work):
    first, second, third, fourth = [registry.submit(job(i)) for i in range(4)]
    work.wait_until_begun()
    assert places(registry, fourth) == ["3 jobs are before yours."]
    registry.cancel(second)
    assert places(registry, third)[-1] == "1 job is before yours."
    assert places(registry, fourth)[-1] == "2 jobs are before yours."
    work.go_on()
    assert final(registry, first).state == "done"
    work.wait_until_begun()
    assert states(registry, third)[-1] == "running"
    assert places(registry, fourth) == [
        "3 jobs are before yours.",
        "2 jobs are before yours.",
        "1 job is before yours.",
    ]
    work.go_on(2)
    assert final(registry, fourth).state == "done"
    assert places(registry, second) == ["1 job is before yours."], "nothing follows a cancel"


def test_the_place_is_told_in_the_words_of_the_queue(work):
    registry = JobRegistry(work, workers=1, noun="training")
    names = [registry.submit(job(i)) for i in range(3)]
    assert places(registry, names[2])[0] == "2 trainings are before yours."
    work.go_on(100)
    registry.close()


def test_active_jobs_are_those_that_have_not_ended(registry, work):
    names = [registry.submit(job(i)) for i in range(3)]
    assert registry.active() == (job(0), job(1), job(2))
    registry.cancel(names[1])
    assert registry.active() == (job(0), job(2))
    work.go_on(2)
    final(registry, names[2])
    assert registry.active() == ()
    assert registry.knows(names[0])
    assert not registry.knows("nope")
    assert registry.handle(names[0]).job == job(0)


def test_a_cancel_is_passed_on_once_also_when_it_came_first():
    handle, heard = JobHandle(job()), []
    handle.on_cancel(lambda: heard.append("now"))
    assert heard == []
    handle.cancel()
    assert heard == ["now"]
    handle.on_cancel(lambda: heard.append("too late to wait"))
    assert heard == ["now", "too late to wait"]


def test_an_unknown_job_is_refused(registry):
    with pytest.raises(JobError, match="not known"):
        registry.events("nope")
    with pytest.raises(JobError, match="not known"):
        registry.cancel("nope")


def test_names_of_jobs_cannot_be_guessed(registry, work):
    names = {registry.submit(job(i)) for i in range(MAX_WAITING)}
    assert len(names) == MAX_WAITING
    assert min(map(len, names)) >= 16


def test_events_after_a_number_are_those_not_seen_yet():
    handle = JobHandle(job())
    for step in range(3):
        handle.report("running", step / 3, f"step {step}")
    assert [event.number for event in handle.events()] == [1, 2, 3, 4]
    assert [event.message for event in handle.events(after=2)] == ["step 1", "step 2"]
    assert handle.events(after=4) == ()
    assert handle.events(after=99) == ()


def test_only_the_newest_events_are_kept_and_keep_their_numbers():
    handle = JobHandle(job())
    for step in range(1000):
        handle.report("running", step / 1000, "")
    events = handle.events()
    assert len(events) == KEPT_EVENTS
    assert events[-1].number == 1001
    assert [e.number for e in events] == list(range(1002 - KEPT_EVENTS, 1002))


def test_nothing_follows_a_final_event():
    handle = JobHandle(job())
    handle.report("failed", None, "No.")
    handle.report("running", 0.5, "Still here?")
    handle.cancel()
    assert handle.events()[-1].message == "No."
    assert handle.ended


def test_ended_jobs_are_forgotten_when_there_are_very_many(monkeypatch):
    monkeypatch.setattr(jobs, "KEPT", 5)
    assert KEPT >= 50
    registry = JobRegistry(lambda _: "Done.")
    names = []
    for i in range(12):
        names.append(registry.submit(job(i)))
        final(registry, names[-1])
    with pytest.raises(JobError, match="not known"):
        registry.events(names[0])
    assert [final(registry, name).state for name in names[-5:]] == ["done"] * 5
    registry.close()


def test_closing_ends_every_job_and_further_ones_are_refused():
    begun = threading.Event()

    def until_cancelled(handle):
        begun.set()
        while not handle.cancelled():
            threading.Event().wait(0.01)
        raise DownloadError("Stopped when asked.")

    registry = JobRegistry(until_cancelled, workers=1)
    running, waiting = registry.submit(job(1)), registry.submit(job(2))
    assert begun.wait(PATIENCE)
    registry.close()
    assert states(registry, running) == ["queued", "running", "cancelled"]
    assert states(registry, waiting) == ["queued", "cancelled"]
    with pytest.raises(JobError, match="shut down"):
        registry.submit(job(3))


def test_many_people_at_once_start_a_job_once():
    numbers = count()
    gate = threading.Event()

    def work(_):
        next(numbers)
        gate.wait(PATIENCE)
        return "Done."

    registry = JobRegistry(work, workers=2)
    names = []
    barrier = threading.Barrier(8)

    def person():
        barrier.wait(PATIENCE)
        names.append(registry.submit(job()))

    people = [threading.Thread(target=person) for _ in range(8)]
    for thread in people:
        thread.start()
    for thread in people:
        thread.join()
    gate.set()
    assert len(set(names)) == 1
    assert final(registry, names[0]).state == "done"
    assert next(numbers) == 1
    registry.close()
