"""The Python that makes what page "Inversion" shows, to be copied and run. Tests run it."""

from vgg_viz.requests import InversionJob

UPLOADED = 64  # letters of a photo's digest
OWN_PHOTO, OWN_WEIGHTS = "photo.jpg", "weights.safetensors"


def inversion_code(job: InversionJob, *, stretched: bool) -> str:
    """Of one network: every picture as a file, its numbers printed."""
    network, _, weights = job.model.partition(":")
    usual = InversionJob(job.model, job.image)
    arguments = [
        repr(OWN_PHOTO if len(job.image) == UPLOADED else job.image),
        repr(f"{network}:./{OWN_WEIGHTS}" if weights.startswith("file-") else job.model),
        *map(repr, job.layers),
        *(
            f"{name}={getattr(job, name)!r}"
            for name in ("steps", "total_variation", "seed")
            if getattr(job, name) != getattr(usual, name)
        ),
    ]
    listed = "".join(f"    {argument},\n" for argument in arguments)
    return (
        "from pathlib import Path\n\n"
        "from vgg_viz import api\n"
        "from vgg_viz.figures import rebuilt_png\n\n"
        f"found = api.invert(\n{listed})\n"
        "for layer in found.layers:  # layer.pixels: uint8 (H, W, 3)\n"
        "    print(layer.layer, layer.distance, layer.correlation)\n"
        f"    png = rebuilt_png(found, layer, stretched={stretched})\n"
        '    Path(f"{layer.layer}.png").write_bytes(png)\n'
    )
