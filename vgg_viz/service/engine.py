"""What a model service is. Pages and the command line know this protocol and nothing behind it."""

from typing import Protocol

from vgg_viz.requests import Answer, Job, Request, Steering, StudyJob
from vgg_viz.results import (
    ClipInfo,
    Health,
    ImageInfo,
    JobEvent,
    ModelInfo,
    RunInfo,
    ServiceDescription,
    StudyResult,
)


class ModelService(Protocol):
    """Owns the networks and the device. Safe to call from any thread.

    Every method raises only `vgg_viz.errors.VggVizError` for what a person can mend.
    """

    def describe(self) -> ServiceDescription:
        """What is offered. Answers at once and loads nothing (no torch)."""
        ...

    def run(self, request: Request[Answer]) -> Answer:
        """Answer a request; waits for the device's worker when the answer is not cached."""
        ...

    def submit(self, job: Job) -> str:
        """Start long work; return its id. The same job submitted twice is one job."""
        ...

    def find(self, job: StudyJob) -> str | None:
        """The id of the newest study equal to `job`, running or ended; None when none is known.

        So a page finds its work again from its settings alone, after a reload and from a link.
        """
        ...

    def result(self, job: str) -> StudyResult | None:
        """What a study has to show: a preview while it runs, the result when it ended.

        None while there is nothing yet, or when it had to make room for newer ones. Never waits.
        """
        ...

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """The job's events numbered above `after`; never waits. Unknown id: JobError."""
        ...

    def cancel(self, job: str) -> None:
        """Ask a job to stop; it ends with a "cancelled" event. No effect on an ended job."""
        ...

    def steer(self, job: str, steering: Steering) -> None:
        """Pause, continue or change the learning rate of a running training.

        JobError for an unknown id, InputError for a learning rate that is no positive number. To
        stop a training, `cancel` it: what was recorded is kept.
        """
        ...

    def runs(self) -> tuple[RunInfo, ...]:
        """Every recording: the bundled ones in their order, then one's own, newest first."""
        ...

    def run_weights(self, run: str, step: int) -> bytes:
        """The checkpoint kept after `step` (`RunInfo.weights`), a safetensors file."""
        ...

    def rename_run(self, run: str, title: str) -> None:
        """Give a recording of one's own another title. InputError for a bundled one."""
        ...

    def delete_run(self, run: str) -> None:
        """Delete a recording of one's own. InputError for a bundled one or one still running."""
        ...

    def health(self) -> Health:
        """Is the service well? Never waits for the device."""
        ...

    def put_image(self, data: bytes) -> ImageInfo:
        """Decode and keep an uploaded photo; its id goes into requests. ImageError when bad."""
        ...

    def put_clip(self, data: bytes) -> ClipInfo:
        """Decode a short video or animation and keep its frames as photos. ImageError when bad."""
        ...

    def put_weights(self, data: bytes, filename: str) -> ModelInfo:
        """Check and keep an uploaded checkpoint (never unpickled). CheckpointError when bad."""
        ...
