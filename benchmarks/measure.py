"""Timing in turns, and tables of the results."""

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Timing:
    """Wall-clock seconds of the same work, once a round."""

    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        """The least disturbed round."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The usual round."""
        return statistics.median(self.seconds)

    def percentile(self, share: float) -> float:
        """The value that `share` of the rounds stay within; the nearest one, not interpolated."""
        at = max(0, -int(-share * len(self.seconds) // 1) - 1)
        return sorted(self.seconds)[at]


def in_turns(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    slow: Mapping[str, int] | None = None,
) -> dict[str, Timing]:
    """Time every contender once a round, each round starting with another one.

    Noise of the machine so hits all alike. `slow` names contenders that need fewer rounds.
    """
    wanted = dict.fromkeys(contenders, rounds) | dict(slow or {})
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            if len(seconds[name]) < wanted[name]:
                seconds[name].append(timed(contenders[name]))
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call; garbage is collected before it, and its result is let go after it."""
    gc.collect()
    started = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    del result
    return seconds


def peak_memory(work: Callable[[], object]) -> float | None:
    """MB that the process had at most during one call, above what it had before it.

    None where the system does not let the highest mark be set back (Linux does).
    """
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # sets VmHWM back
    except OSError:
        return None
    before = _status("VmRSS")
    result = work()
    after = _status("VmHWM")
    del result
    return (after - before) / 1000


def _status(name: str) -> float:
    """A line of /proc/self/status, in kB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Plain text: the first column to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = [_line(header, widths), "  ".join("-" * width for width in widths)]
    return "\n".join(lines + [_line(row, widths) for row in rows])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join((first, *rest)).rstrip()


def machine() -> str:
    """What was measured on; no names of hosts or people."""
    parts = [
        f"{platform.system()} {platform.machine()}",
        f"{usable_cores()} cores",
        f"{torch.get_num_threads()} torch threads, {torch.backends.cpu.get_cpu_capability()}",
        f"torch {torch.__version__}",
        f"Python {platform.python_version()}",
    ]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    if (load := busy()) is not None:
        parts.append(f"load before {load:.1f}")
    return ", ".join(parts)


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def busy() -> float | None:
    """Processes that wanted a core in the last minute; None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def verdict(value: float, bar: float) -> str:
    """ "<= 1.15: held" or "<= 1.15: MISSED"."""
    return f"<= {bar:g}: {'held' if value <= bar else 'MISSED'}"
