"""Fetch a published weights file into the user's cache: resumed, verified, never half a file.

A file under its final name is complete: it is written as `<name>.part`, its hash is checked, and
then it is renamed. A cut download leaves the `.part`, and the next `fetch` goes on from there.
Nothing here imports torch.
"""

import errno
import hashlib
import logging
import os
import shutil
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn
from urllib.parse import urlsplit

from vgg_viz.errors import DownloadError

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

CHUNK = 2**20  # bytes between two looks at `cancelled`
CONNECT_SECONDS, READ_SECONDS = 15.0, 60.0
DISK_RESERVE = 64 * 2**20  # bytes that stay free

Progress = Callable[[int, int | None], None]  # bytes done, bytes in all when known


@dataclass(frozen=True)
class RemoteFile:
    """A file on a publisher's server. A `url` that ends in .zip holds `filename` packed.

    `digest` is the start of the sha256 (as in torchvision's file names) or the whole sha1 of the
    file itself, unpacked. `bytes` is its size, exact or nearly so; 0 when unknown. `older` lists
    (filename, digest) under which the publisher offered the same weights before.
    """

    url: str
    filename: str
    bytes: int
    digest_kind: Literal["sha256-prefix", "sha1"]
    digest: str
    older: tuple[tuple[str, str], ...] = ()

    @property
    def packed(self) -> bool:
        """True when what is downloaded is a zip around the file."""
        return self.url.endswith(".zip") and not self.filename.endswith(".zip")


def cache_folder() -> Path:
    """Where fetched weights are kept: $VGG_VIZ_CACHE, or the user's cache folder."""
    if folder := os.environ.get("VGG_VIZ_CACHE"):
        return Path(folder).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("vgg-viz", appauthor=False)) / "weights"


