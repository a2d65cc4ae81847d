"""The Python that makes what page "Style" shows, to be copied and run. Tests run it."""

from vgg_viz.requests import StyleJob

UPLOADED = 64  # letters of a picture's digest
OWN_PHOTO, OWN_STYLE, OWN_WEIGHTS = "photo.jpg", "style.jpg", "weights.safetensors"
OPTIONS = (
    *("content_weight", "style_weight", "smoothness", "start", "optimizer", "pooling"),
    *("keep_colour", "size", "steps", "seed"),
)


def style_code(job: StyleJob) -> str:
    """Of one network: the picture as a file, its losses printed."""
    network, _, weights = job.model.partition(":")
    usual = StyleJob(job.model, job.image, job.style_image)
    arguments = [
        repr(OWN_PHOTO if len(job.image) == UPLOADED else job.image),
        repr(OWN_STYLE if len(job.style_image) == UPLOADED else job.style_image),
        repr(f"{network}:./{OWN_WEIGHTS}" if weights.startswith("file-") else job.model),
        *(
            f"{name}={getattr(job, name)!r}"
            for name in OPTIONS
            if getattr(job, name) != getattr(usual, name)
        ),
    ]
    listed = "".join(f"    {argument},\n" for argument in arguments)
    return (
        "from pathlib import Path\n\n"
        "from vgg_viz import api\n"
        "from vgg_viz.figures import styled_png\n\n"
        f"found = api.style(\n{listed})\n"
        "for layer in found.layers:  # layer.gram: float32 (N, N)\n"
        "    print(layer.layer, layer.relative[0], layer.relative[-1])\n"
        "print(found.content_layer, found.relative_content[-1])\n"
        f'Path("{network}-style.png").write_bytes(styled_png(found.pixels))\n'
    )
