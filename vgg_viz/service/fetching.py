"""The job that fetches published weights. It runs on a job's thread and needs no torch."""

from vgg_viz.errors import JobError
from vgg_viz.models.detectors import published_file
from vgg_viz.models.fetch import fetch
from vgg_viz.requests import FetchWeightsJob
from vgg_viz.service.jobs import JobHandle


def fetch_weights(handle: JobHandle) -> str:
    """Fetch the published weights that the job names, reporting bytes; return the last message."""
    if not isinstance(handle.job, FetchWeightsJob):
        raise JobError("This job fetches no weights.")
    source = published_file(handle.job.model)
    reported = -1

    def progress(done: int, total: int | None) -> None:
        nonlocal reported
        size = total or source.bytes
        share = min(1.0, done / size) if size else None
        step = done if share is None else int(200 * share)
        if step != reported:  # a download has thousands of chunks; half a per cent is enough
            reported = step
            handle.report("running", share, f"{done / 1e6:.0f} of {size / 1e6:.0f} MB")

    fetch(source, progress=progress, cancelled=handle.cancelled)
    return f"{source.filename} is on this machine, its hash is right."
