"""Answers as text: an aligned table for people, JSON and CSV for programs."""

import csv
import io
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from vgg_viz.results import Provenance


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"


class TableFormat(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def as_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)
) -> str:
    """Return rows under a header in aligned columns; those not in `left` align to the right."""
    table = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" if i in left else f"{cell:>{width}}"
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows with the same keys as CSV with a header, without a last line break."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def as_json(value: Any) -> str:
    """Return `value` as indented JSON, letters beyond ASCII kept as they are."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def provenance_fields(provenance: Provenance) -> dict[str, Any]:
    """Return what made a result, ready for JSON."""
    return {**asdict(provenance), "versions": dict(provenance.versions)}


def grouped(number: int) -> str:
    """138357544 as 138,357,544."""
    return f"{number:,}"


def in_words(number: float, unit: str) -> str:
    """15470264320 MACs as 15.47 GMACs; steps of 1000."""
    for prefix in ("", "k", "M"):
        if number < 1000:
            return f"{number:.4g} {prefix}{unit}"
        number /= 1000
    return f"{number:.4g} G{unit}"
