"""Trust of the fake service: curves and rows that fill step by step, of the job's own words."""

import zlib

import numpy as np

from vgg_viz.attribution.verdict import findings, verdict
from vgg_viz.requests import TrustJob
from vgg_viz.results import (
    Attribution,
    MapCurves,
    PerturbationCurve,
    Pointing,
    Provenance,
    Randomised,
    SeedSpread,
    Trust,
)

LAYERS = ("fc8", "fc7", "fc6", "conv5_3", "conv4_3", "conv3_3", "conv2_2", "conv1_1")
SEEDED = ("smoothgrad", "rise")
# Insertion minus deletion area; guided backprop does worse than the edge detector.
GAINS = {"edges": 0.2, "centre": 0.15, "random": 0.05, "guided_backprop": 0.1}


def curves(name: str, title: str, gain: float, maps: int = 1) -> MapCurves:
    x = np.linspace(0, 1, 9, dtype=np.float32)
    falling = PerturbationCurve(x, 0.9 * (1 - x) ** 2, 0.4 - gain / 2)
    rising = PerturbationCurve(x, 0.9 * np.sqrt(x), 0.4 + gain / 2)
    return MapCurves(name, title, falling, rising, maps, 0.0, 0.0)


def trust(job: TrustJob, step: int, steps: int, made_by: Provenance) -> Trust:
    """After `step` of `steps`: first the curves, then a row of random weights each."""
    noise = np.random.default_rng(zlib.crc32(repr(job.attribution).encode()))
    grid = noise.normal(size=(7, 7)).astype(np.float32)
    grid[3, 3] = 20  # points to the middle
    own = curves("map", "this map", GAINS.get(job.method, 0.5))
    references = (
        curves("edges", "edge detector", GAINS["edges"]),
        curves("centre", "spot in the middle", GAINS["centre"]),
        curves("random", "random maps", GAINS["random"], job.random_maps),
    )[: step // 2]
    steady = job.method == "guided_backprop"
    rows = tuple(
        Randomised(layer, number, 0.95 if steady else 0.6 / number, 0.9 / number, 0.5, grid)
        for number, layer in enumerate(LAYERS[:step], start=1)
    )
    seeds = SeedSpread((0, 1, 2), 0.93, 0.05) if job.method in SEEDED and step == steps else None
    box = None if job.box is None else Pointing(job.box, 0.25, 0.4, 0.6, hit=True, energy=0.55)
    checks = (("completeness error", 0.01),) if job.method == "integrated_gradients" else ()
    sentences = findings(
        curves=own,
        references=references,
        checks=checks,
        randomised=rows,
        cascade=len(LAYERS),
        seeds=seeds,
        pointing=box,
    )
    return Trust(
        attribution=Attribution(
            grid, job.method, job.layer or "conv5_3", job.target or 0, "cat", 4.2, made_by
        ),
        probability=0.9,
        curves=own,
        references=references,
        drop=0.2,
        rises=False,
        checks=checks,
        randomised=rows,
        cascade=len(LAYERS),
        seeds=seeds,
        pointing=box,
        findings=sentences,
        verdict=verdict(sentences, complete=step >= steps),
        protocol=("Deletion and insertion of a fake.",),
        extent=(("points", job.points), ("random_maps", job.random_maps), ("seeds", job.seeds)),
        share=step / steps,
        seconds=0.1 * step,
        provenance=made_by,
    )
