"""The Python that makes what page "Optimised" shows, to be copied and run. Tests run it."""

from dataclasses import MISSING, fields
from typing import Any

from vgg_viz.requests import FeatureVisJob, Term

UPLOADED = 64  # letters of a photo's digest
OWN_PHOTO, OWN_WEIGHTS = "photo.jpg", "weights.safetensors"


def optimised_code(job: FeatureVisJob) -> str:
    """Of one side: the pictures as files, values and notes printed."""
    network, _, weights = job.model.partition(":")
    model = f"{network}:./{OWN_WEIGHTS}" if weights.startswith("file-") else job.model
    arguments = [repr(model), *(_written(term, "kind") for term in job.terms)]
    if job.image:
        photo = OWN_PHOTO if len(job.image) == UPLOADED else job.image
        arguments.append(f"photo={photo!r}")
    arguments += [
        f"{each.name}={getattr(job, each.name)!r}"
        for each in fields(job)
        if each.name not in ("model", "terms", "image") and getattr(job, each.name) != each.default
    ]
    listed = "".join(f"    {argument},\n" for argument in arguments)
    return (
        "from PIL import Image\n\n"
        "from vgg_viz import api\n"
        "from vgg_viz.requests import Term\n\n"
        f"found = api.feature_vis(\n{listed})\n"
        "for number, pixels in enumerate(found.pixels):  # uint8 (H, W, 3)\n"
        '    Image.fromarray(pixels).save(f"optimised-{number}.png")\n'
        "print(found.values, found.history[-1], found.notes)\n"
    )


def gallery_code(model: str, layer: str, channel: int) -> str:
    """Of a channel's picture in the gallery, or a class's: as a file, its value printed."""
    return (
        "from PIL import Image\n\n"
        "from vgg_viz.requests import GalleryRequest\n"
        "from vgg_viz.service.local import LocalService\n\n"
        "with LocalService() as service:\n"
        f"    found = service.run(GalleryRequest({model!r}, {layer!r}, {channel}))\n"
        "for pixels in found.pixels:  # uint8 (side, side, 3)\n"
        '    Image.fromarray(pixels).save("gallery.png")\n'
        "print(found.missing or found.values, found.photo_values, found.settings)\n"
    )


def _written(value: Any, *positional: str) -> str:
    """A Term as Python, without what is a default."""
    words = []
    for each in fields(value):
        given = getattr(value, each.name)
        if each.name in positional:
            words.append(repr(given))
        elif each.default is MISSING or given != each.default:
            words.append(f"{each.name}={given!r}")
    return f"{Term.__name__}({', '.join(words)})"
