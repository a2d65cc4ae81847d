"""ZFNet's occlusion experiment for the browser, which then asks for nothing while one drags."""

import numpy as np

from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.frames import pack
from vgg_viz.results import Float32, Occlusion, Picture


def occlusion_frame(picture: Picture, found: Occlusion, label: str) -> bytes:
    """Return the frame of component `occluded_photo`.

    Probabilities and sums travel as float16, the sums over the largest of them; the most probable
    class is -1 where the square has not been yet, and the other two are 0 there.
    """
    most = max(float(np.nanmax(found.activations, initial=0)), found.activation)
    unit = most if most > 0 else 1.0
    seen = sorted({found.top_class, found.target, *found.top[found.top >= 0].tolist()})
    header = {
        "starts": list(found.starts),
        "square": found.square,
        "size": found.input_size,
        "fill": found.fill,
        "target": found.target,
        "probability": found.probability,
        "top": found.top_class,
        "activation": found.activation,
        "unit": unit,
        "feature": f"channel {found.channel} of {found.layer}",
        "classes": {str(index): found.classes[index] for index in seen},
        "label": label,
    }
    parts = {
        "photo": picture.jpeg,
        "probabilities": _halves(found.probabilities),
        "activations": _halves(found.activations / np.float32(unit)),
        "tops": found.top.astype("<i2").tobytes(),
        "colours": lookup_table("plasma").tobytes(),
    }
    return pack(header, parts)


def _halves(values: Float32) -> bytes:
    return np.nan_to_num(values, nan=0.0).astype("<f2").tobytes()
