"""Writing a recording so that what was written before a kill is readable."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vgg_viz.errors import InputError
from vgg_viz.recordings.files import (
    BINS,
    FORMAT,
    KEPT_HISTOGRAMS,
    SCHEMAS,
    WHOLE,
    read_document,
    read_stream,
    write_json,
)
from vgg_viz.results import QUANTITIES, Finding, LayerFlow, RunState

FLUSH_SECONDS = 1.0  # a kill loses at most the scalars of this long


class RunWriter:
    """Writes one recording. Use as a context manager, or `close` it.

    `layers` may stay empty until the first `flow`. Raises InputError when the folder already holds
    a recording or cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        title: str,
        settings: Mapping[str, Any] | None = None,
        layers: Sequence[str] = (),
        planned_steps: int = 0,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        if (folder / "run.json").exists():
            raise InputError(f"{folder} already holds a recording; choose another folder.")
        self.folder = folder
        self.findings: list[Finding] = []
        self._layers = tuple(layers)
        self._head = {
            "format": FORMAT,
            "title": title,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "planned_steps": planned_steps,
            "settings": dict(settings or {}),
            "versions": dict(versions or {}),
        }
        self._started = time.monotonic()
        self._written = 0.0
        self._rows: list[tuple[int, str, float]] = []
        self._last_step = 0
        self._state: RunState = "running"
        self._shapes: dict[str, tuple[int, ...]] = {}
        with ExitStack() as opened:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._files = {
                    name: opened.enter_context((folder / f"{name}.arrows").open("wb"))
                    for name in SCHEMAS
                }
                self._save()
            except OSError as error:
                reason = error.strerror or error
                raise InputError(f"{folder} cannot be written: {reason}.") from error
            except (TypeError, ValueError) as error:
                raise InputError(f"The settings cannot be kept as JSON: {error}.") from error
            opened.pop_all()  # they stay open
        self._streams = {
            name: pa.ipc.new_stream(self._files[name], schema) for name, schema in SCHEMAS.items()
        }

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Record numbers of a step; they are on the disk within FLUSH_SECONDS."""
        self._rows += ((step, name, float(value)) for name, value in values.items())
        self._last_step = max(self._last_step, step)
        if time.monotonic() - self._written > FLUSH_SECONDS:
            self.flush()

    def flow(self, step: int, rows: Sequence[LayerFlow]) -> None:
        """Record the gradient flow of a step."""
        if new := [row.layer for row in rows if row.layer not in self._layers]:
            self._layers += tuple(new)  # also later: a layer may run for the first time at any step
            self._save()
        columns: dict[str, list[Any]] = {name: [] for name in SCHEMAS["layers"].names}
        for row in rows:
            columns["step"].append(step)
            columns["layer"].append(row.layer)
            for quantity in QUANTITIES:
                columns[quantity].append(row.values[quantity])
            for kind in KEPT_HISTOGRAMS:
                columns[f"{kind}_histogram"].append(_shares(row, kind))
        self._append("layers", columns)
        self.flush()

    def picture(self, step: int, name: str, values: NDArray[np.floating[Any]]) -> None:
        """Record an array ("kernels", "cam") of a step; every picture of a name has one shape."""
        shape = self._shapes.setdefault(name, values.shape)
        if values.shape != shape:
            raise InputError(f"Pictures {name!r} are {shape} here, not {values.shape}; rename one.")
        self._append(
            "pictures",
            {
                "step": [step],
                "name": [name],
                "shape": [list(values.shape)],
                "values": [np.asarray(values, np.float32).ravel()],
            },
        )

    def finding(self, finding: Finding) -> None:
        """Record something a reader must hear of."""
        self.findings.append(finding)
        self._save()

    def flush(self) -> None:
        """Put what was recorded on the disk."""
        if self._rows:
            steps, names, values = zip(*self._rows, strict=True)
            self._rows.clear()
            self._append("scalars", {"step": steps, "name": names, "value": values})
        for file in self._files.values():
            file.flush()
        self._written = time.monotonic()

    def close(self, state: RunState = "complete") -> None:
        """End the recording: the streams become Parquet files. A second call changes nothing."""
        if self._state != "running":
            return
        self._state = state
        self.flush()
        for name in SCHEMAS:
            self._streams[name].close()
            self._files[name].close()
            _write_parquet(read_stream(self.folder / f"{name}.arrows", name), self.folder, name)
        self._save()
        for name in SCHEMAS:
            (self.folder / f"{name}.arrows").unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close("complete" if kind is None else "stopped")

    def _append(self, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
        schema = SCHEMAS[name]
        arrays = [pa.array(columns[field.name], field.type) for field in schema]
        self._streams[name].write_batch(pa.record_batch(arrays, schema=schema))

    def _save(self) -> None:
        document = {
            **self._head,
            "state": self._state,
            "layers": list(self._layers),
            "findings": [asdict(finding) for finding in self.findings],
            "steps": self._last_step,
            "seconds": round(time.monotonic() - self._started, 1),
        }
        write_json(self.folder / "run.json", document)


def rename(folder: Path, title: str) -> None:
    """Give a recording another title; InputError for an empty one."""
    title = " ".join(title.split())[:120]
    if not title:
        raise InputError("A recording needs a name; type one.")
    write_json(folder / "run.json", {**read_document(folder), "title": title})


def _shares(row: LayerFlow, kind: str) -> list[int]:
    counts = row.histograms.get(kind)
    if counts is None:
        return [0] * BINS
    return [round(WHOLE * int(c) / max(1, row.totals[kind])) for c in counts]


def _write_parquet(table: pa.Table, folder: Path, name: str) -> None:
    part = folder / f"{name}.parquet.part"
    pq.write_table(table, part, compression="zstd", compression_level=15)
    part.replace(folder / f"{name}.parquet")
