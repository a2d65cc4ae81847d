"""One thread for one device: whoever wants the device queues here."""

import logging
import queue
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Lock, Thread
from typing import Any, TypeVar

from vgg_viz.errors import VggVizError

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class DeviceWorker:
    """Runs calls one at a time, in order, on a thread of its own.

    `prepare` runs first, on that thread, and makes the object every call is given: torch is loaded
    there and nobody else ever touches a module. If it fails, every call fails with its error.
    """

    def __init__(self, prepare: Callable[[], Any], name: str = "vgg-viz device") -> None:
        self._prepare = prepare
        self._calls: queue.SimpleQueue[tuple[Callable[[Any], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._name = name
        self._thread: Thread | None = None
        self._lock = Lock()
        self._closed = False
        self.ready = Event()
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Begin to prepare; further calls change nothing."""
        with self._lock:
            if not self._closed:
                self._ensure_thread()

    def call(self, function: Callable[[Any], Answer]) -> "Future[Answer]":
        """Queue `function(prepared)`; the future holds its answer or its error."""
        future: Future[Answer] = Future()
        with self._lock:
            if self._closed:
                future.set_exception(VggVizError("The service is shut down; start it again."))
                return future
            self._calls.put((function, future))
            self._ensure_thread()  # under the lock: `close` must find the thread of every call
        return future

    @property
    def waiting(self) -> int:
        """Calls that have not begun yet."""
        return self._calls.qsize()

    def close(self, timeout: float = 10.0) -> None:
        """Finish what is queued, then end the thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._calls.put(None)
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _ensure_thread(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._loop, name=self._name, daemon=True)
            self._thread.start()

    def _loop(self) -> None:
        prepared: Any = None
        try:
            prepared = self._prepare()
        except BaseException as error:  # whatever it is, callers must hear of it
            logger.exception("the device worker could not be prepared")
            self.failure = error
        self.ready.set()
        while (item := self._calls.get()) is not None:
            function, future = item
            if future.set_running_or_notify_cancel():
                self._answer(function, future, prepared)
            del item, function, future  # a waiting worker must not keep the last answer alive

    def _answer(self, function: Callable[[Any], Any], future: "Future[Any]", prepared: Any) -> None:
        try:
            if isinstance(self.failure, VggVizError):  # it says itself what to do
                raise type(self.failure)(str(self.failure)) from self.failure
            if self.failure is not None:
                raise VggVizError(
                    f"The device could not be started ({self.failure}); see the server's log."
                ) from self.failure
            future.set_result(function(prepared))
        except BaseException as error:  # noqa: BLE001 - the caller's; the worker lives on
            future.set_exception(error)
            # error -> its traceback -> this frame -> future -> error: tensors would live in there.
            del future
