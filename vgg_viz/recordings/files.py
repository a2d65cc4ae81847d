"""The files of a recording: their format, and what damage to them is called."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from vgg_viz.errors import InputError
from vgg_viz.results import MAGNITUDES, QUANTITIES

FORMAT = 1
BINS = len(MAGNITUDES) - 1
KEPT_HISTOGRAMS = ("z", "gradient")
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


def weights_path(folder: Path, step: int) -> Path:
    """Where the weights after `step` are kept, if they are."""
    return folder / f"weights-{step:05}.safetensors"


def kept_weights(folder: Path) -> tuple[int, ...]:
    """Steps after which weights were kept, in order."""
    ends = (path.stem.removeprefix("weights-") for path in folder.glob("weights-*.safetensors"))
    return tuple(sorted(int(end) for end in ends if end.isdecimal()))


def read_stream(path: Path, name: str) -> pa.Table:
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


def read_document(folder: Path) -> dict[str, Any]:
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


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")
    part.replace(path)


@contextmanager
def damage_named(folder: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, *UNEXPECTED) as error:
        raise InputError(
            f"The recording in {folder} is damaged ({error}); record it again."
        ) from error
