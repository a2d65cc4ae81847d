"""Recorded trainings as bytes for component `training_replay`: whole, or what came lately.

Numbers travel as they were recorded. What is left out of a long run is said in the header, which
the component prints on the plot: a scalar keeps the lowest and the highest point of every stretch
of steps ("stretch"), flow and pictures keep every n-th measurement ("every").
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.frames import pack
from vgg_viz.results import MAGNITUDES, Picture, Recording, Series

MOST_POINTS = 500  # of a scalar: more than a chart has pixels to show
MOST_FLOW, MOST_PICTURES = 250, 100  # measurements of a run
SCALARS = (
    "loss",
    "accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "sample_probability",
)
Steps = NDArray[np.int32]


def recording_frame(
    recordings: Sequence[Recording],
    *,
    after: Sequence[int] = (),
    photos: Sequence[Picture | None] = (),
    live: bool = False,
) -> bytes:
    """Return the frame of component `training_replay` for one or two recordings.

    `after` says for each what it was asked for: -1 is the whole run and replaces what the browser
    holds, else only later steps are in it and get appended. `photos` are the photos under the
    Grad-CAMs, None where the browser has it. `live` follows the newest step.
    """
    parts: dict[str, bytes] = {"plasma": lookup_table("plasma").tobytes()}
    heads: list[dict[str, Any]] = []
    for i, recording in enumerate(recordings):
        since = after[i] if i < len(after) else -1
        head, own = _run(recording, since)
        if i < len(photos) and (photo := photos[i]) is not None:
            own["photo"] = photo.jpeg
        heads.append(head)
        parts |= {f"{i}.{name}": part for name, part in own.items()}
    magnitudes = [float(MAGNITUDES[0]), float(MAGNITUDES[-1]), len(MAGNITUDES) - 1]
    return pack({"runs": heads, "live": live, "magnitudes": magnitudes}, parts)


def last_step(recording: Recording) -> int:
    """The newest step that is in `recording`, of whatever kind; -1 when it is empty."""
    steps = [recording.flow_steps, *recording.picture_steps.values()]
    steps += [series.steps for series in recording.scalars.values()]
    return max((int(each[-1]) for each in steps if len(each)), default=-1)


def thinned(series: Series, most: int, *, keep: Steps | None = None) -> tuple[Series, int]:
    """At most `most` points: of every stretch of steps its lowest and its highest; (series, size).

    All are recorded points at their own steps, nothing is averaged. A stretch with a NaN keeps it
    too, and so stay the points at the steps in `keep`. The size of a stretch is 1 when all stay.
    """
    count = len(series.steps)
    if count <= most:
        return series, 1
    size = -(-2 * count // most)
    wanted = np.zeros(count, bool)
    wanted[[0, -1]] = True
    for start in range(0, count, size):
        stretch = series.values[start : start + size]
        finite = np.isfinite(stretch)
        if finite.any():
            wanted[start + int(np.argmin(np.where(finite, stretch, np.inf)))] = True
            wanted[start + int(np.argmax(np.where(finite, stretch, -np.inf)))] = True
        if not finite.all():
            wanted[start + int(np.argmin(finite))] = True
    if keep is not None:
        wanted |= np.isin(series.steps, keep)
    return Series(series.steps[wanted], series.values[wanted]), size


def _run(recording: Recording, after: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    info, parts = recording.info, dict[str, bytes]()
    measured, every = _every_nth(recording.flow_steps, MOST_FLOW, after)
    kept = recording.flow_steps[measured]
    head: dict[str, Any] = {
        "run": info.run,
        "title": info.title,
        "state": info.state,
        "after": after,
        "last": max(after, last_step(recording)),
        "planned": info.planned_steps,
        "layers": list(info.layers),
        "findings": [
            {"step": f.step, "layer": f.layer, "kind": f.kind, "message": f.message}
            for f in info.findings
        ],
        # Guessing has a cross-entropy; what a loop of one's own calls "loss" may be anything.
        "unit": "cross-entropy, nats" if "chance_loss" in info.settings else "",
        "sample": str(info.settings.get("sample", "")),
        "cam_layer": str(info.settings.get("cam_layer", "")),
        "cam_target": str(info.settings.get("cam_target_name", "")),
        "scalars": _scalars(recording.scalars, kept, after, parts),
        "flow": {"names": list(recording.flow), "every": every},
        "histograms": list(recording.histograms),
        "pictures": {},
    }
    parts["flow.steps"] = kept.astype("<i4").tobytes()
    for name, values in recording.flow.items():
        parts[f"flow.{name}"] = values[measured].astype("<f4").tobytes()
    for name, counts in recording.histograms.items():
        parts[f"histogram.{name}"] = counts[measured].astype("<u2").tobytes()
    for name, pictures in recording.pictures.items():
        steps = recording.picture_steps[name]
        head["pictures"][name] = _pictures(name, steps, pictures, after, parts)
    return head, parts


def _scalars(
    scalars: Mapping[str, Series], kept: Steps, after: int, parts: dict[str, bytes]
) -> dict[str, int]:
    """Put the drawn scalars into `parts`; return the stretch of each."""
    stretches: dict[str, int] = {}
    for name in SCALARS:
        if name in scalars:
            series, stretches[name] = scalars[name], 1
            if after < 0:
                series, stretches[name] = thinned(series, MOST_POINTS, keep=kept)
            parts[f"scalar.{name}.steps"] = series.steps.astype("<i4").tobytes()
            parts[f"scalar.{name}.values"] = series.values.astype("<f4").tobytes()
    return stretches


def _pictures(
    name: str, steps: Steps, pictures: NDArray[np.float32], after: int, parts: dict[str, bytes]
) -> dict[str, Any]:
    """Put pictures into `parts` as float16 of value / unit, which keeps 3 digits of any size."""
    shown, every = _every_nth(steps, MOST_PICTURES, after)
    values = np.nan_to_num(pictures[shown], posinf=0, neginf=0)
    unit = float(np.abs(values).max(initial=0)) or 1.0
    parts[f"{name}.steps"] = steps[shown].astype("<i4").tobytes()
    parts[f"{name}.values"] = (values / unit).astype("<f2").tobytes()
    return {"shape": list(pictures.shape[1:]), "unit": unit, "every": every}


def _every_nth(steps: Steps, most: int, after: int) -> tuple[NDArray[np.intp], int]:
    """Positions of at most `most` steps, the last among them; what came lately stays whole."""
    count = len(steps)
    every = 1 if after >= 0 else max(1, -(-count // most))
    chosen = np.arange(count)[::-1][::every][::-1]  # from the end: the newest always stays
    return chosen, every
