"""`vgg-viz dashboard`: start the web server, say where it is once it answers, end it cleanly."""

import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Annotated

import typer

from vgg_viz.errors import InputError, VggVizError

ROOT = Path(__file__).resolve().parents[2]  # holds vgg_viz, dashboard and .streamlit
READY_SECONDS, STOP_SECONDS = 120.0, 10.0
POLL_SECONDS = 0.1
TAIL_LINES = 15
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - recognised, to warn about it


def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8501,
    host: Annotated[
        str, typer.Option(help="The dashboard has no login: other addresses open it to others.")
    ] = "127.0.0.1",
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint of your own to offer as well; may be repeated."),
    ] = None,
    photos: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder of <class>/<image> to train on and to search for top patches; may be "
            "repeated. Visitors see its file names."
        ),
    ] = None,
) -> None:
    """Serve the dashboard until Ctrl-C.

    The address is printed once the server answers.
    """
    app = ROOT / "dashboard" / "asgi_app.py"
    if not app.is_file():
        raise VggVizError(f"The dashboard is missing ({app}); install vgg-viz again.")
    environment = os.environ | _offered(weights or []) | _photo_folders(photos or [])
    _check_address(host, port)
    with _sigterm_ends(), _running(app, host, port, environment) as (server, log):
        _wait_until_ready(server, log, host, port)
        typer.echo(f"vgg-viz is ready: {_url(host, port)}")
        if host in ANYWHERE:
            typer.echo("Everybody who reaches this machine can open it.", err=True)
        sys.stdout.flush()
        log.hand_on()
        code = server.wait()
        raise VggVizError(f"The server ended by itself (exit code {code}).{log.tail()}")


def _offered(weights: list[Path]) -> dict[str, str]:
    """Checkpoints for the server's process, as $VGG_VIZ_WEIGHTS: absolute, like a PATH."""
    for path in weights:
        if not path.is_file():
            raise InputError(f"There is no file {path}; give the path of a checkpoint.")
    joined = os.pathsep.join(str(path.resolve()) for path in weights)
    return {"VGG_VIZ_WEIGHTS": joined} if joined else {}


def _photo_folders(folders: list[Path]) -> dict[str, str]:
    """Folders of photos for the server's process, as $VGG_VIZ_PHOTOS: absolute, like a PATH."""
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}; give one that holds <class>/<image>.")
    joined = os.pathsep.join(str(folder.resolve()) for folder in folders)
    return {"VGG_VIZ_PHOTOS": joined} if joined else {}


def _check_address(host: str, port: int) -> None:
    """Raise InputError when nothing could listen there: the server would only die of it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":  # a port whose last user has just ended is free; as uvicorn does
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise InputError(f"There is no host {host!r}; 127.0.0.1 is this machine.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"Port {port} is in use by another program; choose another with --port."
            ) from error
        why = error.strerror or error
        raise InputError(f"{host}, port {port} cannot be listened on: {why}.") from error


@contextmanager
def _sigterm_ends() -> Iterator[None]:
    """A polite request to end runs the clean-up, as Ctrl-C does, and is no failure."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Log:
    """The server's output: kept until it is ready, handed on to stderr from then on."""

    def __init__(self, stream: IO[str]) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._lock = threading.Lock()
        self._open = False
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def hand_on(self) -> None:
        """Show what was kept and everything that follows."""
        with self._lock:
            self._open = True
            for line in self._lines:
                self._show(line)

    def tail(self) -> str:
        """Return the last lines, unless they have been shown already."""
        self._thread.join(1)
        with self._lock:
            if self._open or not self._lines:
                return ""
            return " Its last words:\n" + "".join(self._lines).rstrip()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with self._lock:
                self._lines.append(line)
                if self._open:
                    self._show(line)

    @staticmethod
    def _show(line: str) -> None:
        with suppress(OSError):  # nobody reads stderr any more: the server goes on
            typer.echo(line, err=True, nl=False)


@contextmanager
def _running(
    app: Path, host: str, port: int, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], _Log]]:
    """The server as a child process that does not outlive the block."""
    command = [sys.executable, "-m", "streamlit", "run", str(app)]
    options = [f"--server.port={port}", f"--server.address={host}", "--server.headless=true"]
    server = subprocess.Popen(  # noqa: S603 - this very Python and a file of this package
        [*command, *options],
        cwd=ROOT,  # .streamlit/config.toml is read from there
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    try:
        if server.stdout is None:
            raise VggVizError("The server's output cannot be read.")
        yield server, _Log(server.stdout)
    finally:
        _stop(server)


def _stop(server: subprocess.Popen[str]) -> None:
    server.terminate()  # does nothing to a process that has ended
    try:
        server.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        server.kill()
        server.wait()


def _wait_until_ready(server: subprocess.Popen[str], log: _Log, host: str, port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(host, port):
        if (code := server.poll()) is not None:
            raise VggVizError(f"The server did not start (exit code {code}).{log.tail()}")
        if time.monotonic() > deadline:
            raise VggVizError(f"No answer within {READY_SECONDS:.0f} s.{log.tail()}")
        time.sleep(POLL_SECONDS)


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=1)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _url(host: str, port: int) -> str:
    name = _reachable(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
