"""Indexing 5,000 photos by the bundled VGG-16: pictures a second, and whether memory stays bounded.

A forward pass of the network is the least there is to do; beside it stand decoding and resizing the
photos, which happen on threads of their own, and the top units of all 13 convolutions.
"""

import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.measure import machine, table, verdict
from vgg_viz.requests import TopPatchesJob
from vgg_viz.service.execution import Executor
from vgg_viz.service.patch_indexing import Indexing

PHOTOS = "VGG_VIZ_TRAINING_PHOTOS"  # names a folder of photos
MODEL, LIMIT = "vgg16:bundled", 5000
FIRST = 0.1  # of the photos: memory is compared from there to the end
GROWTH_BAR = 64.0  # MB
PASSES = 20  # of the network alone


@dataclass(frozen=True)
class Report:
    """One run over a folder."""

    images: int
    seconds: float
    processor_seconds: float
    alone: float  # pictures/s of the network's forward pass with nothing else
    first_peak: float  # MB, of the process, after the first photos
    peak: float  # MB, at the end
    index_bytes: int
    words: str

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.images / self.seconds


def measure(folder: Path, *, model: str = MODEL, limit: int = LIMIT) -> Report:
    """Index a folder from nothing, its index in a folder that is deleted afterwards."""
    executor = Executor("cpu", allow_paths=True)
    alone = _alone(executor, model)
    before = os.environ.get("VGG_VIZ_INDEXES")
    with tempfile.TemporaryDirectory() as place:
        os.environ["VGG_VIZ_INDEXES"] = place
        try:
            return _run(
                Indexing(executor, TopPatchesJob(model, str(folder), limit)), executor, alone
            )
        finally:
            os.environ.pop("VGG_VIZ_INDEXES")
            if before is not None:
                os.environ["VGG_VIZ_INDEXES"] = before


def _run(study: Indexing, executor: Executor, alone: float) -> Report:
    started, worked, shown, first = time.perf_counter(), time.process_time(), 0.0, 0.0
    while not study.finished:
        study.advance(executor)
        if time.perf_counter() - shown > 0.5:  # as often as the queue shows it; this writes it
            study.result(executor)
            shown = time.perf_counter()
        if not first and (study.share or 0) >= FIRST:
            first = _peak()
    told = study.result(executor)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    images = 0 if told is None else told.images
    (path,) = Path(os.environ["VGG_VIZ_INDEXES"]).glob("*.npz")
    size = path.stat().st_size
    return Report(images, seconds, processor, alone, first, _peak(), size, study.words)


def _alone(executor: Executor, model: str) -> float:
    """Pictures/s of plain forward passes in batches of eight."""
    ready = executor.ready(model)
    side = ready.loaded.config.input_size
    batch = torch.zeros(8, 3, side, side).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        ready.network(batch)
        started = time.perf_counter()
        for _ in range(PASSES):
            ready.network(batch)
    return 8 * PASSES / (time.perf_counter() - started)


def _peak() -> float:
    """Most memory the process has held so far, MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def describe(report: Report) -> str:
    """The table, and whether memory stayed bounded."""
    growth = report.peak - report.first_peak
    rows = [
        ("images", f"{report.images:,}"),
        ("images/s", f"{report.rate:.1f}"),
        ("processor s/s", f"{report.processor_seconds / report.seconds:.2f}"),
        ("images per processor s", f"{report.images / report.processor_seconds:.1f}"),
        ("images/s of the network alone", f"{report.alone:.1f}"),
        ("peak after the first tenth, MB", f"{report.first_peak:.0f}"),
        ("peak at the end, MB", f"{report.peak:.0f}"),
        ("index, kB", f"{report.index_bytes / 1e3:.0f}"),
    ]
    return (
        f"{table(('indexing', ''), rows)}\n{report.words}\n"
        f"growth {growth:.0f} MB, {verdict(growth, GROWTH_BAR)}"
    )


def main() -> None:
    """Measure and print; without photos say how to give them."""
    print(f"Top patches of {MODEL} over {LIMIT:,} photos, from nothing")
    print(machine())
    folder = os.environ.get(PHOTOS)
    if not folder:
        print(f"Left out: ${PHOTOS} names no folder of photos.")
        return
    print(describe(measure(Path(folder))))
