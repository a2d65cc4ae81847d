"""Recordings of trainings: a folder with `run.json` and three tables; no torch here.

    run.json           title, settings, layers, state, findings
    scalars.parquet    step, name, value                       loss, accuracy, learning_rate, ...
    layers.parquet     step, layer, QUANTITIES, histograms     the gradient flow
    pictures.parquet   step, name, shape, values               first-layer kernels, Grad-CAM

While a training runs each table is an Arrow stream (`scalars.arrows`), to which batches are only
ever appended: whatever kills the process, all batches before are readable. `close` turns the
streams into Parquet files. Both are read by `read_recording`.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vgg_viz.errors import InputError
from vgg_viz.results import (
    MAGNITUDES,
    QUANTITIES,
    Finding,
    LayerFlow,
    Recording,
    RunInfo,
    RunState,
    Series,
)

FORMAT = 1
BINS = len(MAGNITUDES) - 1
KEPT_HISTOGRAMS = ("z", "gradient")
FLUSH_SECONDS = 1.0  # a kill loses at most the scalars of this long
WHOLE = 65535  # uint16 share of all values
# What foreign values in place of the expected ones lead to.
UNEXPECTED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

SCHEMAS = {
    "scalars": pa.schema({"step": pa.int32(), "name": pa.string(), "value": pa.float32()}),
    "layers": pa.schema(
        {"step": pa.int32(), "layer": pa.string()}
        | {quantity: pa.float32() for quantity in QUANTITIES}
        | {f"{kind}_histogram": pa.list_(pa.uint16(), BINS) for kind in KEPT_HISTOGRAMS}
    ),
    "pictures": pa.schema(
        {
            "step": pa.int32(),
            "name": pa.string(),
            "shape": pa.list_(pa.int32()),
            "values": pa.list_(pa.float32()),
        }
    ),
}


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
            _write_parquet(_stream(self.folder / f"{name}.arrows", name), self.folder, name)
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
        _write_json(self.folder / "run.json", document)


def read_info(folder: Path, *, bundled: bool = False, alive: bool = False) -> RunInfo:
    """What is known about the recording in `folder`; its tables are read only if it did not end.

    `alive` says that somebody is still writing it: otherwise a recording that was never closed is
    "interrupted". Raises InputError when there is no readable recording.
    """
    document = _document(folder)
    with _damage(folder):
        state = document["state"]
        if state not in get_args(RunState):
            raise ValueError(f"unknown state {state!r}")
        steps = int(document["steps"])
        if state == "running":
            state = "running" if alive else "interrupted"
            table = _table(folder, "scalars")
            steps = max(table["step"].to_pylist(), default=steps)
        return RunInfo(
            run=folder.name,
            title=str(document["title"]),
            bundled=bundled,
            state=state,
            created=str(document["created"]),
            steps=steps,
            planned_steps=int(document["planned_steps"]),
            seconds=float(document["seconds"]),
            settings=dict(document["settings"]),
            layers=tuple(document["layers"]),
            findings=tuple(Finding(**finding) for finding in document["findings"]),
            versions=dict(document["versions"]),
        )


def read_recording(
    folder: Path, *, after: int = -1, bundled: bool = False, alive: bool = False
) -> Recording:
    """The recording in `folder`, or what came later than step `after` of it.

    Raises InputError when there is none or its files are damaged.
    """
    info = read_info(folder, bundled=bundled, alive=alive)
    with _damage(folder):
        tables = {name: _later(_table(folder, name), after) for name in SCHEMAS}
        flow_steps, flow, histograms = _flow(tables["layers"], info.layers)
        picture_steps, pictures = _pictures(tables["pictures"])
        return Recording(
            info, _scalars(tables["scalars"]), flow_steps, flow, histograms, picture_steps, pictures
        )


def rename(folder: Path, title: str) -> None:
    """Give a recording another title; InputError for an empty one."""
    title = " ".join(title.split())[:120]
    if not title:
        raise InputError("A recording needs a name; type one.")
    _write_json(folder / "run.json", {**_document(folder), "title": title})


def find_runs(folder: Path) -> tuple[Path, ...]:
    """Folders in `folder` that hold a recording, by name; () when there is no such folder."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(p for p in folder.iterdir() if (p / "run.json").is_file()))


