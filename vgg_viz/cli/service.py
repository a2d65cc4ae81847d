"""The model service that a command asks, and how its arguments become names the service knows."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from vgg_viz.errors import InputError
from vgg_viz.images import MAX_BYTES
from vgg_viz.results import ServiceDescription
from vgg_viz.service.engine import ModelService


@contextmanager
def open_service(device: str = "auto") -> Iterator[ModelService]:
    """Give a service in this process; torch is loaded by its first question about a network.

    After Ctrl-C, the step under way ends first and further ones are ignored meanwhile: a process
    that leaves while torch computes on another thread is aborted.
    """
    from vgg_viz.service.local import LocalService

    before = signal.getsignal(signal.SIGINT)
    try:
        with LocalService(device, allow_paths=True) as service:
            try:
                yield service
            except KeyboardInterrupt:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                typer.echo("Stopping.", err=True)
                raise
    finally:
        signal.signal(signal.SIGINT, before)


def named_photo(service: ModelService, photo: str) -> str:
    """Return the name the service has for a file or a bundled sample; a file goes first.

    InputError when it is neither, or the file cannot be read or shown.
    """
    path = Path(photo).expanduser()
    if path.exists() and not path.is_dir():
        try:
            with path.open("rb") as file:
                return service.put_image(file.read(MAX_BYTES + 1)).id
        except OSError as error:
            raise InputError(f"{photo} cannot be read: {error.strerror or error}.") from error
    samples = [sample.name for sample in service.describe().samples]
    if photo in samples:
        return photo
    raise InputError(
        f"{photo} is neither a file nor a bundled photo. Bundled are: {', '.join(samples)}."
    )


def named_model(description: ServiceDescription, model: str) -> str:
    """Return `model` with its weights: those named, else bundled, else ImageNet's when fetched.

    Where there are none the service takes random weights; a line on stderr says so.
    """
    if ":" in model:
        return model
    for weights in ("bundled", "imagenet"):
        info = description.model(f"{model}:{weights}")
        if info is not None and info.available:
            return info.name
    if any(info.network == model for info in description.models):
        typer.echo(
            f"{model} has no weights on this machine: random ones are used. "
            f"Fetch ImageNet's with: vgg-viz weights fetch {model}",
            err=True,
        )
    return model
