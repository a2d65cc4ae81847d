"""The one thread of a device: order, errors, a start that fails, an end."""

import contextlib
import gc
import logging
import threading
import weakref
from concurrent.futures import CancelledError

import pytest

from vgg_viz.errors import InputError, VggVizError
from vgg_viz.service.worker import DeviceWorker

PATIENCE = 60  # seconds until a test that waits for a thread fails


@pytest.fixture
def worker():
    worker = DeviceWorker(lambda: "prepared", name="test device")
    yield worker
    worker.close()


def test_calls_run_in_order_on_one_thread_of_its_own(worker):
    log = []
    futures = [
        worker.call(lambda _, i=i: log.append((i, threading.current_thread().name)))
        for i in range(50)
    ]
    for future in futures:
        future.result(PATIENCE)
    assert log == [(i, "test device") for i in range(50)]


def test_every_call_is_given_what_was_prepared_once_on_that_thread():
    prepared = []

    def prepare():
        prepared.append(threading.current_thread().name)
        return object()

    worker = DeviceWorker(prepare, name="test device")
    assert not prepared
    assert not worker.ready.is_set()
    first, second = (worker.call(lambda made: made).result(PATIENCE) for _ in range(2))
    assert first is second
    assert prepared == ["test device"]
    assert worker.ready.is_set()
    worker.close()


def test_starting_twice_makes_one_thread(worker):
    before = threading.active_count()
    worker.start()
    worker.start()
    assert worker.call(str).result(PATIENCE) == "prepared"
    assert threading.active_count() == before + 1


@pytest.mark.parametrize("error", [VggVizError, RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_reaches_its_caller_and_the_next_call_is_answered(worker, error):
    def fail(_):
        raise error("of this call")

    with pytest.raises(error, match="of this call"):
        worker.call(fail).result(PATIENCE)
    assert worker.call(str.upper).result(PATIENCE) == "PREPARED"


@pytest.mark.parametrize("error", [OSError, SystemExit])
def test_a_start_that_fails_is_told_to_every_caller_and_logged(error, caplog):
    def prepare():
        raise error("no such device")

    worker = DeviceWorker(prepare)
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            with pytest.raises(VggVizError, match="no such device") as caught:
                worker.call(str).result(PATIENCE)
    assert isinstance(caught.value.__cause__, error)
    assert isinstance(worker.failure, error)
    assert worker.ready.is_set(), "whoever waits for it must not wait for ever"
    assert "could not be prepared" in caplog.text
    worker.close()


def test_a_start_that_fails_with_an_error_of_ours_is_told_in_its_own_words():
    def prepare():
        raise InputError("This machine has no abacus; choose auto or cpu.")

    worker = DeviceWorker(prepare)
    raised = [worker.call(str).exception(PATIENCE) for _ in range(2)]
    assert [type(error) for error in raised] == [InputError] * 2
    assert {str(error) for error in raised} == {"This machine has no abacus; choose auto or cpu."}
    assert raised[0] is not raised[1], "each caller's traceback is its own"
    worker.close()


def test_a_call_that_was_cancelled_while_it_waited_is_left_out(worker):
    gate, log = threading.Event(), []
    held = worker.call(lambda _: gate.wait(PATIENCE))
    unwanted = worker.call(log.append)
    assert unwanted.cancel()
    gate.set()
    assert held.result(PATIENCE)
    assert worker.call(str).result(PATIENCE) == "prepared"
    assert log == []
    with pytest.raises(CancelledError):
        unwanted.result(PATIENCE)


def test_it_counts_the_calls_that_wait(worker):
    begun, gate = threading.Event(), threading.Event()

    def hold(_):
        begun.set()
        return gate.wait(PATIENCE)

    worker.call(hold)
    assert begun.wait(PATIENCE)
    last = [worker.call(str) for _ in range(3)][-1]
    assert worker.waiting == 3
    gate.set()
    last.result(PATIENCE)
    assert worker.waiting == 0


def test_closing_finishes_what_is_queued_and_ends_the_thread():
    before = set(threading.enumerate())
    worker = DeviceWorker(lambda: 0)
    gate = threading.Event()
    futures = [worker.call(lambda _: gate.wait(PATIENCE)), worker.call(lambda _: "last")]
    threading.Timer(0.05, gate.set).start()
    worker.close(timeout=PATIENCE)
    assert futures[1].result(0) == "last"
    assert not {t for t in set(threading.enumerate()) - before if t.name == "vgg-viz device"}


def test_a_closed_worker_refuses_and_closing_again_is_harmless():
    worker = DeviceWorker(lambda: 0)
    worker.close()
    worker.close()
    worker.start()
    with pytest.raises(VggVizError, match="shut down"):
        worker.call(str).result(PATIENCE)


def test_no_call_is_lost_when_it_is_closed_meanwhile():
    for _ in range(50):
        worker = DeviceWorker(lambda: 0)
        closing = threading.Thread(target=worker.close)
        closing.start()
        future = worker.call(lambda _: "answered")
        closing.join()
        error = future.exception(PATIENCE)
        assert "shut down" in str(error) if error else future.result() == "answered"


class Large:
    """Stands in for an answer of many bytes, or for the tensors of a failed call."""


def test_a_waiting_worker_keeps_no_answer_alive(worker):
    kept = worker.call(lambda _: Large()).result(PATIENCE)
    worker.call(str).result(PATIENCE)
    gone = weakref.ref(kept)
    del kept
    assert gone() is None


def test_a_failed_call_keeps_nothing_alive_once_its_error_was_handled(worker):
    refs = []

    def fail(_):
        large = Large()
        refs.append(weakref.ref(large))
        raise MemoryError

    gc.disable()  # the tensors must go at once, not at the next collection
    try:
        future = worker.call(fail)
        with contextlib.suppress(MemoryError):
            future.result(PATIENCE)
        del future
        worker.call(str).result(PATIENCE)
        assert refs[0]() is None
    finally:
        gc.enable()
