"""`python -m vgg_viz.training.live`: one recorded training in a process of its own.

The server that starts it writes JSON lines to its stdin: first the order (`Order`), then steering,
{"paused": true}, {"learning_rate": 0.1}, {"stop": true}. It reads JSON lines from its stdout:
progress, {"message": ..., "share": 0.3}, and one last line with an "end" (`Ending`). Everything
that libraries print goes to stderr. When stdin closes the server is gone: the training ends and
its recording is closed.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from vgg_viz.errors import VggVizError
from vgg_viz.requests import TrainingJob
from vgg_viz.training.datasets import Split, load_dataset

if TYPE_CHECKING:
    from vgg_viz.training.recorded import RecordedTraining, StepEvent

Ending = Literal["complete", "diverged", "out of time", "stopped", "refused"]

TELL_SECONDS = 0.5
NICE = 5  # of the steps: whoever asks for a heat map goes first
ORPHAN_SECONDS = 120.0  # a step may still be under way when the server has gone
LONGEST_WARMUP = 50  # steps; a shorter training warms up for an eighth of its steps


@dataclass(frozen=True)
class Order:
    """What the child is to do. `folder` is that of the recording, `network` its full name."""

    job: TrainingJob
    network: str  # "vgg11_bn"
    side: int  # px
    folder: str
    data_folders: dict[str, str] = field(default_factory=dict)
    device: str = "auto"

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Order":
        """Read `to_json`'s line back."""
        document = json.loads(line)
        return cls(**{**document, "job": TrainingJob(**document["job"])})


class Control:
    """What the server asks for while the training runs. Its own thread reads stdin."""

    def __init__(self, source: int, leave: Callable[[], None] = lambda: None) -> None:
        self._source = source
        self._leave = leave  # when the server has gone
        self._changed = threading.Condition()
        self._paused = False
        self._stop = False
        self._learning_rate: float | None = None
        self._rest = b""

    def first_line(self) -> str:
        """The order; "" when the server has gone already."""
        while b"\n" not in self._rest:
            # Bytes, not sys.stdin: a thread that waits in a buffered reader would abort the exit.
            if not (data := os.read(self._source, 65536)):
                return ""
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode()

    def start(self) -> None:
        """Listen from now on."""
        threading.Thread(target=self._listen, name="control", daemon=True).start()

    @property
    def stopped(self) -> bool:
        """Whether somebody asked to stop."""
        with self._changed:
            return self._stop

    @property
    def paused(self) -> bool:
        """Whether the next step has to wait."""
        with self._changed:
            return self._paused and not self._stop

    def wait(self, seconds: float) -> None:
        """Wait until something is asked for while paused, at most so long."""
        with self._changed:
            if self._paused and not self._stop:
                self._changed.wait(max(0.0, seconds))

    def new_learning_rate(self) -> float | None:
        """The learning rate somebody asked for since the last call."""
        with self._changed:
            rate, self._learning_rate = self._learning_rate, None
            return rate

    def _listen(self) -> None:
        while line := self.first_line():
            self._take(json.loads(line))
        self._take({"stop": True})
        self._leave()

    def _take(self, command: dict[str, Any]) -> None:
        with self._changed:
            self._paused = bool(command.get("paused", self._paused))
            self._stop = self._stop or bool(command.get("stop"))
            if (rate := command.get("learning_rate")) is not None:
                self._learning_rate = float(rate)
            self._changed.notify_all()


