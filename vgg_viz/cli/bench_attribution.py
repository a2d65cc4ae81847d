"""`vgg-viz bench-attribution`: methods and networks in one table, over a folder of photos."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from vgg_viz import api
from vgg_viz.attribution.bootstrap import LEVEL, RESAMPLES, mean_interval
from vgg_viz.cli.evidence import chosen_method
from vgg_viz.cli.files import about_weights, check_file, html_page, write_file
from vgg_viz.cli.photos import Device, DeviceOption
from vgg_viz.cli.service import named_model, open_service
from vgg_viz.cli.tables import as_csv, as_json, as_table
from vgg_viz.errors import ImageError, InputError
from vgg_viz.requests import BenchJob, ClassifyRequest
from vgg_viz.results import BenchedMap, BenchedPhoto, Interval, ServiceDescription
from vgg_viz.service.engine import ModelService

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
KNOWING_NOTHING = {"edges": "edge detector", "centre": "spot in the middle", "random": "random map"}
LIMIT = 20

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Case:
    """A photo and what to look for in it."""

    photo: str  # a file, or the name of a bundled photo
    target: str | None = None  # name of a class; None: the most probable one
    boxes: tuple[Box, ...] = ()  # shares of the photo


@dataclass(frozen=True)
class Row:
    """A method at a network, over all photos."""

    method: str
    title: str
    model: str
    deletion: Interval
    insertion: Interval
    gain: Interval  # insertion minus deletion
    over_edges: Interval  # gain minus the edge detector's on the same photo
    drop: Interval
    pointing: Interval | None  # share of hits
    energy: Interval | None
    box_share: float | None  # mean share of the square that the boxes cover


def bench_attribution(
    folder: Annotated[
        str, typer.Argument(help='A folder of photos, or "samples": the bundled ones.')
    ],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "--models", help="May be given again; zfnet_b and vgg16."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", "--methods", help="May be given again; those of one pass."),
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(help="Boxes in COCO's format, .json, of the folder's photos: for pointing."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many photos at most.")] = LIMIT,
    points: Annotated[int, typer.Option(help="Of a curve.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Of random maps, methods and intervals.")] = 0,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The table, .csv, .html or .json.")
    ] = Path("bench.csv"),
    device: DeviceOption = Device.AUTO,
) -> None:
    """How faithful is each method, at each network?

    Deletion and insertion areas, and the pointing game where boxes are, as means over photos with
    95 % bootstrap intervals, beside maps that know no network.
    """
    check_file(out, ".csv", ".html", ".json")
    with open_service(device.value) as service:
        offered = service.describe()
        models = [named_model(offered, name) for name in _split(model) or ["zfnet_b", "vgg16"]]
        methods = chosen_methods(offered, _split(method))
        cases = cases_of(offered, folder, boxes, limit)
        found = {name: _measured(service, name, cases, methods, points, seed) for name in models}
    titles = KNOWING_NOTHING | {info.name: info.title for info in offered.methods}
    rows = [row for name in models for row in rows_of(name, found[name], titles, seed)]
    header, cells = table_of(rows)
    about = _about(folder, boxes, cases, points, seed, found)
    write_file(out, _written(out, rows, header, cells, about))
    typer.echo(as_table(header, cells, left=(0, 1)))
    typer.echo(f"Written: {out}")


def chosen_methods(offered: ServiceDescription, names: Sequence[str]) -> tuple[str, ...]:
    """Those named, in their order; without a name every method that takes few passes."""
    if names:
        return tuple(dict.fromkeys(chosen_method(offered, name).name for name in names))
    return tuple(info.name for info in offered.methods if not info.stepwise)


def _split(texts: Sequence[str] | None) -> list[str]:
    """Options given several times, or once with commas."""
    return [part.strip() for text in texts or () for part in text.split(",") if part.strip()]


# --- photos and boxes ----------------------------------------------------------------------------


def cases_of(
    offered: ServiceDescription, folder: str, boxes: Path | None, limit: int
) -> list[Case]:
    """The photos of a folder in the order of their names; with boxes, one case for every class."""
    if folder == "samples":
        if boxes is not None:
            raise InputError("The bundled photos have no boxes; name a folder.")
        return [Case(sample.name) for sample in offered.samples[:limit]]
    where = Path(folder).expanduser()
    if not where.is_dir():
        raise InputError(f'There is no folder {folder}; name one, or "samples".')
    files = sorted(path for path in where.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"There is no photo in {folder}; files must end in .jpg, .png and so on.")
    if boxes is None:
        return [Case(str(path)) for path in files[:limit]]
    known = read_boxes(boxes)
    found = [
        Case(str(path), category, each)
        for path in files
        for category, each in known.get(path.name, {}).items()
    ]
    if not found:
        raise InputError(f"{boxes} names no photo of {folder}.")
    kept = list(dict.fromkeys(case.photo for case in found))[:limit]
    return [case for case in found if case.photo in kept]


def read_boxes(path: Path) -> Mapping[str, Mapping[str, tuple[Box, ...]]]:
    """File name -> class -> boxes as shares of the photo, from a file in COCO's format.

    That is `images` (id, file_name, width, height), `annotations` (image_id, category_id, bbox = x,
    y, width, height in px) and `categories` (id, name). InputError when it is none.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        names = {each["id"]: str(each["name"]) for each in data["categories"]}
        images = {each["id"]: each for each in data["images"]}
        found: dict[str, dict[str, tuple[Box, ...]]] = {}
        for each in data["annotations"]:
            image = images[each["image_id"]]
            of_photo = found.setdefault(Path(str(image["file_name"])).name, {})
            name = names[each["category_id"]]
            box = _shares(each["bbox"], float(image["width"]), float(image["height"]))
            of_photo[name] = (*of_photo.get(name, ()), box)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, ZeroDivisionError, AttributeError) as error:
        raise InputError(
            f"{path} has no boxes in COCO's format ({type(error).__name__}: {error})."
        ) from error
    return found


