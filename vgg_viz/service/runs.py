"""The recordings a service offers: bundled ones, read only, and one's own in a writable folder."""

import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from uuid import uuid4

from platformdirs import user_data_path

from vgg_viz import recordings
from vgg_viz.errors import InputError, UnknownNameError, VggVizError
from vgg_viz.models.registry import assets_folder
from vgg_viz.results import Recording, RunInfo

logger = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")  # no separator, no leading dot: one folder


def runs_folder() -> Path:
    """Where one's own recordings live: $VGG_VIZ_RUNS, or `runs` in the user's data folder."""
    if folder := os.environ.get("VGG_VIZ_RUNS"):
        return Path(folder).expanduser().resolve()
    return user_data_path("vgg-viz", appauthor=False) / "runs"


def check_name(run: str) -> None:
    """Raise InputError for a name that is no plain folder name."""
    if not NAME.fullmatch(run):
        raise InputError(
            f"{run[:40]!r} cannot name a recording; use up to 120 letters, digits, '-' and '_'."
        )


class RunStore:
    """Recordings by name. Safe for threads.

    A recording is being written from `writing` until its block ends; every other one that was
    never closed is "interrupted". `own` is made with the first recording.
    """

    def __init__(self, own: Path, bundled: Path | None = None) -> None:
        self._own = own
        self._bundled = bundled or assets_folder() / "runs"
        self._alive: set[str] = set()
        self._titles: dict[str, str] = {}  # given while a run is written: its writer has the file
        self._lock = Lock()

    def infos(self) -> tuple[RunInfo, ...]:
        """The bundled recordings, then one's own, newest first; unreadable ones are left out.

        Bundled ones stand in the order in which the lecture tells them: settings["place"].
        """
        bundled = list(self._readable(self._bundled))
        bundled.sort(key=lambda info: (info.settings.get("place", len(bundled)), info.run))
        names = {info.run for info in bundled}
        own = [info for info in self._readable(self._own) if info.run not in names]
        own.sort(key=lambda info: (info.created, info.run), reverse=True)
        return (*bundled, *own)

    def exists(self, run: str) -> bool:
        """Whether the name is taken."""
        check_name(run)
        return (self._bundled / run).exists() or (self._own / run).exists()

    def recording(self, run: str, after: int = -1) -> Recording:
        """The recording, or what came later than step `after`. UnknownNameError, InputError."""
        folder = self._folder(run)
        bundled, alive = self._is_bundled(run), self._is_alive(run)
        try:
            found = recordings.read_recording(folder, after=after, bundled=bundled, alive=alive)
        except InputError:
            if not alive:
                raise
            # Its writer has just turned the streams into tables; they are whole now.
            found = recordings.read_recording(folder, after=after, bundled=bundled, alive=alive)
        return replace(found, info=self._titled(found.info))

    def weights(self, run: str, step: int) -> bytes:
        """The checkpoint that was kept after `step`. UnknownNameError when there is none."""
        path = recordings.weights_path(self._folder(run), step)
        try:
            return path.read_bytes()
        except OSError as error:
            raise UnknownNameError(f"No weights of {run} were kept after step {step}.") from error

    def stamp(self, run: str) -> int | None:
        """A number that changes when the recording does; None while it is being written."""
        if self._is_alive(run):
            return None
        try:
            return (self._folder(run) / "run.json").stat().st_mtime_ns
        except OSError:
            return None

    def rename(self, run: str, title: str) -> None:
        """Give one's own recording another title. UnknownNameError, InputError."""
        folder = self._own_folder(run, "renamed")
        with self._lock:
            if run in self._alive:
                if not title.strip():
                    raise InputError("A recording needs a name; type one.")
                self._titles[run] = " ".join(title.split())[:120]
                return
        with _disk(folder, "renamed"):
            recordings.rename(folder, title)

    def delete(self, run: str) -> None:
        """Delete one's own recording for good. UnknownNameError, InputError."""
        folder = self._own_folder(run, "deleted")
        if self._is_alive(run):
            raise InputError("This training is still running; stop it first, then delete it.")
        gone = folder.with_name(f".{uuid4().hex}")  # out of sight at once, also if a file resists
        with _disk(folder, "deleted"):
            folder.rename(gone)
            shutil.rmtree(gone)

    @contextmanager
    def writing(self, run: str) -> Iterator[Path]:
        """The folder for a new recording, which counts as running inside the block.

        InputError when the name is taken.
        """
        if self.exists(run):
            raise InputError(f"There is a recording called {run} already; choose another name.")
        with self._lock:
            self._alive.add(run)
        try:
            yield self._own / run
        finally:
            with self._lock:
                self._alive.discard(run)
                title = self._titles.pop(run, "")
            if title:
                self._apply(run, title)

    def _apply(self, run: str, title: str) -> None:
        try:
            recordings.rename(self._own / run, title)
        except (VggVizError, OSError):
            logger.exception("%s keeps its old title", run)

    def _readable(self, folder: Path) -> Iterator[RunInfo]:
        for place in recordings.find_runs(folder):
            if not NAME.fullmatch(place.name):
                continue
            try:
                yield self._info(place)
            except InputError as error:
                logger.warning("left out: %s", error)

    def _info(self, place: Path) -> RunInfo:
        alive = self._is_alive(place.name)
        bundled = place.parent == self._bundled
        return self._titled(recordings.read_info(place, bundled=bundled, alive=alive))

    def _titled(self, info: RunInfo) -> RunInfo:
        with self._lock:
            title = self._titles.get(info.run)
        return replace(info, title=title) if title else info

    def _is_alive(self, run: str) -> bool:
        with self._lock:
            return run in self._alive

    def _is_bundled(self, run: str) -> bool:
        return (self._bundled / run / "run.json").is_file()

    def _folder(self, run: str) -> Path:
        check_name(run)
        for place in (self._bundled / run, self._own / run):
            if (place / "run.json").is_file():
                return place
        raise UnknownNameError(f"There is no recording {run} here (any more); choose another.")

    def _own_folder(self, run: str, done: str) -> Path:
        folder = self._folder(run)
        if folder.parent == self._bundled:
            raise InputError(f"This recording ships with the program; it cannot be {done}.")
        return folder


@contextmanager
def _disk(folder: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{folder} cannot be {done}: {error.strerror or error}. Check who may write there."
        ) from error