def other_folders() -> tuple[Path, ...]:
    """Where torch.hub and pytorchcv keep the same files, by their own rules."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        torch_home = Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser()
        return torch_home / "hub" / "checkpoints", Path("~/.torch/models").expanduser()
    except RuntimeError:  # a container's user without a home
        return ()


def local_copies(source: RemoteFile, folder: Path | None = None) -> Iterator[tuple[Path, str]]:
    """Yield (path, digest it must have) of files here with the right name, contents unchecked."""
    names = ((source.filename, source.digest), *source.older)
    for place in (folder or cache_folder(), *other_folders()):
        for name, digest in names:
            if (place / name).is_file():
                yield place / name, digest


def verified_copy(source: RemoteFile, folder: Path | None = None) -> Path | None:
    """Return a file here whose hash is right, or None. Reads the whole file: 0.5 s for a VGG."""
    for path, digest in local_copies(source, folder):
        if hash_matches(path, source.digest_kind, digest):
            return path
        logger.warning("%s is damaged or of another version; it is not used", path)
    return None


def hash_matches(path: Path, kind: Literal["sha256-prefix", "sha1"], digest: str) -> bool:
    """Tell whether the file has this sha1, or a sha256 that starts with `digest`."""
    algorithm = hashlib.sha1 if kind == "sha1" else hashlib.sha256
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: algorithm(usedforsecurity=False)).hexdigest()
    return found == digest if kind == "sha1" else found.startswith(digest)


def fetch(
    source: RemoteFile,
    folder: Path | None = None,
    *,
    progress: Progress = lambda _done, _total: None,
    cancelled: Callable[[], bool] = lambda: False,
    client: "httpx.Client | None" = None,
) -> Path:
    """Return the path of the verified file, downloading it when it is not on this machine.

    `folder` is the cache by default. `progress` hears bytes done and in all; `cancelled` is asked
    after each MiB. A second fetch of the same file, also by another process, waits for the first.
    Raises DownloadError, also when cancelled; what has arrived is kept for the next attempt.
    """
    folder = folder or cache_folder()
    if path := verified_copy(source, folder):
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / f"{source.filename}.lock", cancelled):
            if path := verified_copy(source, folder):
                return path
            return _Download(source, folder, progress, cancelled).run(client)
    except OSError as error:
        raise _disk_error(error, source, folder) from error


@dataclass
class _Download:
    """One fetch of one file, holding its lock."""

    source: RemoteFile
    folder: Path
    progress: Progress
    cancelled: Callable[[], bool]

    def __post_init__(self) -> None:
        self.part = self.folder / f"{self.source.filename}.part"
        self.etag = self.folder / f"{self.source.filename}.etag"

    def run(self, client: "httpx.Client | None") -> Path:
        import httpx

        resumed = self.part.exists()
        try:
            with nullcontext(client) if client else _own_client() as connection:
                self._receive(connection)
        except httpx.TimeoutException as error:
            self._fail(f"{self._host} does not answer", error)
        except (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            self._fail(f"{self._host} cannot be reached ({error})", error)
        except httpx.HTTPError as error:
            self._fail(f"The connection to {self._host} broke ({error})", error)
        path = self._finish()
        if path is None and resumed:
            # The part from an earlier day may be of another version: once more from the start.
            return self.run(client)
        if path is None:
            raise DownloadError(
                f"What {self._host} sent for {self.source.filename} is not that file (its "
                f"{self.source.digest_kind.split('-', maxsplit=1)[0]} is not "
                f"{self.source.digest}), so it was removed. A proxy or a log-in page may have "
                f"answered instead; try again. {self._by_hand}"
            )
        return path

    def _receive(self, client: "httpx.Client", *, restarted: bool = False) -> None:
        """Append what is missing to the part; starts over when the server cannot go on."""
        offset = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if etag := self._known_etag():
                headers["If-Range"] = etag
        with client.stream("GET", self.source.url, headers=headers) as response:
            start = self._start(response, offset)
            if start is not None:
                self._write(response, start)
                return
            total = response.headers.get("content-range", "").rpartition("/")[2]
            if response.status_code == 416 and total == str(offset):
                return  # all of it had arrived before
        if restarted:
            raise DownloadError(f"{self._host} answers in a way that makes no sense; try later.")
        self._forget()
        self._receive(client, restarted=True)

    def _start(self, response: "httpx.Response", offset: int) -> int | None:
        """Where the answer's first byte belongs; None: throw the part away and ask again."""
        match response.status_code:
            case 200:
                return 0
            case 206:
                first = response.headers.get("content-range", "").removeprefix("bytes ")
                known, etag = self._known_etag(), response.headers.get("etag")
                same = known is None or etag is None or known == etag
                return offset if same and first.startswith(f"{offset}-") else None
            case 416:
                return None
            case 404 | 410:
                raise DownloadError(
                    f"{self.source.url} is not there any more (HTTP {response.status_code}). "
                    f"Search for {self.source.filename} and put it into {self.folder}."
                )
            case status:
                raise DownloadError(
                    f"{self._host} refused the download (HTTP {status} {response.reason_phrase}); "
                    f"try again later. {self._by_hand}"
                )

    def _write(self, response: "httpx.Response", start: int) -> None:
        length = response.headers.get("content-length", "")
        total = start + int(length) if length.isdigit() else None
        self._check_room(total, start)
        # Only a strong tag stands for the same bytes.
        if (etag := response.headers.get("etag", "")) and not etag.startswith("W/"):
            self.etag.write_text(etag, encoding="utf-8")
        elif not start:
            self.etag.unlink(missing_ok=True)
        done = start
        self.progress(done, total)
        with self.part.open("r+b" if start else "wb") as file:
            file.seek(start)
            for chunk in response.iter_raw(CHUNK):
                file.write(chunk)
                done += len(chunk)
                self.progress(done, total)
                if self.cancelled():
                    raise DownloadError(
                        "Cancelled. What has arrived is kept; the next attempt goes on there."
                    )
                self._check_size(done)

    def _check_room(self, total: int | None, start: int) -> None:
        needed = (total or self.source.bytes) - start + DISK_RESERVE
        if self.source.packed:
            needed += self.source.bytes
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise _too_full(self.folder, needed, free)
        self._check_size(total or 0)

    def _check_size(self, size: int) -> None:
        if self.source.bytes and size > 1.2 * self.source.bytes + 2**20:
            self._forget()
            raise DownloadError(
                f"{self._host} sends {size / 1e6:.0f} MB where {self.source.bytes / 1e6:.0f} MB "
                f"are expected, so it is not {self.source.filename}. {self._by_hand}"
            )

    def _finish(self) -> Path | None:
        """Check the part's hash and give it its name; None, and no part left, when it is wrong."""
        final = self.folder / self.source.filename
        ready = self._unpacked() if self.source.packed else self.part
        if ready and hash_matches(ready, self.source.digest_kind, self.source.digest):
            ready.replace(final)
            self._forget()
            return final
        if ready:
            ready.unlink()
        self._forget()
        return None

    def _unpacked(self) -> Path | None:
        """The file inside the zip; None when the part is no such zip."""
        target = self.folder / f"{self.source.filename}.unpacked"
        try:
            with zipfile.ZipFile(self.part) as archive:
                info = archive.getinfo(self.source.filename)
                self._check_size(info.file_size)
                with archive.open(info) as packed, target.open("wb") as file:
                    shutil.copyfileobj(packed, file, CHUNK)
        except (zipfile.BadZipFile, zlib.error, LookupError, EOFError, RuntimeError, ValueError):
            target.unlink(missing_ok=True)
            return None
        return target

    def _known_etag(self) -> str | None:
        return self.etag.read_text(encoding="utf-8") if self.etag.exists() else None

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.etag.unlink(missing_ok=True)

    def _fail(self, what: str, error: Exception) -> NoReturn:
        done = self.part.stat().st_size if self.part.exists() else 0
        kept = f"; {done / 1e6:.0f} MB are kept and the next attempt goes on there" if done else ""
        raise DownloadError(f"{what}{kept}. {self._by_hand}") from error

    @property
    def _host(self) -> str:
        return urlsplit(self.source.url).hostname or self.source.url

    @property
    def _by_hand(self) -> str:
        unpack = "unpack it and " if self.source.packed else ""
        return (
            f"Without internet here: download {self.source.url} on another computer, {unpack}"
            f"copy {self.source.filename} into {self.folder}."
        )


