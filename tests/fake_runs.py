"""Recorded trainings without a training: seeded curves with the shapes that real ones have.

`FakeTraining` answers for recordings in `fake_service.FakeService`, and lets live ones grow on a
thread, one after the other, as a server with one device does.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from vgg_viz import architecture
from vgg_viz.errors import InputError, JobError, UnknownNameError
from vgg_viz.models.configs import build
from vgg_viz.requests import RecordingRequest, Steering, TrainingJob
from vgg_viz.results import (
    MAGNITUDES,
    QUANTITIES,
    DatasetInfo,
    Finding,
    JobEvent,
    Recording,
    RunInfo,
    Series,
)

DATASETS = (
    DatasetInfo("shapes", "Shapes and textures, 64 px", "Generated; a linear model fails on it."),
    DatasetInfo("digits", "Handwritten digits, 32 px", "scikit-learn's 1797 digits."),
)
CLASSES = 10
CHANCE = float(np.log(CLASSES))
VERSIONS = {"torch": "2.14.1", "vgg-viz": "0.1.0"}
FACTOR = {"std_0.01": 0.3, "variance_0.01": 2.6, "glorot": 0.72}  # std of z, layer to layer


def growing(at: np.ndarray, scale: float) -> np.ndarray:
    """0 at first, towards 1 after a few times `scale` steps."""
    return 1 - np.exp(-at / scale)


@dataclass
class FakeRun:
    """A training whose whole course is known; `done` says how much of it has happened."""

    info: RunInfo
    every: int
    diverges_at: int | None = None
    done: int = -1
    rates: list[tuple[int, float]] = field(default_factory=list)  # learning rate from a step on

    def __post_init__(self) -> None:
        steps = self.info.planned_steps
        if self.diverges_at is not None:
            steps = min(steps, self.diverges_at + 1)
        self.length = steps
        self.noise = np.random.default_rng(sum(self.info.run.encode()))
        self.learns = self.info.settings["initialization"] not in ("std_0.01", "variance_0.01")
        self.steps = np.arange(steps, dtype=np.int32)
        self.measured = self.steps[:: self.every]
        self.scalars = self._scalars()
        self.flow, self.histograms = self._flow()
        self.pictures = {"kernels": self._kernels(), "cam": self._cams()}

    def _scalars(self) -> dict[str, Series]:
        def course(at: np.ndarray, best: float, spread: float) -> np.ndarray:
            gone = growing(at, 120) if self.learns else np.zeros(len(at))
            return CHANCE + gone * (best - CHANCE) + self.noise.normal(0, spread, len(at))

        def share(at: np.ndarray, best: float, spread: float) -> np.ndarray:
            gone = growing(at, 120) if self.learns else np.zeros(len(at))
            return (0.1 + gone * (best - 0.1) + self.noise.normal(0, spread, len(at))).clip(0, 1)

        loss = course(self.steps, 0.25, 0.12 if self.learns else 0.02)
        loss = loss.clip(0.02)
        if self.diverges_at is not None:
            loss = CHANCE * np.exp(self.steps / 6)
            loss[self.diverges_at :] = np.nan
        at = self.measured
        probability = share(at, 0.92, 0.02)
        values = {
            "loss": (self.steps, loss),
            "accuracy": (self.steps, share(self.steps, 0.93, 0.06)),
            "validation_loss": (at, course(at, 0.6, 0.02)),
            "validation_accuracy": (at, share(at, 0.8, 0.01)),
            "sample_probability": (at, probability),
            "seconds": (self.steps, 0.4 * self.steps),
        }
        return {name: Series(x, y.astype(np.float32)) for name, (x, y) in values.items()}

    def _flow(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        depth = len(self.info.layers)
        layer, at = np.arange(depth)[None], self.measured[:, None]
        factor = FACTOR.get(self.info.settings["initialization"], 1.03)
        swell = 1 + 1.5 * growing(at, 90) if self.learns else np.ones(at.shape)
        if self.diverges_at is not None:
            swell = np.exp(at / 6)
        wobble = np.exp(self.noise.normal(0, 0.08, (len(at), depth)))
        z = 0.5 * factor**layer * swell * wobble
        gradient = 1e-2 * factor ** (depth - 1 - layer) * swell * wobble
        flow = dict.fromkeys(QUANTITIES, np.full((len(at), depth), 0.1))
        flow |= {
            "z_std": z,
            "activation_std": np.where(layer == depth - 1, np.nan, 0.6 * z),
            "gradient_std": gradient,
            "weight_gradient_norm": 3e-3 * swell * wobble,
            "bias_gradient_norm": 10 * gradient,
            "zero_share": np.full(z.shape, 0.5),
            "dead_share": np.where(wobble > 1.1, 0.02, 0.0),
        }
        if self.diverges_at is not None:
            flow["gradient_std"] = np.where(at >= self.diverges_at - 2, np.nan, gradient)
        histograms = {"z": shares(z), "gradient": shares(gradient)}
        return {name: value.astype(np.float32) for name, value in flow.items()}, histograms

    def _kernels(self) -> np.ndarray:
        out, side = 16, 3
        drawn = self.noise.normal(0, 1, (out, 3, side, side))
        learned = self.noise.normal(0, 1, (out, 1, side, side)).repeat(3, axis=1)
        part = growing(self.measured, 150)[:, None, None, None, None] if self.learns else 0.0
        std = 0.01 if self.info.settings["initialization"] == "std_0.01" else 0.25
        shown = std * (drawn[None] * np.ones((len(self.measured), 1, 1, 1, 1)) + part * learned)
        return shown.astype(np.float32)

    def _cams(self) -> np.ndarray:
        at = np.linspace(-1, 1, 7)
        blob = np.exp(-3 * ((at[None] - 0.2) ** 2 + at[:, None] ** 2)) - 0.3
        if not self.learns:
            return np.full((len(self.measured), 7, 7), -1e-9, np.float32)
        rough = self.noise.normal(0, 0.2, (len(self.measured), 7, 7))
        part = growing(self.measured, 100)[:, None, None]
        return (part * 4 * blob + (1 - part) * rough).astype(np.float32)

    def recording(self, after: int) -> Recording:
        """What happened later than step `after`, up to now."""

        def come(steps: np.ndarray) -> np.ndarray:
            return (steps > after) & (steps <= self.done)

        flow = come(self.measured)
        at = self.measured[flow]
        scalars = {
            name: Series(series.steps[come(series.steps)], series.values[come(series.steps)])
            for name, series in (self.scalars | {"learning_rate": self._rates()}).items()
        }
        return Recording(
            replace(self.info, steps=max(self.done, 0), seconds=0.4 * max(self.done, 0)),
            scalars,
            at,
            {name: values[flow] for name, values in self.flow.items()},
            {name: values[flow] for name, values in self.histograms.items()},
            dict.fromkeys(self.pictures, at),
            {name: values[flow] for name, values in self.pictures.items()},
        )

    def _rates(self) -> Series:
        values = np.full(self.length, self.info.settings["learning_rate"], np.float32)
        for step, rate in self.rates:
            values[step:] = rate
        return Series(self.steps, values)


def shares(std: np.ndarray) -> np.ndarray:
    """Histograms of log10|x| for normal x of that std, (steps, layers) -> uint16 (..., 60)."""
    centres = (MAGNITUDES[1:] + MAGNITUDES[:-1]) / 2
    # d/du of the normal distribution's mass in u = log10|x|
    ratio = 10 ** np.minimum(centres - np.log10(std)[..., None], 3)
    mass = ratio * np.exp(-(ratio**2) / 2)
    total = mass.sum(axis=-1, keepdims=True)
    return np.round(0.98 * 65535 * mass / np.where(total > 0, total, 1)).astype(np.uint16)


def layer_names(network: str) -> tuple[str, ...]:
    """Convolutions and linear layers, first to last."""
    rows = architecture.layer_infos(build(network, width=0.25, classes=CLASSES))
    return tuple(row.name for row in rows if row.kind in ("conv", "linear"))


def settings(**different: object) -> Mapping[str, object]:
    return {
        "network": "vgg16",
        "width": 1.0,
        "batch_norm": False,
        "input_size": 64,
        "initialization": "he_fan_in",
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "batch": 32,
        "data": "photos of 10 classes",
        "seed": 0,
        "chance_loss": CHANCE,
        "sample": "cat",
        "cam_layer": "conv5_3",
        "cam_target_name": "cat",
        **different,
    }


def bundled_run(name: str, title: str, state: str = "complete", steps: int = 600, **different):
    """A finished run; `diverges_at` among the settings ends it there."""
    diverges_at = different.pop("diverges_at", None)
    weights = different.pop("weights", ())
    chosen = settings(**different)
    findings: tuple[Finding, ...] = ()
    if diverges_at is not None:
        message = f"diverged at step {diverges_at}: loss is NaN, first in conv4_2"
        findings = (
            Finding(diverges_at - 2, "conv4_2", "non-finite gradient", "dL/dz is NaN in conv4_2"),
            Finding(diverges_at, "conv4_2", "diverged", message),
        )
    last = diverges_at or steps - 1
    about = (name, title, True, state, "2026-11-20T10:00:00Z", last, steps, 0.4 * steps)
    layers = layer_names(str(chosen["network"]))
    info = RunInfo(*about, chosen, layers, findings, VERSIONS, weights)
    run = FakeRun(info, 2 if diverges_at else 10, diverges_at)
    run.done = run.length - 1
    return run


def bundled_runs() -> dict[str, FakeRun]:
    made = (
        bundled_run("d-std-001", "D from scratch, std 0.01", initialization="std_0.01"),
        bundled_run("d-he", "D from scratch, He"),
        bundled_run(
            "a-glorot",
            "A from scratch, Glorot",
            network="vgg11",
            initialization="glorot",
            cam_layer="conv5_2",
            weights=(10, 599),
        ),
        bundled_run(
            "d-variance-001",
            "D, variance 0.01 as printed",
            "diverged",
            initialization="variance_0.01",
            diverges_at=37,
        ),
    )
    return {run.info.run: run for run in made}


class _Job:
    """One training in the line."""

    def __init__(self, job: TrainingJob, run: FakeRun) -> None:
        self.job, self.run = job, run
        self.events: list[JobEvent] = []
        self.stopped, self.paused = threading.Event(), threading.Event()

    def add(self, state: str, progress: float | None, message: str) -> None:
        if not self.events or self.events[-1].message != message:
            self.events.append(JobEvent(len(self.events) + 1, state, progress, message))

    @property
    def final(self) -> bool:
        return bool(self.events) and self.events[-1].final


class FakeTraining:
    """Recordings, and a line of trainings of which one runs at a time.

    `step_seconds` is the pace, `diverges_at` the step at which the next submitted one diverges,
    `broken_files` are named by a note of the next submitted one.
    """

    def __init__(self) -> None:
        self.step_seconds = 0.05
        self.diverges_at: int | None = None
        self.broken_files: tuple[str, ...] = ()
        self.known = bundled_runs()
        self.jobs: dict[str, _Job] = {}
        self.lock = threading.Lock()

    def submit(self, job: TrainingJob) -> str:
        if not job.learning_rate > 0:
            raise InputError("The learning rate must be a positive number.")
        name = f"training-{job.run}"
        with self.lock:
            if name not in self.jobs:
                run = FakeRun(self._info(job), job.every, self.diverges_at)
                self.known[job.run] = run
                self.jobs[name] = _Job(job, run)
                self._tell_places()
                threading.Thread(target=self._work, args=(name,), daemon=True).start()
        return name

    def _info(self, job: TrainingJob) -> RunInfo:
        chosen = settings(
            network=job.network,
            width=job.width,
            batch_norm=job.batch_norm,
            initialization=job.initialization,
            optimizer=job.optimizer,
            learning_rate=job.learning_rate,
            batch=job.batch,
            data=job.data,
            seed=job.seed,
        )
        notes = tuple(
            Finding(0, "", "note", f"{file} cannot be read and is left out")
            for file in self.broken_files
        )
        layers = layer_names(job.network)
        created = f"2026-11-22T10:00:{len(self.known):02}Z"
        about = (job.run, job.title, False, "running", created, 0, job.steps, 0.0)
        return RunInfo(*about, chosen, layers, notes, VERSIONS)

    def _line(self) -> list[_Job]:
        return [job for job in self.jobs.values() if not job.final]

    def _tell_places(self) -> None:
        for place, job in enumerate(self._line()):
            if place:
                ordinal = {1: "2nd", 2: "3rd"}.get(place, f"{place + 1}th")
                job.add("queued", None, f"{ordinal} in line")

    def _work(self, name: str) -> None:
        mine = self.jobs[name]
        while self._line()[0] is not mine:
            if mine.stopped.is_set():
                return self._end(mine, "cancelled", "stopped", "Stopped before it started.")
            time.sleep(0.01)
        run, steps = mine.run, mine.job.steps
        for step in range(run.length):
            while mine.paused.is_set() and not mine.stopped.is_set():
                mine.add("running", step / steps, f"Paused at step {step} of {steps}")
                time.sleep(0.01)
            if mine.stopped.is_set():
                return self._end(mine, "cancelled", "stopped", f"Stopped at step {run.done}.")
            run.done = step
            loss, left = run.scalars["loss"].values[step], self.step_seconds * (steps - step)
            text = f"step {step} of {steps} · loss {loss:.3g} · about {left:.0f} s left"
            mine.add("running", step / steps, text)
            time.sleep(self.step_seconds)
        if run.diverges_at is not None:
            text = f"diverged at step {run.diverges_at}: loss is NaN, first in conv4_2"
            finding = Finding(run.diverges_at, "conv4_2", "diverged", text)
            run.info = replace(run.info, findings=(*run.info.findings, finding))
            return self._end(mine, "done", "diverged", text)
        return self._end(mine, "done", "complete", f"Complete: {steps} steps.")

    def _end(self, job: _Job, state: str, run_state: str, message: str) -> None:
        with self.lock:
            job.run.info = replace(job.run.info, state=run_state)
            job.add(state, 1.0, message)
            self._tell_places()

    def knows(self, job: str) -> bool:
        return job in self.jobs

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        return tuple(event for event in list(self.jobs[job].events) if event.number > after)

    def cancel(self, job: str) -> None:
        self.jobs[job].stopped.set()

    def steer(self, job: str, steering: Steering) -> None:
        if job not in self.jobs:
            raise JobError("This job is not known here (any more); start it again.")
        known = self.jobs[job]
        if steering.learning_rate is not None:
            if not steering.learning_rate > 0:
                raise InputError("The learning rate must be a positive number.")
            known.run.rates.append((known.run.done + 1, steering.learning_rate))
        if steering.paused is not None:
            (known.paused.set if steering.paused else known.paused.clear)()

    def runs(self) -> tuple[RunInfo, ...]:
        infos = [self.recording(RecordingRequest(run, 10**9)).info for run in list(self.known)]
        own = sorted((i for i in infos if not i.bundled), key=lambda i: i.created, reverse=True)
        return (*(info for info in infos if info.bundled), *own)

    def weights(self, run: str, step: int) -> bytes:
        if step not in self.known[run].info.weights:
            raise UnknownNameError(f"No weights of {run} were kept after step {step}.")
        return f"VGG weights of {run} after {step}".encode()

    def rename(self, run: str, title: str) -> None:
        known = self._own(run)
        known.info = replace(known.info, title=title)

    def delete(self, run: str) -> None:
        if self._own(run).info.state == "running":
            raise InputError("This training still runs; stop it first.")
        del self.known[run]

    def _own(self, run: str) -> FakeRun:
        if run not in self.known:
            raise UnknownNameError.among("recording", run, self.known)
        if self.known[run].info.bundled:
            raise InputError("This recording belongs to the program and stays as it is.")
        return self.known[run]

    def recording(self, request: RecordingRequest) -> Recording:
        if request.run not in self.known:
            raise UnknownNameError.among("recording", request.run, self.known)
        return self.known[request.run].recording(request.after)
