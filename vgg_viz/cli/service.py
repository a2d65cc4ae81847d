"""The model service that a command asks, and how its arguments become names the service knows."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from vgg_viz.api import named_photo
from vgg_viz.models.configs import NETWORKS
from vgg_viz.results import ServiceDescription
from vgg_viz.service.engine import ModelService

__all__ = ["named_model", "named_photo", "open_service"]


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


def last_convolution(model: str) -> str:
    """Of the network that `model` names; of one that is not known, what the service will refuse."""
    network = model.partition(":")[0]
    if network not in NETWORKS:
        return "conv5"
    spec = NETWORKS[network]
    return [row.name for row in spec.table(spec.channels) if row.kind == "conv"][-1]
