"""Reading a recording, whole or what came after a step, finished or not."""

from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vgg_viz.recordings.files import (
    BINS,
    KEPT_HISTOGRAMS,
    SCHEMAS,
    damage_named,
    kept_weights,
    read_document,
    read_stream,
)
from vgg_viz.results import QUANTITIES, Finding, Recording, RunInfo, RunState, Series


def read_info(folder: Path, *, bundled: bool = False, alive: bool = False) -> RunInfo:
    """What is known about the recording in `folder`; its tables are read only if it did not end.

    `alive` says that somebody is still writing it: otherwise a recording that was never closed is
    "interrupted". Raises InputError when there is no readable recording.
    """
    document = read_document(folder)
    with damage_named(folder):
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
            weights=kept_weights(folder),
        )


def read_recording(
    folder: Path, *, after: int = -1, bundled: bool = False, alive: bool = False
) -> Recording:
    """The recording in `folder`, or what came later than step `after` of it.

    Raises InputError when there is none or its files are damaged.
    """
    info = read_info(folder, bundled=bundled, alive=alive)
    with damage_named(folder):
        tables = {name: _later(_table(folder, name), after) for name in SCHEMAS}
        flow_steps, flow, histograms = _flow(tables["layers"], info.layers)
        picture_steps, pictures = _pictures(tables["pictures"])
        return Recording(
            info, _scalars(tables["scalars"]), flow_steps, flow, histograms, picture_steps, pictures
        )


def find_runs(folder: Path) -> tuple[Path, ...]:
    """Folders in `folder` that hold a recording, by name; () when there is no such folder."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(p for p in folder.iterdir() if (p / "run.json").is_file()))


def _table(folder: Path, name: str) -> pa.Table:
    whole = folder / f"{name}.parquet"
    stream = folder / f"{name}.arrows"
    table = pq.read_table(whole) if whole.exists() else read_stream(stream, name)
    return table.select(SCHEMAS[name].names).cast(SCHEMAS[name])


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
