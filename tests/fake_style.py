"""Style transfers of the fake service: pictures of noise, losses that fall."""

import numpy as np

from tests.fake_models import rng
from vgg_viz.requests import StyleJob
from vgg_viz.results import Provenance, Styled, StyleLayer

SIDE, CHANNELS = 48, 6


def styled(job: StyleJob, step: int, steps: int, made_by: Provenance) -> Styled:
    """What there is behind `step`: style 1 at the start and 1 / steps at the end."""
    noise = rng("style", job.model, job.image, job.style_image, job.seed, step)
    pictures = noise.integers(0, 255, (3, SIDE, SIDE, 3), dtype=np.uint8)
    falling = np.linspace(1, 1 / steps, steps + 1, dtype=np.float32)[: step + 1]
    stages = range(1, 6)
    zfnet = job.model.startswith("zfnet")
    grams = noise.random((3, CHANNELS, CHANNELS)).astype(np.float32)
    layers = tuple(
        StyleLayer(
            f"conv{stage}" if zfnet else f"conv{stage}_1",
            falling * 2 * stage,
            2.0 * stage,
            *(gram + gram.T for gram in grams),
        )
        for stage in stages
    )
    return Styled(
        pixels=pictures[0],
        content=pictures[1],
        style=pictures[2],
        losses=falling,
        layers=layers,
        content_layer="conv3" if zfnet else "conv4_2",
        content_losses=5 * (1 - falling),
        content_reference=10.0,
        variation=3 - falling,
        variation_reference=4.0,
        alpha=job.content_weight / 10,
        beta=job.style_weight / 6,
        gamma=job.smoothness / 4,
        step=step,
        steps=steps,
        evaluations=step + 1,
        ended=False,
        seconds=0.1 * step,
        notes=(),
        provenance=made_by,
    )
