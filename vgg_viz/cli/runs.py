"""`vgg-viz runs`: recorded trainings, from the program and from one's own loops."""

import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from vgg_viz.cli.tables import Format, TableFormat, as_csv, as_json, as_table
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.results import QUANTITIES, Recording, RunInfo

if TYPE_CHECKING:
    from vgg_viz.service.runs import RunStore

SHOWN_STEPS = 8  # rows of the table of losses
SHOWN_FLOW = ("z_std", "gradient_std", "weight_gradient_norm", "update_ratio", "zero_share")
COMPARED_FLOW = ("z_std", "gradient_std", "update_ratio")
OUTCOMES = ("loss", "accuracy", "validation_loss", "validation_accuracy")
LONGEST = 60  # characters of a setting in a table

Run = Annotated[str, typer.Argument(metavar="RUN", help="A name from `list`, or a folder.")]
Output = Annotated[TableFormat, typer.Option("--format")]

commands = typer.Typer(
    help="Which trainings are recorded, and what came of them?",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@commands.command("list")
def list_runs(output: Output = TableFormat.TABLE) -> None:
    """List the recordings that ship with the program, then one's own, newest first."""
    infos = _store().infos()
    rows = [
        {
            "run": info.run,
            "title": info.title,
            "origin": "bundled" if info.bundled else "own",
            "state": info.state,
            "steps": info.steps,
            "findings": len(info.findings),
        }
        for info in infos
    ]
    if output is TableFormat.JSON:
        typer.echo(as_json(_plain([asdict(info) for info in infos])))
    elif not rows:
        typer.echo("There are no recordings here yet.", err=True)
    elif output is TableFormat.CSV:
        typer.echo(as_csv(rows))
    else:
        cells = [[str(cell) for cell in row.values()] for row in rows]
        typer.echo(as_table(list(rows[0]), cells, left=(0, 1, 2, 3)))


@commands.command()
def show(run: Run, output: Output = TableFormat.TABLE) -> None:
    """Show settings, findings, losses, and the gradient flow at the first and last measured step.

    CSV is the gradient flow alone, with all its quantities.
    """
    recording = _recording(run)
    measured = sorted({0, len(recording.flow_steps) - 1} & set(range(len(recording.flow_steps))))
    flow = [row for at in measured for row in _flow_rows(recording, at)]
    if output is TableFormat.JSON:
        fields = {**asdict(recording.info), "scalars": _scalar_fields(recording), "flow": flow}
        typer.echo(as_json(_plain(fields)))
    elif output is TableFormat.CSV:
        if not flow:
            raise InputError(f"{run} holds no gradient flow; --format json shows what it holds.")
        typer.echo(as_csv(flow))
    else:
        parts = [_headline(recording.info), _settings_table(recording.info)]
        parts += [_findings(recording.info), _losses_table(recording)]
        parts += [_flow_table(recording, at) for at in measured]
        typer.echo("\n\n".join(part for part in parts if part))


@commands.command()
def compare(first: Run, second: Run, output: Output = TableFormat.TABLE) -> None:
    """Compare two recordings: settings that differ, outcomes, gradient flow at the end.

    CSV is the gradient flow alone.
    """
    pair = _recording(first), _recording(second)
    names = _two_names(first, second)
    settings = _differences(pair[0].info.settings, pair[1].info.settings)
    flow = _compared_flow(pair, names)
    if output is TableFormat.JSON:
        outcomes = [{"run": name, **_outcome(r)} for name, r in zip(names, pair, strict=True)]
        fields = {"settings": settings, "outcomes": outcomes, "flow": flow}
        typer.echo(as_json(_plain(fields)))
    elif output is TableFormat.CSV:
        if not flow:
            raise InputError("Neither recording holds a gradient flow.")
        typer.echo(as_csv(flow))
    else:
        typer.echo("\n\n".join(_compared_tables(pair, names, settings, flow)))


@commands.command("import")
def import_run(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What a Recorder wrote.")],
    title: Annotated[str, typer.Option(help="Another title for it.")] = "",
    name: Annotated[str, typer.Option(help="Another name; its folder's by default.")] = "",
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
) -> None:
    """Copy a recording to one's own, where the dashboard lists it.

    The environment variable VGG_VIZ_RUNS chooses another folder for them.
    """
    from vgg_viz.recordings import read_info

    source = folder.expanduser().resolve()
    place = _copied(source, name or _as_name(source.name), title)
    info = read_info(place)
    if output is Format.JSON:
        typer.echo(as_json(_plain({**asdict(info), "folder": str(place)})))
    else:
        typer.echo(f"{info.run}: {info.title}, {info.state} after {info.steps} steps; in {place}")


# --- finding and copying -------------------------------------------------------------------------


def _store() -> "RunStore":
    from vgg_viz.service.runs import RunStore, runs_folder

    return RunStore(runs_folder())


def _recording(run: str) -> Recording:
    """The recording in a folder, else the one of that name."""
    from vgg_viz.recordings import read_recording

    folder = Path(run).expanduser()
    if (folder / "run.json").is_file():
        return read_recording(folder.resolve())
    if folder.is_dir() or "/" in run:
        raise InputError(f"{run} holds no recording (there is no run.json); choose another folder.")
    store = _store()
    names = [info.run for info in store.infos()]
    if run not in names and not store.exists(run):
        raise UnknownNameError.among("recording", run, names)
    return store.recording(run)


def _copied(source: Path, name: str, title: str) -> Path:
    """A copy of a readable recording among one's own; nothing is left where that fails."""
    from vgg_viz.recordings import read_recording, rename
    from vgg_viz.service.runs import runs_folder

    read_recording(source)  # the whole of it: damage is found before anything is copied
    own = runs_folder()
    if _store().exists(name):
        raise InputError(f"There is a recording called {name} already; give another with --name.")
    part = own / f".{uuid4().hex}"  # out of sight until it is whole
    try:
        part.mkdir(parents=True)
        for path in sorted(source.iterdir()):
            if path.name == "run.json" or path.suffix in {".parquet", ".arrows"}:
                shutil.copyfile(path, part / path.name)
        read_recording(part)  # also of a training that went on meanwhile
        if title:
            rename(part, title)
        part.rename(own / name)  # refused where somebody else has just taken the name
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{own / name} cannot be written: {reason}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return own / name


def _as_name(folder: str) -> str:
    """A folder's name with every sign that names of recordings may not have replaced."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder).strip("-.")[:120]


# --- tables --------------------------------------------------------------------------------------


def _headline(info: RunInfo) -> str:
    planned = f" of {info.planned_steps}" if info.planned_steps else ""
    versions = ", ".join(f"{name} {version}" for name, version in info.versions.items())
    return (
        f"{info.title}\n{info.run}: {info.state}, {info.steps}{planned} steps in "
        f"{info.seconds:.0f} s, begun {info.created}\n{versions}"
    ).rstrip()


def _settings_table(info: RunInfo) -> str:
    rows = [[name, _said(value)] for name, value in info.settings.items()]
    return as_table(["setting", "value"], rows, left=(0, 1)) if rows else ""


def _findings(info: RunInfo) -> str:
    return "\n".join(f"Found: {finding.message}" for finding in info.findings)


def _losses_table(recording: Recording) -> str:
    """Losses and accuracies at some of the steps: validations where there are any."""
    scalars = {name: recording.scalars[name] for name in OUTCOMES if name in recording.scalars}
    if not scalars:
        return ""
    leading = scalars.get("validation_loss") or scalars[next(iter(scalars))]
    shown = _spread([int(step) for step in leading.steps])
    columns = [_by_step(recording, name) for name in scalars]
    rows = [[str(step), *(_number(column.get(step)) for column in columns)] for step in shown]
    return as_table(["step", *scalars], rows, left=())


def _spread(steps: Sequence[int]) -> list[int]:
    """At most SHOWN_STEPS of them, evenly, the first and the last among them."""
    unique = list(dict.fromkeys(steps))
    last = len(unique) - 1
    count = min(SHOWN_STEPS, len(unique))
    return [unique[round(i * last / max(1, count - 1))] for i in range(count)]


def _flow_table(recording: Recording, at: int) -> str:
    rows = [
        [str(row["layer"]), *(_number(row[quantity]) for quantity in SHOWN_FLOW)]
        for row in _flow_rows(recording, at)
    ]
    header = [f"at step {recording.flow_steps[at]}", *SHOWN_FLOW]
    return as_table(header, rows)


def _compared_tables(
    pair: tuple[Recording, Recording],
    names: tuple[str, str],
    settings: Mapping[str, Sequence[Any]],
    flow: Sequence[dict[str, Any]],
) -> list[str]:
    outcomes = [_outcome(recording) for recording in pair]
    rows = [[key, *(_cell(outcome[key]) for outcome in outcomes)] for key in outcomes[0]]
    changed = [[name, *map(_said, values)] for name, values in settings.items()]
    parts = [
        as_table(["setting", *names], changed, left=(0, 1, 2))
        if changed
        else "All settings are the same.",
        as_table(["outcome", *names], rows),
    ]
    if flow:
        cells = [[_cell(cell) for cell in row.values()] for row in flow]
        parts.append(as_table(list(flow[0]), cells))
    return parts


# --- numbers -------------------------------------------------------------------------------------


def _flow_rows(recording: Recording, at: int) -> list[dict[str, Any]]:
    step = int(recording.flow_steps[at])
    return [
        {"step": step, "layer": layer}
        | {quantity: float(recording.flow[quantity][at, i]) for quantity in QUANTITIES}
        for i, layer in enumerate(recording.info.layers)
    ]


def _compared_flow(
    pair: tuple[Recording, Recording], names: tuple[str, str]
) -> list[dict[str, Any]]:
    """The last measured step of both, layer by layer; NaN where one has no such layer."""
    ends = [_flow_rows(r, len(r.flow_steps) - 1) if len(r.flow_steps) else [] for r in pair]
    found = [{row["layer"]: row for row in end} for end in ends]
    return [
        {"layer": layer}
        | {
            f"{quantity} {name}": rows.get(layer, {}).get(quantity, math.nan)
            for quantity in COMPARED_FLOW
            for name, rows in zip(names, found, strict=True)
        }
        for layer in _joined([list(rows) for rows in found])
    ]


def _joined(orders: Sequence[Sequence[str]]) -> list[str]:
    """The layers of both networks, each stage's side by side: conv3_3 does not follow fc8."""
    longer, shorter = sorted(orders, key=len, reverse=True)
    missing = [layer for layer in shorter if layer not in longer]
    joined = list(longer)
    for layer in missing:
        before = shorter[: shorter.index(layer)]
        at = max((joined.index(b) + 1 for b in before if b in joined), default=0)
        joined.insert(at, layer)
    return joined


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = dict.fromkeys([*first, *second])
    return {
        name: [first.get(name), second.get(name)]
        for name in names
        if first.get(name) != second.get(name)
    }


def _outcome(recording: Recording) -> dict[str, Any]:
    """State, steps, seconds, and each number as it was recorded last; None where it was not."""
    info = recording.info
    last = {name: recording.scalars.get(name) for name in OUTCOMES}
    return {
        "state": info.state,
        "steps": info.steps,
        "seconds": info.seconds,
        **{f"last {name}": s and float(s.values[-1]) for name, s in last.items()},
        "findings": len(info.findings),
    }


def _by_step(recording: Recording, name: str) -> dict[int, float]:
    series = recording.scalars[name]
    return {int(s): float(v) for s, v in zip(series.steps, series.values, strict=True)}


def _scalar_fields(recording: Recording) -> dict[str, Any]:
    return {
        name: {"steps": series.steps.tolist(), "values": series.values.tolist()}
        for name, series in recording.scalars.items()
    }


def _two_names(first: str, second: str) -> tuple[str, str]:
    """Folders by their names, unless these are the same."""
    short = Path(first).name, Path(second).name
    return short if short[0] != short[1] else (first, second)


# --- text ----------------------------------------------------------------------------------------


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.4g}"


def _cell(value: Any) -> str:
    return _number(value) if isinstance(value, float) or value is None else str(value)


def _said(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _plain(value: Any) -> Any:
    """The same for JSON, which has no NaN and no infinity: null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
