"""`vgg-viz style`: a photo painted in the style of another picture."""

import json
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from vgg_viz.api import named_style
from vgg_viz.cli.files import about_weights, check_file, photo_credit, write_file, write_picture
from vgg_viz.cli.photos import Device, DeviceOption, Model
from vgg_viz.cli.progress import finished_under_bar
from vgg_viz.cli.service import named_model, named_photo, open_service
from vgg_viz.cli.tables import Format, as_json, as_table, provenance_fields
from vgg_viz.errors import InputError
from vgg_viz.figures import style_sheet_png, style_words
from vgg_viz.images import encode_png
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import StyleJob
from vgg_viz.results import ServiceDescription, Styled

CONTENT, STYLE = "content", "style"


def style(
    content: Annotated[str, typer.Argument(help="A file, or a bundled photo such as cat.")],
    style_picture: Annotated[
        str,
        typer.Option("--style", help="A file, a bundled photo, or a texture such as mosaic."),
    ] = "swirls",
    model: Model = "vgg16",
    mix: Annotated[
        str,
        typer.Option(
            help="What the content counts beside a style of 1, each relative to the other "
            "picture's loss; content or style: that one alone."
        ),
    ] = f"{StyleJob.content_weight:g}",
    start: Annotated[str, typer.Option(help="content, style or noise.")] = StyleJob.start,
    size: Annotated[int, typer.Option(help="Side of the picture in px.")] = StyleJob.size,
    steps: Annotated[int, typer.Option()] = StyleJob.steps,
    smoothness: Annotated[
        float, typer.Option(help="Weight of total variation, relative to the style picture's.")
    ] = StyleJob.smoothness,
    keep_colour: Annotated[
        bool, typer.Option("--keep-colour", help="The style reaches luminance alone.")
    ] = False,
    pooling: Annotated[str, typer.Option(help="average, as the paper, or max.")] = StyleJob.pooling,
    optimizer: Annotated[str, typer.Option(help="lbfgs or adam.")] = StyleJob.optimizer,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = StyleJob.learning_rate,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    sheet: Annotated[
        bool, typer.Option("--sheet", help="With both pictures and the Gram matrices.")
    ] = False,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help=".png: the picture; .html: a page; .npz: px, curves and matrices."
        ),
    ] = Path("style.png"),
    output: Annotated[Format, typer.Option("--format")] = Format.TABLE,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Paint a photo in the style of another picture.

    Content from one deep layer, style from the Gram matrices of five (Gatys et al., CVPR 2016).
    """
    check_file(out, ".png", ".html", ".npz")
    content_weight, style_weight = weights(mix)
    with open_service(device.value) as service:
        job = StyleJob(
            named_model(service.describe(), model),
            named_photo(service, content),
            named_style(service, style_picture),
            content_weight=content_weight,
            style_weight=style_weight,
            smoothness=smoothness,
            start=start,  # type: ignore[arg-type] # the study checks these three
            optimizer=optimizer,  # type: ignore[arg-type]
            pooling=pooling,  # type: ignore[arg-type]
            keep_colour=keep_colour,
            size=size,
            steps=steps,
            learning_rate=learning_rate,
            seed=seed,
        )
        found = finished_under_bar(service, job, job.model)
        offered = service.describe()
        credit = (
            f"Photo: {photo_credit(offered, job.image, content)}\n"
            f"Style: {_style_credit(offered, job.style_image, style_picture)}"
        )
    assert isinstance(found, Styled)  # noqa: S101 - what the job's type says
    _write(out, found, job, credit, sheet=sheet)
    if output is Format.JSON:
        fields = {"photo": content, "style": style_picture, out.suffix.lower()[1:]: str(out)}
        typer.echo(as_json({**fields, **_fields(found, job)}))
        return
    typer.echo(f"{_title(found)}\n{as_table(*_table(found))}\nWritten: {out}")
    for note in found.notes:
        typer.echo(note, err=True)


def weights(mix: str) -> tuple[float, float]:
    """Of content and style; InputError where `mix` is neither a number nor one of the two words."""
    if mix in (CONTENT, STYLE):
        return float(mix == CONTENT), float(mix == STYLE)
    try:
        return float(mix), 1.0
    except ValueError:
        raise InputError(
            f"--mix is a number such as 0.03, or {CONTENT} or {STYLE} for that one alone; not "
            f"{mix!r}."
        ) from None


def _style_credit(offered: ServiceDescription, image: str, picture: str) -> str:
    for texture in offered.textures:
        if texture.name == image:
            return f"{texture.title}, {texture.author}, {texture.licence}"
    return photo_credit(offered, image, picture)


def _write(out: Path, found: Styled, job: StyleJob, credit: str, *, sheet: bool) -> None:
    if out.suffix.lower() == ".npz":
        write_file(out, _npz(found, job, credit))
        return
    caption = (
        f"{_title(found)}\n{job.size} px, {found.step} steps from {job.start}, {job.optimizer}, "
        f"{job.pooling} pooling, seed {job.seed}; content {job.content_weight:g}, style "
        f"{job.style_weight:g}, total variation {job.smoothness:g}, each relative to the other "
        f"picture's loss; reached: {style_words(found)}\n{credit}"
    )
    page = out.suffix.lower() == ".html"
    picture = style_sheet_png(found, caption) if sheet or page else encode_png(found.pixels)
    about = {"Pictures": credit, "Seed": job.seed, **about_weights(found.provenance)}
    write_picture(out, picture, _title(found), table=_table(found), about=about)


def _npz(found: Styled, job: StyleJob, credit: str) -> bytes:
    """Pictures, curves, matrices and provenance, readable by `numpy.load` without pickle."""
    arrays = {
        f"{layer.layer}_{name}": getattr(layer, name)
        for layer in found.layers
        for name in ("losses", "style_gram", "gram", "content_gram")
    }
    for name in ("pixels", "content", "style", "losses", "content_losses", "variation"):
        arrays[name] = getattr(found, name)
    out = BytesIO()
    fields = json.dumps({"credit": credit, **_fields(found, job)})
    np.savez_compressed(out, **arrays, provenance=np.array(fields))
    return out.getvalue()


def _title(found: Styled) -> str:
    title = NETWORKS[found.provenance.model.partition(":")[0]].title
    return f"{title}, {found.provenance.weights}: style transfer (Gatys et al., CVPR 2016)"


def _table(found: Styled) -> tuple[list[str], list[list[str]]]:
    rows = [
        ["style", each.layer, f"{each.relative[0]:.3g}", f"{each.relative[-1]:.3g}"]
        for each in found.layers
    ]
    content = found.relative_content
    rows.append(["content", found.content_layer, f"{content[0]:.3g}", f"{content[-1]:.3g}"])
    rough = found.relative_variation
    rows.append(["total variation", "px", f"{rough[0]:.3g}", f"{rough[-1]:.3g}"])
    return ["relative loss", "layer", "start", "end"], rows


def _fields(found: Styled, job: StyleJob) -> dict[str, Any]:
    return {
        "model": found.provenance.model,
        "steps": found.step,
        "evaluations": found.evaluations,
        "ended": found.ended,
        "loss": [float(found.losses[0]), float(found.losses[-1])],
        "alpha": found.alpha,
        "beta": found.beta,
        "gamma": found.gamma,
        "content": {
            "layer": found.content_layer,
            "loss": float(found.content_losses[-1]),
            "reference": found.content_reference,
        },
        "layers": [
            {
                "layer": each.layer,
                "channels": len(each.gram),
                "loss": float(each.losses[-1]),
                "reference": each.reference,
            }
            for each in found.layers
        ],
        "size": job.size,
        "start": job.start,
        "optimizer": job.optimizer,
        "pooling": job.pooling,
        "keep_colour": job.keep_colour,
        "seed": job.seed,
        "seconds": found.seconds,
        "notes": list(found.notes),
        "provenance": provenance_fields(found.provenance),
    }
