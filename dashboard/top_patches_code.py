"""The Python that makes what page "Top patches" shows, to be copied and run. Tests run it."""

from vgg_viz.requests import TopPatchesRequest

SAMPLES = "samples"


def top_patches_code(request: TopPatchesRequest, *, limit: int) -> str:
    """Index the photos, ask for a channel, write the figure."""
    model, folder = repr(request.model), request.source != SAMPLES
    if request.model.partition(":")[2].startswith("file-"):
        model = repr(f"{request.model.partition(':')[0]}:./weights.safetensors")
    words = [model, repr(request.layer), repr(request.channel)]
    if folder:
        words += ['source="./photos"', f"limit={limit}"]
    return (
        "from pathlib import Path\n"
        "\n"
        "from vgg_viz import api\n"
        "from vgg_viz.figures import patch_pictures\n"
        "\n"
        f"found = api.top_patches({', '.join(words)})\n"
        "for patch in found.patches:\n"
        "    print(patch.name, patch.value, patch.row, patch.column)\n"
        "    print(patch.pixels.shape, patch.reconstruction.shape)\n"
        "sheet = patch_pictures.sheet_png(found, found.provenance.weights)\n"
        'Path("patches.png").write_bytes(sheet)\n'
        "print(found.silence)\n"
    )