# --- tables --------------------------------------------------------------------------------------


def _shares(row: LayerFlow, kind: str) -> list[int]:
    counts = row.histograms.get(kind)
    if counts is None:
        return [0] * BINS
    return [round(WHOLE * int(c) / max(1, row.totals[kind])) for c in counts]


def _table(folder: Path, name: str) -> pa.Table:
    whole = folder / f"{name}.parquet"
    stream = folder / f"{name}.arrows"
    table = pq.read_table(whole) if whole.exists() else _stream(stream, name)
    return table.select(SCHEMAS[name].names).cast(SCHEMAS[name])


def _stream(path: Path, name: str) -> pa.Table:
    """All whole batches of a stream; a kill may have cut the last one."""
    batches = []
    with path.open("rb") as file:
        try:
            reader = pa.ipc.open_stream(file)
            while True:
                batches.append(reader.read_next_batch())
        except (StopIteration, pa.ArrowInvalid, OSError):
            pass
    return pa.Table.from_batches(batches, SCHEMAS[name])


def _write_parquet(table: pa.Table, folder: Path, name: str) -> None:
    part = folder / f"{name}.parquet.part"
    pq.write_table(table, part, compression="zstd", compression_level=15)
    part.replace(folder / f"{name}.parquet")


def _later(table: pa.Table, after: int) -> pa.Table:
    return table.filter(pc.greater(table["step"], after))


def _scalars(table: pa.Table) -> dict[str, Series]:
    steps, values = table["step"].to_numpy(), table["value"].to_numpy()
    names = np.array(table["name"].to_pylist(), dtype=object)
    found = {}
    for name in dict.fromkeys(names.tolist()):
        chosen = names == name
        found[name] = Series(steps[chosen], values[chosen])
    return found


def _flow(
    table: pa.Table, layers: tuple[str, ...]
) -> tuple[NDArray[np.int32], dict[str, NDArray[np.float32]], dict[str, NDArray[np.uint16]]]:
    steps, row = np.unique(table["step"].to_numpy(), return_inverse=True)
    place = {layer: i for i, layer in enumerate(layers)}
    column = np.array([place[layer] for layer in table["layer"].to_pylist()], np.intp)
    shape = (len(steps), len(layers))
    flow = {}
    for quantity in QUANTITIES:
        flow[quantity] = np.full(shape, np.nan, np.float32)
        flow[quantity][row, column] = table[quantity].to_numpy()
    histograms = {}
    for kind in KEPT_HISTOGRAMS:
        values = table[f"{kind}_histogram"].combine_chunks()
        histograms[kind] = np.zeros((*shape, BINS), np.uint16)
        histograms[kind][row, column] = values.flatten().to_numpy().reshape(-1, BINS)
    return steps.astype(np.int32), flow, histograms


def _pictures(
    table: pa.Table,
) -> tuple[dict[str, NDArray[np.int32]], dict[str, NDArray[np.float32]]]:
    steps: dict[str, list[int]] = {}
    values: dict[str, list[NDArray[np.float32]]] = {}
    for row in table.to_batches():
        for i, name in enumerate(row["name"].to_pylist()):
            array = row["values"][i].values.to_numpy().reshape(row["shape"][i].as_py())
            steps.setdefault(name, []).append(row["step"][i].as_py())
            values.setdefault(name, []).append(array)
    return (
        {name: np.array(numbers, np.int32) for name, numbers in steps.items()},
        {name: np.stack(arrays) for name, arrays in values.items()},
    )


# --- files ---------------------------------------------------------------------------------------


def _document(folder: Path) -> dict[str, Any]:
    try:
        document = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{folder} holds no readable recording (run.json: {error}); choose a folder that "
            "vgg_viz.training.Recorder wrote."
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(
            f"{folder}/run.json is of a format this version does not know; install the newest "
            "vgg-viz."
        )
    return document


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")
    part.replace(path)


@contextmanager
def _damage(folder: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, *UNEXPECTED) as error:
        raise InputError(
            f"The recording in {folder} is damaged ({error}); record it again."
        ) from error
