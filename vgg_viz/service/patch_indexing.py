"""The study that indexes which patches of many pictures excite every channel most.

Pictures are decoded a little ahead on threads of their own, in bounded number; the network runs on
the device's worker alone, a batch a step. What is there is written at every preview, so a stop, a
crash or another page lose nothing, and a later run looks only at what is new.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from vgg_viz import patch_index
from vgg_viz.architecture import describe
from vgg_viz.errors import ImageError, InputError
from vgg_viz.images import Photo
from vgg_viz.patch_index import ImageStamp, IndexKey, PatchIndex
from vgg_viz.requests import TopPatchesJob
from vgg_viz.results import Float32, PatchIndexing
from vgg_viz.service import indexes
from vgg_viz.service.photo_sources import SAMPLES, PhotoSource, in_turn, photo_source
from vgg_viz.service.reconstruction import before_relu
from vgg_viz.top_patches import TopUnits

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready

logger = logging.getLogger(__name__)

READERS = 2  # threads that decode
AHEAD = 3  # batches that are decoded or waiting
PATIENCE = 0.2  # s that a step waits for pictures
# A step is to stay well under half a second: one pass of VGG-16 at 224 px takes 0.3 s on a core.
STEP_MACS, STEP_PICTURES, STEP_PICTURES_GPU = 3e9, 8, 32
LISTED = 5  # broken files named one by one

Entry = tuple[ImageStamp, "Future[Float32]"]


def begin(executor: "Executor", job: TopPatchesJob, _: tuple[Photo, ...]) -> "Indexing":
    """The study of `job`; errors for a source that there is not."""
    return Indexing(executor, job)


def index_key(ready: "Ready", source: PhotoSource) -> IndexKey:
    """What tells an index of these weights and pictures from any other."""
    loaded = ready.loaded
    return IndexKey(loaded.digest, loaded.preprocessing.describe(), source.key)


class Indexing:
    """A Study. `known` False looks at everything anew and writes nothing to the user's folder."""

    def __init__(self, executor: "Executor", job: TopPatchesJob, *, known: bool = True) -> None:
        if job.limit < 1:
            raise InputError("Ask for at least one picture.")
        self.job = job
        self._ready = executor.ready(job.model)
        self._source = photo_source(job.source, executor.folders, allow_paths=executor.allow_paths)
        self._key = index_key(self._ready, self._source)
        self._path = indexes.index_path(job.model, self._key) if known else None
        config = self._ready.loaded.config
        self._watched = {conv: before_relu(config, conv) for conv in config.convs}
        self._batch = STEP_PICTURES_GPU
        if executor.device.type == "cpu":
            fitting = int(STEP_MACS // describe(config).macs)
            self._batch = max(1, min(STEP_PICTURES, fitting))
        self._written: tuple[int, int] | None = None  # the file as this study left it
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="vgg-viz photos")
        self._start()

    def _start(self) -> None:
        self._listing: Future[tuple[ImageStamp, ...]] | None = self._pool.submit(
            self._source.listed
        )
        self._images: list[ImageStamp] = []  # of this run and before; their places are numbers
        self._seen: set[str] = set()
        self._broken: dict[str, ImageStamp] = {}
        self._reasons: dict[str, str] = {}
        self._units: TopUnits | None = None
        self._waiting: Iterator[ImageStamp] = iter(())
        self._ahead: deque[Entry] = deque()
        self._done = self._dirty = False
        self._new, self._began, self._ended = 0, time.monotonic(), 0.0
        self._notes: tuple[str, ...] = ()
        self._numbers: dict[str, int] = {}

    # --- what a study does ---

    def advance(self, executor: "Executor") -> None:
        """List the source, then look at one batch after the other."""
        if self._listing is not None:
            wait([self._listing], PATIENCE)
            if self._listing.done():
                listed, self._listing = self._listing.result(), None
                self._plan(listed)
            return
        self._read_ahead()
        batch = list(self._ahead)[: self._batch]
        wait([future for _, future in batch], PATIENCE)
        if all(future.done() for _, future in batch):
            self._look(executor, [self._ahead.popleft() for _ in batch])
            self._read_ahead()
            if not self._ahead:
                self._finish()

    def result(self, _: "Executor") -> PatchIndexing | None:
        """How far it is; what there is by now is written first."""
        if self._listing is not None:
            return None
        self.save()
        return PatchIndexing(
            source=self.job.source,
            images=len(self._seen),
            total=len(self._images) - len(self._broken),
            rate=self._rate,
            skipped=tuple(sorted(self._broken)),
            seconds=self._seconds,
            notes=self._notes,
        )

    def go_on(self, job: TopPatchesJob) -> None:
        """Look at the source again: what was seen is in the file."""
        self.job = job
        self._start()

    @property
    def finished(self) -> bool:
        """Every picture was looked at."""
        return self._done

    @property
    def share(self) -> float | None:
        """Of the pictures."""
        if self._listing is not None:
            return None
        return (len(self._seen) + len(self._broken)) / max(1, len(self._images))

    @property
    def words(self) -> str:
        """1,240 of 5,000 images, 38 images/s."""
        if self._listing is not None:
            return f"Looking through {self._source.title}"
        count, total = len(self._seen), len(self._images) - len(self._broken)
        noun = self._source.noun
        rate = f", {_number(self._rate)} {noun}/s" if self._rate else ""
        if not self._done:
            return f"{count:,} of {total:,} {noun}{rate}"
        new = f"{self._new:,} new{rate}." if self._new else "Nothing was new."
        return " ".join([f"In the index: {count:,} {noun}. {new}", *self._notes])

    # --- the index ---

    def index(self) -> PatchIndex:
        """What there is by now, as it is kept."""
        seen = tuple(stamp for stamp in self._images if stamp.name in self._seen)
        everything = PatchIndex(
            self._key,
            tuple(self._images),
            tuple(self._broken.values()),
            self._units.tops() if self._units else {},
        )
        # Numbers count what was seen; nothing else is named by any entry.
        numbers = {stamp.name: i for i, stamp in enumerate(seen)}
        names = {stamp.name: numbers.get(stamp.name, patch_index.NONE) for stamp in self._images}
        layers = patch_index.renumbered(everything, names)
        return PatchIndex(self._key, seen, everything.broken, layers)

    def save(self) -> None:
        """Write what is new, unless the file has come to know more than this run does."""
        if not self._dirty or self._path is None:
            return
        self._dirty = False
        if _status(self._path) != self._written:  # another process or job writes it as well
            there = _readable(self._path)
            if there and there.key == self._key and len(there.images) > len(self._seen):
                return
        patch_index.write(self._path, self.index())
        self._written = _status(self._path)

    def _plan(self, listed: tuple[ImageStamp, ...]) -> None:
        """Compare the source with the index, and decide what there is to do."""
        known = self._known({stamp.name: stamp for stamp in listed})
        chosen = {stamp.name: stamp for stamp in known.images} if known else {}
        self._seen = set(chosen)
        for stamp in in_turn(listed):
            if len(chosen) >= self.job.limit and self._key.source != SAMPLES:
                break  # of the samples every crop is looked at: they are few
            chosen.setdefault(stamp.name, stamp)
        self._images = [stamp for stamp in listed if stamp.name in chosen]
        now = set(listed)
        self._broken = {
            stamp.name: stamp
            for stamp in (known.broken if known else ())
            if stamp in now and stamp.name in chosen
        }
        numbers = {stamp.name: i for i, stamp in enumerate(self._images)}
        groups = [self._source.group(stamp.name) for stamp in self._images]
        each = {group: i for i, group in enumerate(dict.fromkeys(groups))}
        self._units = TopUnits(
            self._ready.network,
            self._watched,
            batch=self._batch,
            groups=None if len(each) == len(groups) else [each[group] for group in groups],
            known=patch_index.renumbered(known, numbers) if known else None,
        )
        done = self._seen | set(self._broken)
        self._waiting = iter([s for s in in_turn(tuple(self._images)) if s.name not in done])
        self._numbers = numbers
        self._read_ahead()
        if not self._ahead:
            self._finish()

    def _known(self, listed: dict[str, ImageStamp]) -> PatchIndex | None:
        """The index to go on with; None, with a note and no file, when it has to be made anew."""
        if self._path is None:
            return None
        try:
            found = indexes.newest(self.job.model, self._key)
        except InputError as error:
            logger.warning("%s", error)
            self._path.unlink(missing_ok=True)
            self._notes = ("The index was damaged and was made anew.",)
            return None
        if found is None:
            return None
        gone = sum(stamp.name not in listed for stamp in found.images)
        changed = sum(listed.get(stamp.name, stamp) != stamp for stamp in found.images)
        if not gone + changed:
            return found
        # What came next after their places is not kept, so nothing less would be right.
        self._path.unlink(missing_ok=True)
        what = [f"{gone:,} removed"] * bool(gone) + [f"{changed:,} changed"] * bool(changed)
        self._notes = (f"The index was made anew, because of pictures {' and '.join(what)}.",)
        return None

    # --- pictures ---

    def _read_ahead(self) -> None:
        while len(self._ahead) < AHEAD * self._batch:
            stamp = next(self._waiting, None)
            if stamp is None:
                return
            wanted = self._ready.loaded.preprocessing
            self._ahead.append((stamp, self._pool.submit(self._source.read, stamp.name, wanted)))

    def _look(self, executor: "Executor", batch: list[Entry]) -> None:
        """One pass over the pictures of `batch` that can be read."""
        images, numbers = [], []
        for stamp, future in batch:
            try:
                images.append(future.result())
            except ImageError as error:
                self._broken[stamp.name] = stamp
                self._reasons[stamp.name] = str(error)
                continue
            numbers.append(self._numbers[stamp.name])
        self._dirty = True
        if not images or self._units is None:
            return
        self._units.add(torch.from_numpy(np.stack(images)), numbers)
        executor.forward_passes += 1
        self._seen.update(self._images[number].name for number in numbers)
        self._new += len(numbers)

    def _finish(self) -> None:
        self._done, self._ended = True, time.monotonic()
        self._pool.shutdown(wait=False)
        if not self._seen:
            name, why = next(iter(self._reasons.items()), ("", "they were broken before"))
            which = f" {name}: {why}" if name else f" ({why})."
            raise InputError(
                f"None of the {len(self._broken)} pictures in {self._source.title} can be read."
                f"{which}"
            )
        if self._broken:
            names = sorted(self._broken)
            more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
            self._notes += (f"{len(names)} could not be read: {', '.join(names[:LISTED])}{more}.",)

    @property
    def _seconds(self) -> float:
        return (self._ended or time.monotonic()) - self._began

    @property
    def _rate(self) -> float:
        return self._new / self._seconds if self._new else 0.0


def _readable(path: Path) -> PatchIndex | None:
    try:
        return patch_index.read(path)
    except InputError:
        return None


def _status(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _number(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"
