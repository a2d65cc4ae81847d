"""The Python that makes what page "Filters" shows, to be copied and run. Tests run it."""

from collections.abc import Sequence
from dataclasses import MISSING, fields

from vgg_viz.requests import ChannelKernelRequest, LayerKernelsRequest, ReconstructionRequest

UPLOADED = 64  # letters of a photo's digest
OPENING = """from pathlib import Path

from vgg_viz.figures import {figures}
from vgg_viz.requests import {requests}
from vgg_viz.service.local import LocalService

with LocalService() as service:
"""


def reconstruction_code(
    request: ReconstructionRequest, *, rules: Sequence[str], zoom: bool, together: bool, series: int
) -> str:
    """Of one network's row: the signals, and their pictures as files."""
    opening = OPENING.format(
        figures="reconstruction_pictures", requests="PictureRequest, ReconstructionRequest"
    )
    shown = tuple(rules)
    limit = "shown" if together else "(rule,)"
    return (
        f"{opening}{_given(request)}"
        f"    found = service.run({_written(request)})\n"
        f"    picture = PictureRequest({_image(request.image)}, {_model(request.model)})\n"
        "    photo = service.run(picture)\n"
        "\n"
        f"shown = {shown!r}\n"
        f"region = reconstruction_pictures.region_of(found, zoom={zoom})\n"
        "for rule in shown:\n"
        "    signal = found.signal(rule)  # float32 (3, H, W), signed\n"
        f"    limit = reconstruction_pictures.limit_of(found, {limit})\n"
        "    png = reconstruction_pictures.signal_png(signal, limit, region)\n"
        '    Path(f"{rule}.png").write_bytes(png)\n'
        f"png = reconstruction_pictures.photo_png(photo, found, region, series={series})\n"
        'Path("photo.png").write_bytes(png)\n'
        "print(found.units, found.silence)\n"
    )


def kernels_code(layer: LayerKernelsRequest, channel: ChannelKernelRequest) -> str:
    """Of one network's kernels: norms, dead and alike ones, the strongest slices, the response."""
    opening = OPENING.format(
        figures="kernel_slices", requests="ChannelKernelRequest, LayerKernelsRequest"
    )
    return (
        f"{opening}{_given(layer)}"
        f"    kernels = service.run({_written(layer)})\n"
        f"    one = service.run({_written(channel)})\n"
        "\n"
        "print(kernels.norms, kernels.dead, kernels.closest)\n"
        "print(one.strongest_slices, one.response.shape)\n"
        'Path("slices.png").write_bytes(kernel_slices.slices_png(one))\n'
    )


def _given(request: object) -> str:
    """What a person has to give: the photo or weights that they uploaded."""
    lines = ""
    if len(getattr(request, "image", "")) == UPLOADED:
        lines += '    image = service.put_image(Path("photo.jpg").read_bytes()).id\n'
    model = str(getattr(request, "model", ""))
    if model.partition(":")[2].startswith("file-"):
        lines += (
            '    weights = Path("weights.safetensors")\n'
            "    model = service.put_weights(weights.read_bytes(), weights.name).name\n"
        )
    return lines


def _image(image: str) -> str:
    return "image" if len(image) == UPLOADED else repr(image)


def _model(model: str) -> str:
    return "model" if model.partition(":")[2].startswith("file-") else repr(model)


def _written(request: object) -> str:
    """The request as Python, without what is a default."""
    words = []
    for each in fields(request):  # type: ignore[arg-type]
        value = getattr(request, each.name)
        if each.name == "model":
            words.append(_model(value))
        elif each.name == "image":
            words.append(_image(value))
        elif each.default is MISSING or value != each.default:
            words.append(f"{each.name}={value!r}")
    arguments = "".join(f"            {word},\n" for word in words)
    return f"\n        {type(request).__name__}(\n{arguments}        )\n    "
