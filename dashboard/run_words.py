"""Recordings in words: their settings, what differs between two, and what came out of them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from vgg_viz.results import Recording, RunInfo, Series, ServiceDescription

LABELS = {
    "network": "Network",
    "width": "Width",
    "batch_norm": "Batch normalisation",
    "input_size": "Input, px",
    "initialization": "Initialisation",
    "optimizer": "Optimiser",
    "learning_rate": "Learning rate",
    "batch": "Batch",
    "data": "Data",
    "classes": "Classes",
    "steps": "Steps",
    "seed": "Seed",
    "device": "Device",
}
# Not settings of the training, but notes for this page.
HIDDEN = {
    *("sample", "cam_layer", "cam_target", "cam_target_name"),
    *("chance_loss", "commonest_share", "place"),
}
PLATEAU = 0.97  # of the loss of guessing: what counts as not having learnt anything
LAST = 20  # training losses whose mean stands for "final" where no validation was recorded


def in_words(info: RunInfo, offered: ServiceDescription) -> dict[str, str]:
    """Label and value of every setting, in the order of LABELS; others behind them."""
    settings: dict[str, Any] = {"steps": info.planned_steps or info.steps, **info.settings}
    names = [name for name in LABELS if name in settings]
    names += [
        name
        for name, value in settings.items()
        if name not in LABELS and name not in HIDDEN and value not in ([], "", None)
    ]
    titles = _titles(offered)
    words = {
        LABELS.get(name, name.replace("_", " ").capitalize()): _value(name, settings[name], titles)
        for name in names
    }
    return {**words, "State": f"{info.state}, {info.steps} steps, {duration(info.seconds)}"}


def differences(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """The labels under which two runs differ, in the order they are shown."""
    labels = [*first, *(label for label in second if label not in first)]
    return [label for label in labels if first.get(label) != second.get(label)]


def outcome(recording: Recording) -> str:
    """What came out, from the numbers alone, in one line of Markdown."""
    info = recording.info
    diverged = [f.message for f in info.findings if f.kind == "diverged"]
    if diverged or info.state == "diverged":
        before = last(recording.scalars.get("loss"))
        told = diverged[0] if diverged else f"diverged at step {info.steps}"
        return f"**{told}**" + (f"; the last finite loss was {digits(before)}." if before else ".")
    kind, loss = _final_loss(recording)
    if loss is None:
        return "No loss was recorded."
    numbers = f"{kind} {digits(loss)} after {info.steps} steps{_accuracy(recording)}"
    chance = info.settings.get("chance_loss")
    if not isinstance(chance, (int, float)) or not math.isfinite(chance) or chance <= 0:
        return f"ended with {numbers}."
    guessing = f"guessing the commonest classes gives {digits(chance)}"
    share = info.settings.get("commonest_share")
    if isinstance(share, (int, float)) and share > 0:
        guessing += f" and accuracy {100 * share:.1f} %"
    if not learnt(recording):
        return f"**did not leave the plateau**: {numbers}; {guessing}."
    return f"**learnt**: {numbers}; {guessing}."


def learnt(recording: Recording) -> bool | None:
    """Whether its final loss is clearly below that of guessing; None where that is not known."""
    _, loss = _final_loss(recording)
    chance = recording.info.settings.get("chance_loss")
    known = isinstance(chance, (int, float)) and math.isfinite(chance) and chance > 0
    if loss is None or not known or recording.info.state == "diverged":
        return None
    return bool(loss < PLATEAU * chance)


def digits(value: float) -> str:
    """Three significant digits: 2.30, 929."""
    return f"{value:#.3g}".rstrip(".")


def duration(seconds: float) -> str:
    """For example "4 min 10 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _final_loss(recording: Recording) -> tuple[str, float | None]:
    validation = last(recording.scalars.get("validation_loss"))
    if validation is not None:
        return "validation loss", validation
    series = recording.scalars.get("loss")
    if series is None or not np.isfinite(series.values).any():
        return "", None
    tail = series.values[np.isfinite(series.values)][-LAST:]
    return f"training loss (mean of the last {len(tail)})", float(tail.mean())


def _accuracy(recording: Recording) -> str:
    validation = last(recording.scalars.get("validation_accuracy"))
    if validation is not None:
        return f", validation accuracy {100 * validation:.1f} %"
    return ""


def last(series: Series | None) -> float | None:
    """The last finite value."""
    if series is None:
        return None
    finite = series.values[np.isfinite(series.values)]
    return float(finite[-1]) if len(finite) else None


def _titles(offered: ServiceDescription) -> dict[str, dict[str, str]]:
    return {
        "network": {each.name: each.title for each in offered.networks},
        "initialization": {each.name: each.title for each in offered.initializations},
        "data": {each.name: each.title for each in offered.datasets},
        "optimizer": {"sgd": "SGD, momentum 0.9", "adam": "Adam"},
    }


def _value(name: str, value: object, titles: Mapping[str, Mapping[str, str]]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in titles:
        return titles[name].get(str(value), str(value))
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        pairs = (" to ".join(map(str, v)) if isinstance(v, (list, tuple)) else v for v in value)
        return ", ".join(map(str, pairs))
    return str(value)
