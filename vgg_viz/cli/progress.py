"""Long work of a command: a bar on stderr until it is through, Ctrl-C stops it."""

import sys

import typer

from vgg_viz import api
from vgg_viz.requests import StudyJob
from vgg_viz.results import JobEvent, StudyResult
from vgg_viz.service.engine import ModelService

STEPS = 1000  # of the bar


def finished_under_bar(service: ModelService, job: StudyJob, label: str) -> StudyResult:
    """Run `job` to its end; JobError with the reason when it does not get there."""
    with typer.progressbar(length=STEPS, label=label, file=sys.stderr) as bar:

        def watch(event: JobEvent) -> None:
            if event.progress is not None:
                bar.update(max(0, round(event.progress * STEPS) - bar.pos))

        return api.finished(service, job, watch)
