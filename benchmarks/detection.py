"""R-CNN beside Fast R-CNN on the same proposals: seconds for a photo, and how much faster it is.

Both are asked as the dashboard asks them, step by step on the worker's executor; selective search,
which both need, is measured besides. Rounds take turns, so that other work on the machine hits all.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.measure import Timing, in_turns, machine, table
from vgg_viz.images import Photo, decode, load_samples
from vgg_viz.models.registry import assets_folder
from vgg_viz.service.detection import heads_of, regions_of
from vgg_viz.service.execution import Executor
from vgg_viz.transfer.boxes import Boxes
from vgg_viz.transfer.proposals import propose

MODELS = ("zfnet_b:bundled", "vgg16:bundled")
PROPOSALS = 500
ROUNDS = 3
BAR = 5.0  # times as fast with VGG-16
SAMPLE = "dog"


@dataclass(frozen=True)
class Report:
    """Seconds of one network; without the search."""

    model: str
    proposals: int
    timings: Mapping[str, Timing]  # "R-CNN", "Fast R-CNN"

    @property
    def ratio(self) -> float:
        """How many times as fast RoI pooling is."""
        return self.timings["R-CNN"].best / self.timings["Fast R-CNN"].best


def measure(model: str, photo: Photo, boxes: Boxes, rounds: int = ROUNDS) -> Report:
    """Features, scores and moves of `boxes` both ways."""
    executor = Executor("cpu")
    ready = executor.ready(model)
    network, heads = regions_of(ready), heads_of(ready).heads

    def rcnn() -> object:
        features = network.of_all_crops(photo.pixels, boxes)
        return heads["rcnn"].scores(features), heads["rcnn"].moves(features)

    def fast() -> object:
        features = network.of_regions(network.shared_map(photo.pixels), boxes)
        return heads["fast"].scores(features), heads["fast"].moves(features)

    return Report(model, len(boxes), in_turns({"R-CNN": rcnn, "Fast R-CNN": fast}, rounds))


def many_boxes(photo: Photo, count: int = PROPOSALS) -> tuple[Boxes, float]:
    """`count` proposals of a photo, and the seconds of the search.

    What selective search leaves is fewer; the rest are the same boxes moved by a few px, which
    cost the same.
    """
    started = time.perf_counter()
    found = propose(photo.pixels).boxes
    seconds = time.perf_counter() - started
    height, width = photo.pixels.shape[:2]
    random = np.random.default_rng(0)
    moved = found[random.integers(0, len(found), count)] + random.uniform(-5, 5, (count, 4))
    boxes = np.concatenate([found, moved])[:count]
    boxes[:, :2] = np.clip(boxes[:, :2], 0, [width - 12, height - 12])
    boxes[:, 2:] = np.clip(boxes[:, 2:], boxes[:, :2] + 10, [width, height])
    return boxes, seconds


def describe(report: Report) -> str:
    """The table, and with VGG-16 whether the bar was held."""
    rows = [
        (name, f"{timing.best:.3f}", f"{timing.median:.3f}")
        for name, timing in report.timings.items()
    ]
    header = (f"{report.model}, {report.proposals} proposals", "best, s", "median, s")
    words = f"RoI pooling {report.ratio:.1f} times as fast"
    if report.model.startswith("vgg16"):
        words += f", at least {BAR:g}: {'held' if report.ratio >= BAR else 'MISSED'}"
    return f"{table(header, rows)}\n{words}"


def sample() -> Photo:
    """The photo it is measured on."""
    samples = {each.name: each for each in load_samples(assets_folder() / "images")}
    return decode(samples[SAMPLE].file.read_bytes())


def main() -> None:
    """Measure and print."""
    print(f"Detection in the sample {SAMPLE!r}, same proposals both ways")
    print(machine())
    photo = sample()
    boxes, seconds = many_boxes(photo)
    print(f"selective search: {seconds:.2f} s")
    for model in MODELS:
        print(describe(measure(model, photo, boxes)))
