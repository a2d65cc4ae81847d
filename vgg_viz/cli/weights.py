"""`vgg-viz weights`: which weights there are, where they lie, and how to get more."""

import sys
import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from vgg_viz.cli.service import open_service
from vgg_viz.cli.tables import Format, as_json, as_table, in_words
from vgg_viz.errors import DownloadError, InputError, UnknownNameError
from vgg_viz.requests import FetchWeightsJob
from vgg_viz.results import DetectorInfo, JobEvent, ModelInfo, ServiceDescription
from vgg_viz.service.engine import ModelService

POLL_SECONDS = 0.1
STEPS = 1000  # of the progress bar

commands = typer.Typer(
    help="Which weights are there, and how to get more?",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@commands.command("list")
def list_weights(
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
) -> None:
    """List every network with the weights that exist for it."""
    with open_service() as service:
        models = service.describe().models
    if output is Format.JSON:
        typer.echo(as_json([_fields(model) for model in models]))
        return
    header = ["model", "weights", "here", "top-1", "parameters"]
    rows = [
        [
            model.name,
            model.weights_title,
            "yes" if model.available else _size(model),
            "" if model.top1 is None else f"{model.top1:.1%}",
            f"{model.parameters:,}",
        ]
        for model in models
    ]
    typer.echo(as_table(header, rows, left=(0, 1)))


@commands.command()
def path() -> None:
    """Print the folder of fetched weights.

    The environment variable VGG_VIZ_CACHE chooses another one.
    """
    from vgg_viz.models.fetch import cache_folder

    typer.echo(str(cache_folder()))


@commands.command()
def fetch(
    networks: Annotated[
        list[str], typer.Argument(metavar="NETWORK...", help="For example vgg16 zfnet_b, or all.")
    ],
) -> None:
    """Fetch ImageNet weights, or ssd300_vgg16 (COCO), from their publishers.

    Their hash is checked; a download that was cut goes on where it stopped.
    """
    with open_service() as service:
        models = _wanted(service.describe(), networks)
        size = sum(model.download_bytes for model in models)
        if len(models) > 1:
            typer.echo(f"{len(models)} files, {in_words(size, 'B')}", err=True)
        for model in models:
            typer.echo(f"{model.name}: {_follow(service, model)}")


def _wanted(description: ServiceDescription, networks: list[str]) -> list[ModelInfo | DetectorInfo]:
    offered: dict[str, ModelInfo | DetectorInfo] = {
        model.network: model for model in description.models if model.weights == "imagenet"
    }
    if "all" in networks:
        return list(offered.values())
    detectors = {each.name.partition(":")[0]: each for each in description.detectors}
    offered.update(detectors)
    names = [network.removesuffix(":imagenet").removesuffix(":coco") for network in networks]
    for name in names:
        if ":" in name:
            raise InputError(f"{name} is not fetched from anywhere; only published weights are.")
        if name not in offered:
            raise UnknownNameError.among("network with ImageNet weights", name, [*offered, "all"])
    return [offered[name] for name in dict.fromkeys(names)]


def _follow(service: ModelService, model: ModelInfo | DetectorInfo) -> str:
    """Fetch one file under a progress bar; return the job's last word. DownloadError."""
    job = service.submit(FetchWeightsJob(model.name))
    try:
        last = _watch(service, job, model.name)
    except KeyboardInterrupt:
        service.cancel(job)
        raise
    if last.state != "done":
        raise DownloadError(last.message)
    return last.message


def _watch(service: ModelService, job: str, label: str) -> JobEvent:
    seen = 0
    with typer.progressbar(length=STEPS, label=label, file=sys.stderr) as bar:
        while True:
            for event in service.events(job, seen):
                seen = event.number
                if event.progress is not None:
                    bar.update(max(0, round(event.progress * STEPS) - bar.pos))
                if event.final:
                    return event
            time.sleep(POLL_SECONDS)


def _size(model: ModelInfo) -> str:
    return f"fetch, {in_words(model.download_bytes, 'B')}" if model.download_bytes else "fetch"


def _fields(model: ModelInfo) -> dict[str, Any]:
    fields = asdict(model)
    del fields["layers"], fields["classes"]
    return {**fields, "class_count": len(model.classes)}