class Report:
    """Lines to the server, not too many."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._last = 0.0

    def progress(self, message: str, share: float | None = None, *, always: bool = True) -> None:
        """Say how far it is; unless `always`, only when the last word was TELL_SECONDS ago."""
        now = time.monotonic()
        if always or now - self._last >= TELL_SECONDS:
            self._last = now
            self._line({"message": message, "share": share})

    def end(self, ending: Ending, message: str) -> None:
        """Say the last word."""
        self._line({"end": ending, "message": message})

    def _line(self, document: dict[str, Any]) -> None:
        try:
            self._stream.write(json.dumps(document) + "\n")
            self._stream.flush()
        except OSError:
            pass  # nobody reads any more: the closed stdin says so too


def train(order: Order, control: Control, report: Report) -> tuple[Ending, str]:
    """Do what is ordered; return how it ended, and that in words."""
    job = order.job
    deadline = time.monotonic() + 60 * job.minutes
    report.progress("Preparing the pictures.")
    folders = {name: Path(path) for name, path in order.data_folders.items()}
    split = load_dataset(job.data, side=order.side, folders=folders, seed=job.seed)
    if control.stopped:
        return "stopped", "Stopped before the first step; nothing was recorded."
    report.progress("Drawing the first weights.")
    training = _recorded(order, split)
    if hasattr(os, "nice"):
        os.nice(NICE)
    last, out_of_time = None, False
    with closing(training.steps()) as steps:
        for last in steps:
            report.progress(_so_far(job, last), last.step / job.steps, always=last.step == 1)
            if last.step >= job.steps or training.finding is not None:
                continue  # it ends by itself, and says so in its recording
            _wait_while_paused(job, last, control, report, deadline)
            if (rate := control.new_learning_rate()) is not None:
                training.learning_rate = rate
            out_of_time = time.monotonic() >= deadline
            if out_of_time:
                training.last_note = f"stopped after {job.minutes:g} minutes"
            if out_of_time or control.stopped:
                break
        if last is not None and training.finding is None:
            training.keep_weights(last.step)
    ending, message = _ending(job, training, last, out_of_time=out_of_time)
    return ending, " ".join((message, *split.notes))


def _wait_while_paused(
    job: TrainingJob, event: "StepEvent", control: Control, report: Report, deadline: float
) -> None:
    """Wait, at most until `deadline`: paused time counts, somebody else may be waiting."""
    if control.paused:
        message = f"Paused at step {event.step} of {job.steps}."
        report.progress(message, event.step / job.steps)
    while control.paused and (left := deadline - time.monotonic()) > 0:
        control.wait(left)


def _so_far(job: TrainingJob, event: "StepEvent") -> str:
    return f"step {event.step} of {job.steps}, loss {event.loss:.3g}"


def _ending(
    job: TrainingJob, training: "RecordedTraining", last: "StepEvent | None", *, out_of_time: bool
) -> tuple[Ending, str]:
    if training.finding is not None:
        return "diverged", f"{training.finding.message}."
    if last is None:
        return "stopped", "Stopped before the first step."
    if last.step >= job.steps:
        return "complete", f"All {job.steps} steps are done, loss {last.loss:.3g}."
    if out_of_time:
        minutes = f"{job.minutes:g} minute{'' if job.minutes == 1 else 's'}"
        return "out of time", f"Stopped after {minutes} at step {last.step} of {job.steps}."
    return "stopped", f"Stopped at step {last.step} of {job.steps}; the recording is kept."


def _recorded(order: Order, split: Split) -> "RecordedTraining":
    from vgg_viz.training.recorded import Experiment, RecordedTraining

    job = order.job
    experiment = Experiment(
        network=order.network,
        initialization=job.initialization,
        width=job.width,
        input_size=order.side,
        optimizer=job.optimizer,
        learning_rate=job.learning_rate,
        warmup=min(LONGEST_WARMUP, job.steps // 8),
        batch=job.batch,
        steps=job.steps,
        every=job.every,
        seed=job.seed,
        flip=split.mirrored,
    )
    return RecordedTraining(
        experiment,
        split.training,
        split.validation,
        Path(order.folder),
        title=job.title,
        settings={"data": job.data, "minutes": job.minutes},
        notes=split.notes,
        device=order.device,
    )


def _device(wanted: str) -> str:
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _own_stdout() -> IO[str]:
    """The pipe to the server for us alone; whatever else prints goes to stderr."""
    pipe = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(pipe, "w", encoding="utf-8")


def _leave_soon() -> None:
    """End this process, also if the training does not notice that it has been stopped."""
    time.sleep(ORPHAN_SECONDS)
    os._exit(1)


def main() -> None:
    """Read an order, carry it out, say how it ended."""
    report = Report(_own_stdout())
    control = Control(0, _leave_soon)
    if not (line := control.first_line()):
        return
    control.start()
    import torch

    torch.set_num_threads(max(1, _cores() - 1))  # one core stays for whoever asks the server
    order = Order.from_json(line)
    order = replace(order, device=_device(order.device))
    try:
        report.end(*train(order, control, report))
    except VggVizError as error:
        report.end("refused", str(error))
    except (MemoryError, torch.OutOfMemoryError):
        report.end(
            "refused", "The memory does not suffice; choose a smaller batch, width or network."
        )


if __name__ == "__main__":
    main()
    sys.stderr.flush()
    os._exit(0)  # the recording is closed; taking torch down in order costs another second
