"""`vgg-viz clip`: a channel on every frame of a short video, an animation or several pictures."""

import json
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from vgg_viz.cli.files import about_weights, check_file, write_file, write_picture
from vgg_viz.cli.photos import Device, DeviceOption, Model, Precision, PrecisionOption
from vgg_viz.cli.service import last_convolution, named_model, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.clips import MAX_BYTES
from vgg_viz.errors import InputError
from vgg_viz.figures import clip_sheet_png
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import FrameMapsRequest, PictureRequest
from vgg_viz.results import ClipInfo, ClipMaps
from vgg_viz.service.engine import ModelService

PACE = 0.5  # s between pictures given one by one


def clip(
    files: Annotated[
        list[Path], typer.Argument(help="One video or animation, or several pictures in order.")
    ],
    model: Model = "vgg16",
    layer: Annotated[
        str | None, typer.Option(help="Any layer, such as conv5_3; the last convolution.")
    ] = None,
    channel: Annotated[
        int | None, typer.Option(min=0, help="The one of the highest mean by default.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help=".npz: maps, means, probabilities; .png, .html: frames and maps."
        ),
    ] = Path("clip.png"),
    relu: Annotated[
        bool, typer.Option(help="Values after the ReLU, or true ones before it.")
    ] = True,
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = Precision.FP32,
) -> None:
    """What does a channel answer to every frame of a clip?

    Of a clip, at most 48 evenly spaced frames are taken; one scale for all of them.
    """
    check_file(out, ".png", ".html", ".npz")
    with open_service(device.value) as service:
        name = named_model(service.describe(), model)
        frames = _frames(service, files)
        asked = layer or last_convolution(name)
        answers = []
        for i, image in enumerate(frames.images):
            request = FrameMapsRequest(name, image, asked, relu, precision.value)
            answers.append(service.run(request))
            typer.echo(f"\rFrame {i + 1} of {len(frames.images)}", err=True, nl=False)
        typer.echo("", err=True)
        if channel is not None and channel >= len(answers[0].means):
            raise InputError(f"{asked} has channels 0 to {len(answers[0].means) - 1}.")
        maps = ClipMaps.of(answers, [] if channel is None else [channel])
        shown = maps.channels[0] if channel is None else channel
        pictures = [service.run(PictureRequest(image, name)) for image in frames.images]
    title = NETWORKS[name.partition(":")[0]].title
    caption = f"{maps.output}, channel {shown} of {title}, {maps.provenance.weights}"
    table = _table(frames, maps, shown)
    if out.suffix.lower() == ".npz":
        write_file(out, _npz(frames, maps))
    else:
        sheet = clip_sheet_png(pictures, frames.seconds, maps, shown, caption)
        about = {"Clip": ", ".join(file.name for file in files), **about_weights(maps.provenance)}
        write_picture(out, sheet, caption, table=table, about=about)
    for note in frames.notes:
        typer.echo(note, err=True)
    if output is Format.JSON:
        typer.echo(as_json({"out": str(out), "channel": shown, **_fields(frames, maps)}))
        return
    typer.echo(caption)
    typer.echo(as_table(*table))
    typer.echo(f"Written: {out}")


def _frames(service: ModelService, files: list[Path]) -> ClipInfo:
    if len(files) == 1:
        return service.put_clip(_read(files[0]))
    images = tuple(service.put_image(_read(file)).id for file in files)
    return ClipInfo(images, tuple(i * PACE for i in range(len(images))), len(images))


def _read(path: Path) -> bytes:
    try:
        with path.expanduser().open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _table(frames: ClipInfo, maps: ClipMaps, channel: int) -> tuple[list[str], list[list[str]]]:
    at = maps.channels.index(channel)
    rows = []
    for i, second in enumerate(frames.seconds):
        top = int(maps.probabilities[i].argmax())
        numbers = (f"{maps.means[i, at]:.4g}", f"{maps.maxima[i, at]:.4g}")
        likely = (f"{maps.probabilities[i, top]:.1%}", maps.classes[top])
        rows.append([f"{i + 1}", f"{second:.2f}", *numbers, *likely])
    return ["frame", "s", "mean", "largest", "probability", "class"], rows


def _fields(frames: ClipInfo, maps: ClipMaps) -> dict[str, Any]:
    return {
        "layer": maps.layer,
        "output": maps.output,
        "seconds": list(frames.seconds),
        "frames_of_the_file": frames.total,
        "notes": list(frames.notes),
        "channels": list(maps.channels),
        "means": maps.means.tolist(),
        "maxima": maps.maxima.tolist(),
        "top": [maps.classes[i] for i in maps.probabilities.argmax(axis=1)],
        "provenance": provenance_fields(maps.provenance),
    }


def _npz(frames: ClipInfo, maps: ClipMaps) -> bytes:
    """Readable by `numpy.load` without pickle."""
    out = BytesIO()
    np.savez_compressed(
        out,
        maps=maps.maps,
        channels=np.array(maps.channels),
        limits=maps.limits,
        mean=maps.means,
        max=maps.maxima,
        probabilities=maps.probabilities,
        seconds=np.array(frames.seconds),
        provenance=np.array(json.dumps(_fields(frames, maps))),
    )
    return out.getvalue()
