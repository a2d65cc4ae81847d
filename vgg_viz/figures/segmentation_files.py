"""Labels of a photo as files: arrays with everything, and plain labels as a palette picture."""

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from vgg_viz.figures.segmentation_pictures import COLOURS
from vgg_viz.results import Segmentation


def segmentation_npz(found: Segmentation, about: Mapping[str, Any]) -> bytes:
    """Return an npz: labels_8s (H, W), probabilities_8s (classes, H, W) and so on, the photo."""
    arrays: dict[str, Any] = {
        f"{name}_{net.stride}s": array
        for net in found.nets
        for name, array in (("labels", net.labels), ("probabilities", net.probabilities))
    }
    out = BytesIO()
    text = json.dumps({**about, "classes": found.classes}, ensure_ascii=False)
    arrays |= {"photo": found.photo, "about": np.array(text)}
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def palette_png(found: Segmentation, stride: int) -> bytes:
    """Return a PNG whose pixels are the numbers of the classes, as in PASCAL VOC's label files."""
    labels = found.net(stride).labels
    image = Image.frombytes("P", labels.shape[::-1], labels.tobytes())
    colours = [(0, 0, 0), *(COLOURS[name] for name in found.classes[1:])]
    image.putpalette([value for colour in colours for value in colour])
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