def _shares(bbox: Sequence[float], width: float, height: float) -> Box:
    x, y, across, down = (float(value) for value in bbox)
    left, top = max(0.0, x / width), max(0.0, y / height)
    box = (left, top, min(1.0, (x + across) / width), min(1.0, (y + down) / height))
    if not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError(f"{bbox} is no box within {width:g} x {height:g} px")
    return box


# --- measuring -----------------------------------------------------------------------------------


def _measured(
    service: ModelService,
    model: str,
    cases: Sequence[Case],
    methods: tuple[str, ...],
    points: int,
    seed: int,
) -> list[BenchedPhoto]:
    found = []
    unknown = 0
    with typer.progressbar(cases, label=model, file=typer.get_text_stream("stderr")) as bar:
        for case in bar:
            try:
                image = api.named_photo(service, case.photo)
            except ImageError as error:
                typer.echo(f"{case.photo} is left out: {error}", err=True)
                continue
            target = None
            if case.target is not None:
                names = service.run(ClassifyRequest(model, image)).classes
                target = next(
                    (i for i, n in enumerate(names) if n.casefold() == case.target.casefold()), None
                )
                if target is None:
                    unknown += 1
                    continue
            job = BenchJob(
                model, image, methods, None, target, case.boxes, points=points, seed=seed
            )
            benched = api.finished(service, job)
            assert isinstance(benched, BenchedPhoto)  # noqa: S101 - what the job's type says
            found.append(benched)
    if unknown:
        typer.echo(f"{unknown} of {len(cases)} cases show no class that {model} knows.", err=True)
    if not found:
        raise InputError(
            f"{model} knows no class of these boxes, or no photo could be read: nothing to measure."
        )
    return found


