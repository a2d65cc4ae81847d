"""Trainings on this server: checked, queued one after the other, each in a process of its own.

The child process (vgg_viz.training.live) computes; this side starts it, passes on what people ask
for, and tells what it says. The device worker, the interpreter's lock, the memory and the random
state of the server are left alone, and what kills the child kills nothing else.
"""

import json
import logging
import math
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import IO, Any, Self, get_args

from vgg_viz.errors import InputError, JobError, UnknownNameError
from vgg_viz.models.configs import NETWORKS, build, spec
from vgg_viz.models.schemes import SCHEMES, STAGED
from vgg_viz.requests import Steering, TrainingJob
from vgg_viz.results import JobEvent
from vgg_viz.service.jobs import JobHandle, JobRegistry
from vgg_viz.service.runs import RunStore, check_name
from vgg_viz.training.datasets import check_dataset, input_side
from vgg_viz.training.live import Order

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]  # holds vgg_viz: `-m` finds the child there
MOST_STEPS, MOST_MINUTES, MOST_BATCH = 5000, 60.0, 256
MOST_SEED = 2**31 - 1
MOST_TITLE = 120  # characters
# Between being asked to stop and being killed: a step of the largest networks may be under way.
STOP_SECONDS, CLOSE_SECONDS = 60.0, 4.0
LOG_TAIL = 4000  # characters of a crashed child's stderr


class Trainings:
    """The queue of trainings. Safe for threads; `close` it.

    `folders` names the folders of photos that jobs may ask for; `device` as LocalService's.
    """

    def __init__(self, runs: RunStore, folders: Mapping[str, Path], device: str = "auto") -> None:
        self._runs = runs
        self._folders = dict(folders)
        self._device = device
        self._registry = JobRegistry(self._train, workers=1, noun="training")
        self._lock = threading.Lock()
        self._children: dict[TrainingJob, _Child] = {}
        self._patience = STOP_SECONDS

    def submit(self, job: TrainingJob) -> str:
        """Queue a training; the same one is joined. InputError, UnknownNameError, JobError."""
        check_training(job, self._folders)
        with self._lock:
            active = self._registry.active()
            if job not in active and (self._runs.exists(job.run) or _uses(active, job.run)):
                raise InputError(
                    f"There is a recording called {job.run} already; start under another name."
                )
            return self._registry.submit(job)

    def knows(self, job: str) -> bool:
        """Whether `job` is one of these."""
        return self._registry.knows(job)

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Events of a training."""
        return self._registry.events(job, after)

    def cancel(self, job: str) -> None:
        """Stop a training and keep what it recorded; one that waits ends at once."""
        self._registry.cancel(job)

    def steer(self, job: str, steering: Steering) -> None:
        """Pause, continue, or change the learning rate. JobError, InputError."""
        if steering.learning_rate is not None:
            _check_learning_rate(steering.learning_rate)
        handle = self._registry.handle(job)
        with self._lock:
            child = self._children.get(_training(handle))
        if handle.ended:
            raise JobError("This training has ended; start another one.")
        if child is None:
            raise JobError("This training has not begun yet; change it when it runs.")
        asked = {"paused": steering.paused, "learning_rate": steering.learning_rate}
        child.send({key: value for key, value in asked.items() if value is not None})

    def close(self) -> None:
        """End every training within seconds; recordings stay as they are."""
        self._patience = CLOSE_SECONDS
        self._registry.close()

    def _train(self, handle: JobHandle) -> str:
        job = _training(handle)
        with self._runs.writing(job.run) as folder, _Child(self._order(job, folder)) as child:
            with self._lock:
                self._children[job] = child
            handle.on_cancel(lambda: child.stop(self._patience))
            try:
                return _followed(child, handle)
            finally:
                with self._lock:
                    del self._children[job]

    def _order(self, job: TrainingJob, folder: Path) -> Order:
        network = network_of(job)
        return Order(
            job=job,
            network=network,
            side=input_side(job.data, network),
            folder=str(folder),
            data_folders={name: str(path) for name, path in self._folders.items()},
            device=self._device,
        )


class _Child:
    """A running `vgg_viz.training.live`. Leaving the block ends it, whatever it does."""

    def __init__(self, order: Order) -> None:
        self._lock = threading.Lock()
        self._order = order
        self._killer: threading.Timer | None = None

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "vgg_viz.training.live"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the server, which then ends the child
        )
        self._write(self._order.to_json())
        return self

    def __exit__(self, *_: object) -> None:
        if self._killer is not None:
            self._killer.cancel()
        with self._lock, suppress(OSError):
            self._pipe(self._process.stdin).close()  # it ends when there is nobody to serve
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipe(self._process.stdout).close()
        self._log.close()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send(self, command: Mapping[str, Any]) -> None:
        """Ask for something; no effect on a child that has ended."""
        self._write(json.dumps(command))

    def stop(self, patience: float) -> None:
        """Ask it to stop; kill it when it has not within `patience` seconds."""
        self.send({"stop": True})
        with self._lock:
            if self._process.poll() is not None:
                return
            if self._killer is not None:
                self._killer.cancel()
            self._killer = threading.Timer(patience, self._process.kill)
            self._killer.daemon = True
            self._killer.start()

    def messages(self) -> Iterator[dict[str, Any]]:
        """What it says, until it has ended."""
        for line in self._pipe(self._process.stdout):
            with suppress(ValueError):  # cut by a kill
                yield json.loads(line)

    def exit_words(self) -> str:
        """How it ended, in words; waits for that."""
        code = self._process.wait()
        return f"killed by signal {-code}" if code < 0 else f"exit code {code}"

    def log_tail(self) -> str:
        """The last of what it wrote to stderr."""
        size = self._log.seek(0, 2)
        self._log.seek(max(0, size - LOG_TAIL))
        return self._log.read().decode(errors="replace")

    def _write(self, line: str) -> None:
        with self._lock, suppress(OSError, ValueError):  # gone, or closed: `messages` tells
            pipe = self._pipe(self._process.stdin)
            pipe.write(line + "\n")
            pipe.flush()

    @staticmethod
    def _pipe(stream: IO[str] | None) -> IO[str]:
        if stream is None:
            raise JobError("The training's process cannot be talked to; start it again.")
        return stream


def _followed(child: _Child, handle: JobHandle) -> str:
    """Pass on what the child says; return the last message, or raise JobError or InputError."""
    told = "it had not begun"
    for message in child.messages():
        match message:
            case {"end": "stopped", "message": str(words)}:
                raise JobError(words)
            case {"end": "refused", "message": str(words)}:
                raise InputError(words)
            case {"end": _, "message": str(words)}:
                return words
            case {"message": str(words), "share": share}:
                told = words
                handle.report("running", share, words)
    how = child.exit_words()
    if handle.cancelled():
        raise JobError(f"Stopped ({told}); what was recorded until then is kept.")
    logger.error("%s ended unexpectedly (%s):\n%s", handle.job, how, child.log_tail())
    raise JobError(
        f"The training's process ended unexpectedly ({how}; {told}). What it recorded until then "
        "is kept; the server's log has the details."
    )


def _training(handle: JobHandle) -> TrainingJob:
    if not isinstance(handle.job, TrainingJob):
        raise JobError("This job is no training.")
    return handle.job


def _uses(active: tuple[object, ...], run: str) -> bool:
    return any(isinstance(job, TrainingJob) and job.run == run for job in active)


# --- what may be trained -------------------------------------------------------------------------


def network_of(job: TrainingJob) -> str:
    """The full name of the job's network, "vgg11_bn"; UnknownNameError, InputError."""
    if not job.batch_norm or job.network.endswith("_bn"):
        return spec(job.network).name
    spec(job.network)
    normalised = f"{job.network}_bn"
    if normalised not in NETWORKS:
        names = ", ".join(name.removesuffix("_bn") for name in NETWORKS if name.endswith("_bn"))
        raise InputError(
            f"{spec(job.network).title} is not offered with batch normalisation; switch it off, "
            f"or choose one of: {names}."
        )
    return normalised