def _own_client() -> "httpx.Client":
    import httpx

    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    try:
        return httpx.Client(timeout=timeout, follow_redirects=True)
    except (ImportError, ValueError) as error:  # a SOCKS proxy, or a proxy's misspelt address
        raise DownloadError(
            f"The proxy of this machine cannot be used ({error}); set HTTPS_PROXY to an http:// "
            "address, or unset ALL_PROXY."
        ) from error


def _disk_error(error: OSError, source: RemoteFile, folder: Path) -> DownloadError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _too_full(folder, source.bytes, shutil.disk_usage(folder).free)
    return DownloadError(
        f"{source.filename} cannot be kept in {folder} ({error.strerror or error}); make the "
        "folder writable, or set VGG_VIZ_CACHE to another one."
    )


def _too_full(folder: Path, needed: int, free: int) -> DownloadError:
    return DownloadError(
        f"The disk with {folder} is full: {needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB "
        "are free. Free some, or set VGG_VIZ_CACHE to a folder on another disk."
    )


@contextmanager
def _lock(path: Path, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Hold `path` against other threads and processes; the system lets go when one dies."""
    while True:
        with path.open("ab") as file:
            if _try_lock(file.fileno()) and _same_file(file.fileno(), path):
                try:
                    yield
                finally:
                    with suppress(OSError):  # Windows removes no open file; it may stay
                        path.unlink()
                return
        if cancelled():
            raise DownloadError("Cancelled while waiting for another download of this file.")
        time.sleep(0.1)


def _same_file(descriptor: int, path: Path) -> bool:
    """False when the holder before has removed the file that was opened here."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":

    def _try_lock(descriptor: int) -> bool:
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _try_lock(descriptor: int) -> bool:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
