"""`vgg-viz diff`: what turns one network into another, and what every change costs."""

from typing import Annotated, Any

import typer

from vgg_viz.architecture import Architecture, Change, Costs, LayerRow, Ledger
from vgg_viz.architecture import diff as ledger_of
from vgg_viz.cli.networks import Classes, InputSize, KeepFc, Width, described, heading
from vgg_viz.cli.tables import TableFormat, as_csv, as_json, as_table, grouped

SIGNS = {"same": "=", "changed": "~", "added": "+", "removed": "-"}


def diff(
    before: Annotated[str, typer.Argument(help="For example zfnet_b.")],
    after: Annotated[str, typer.Argument(help="For example vgg16.")],
    width: Width = 1.0,
    classes: Classes = 1000,
    input_size: InputSize = 224,
    keep_fc: KeepFc = False,
    output: Annotated[TableFormat, typer.Option("--format")] = TableFormat.TABLE,
) -> None:
    """What turns one network into another, and at what cost?

    The changes add up to the difference of the totals: parameters, MACs, bytes of the maps (fp32,
    one image), weight layers and px of receptive field.
    """
    ledger = ledger_of(
        *(
            described(name, width=width, classes=classes, input_size=input_size, keep_fc=keep_fc)
            for name in (before, after)
        )
    )
    if output is TableFormat.JSON:
        typer.echo(as_json(_fields(ledger)))
    elif output is TableFormat.CSV:
        typer.echo(as_csv([_row(change) for change in ledger.changes]))
    else:
        typer.echo(_table(ledger))


def _fields(ledger: Ledger) -> dict[str, Any]:
    return {
        "before": _network(ledger.before, ledger.total_before),
        "after": _network(ledger.after, ledger.total_after),
        "difference": _costs(ledger.sum),
        "changes": [_row(change) for change in ledger.changes],
    }


def _network(a: Architecture, total: Costs) -> dict[str, Any]:
    config = a.config
    return {
        "network": config.network,
        "title": a.title,
        "width": config.width,
        "classes": config.classes,
        "input_size": a.input_size,
        **_costs(total),
    }


def _row(change: Change) -> dict[str, Any]:
    return {
        "change": change.status,
        "kind": change.kind,
        "before": _name(change.before),
        "after": _name(change.after),
        **_costs(change.costs),
        "words": change.words,
    }


def _name(row: LayerRow | None) -> str | None:
    return None if row is None else row.name


def _costs(costs: Costs) -> dict[str, int]:
    return {
        "parameters": costs.parameters,
        "macs": costs.macs,
        "activation_bytes": costs.activation_bytes,
        "depth": costs.depth,
        "receptive_field": costs.receptive_field,
    }


def _table(ledger: Ledger) -> str:
    header = ["", "layer", "parameters", "MACs", "maps B", "depth", "field px", "what"]
    shown = [change for change in ledger.changes if change.status != "same"]
    rows = [
        [
            SIGNS[change.status],
            change.name,
            *map(_signed, change.costs.numbers),
            change.words,
        ]
        for change in shown
    ]
    sums = ["", "sum of the changes", *map(_signed, ledger.sum.numbers), ""]
    totals = [
        ["", a.title, *map(grouped, total.numbers), ""]
        for a, total in (
            (ledger.before, ledger.total_before),
            (ledger.after, ledger.total_after),
        )
    ]
    lines = as_table(header, [*rows, sums, *totals], left=(0, 1, 7)).splitlines()
    return "\n".join(
        (
            f"{heading(ledger.before)}\n-> {heading(ledger.after)}",
            "",
            *lines[: len(rows) + 1],
            "",
            *lines[len(rows) + 1 :],
            "",
            _legend(ledger),
        )
    )


def _legend(ledger: Ledger) -> str:
    return (
        f"+ {ledger.count('added')} added, - {ledger.count('removed')} removed, "
        f"~ {ledger.count('changed')} changed; {ledger.count('same')} are the same. "
        "MACs and maps (fp32): one image; FLOPs = 2 x MACs"
    )


def _signed(number: int) -> str:
    """12345 as +12,345; 0 as 0."""
    return f"{number:+,}" if number else "0"
