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
    """What a running job sees of itself: report progress, notice a cancel.

    `place` is what a person reads while it waits: "2 trainings are before yours."
    """

    def __init__(self, job: Job, place: str = "Waiting for its turn.") -> None:
        self.job = job
        self._events: list[JobEvent] = []
        self._lock = Lock()
        self._cancel = Event()
        self._final = Event()
        self._on_cancel: Callable[[], None] | None = None
        self._count = 0
        self.report("queued", None, place)

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
        if self._events[-1].final:
            self._final.set()

    def tell_place(self, place: str) -> None:
        """Say where the job stands, if it still waits and that is news."""
        with self._lock:
            last = self._events[-1]
            if last.state == "queued" and last.message != place:
                self._add("queued", None, place)

    def on_cancel(self, react: Callable[[], None]) -> None:
        """Call `react` when somebody asks the job to stop; at once if somebody has."""
        with self._lock:
            self._on_cancel = react
        if self.cancelled():
            react()

    def cancelled(self) -> bool:
        """Whether somebody asked the job to stop."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Ask the job to stop; one that still waits for its turn ends here and now."""
        self._cancel.set()
        with self._lock:
            if self._events[-1].state == "queued":
                self._add("cancelled", None, "Cancelled before it began.")
            react = self._on_cancel
        if react is not None:  # without the lock: it may report
            react()

    def events(self, after: int = 0) -> tuple[JobEvent, ...]:
        """Events numbered above `after`."""
        with self._lock:
            return tuple(event for event in self._events if event.number > after)

    def wait(self) -> JobEvent:
        """Wait for the job's end; its final event."""
        self._final.wait()
        return self.events()[-1]

    @property
    def ended(self) -> bool:
        """True once a final event is there."""
        with self._lock:
            return self._events[-1].final


class JobRegistry:
    """Runs jobs on `workers` threads; keeps their events for whoever comes back to look.

    `noun` is what the people who wait read: "1 training is before yours."
    """

    def __init__(
        self, run: Callable[[JobHandle], str], *, workers: int = 2, noun: str = "job"
    ) -> None:
        self._run = run
        self._noun = noun
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
            if self._unended() >= MAX_WAITING:
                raise JobError(
                    f"{MAX_WAITING} {self._noun}s are waiting already; try again when one ends."
                )
            name = secrets.token_urlsafe(12)  # not guessable: an id is the right to cancel
            self._handles[name] = JobHandle(job, self._place(self._unended()))
            self._forget_oldest()
            self._pool.submit(self._work, self._handles[name])
            return name

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Events of a job numbered above `after`; JobError when it is not known."""
        return self.handle(job).events(after)

    def cancel(self, job: str) -> None:
        """Ask a job to stop; JobError when it is not known."""
        self.handle(job).cancel()
        self._tell_places()

    def knows(self, job: str) -> bool:
        """Whether `job` is one of these."""
        with self._lock:
            return job in self._handles

    def find(self, job: Job) -> str | None:
        """The id of the newest job equal to `job`; None when there is none (any more)."""
        with self._lock:
            names = [name for name, handle in self._handles.items() if handle.job == job]
        return names[-1] if names else None

    def active(self) -> tuple[Job, ...]:
        """Jobs that have not ended, in their order."""
        with self._lock:
            return tuple(handle.job for handle in self._handles.values() if not handle.ended)

    def close(self) -> None:
        """Cancel everything and wait for the threads."""
        with self._lock:
            self._closed = True
            handles = tuple(self._handles.values())
        for handle in handles:
            handle.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def handle(self, job: str) -> JobHandle:
        """What a job knows of itself; JobError when it is not known."""
        with self._lock:
            if job not in self._handles:
                raise JobError("This job is not known here (any more); start it again.")
            return self._handles[job]

    def _unended(self) -> int:
        return sum(not handle.ended for handle in self._handles.values())

    def _place(self, before: int) -> str:
        match before:
            case 0:
                return "Waiting for its turn."
            case 1:
                return f"1 {self._noun} is before yours."
            case _:
                return f"{before} {self._noun}s are before yours."

    def _tell_places(self) -> None:
        """Tell every job that waits how many are before it now."""
        with self._lock:
            before = 0
            for handle in self._handles.values():
                if not handle.ended:
                    handle.tell_place(self._place(before))
                    before += 1

    def _forget_oldest(self) -> None:
        ended = [name for name, handle in self._handles.items() if handle.ended]
        for name in ended[: max(0, len(ended) - KEPT)]:
            del self._handles[name]

    def _work(self, handle: JobHandle) -> None:
        handle.report("running", 0.0, "Started.")
        if not handle.ended:  # else it was cancelled while it waited
            self._finish(handle)
            self._tell_places()

    def _finish(self, handle: JobHandle) -> None:
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
