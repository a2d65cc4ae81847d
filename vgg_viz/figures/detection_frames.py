"""Detections for the browser, which then suppresses and refines on its own."""

import numpy as np

from vgg_viz.figures.frames import pack
from vgg_viz.results import Detection, Picture, SSDObjects

# Okabe & Ito's eight colours, told apart with any colour vision; black is white here, for dark
# photos. The class's name stands at every box besides.
CLASS_COLOURS = (
    "#56B4E9",
    "#E69F00",
    "#F0E442",
    "#009E73",
    "#CC79A7",
    "#D55E00",
    "#FFFFFF",
    "#0072B2",
)
STEPS = {
    "proposals": "1 Proposals",
    "scored": "2 Scored",
    "suppressed": "3 Suppressed",
    "refined": "4 Refined",
}
Chosen = tuple[tuple[float, float, float, float], str]  # a proposal's box, a class's name


def class_colour(label: int) -> str:
    """The colour of a class's boxes."""
    return CLASS_COLOURS[label % len(CLASS_COLOURS)]


def detection_frame(
    picture: Picture,
    found: Detection,
    label: str,
    *,
    step: str,
    least: float,
    overlap: float,
    chosen: Chosen | None = None,
) -> bytes:
    """Return the frame of component `detection_photo`.

    Boxes, scores and refined boxes travel whole, as float32 in px of the photo; NaN where a study
    has not been yet. `step` is a key of STEPS; `least` and `overlap` are where the two sliders
    stand. `chosen` is drawn on top.
    """
    header = {
        "width": found.width,
        "height": found.height,
        "classes": list(found.classes),
        "colours": [class_colour(i) for i in range(len(found.classes))],
        "count": len(found.boxes),
        "done": found.done,
        "label": label,
        "step": step,
        "least": least,
        "overlap": overlap,
        "chosen": None if chosen is None else {"box": list(chosen[0]), "name": chosen[1]},
        "empty": " ".join(found.notes) if not len(found.boxes) else "",
    }
    parts = {
        "photo": picture.jpeg,
        "boxes": found.boxes.astype("<f4").tobytes(),
        "scores": found.scores.astype("<f4").tobytes(),
        "refined": found.refined.astype("<f4").tobytes(),
    }
    return pack(header, parts)


def ssd_frame(picture: Picture, found: SSDObjects, label: str, *, least: float) -> bytes:
    """Return the frame of component `detection_photo` for boxes that are through already.

    Objects of at least `least` are shown, whatever the bar of our heads says ("fixed"), and only
    named: there are no proposals or SVMs behind them to look into.
    """
    objects = found.objects(least)
    labels = sorted({each.label for each in objects})
    boxes = np.array([each.box for each in objects], "<f4").reshape(-1, 4)
    scores = np.full((len(objects), len(labels)), -1, "<f4")
    for number, each in enumerate(objects):
        scores[number, labels.index(each.label)] = each.score
    header = {
        "fixed": True,
        "width": found.width,
        "height": found.height,
        "classes": [found.classes[i] for i in labels],
        "colours": [class_colour(i) for i in labels],
        "count": len(objects),
        "done": len(objects),
        "label": label,
        "step": "suppressed",
        "least": least,
        "overlap": 1.0,
        "chosen": None,
        "empty": "",
    }
    parts = {
        "photo": picture.jpeg,
        "boxes": boxes.tobytes(),
        "scores": scores.tobytes(),
        "refined": np.repeat(boxes[:, None], len(labels), 1).tobytes(),
    }
    return pack(header, parts)


def nearest_proposal(found: Detection, box: tuple[float, float, float, float]) -> int | None:
    """The proposal that a box of a link is; None when none is within a px."""
    if not len(found.boxes):
        return None
    away = np.abs(found.boxes - np.array(box, np.float32)).max(1)
    best = int(away.argmin())
    return best if away[best] <= 1 else None