def rows_of(
    model: str, photos: Sequence[BenchedPhoto], titles: Mapping[str, str], seed: int
) -> list[Row]:
    """One row for every method, over all photos."""
    names = [each.method for each in photos[0].maps]
    edges = [_of(photo, "edges").gain for photo in photos]
    shares = [photo.box_share for photo in photos if photo.box_share is not None]
    rows = []
    for name in names:
        maps = [_of(photo, name) for photo in photos]
        hits = [each.hit for each in maps if each.hit is not None]
        energies = [each.energy for each in maps if each.energy is not None]
        gains = [each.gain for each in maps]
        rows.append(
            Row(
                name,
                titles.get(name, name),
                model,
                mean_interval([each.deletion for each in maps], seed),
                mean_interval([each.insertion for each in maps], seed),
                mean_interval(gains, seed),
                mean_interval([a - b for a, b in zip(gains, edges, strict=True)], seed),
                mean_interval([each.drop for each in maps], seed),
                mean_interval(hits, seed) if hits else None,
                mean_interval(energies, seed) if energies else None,
                sum(shares) / len(shares) if shares else None,
            )
        )
    return rows


def _of(photo: BenchedPhoto, method: str) -> BenchedMap:
    return next(each for each in photo.maps if each.method == method)


# --- the table -----------------------------------------------------------------------------------


def table_of(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and cells: "mean [low, high]"."""
    header = ["method", "network", "photos", "deletion", "insertion", "gain", "over edges", "drop"]
    pointing = any(row.pointing for row in rows)
    if pointing:
        header += ["pointing", "energy", "boxes cover"]
    cells = []
    for row in rows:
        line = [row.title, row.model, str(row.deletion.count)]
        measured = (row.deletion, row.insertion, row.gain, row.over_edges, row.drop)
        line += map(_cell, measured)
        if pointing:
            line += [_cell(row.pointing), _cell(row.energy), f"{row.box_share or 0:.3f}"]
        cells.append(line)
    return header, cells


def _cell(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def fields_of(row: Row) -> dict[str, Any]:
    """A row with every number on its own."""
    fields: dict[str, Any] = {"method": row.method, "title": row.title, "model": row.model}
    fields["photos"] = row.deletion.count
    for name in ("deletion", "insertion", "gain", "over_edges", "drop", "pointing", "energy"):
        interval: Interval | None = getattr(row, name)
        for part in ("mean", "low", "high"):
            fields[f"{name}_{part}"] = None if interval is None else getattr(interval, part)
    fields["box_share"] = row.box_share
    return fields


def _about(
    folder: str,
    boxes: Path | None,
    cases: Sequence[Case],
    points: int,
    seed: int,
    found: Mapping[str, Sequence[BenchedPhoto]],
) -> dict[str, str]:
    about = {
        "Photos": f"{len(cases)} of {Path(folder).name}" if folder != "samples" else "bundled",
        "Class": "the most probable one" if boxes is None else "that of the boxes",
        "Areas": f"Under the class's probability over the share of pixels, {points} points. "
        "Deletion: pixels become the mean colour, largest value first; lower is better. "
        "Insertion: they come back into a blurred photo; higher is better. Gain: insertion minus "
        "deletion. Over edges: gain minus the edge detector's.",
        "Intervals": f"[low, high]: {LEVEL:.0%} percentile bootstrap over photos, {RESAMPLES} "
        f"draws, seed {seed}.",
        "Methods": "at their defaults, at the last convolution where they take a layer.",
    }
    if boxes is not None:
        about["Pointing"] = (
            "Share of photos whose largest value lies in a box of the class, within 15 of 224 px "
            "(of several equal ones, the share of them); "
            "energy: share of the positive values in the boxes. Photos whose class the network "
            "does not know are left out."
        )
    for name, photos in found.items():
        for key, text in about_weights(photos[0].provenance).items():
            about[f"{name}: {key}"] = text
    return about


def _written(
    out: Path,
    rows: Sequence[Row],
    header: Sequence[str],
    cells: Sequence[Sequence[str]],
    about: Mapping[str, str],
) -> bytes:
    match out.suffix.lower():
        case ".csv":
            return (as_csv([fields_of(row) for row in rows]) + "\n").encode()
        case ".json":
            return as_json({"rows": [fields_of(row) for row in rows], "about": about}).encode()
        case _:
            title = "Methods of attribution, measured"
            return html_page(title, [], table=(header, cells), about=about)