def check_training(job: TrainingJob, folders: Mapping[str, Path]) -> None:
    """Raise InputError or UnknownNameError, saying what to do, for what cannot be trained here."""
    check_name(job.run)
    if not job.title.strip() or len(job.title) > MOST_TITLE:
        raise InputError(f"Give the training a name of 1 to {MOST_TITLE} characters.")
    check_dataset(job.data, folders)
    schemes = [name for name in SCHEMES if name != STAGED]
    if job.initialization not in schemes:
        raise UnknownNameError.among("initialisation", job.initialization, schemes)
    optimizers = _choices("optimizer")
    if job.optimizer not in optimizers:
        raise UnknownNameError.among("optimiser", job.optimizer, optimizers)
    _check_numbers(job)
    network = network_of(job)
    build(network, width=job.width, classes=2, input_size=input_side(job.data, network))


def _choices(name: str) -> tuple[str, ...]:
    return get_args(next(field.type for field in fields(TrainingJob) if field.name == name))


def _check_numbers(job: TrainingJob) -> None:
    _check_learning_rate(job.learning_rate)
    if not 0 < job.width <= 1:  # also false for NaN
        raise InputError(f"A width of {job.width:g} is out of range; give one above 0 and up to 1.")
    if not 0 < job.minutes <= MOST_MINUTES:
        raise InputError(
            f"{job.minutes:g} minutes are out of range; give more than 0 and at most "
            f"{MOST_MINUTES:g}."
        )
    # One picture alone has no variance for batch normalisation to divide by.
    _check_count("batch", job.batch, 2, MOST_BATCH)
    _check_count("number of steps", job.steps, 1, MOST_STEPS)
    _check_count("number of steps between two measurements", job.every, 1, MOST_STEPS)
    _check_count("seed", job.seed, 0, MOST_SEED)


def _check_count(what: str, number: int, least: int, most: int) -> None:
    if not float(number).is_integer() or not least <= number <= most:
        raise InputError(f"The {what} is {number}; give a whole number from {least} to {most}.")


def _check_learning_rate(rate: float) -> None:
    if not (math.isfinite(rate) and rate > 0):
        raise InputError(f"A learning rate of {rate:g} does not work; give a positive number.")
