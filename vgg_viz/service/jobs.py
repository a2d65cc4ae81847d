"""Long work, observed through events: bounded in number, cancellable, the same job only once."""

import logging
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

from vgg_viz.errors import JobError, VggVizError
from vgg_viz.requests import Job
from vgg_viz.results import JobEvent, JobState

logger = logging.getLogger(__name__)

MAX_WAITING = 8
KEPT = 100  # ended jobs whose events can still be read
KEPT_EVENTS = 200  # of one job; a progress bar needs the newest only


class JobHandle:
    """What a running job sees of itself: report progress, notice a cancel."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._events: list[JobEvent] = []
        self._lock = Lock()
        self._cancel = Event()
        self._count = 0
        self.report("queued", None, "Waiting for its turn.")

    def report(self, state: JobState, progress: float | None, message: str) -> None:
        """Add an event. Nothing is added after a final one."""
        with self._lock:
            self._add(state, progress, message)

    def _add(self, state: JobState, progress: float | None, message: str) -> None:
        if self._events and self._events[-1].final:
            return
        self._count += 1
        self._events.append(JobEvent(self._count, state, progress, message))
        del self._events[:-KEPT_EVENTS]

    def cancelled(self) -> bool:
        """Whether somebody asked the job to stop."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Ask the job to stop; one that still waits for its turn ends here and now."""
        self._cancel.set()
        with self._lock:
            if self._events[-1].state == "queued":
                self._add("cancelled", None, "Cancelled before it began.")

    def events(self, after: int = 0) -> tuple[JobEvent, ...]:
        """Events numbered above `after`."""
        with self._lock:
            return tuple(event for event in self._events if event.number > after)

    @property
    def ended(self) -> bool:
        """True once a final event is there."""
        with self._lock:
            return self._events[-1].final


class JobRegistry:
    """Runs jobs on `workers` threads; keeps their events for whoever comes back to look."""

    def __init__(self, run: Callable[[JobHandle], str], *, workers: int = 2) -> None:
        self._run = run
        self._handles: dict[str, JobHandle] = {}
        self._lock = Lock()
        self._closed = False
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="vgg-viz job")

    def submit(self, job: Job) -> str:
        """Start `job`, or join the one that is the same and still runs.

        One that was asked to stop is not joined. JobError when there are too many.
        """
        with self._lock:
            if self._closed:
                raise JobError("The service is shut down; start it again.")
            for name, handle in self._handles.items():
                if handle.job == job and not handle.ended and not handle.cancelled():
                    return name
            if sum(not handle.ended for handle in self._handles.values()) >= MAX_WAITING:
                raise JobError(f"{MAX_WAITING} jobs are waiting already; try again when one ends.")
            name = secrets.token_urlsafe(12)  # not guessable: an id is the right to cancel
            self._handles[name] = JobHandle(job)
            self._forget_oldest()
            self._pool.submit(self._work, self._handles[name])
            return name

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Events of a job numbered above `after`; JobError when it is not known."""
        return self._handle(job).events(after)

    def cancel(self, job: str) -> None:
        """Ask a job to stop; JobError when it is not known."""
        self._handle(job).cancel()

    def close(self) -> None:
        """Cancel everything and wait for the threads."""
        with self._lock:
            self._closed = True
            for handle in self._handles.values():
                handle.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _handle(self, job: str) -> JobHandle:
        with self._lock:
            if job not in self._handles:
                raise JobError("This job is not known here (any more); start it again.")
            return self._handles[job]

    def _forget_oldest(self) -> None:
        ended = [name for name, handle in self._handles.items() if handle.ended]
        for name in ended[: max(0, len(ended) - KEPT)]:
            del self._handles[name]

    def _work(self, handle: JobHandle) -> None:
        handle.report("running", 0.0, "Started.")
        if handle.ended:  # cancelled while it waited
            return
        try:
            message = self._run(handle)
        except VggVizError as error:
            cancelled = handle.cancelled()
            handle.report("cancelled" if cancelled else "failed", None, str(error))
        except Exception:
            logger.exception("job %s failed", handle.job)
            handle.report("failed", None, "Something went wrong here; the server's log says what.")
        else:
            handle.report("done", 1.0, message)
