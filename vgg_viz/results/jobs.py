"""How long work goes, and how the service is."""

from dataclasses import dataclass
from typing import Literal

JobState = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class JobEvent:
    """One step of a job, numbered from 1."""

    number: int
    state: JobState
    progress: float | None  # in [0, 1]; None while the total is unknown
    message: str  # fit to be shown

    @property
    def final(self) -> bool:
        """True when no further event follows."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Health:
    """Is the service well, and how full is it?"""

    ready: bool  # the worker has torch loaded and takes work
    device: str
    waiting: int  # requests in the queue
    models: tuple[str, ...]  # loaded now
    inspection_bytes: int
    forward_passes: int  # since the start; tests count with it
    message: str = ""
