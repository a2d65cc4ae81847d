"""The dashboard as a person starts it, for the benchmarks that watch it from outside."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dashboard.selection import Selection, default_selection
from vgg_viz.service.local import LocalService

START_SECONDS, STOP_SECONDS = 60.0, 20.0
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Server:
    """A running dashboard. Times are of time.time(), which other processes share."""

    address: str
    started: float
    healthy: float


@contextmanager
def dashboard(environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`vgg-viz dashboard` on a free port, ended with the block; yielded once it is healthy."""
    port = _free_port()
    program = Path(sys.executable).with_name("vgg-viz")
    started = time.time()
    process = subprocess.Popen(  # noqa: S603 - this project's own command
        [str(program), "dashboard", "--port", str(port)],
        env=os.environ | dict(environment or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        yield Server(address, started, _wait_until_healthy(process, address))
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def first_view() -> Selection:
    """What the dashboard shows to a first visitor of this checkout."""
    with LocalService() as service:
        return default_selection(service.describe())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_healthy(process: "subprocess.Popen[bytes]", address: str) -> float:
    """Return when /_stcore/health answered 200."""
    end = time.time() + START_SECONDS
    while not _healthy(address):
        if process.poll() is not None or time.time() > end:
            raise RuntimeError("The dashboard did not start; try `vgg-viz dashboard` by hand.")
        time.sleep(POLL_SECONDS)
    return time.time()


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False
