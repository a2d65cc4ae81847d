"""The occlusion experiment of the fake service: the class is lost in the middle of the photo."""

import numpy as np

from tests.fake_models import BUNDLED
from vgg_viz.requests import OcclusionRequest
from vgg_viz.results import Occlusion, Provenance

CAT, DOG = 2, 3


def occlusion(job: OcclusionRequest, step: int, steps: int, made_by: Provenance) -> Occlusion:
    """After `step` of `steps`: as many rows of places."""
    starts = tuple(range(0, 224 - job.square + 1, job.stride))
    places = len(starts)
    middle = np.abs(np.linspace(-1, 1, places))
    far = np.maximum(middle[:, None], middle[None]).astype(np.float32)  # 0 in the middle, 1 outside
    there = np.zeros((places, places), dtype=bool)
    there[: -(-places * step // steps)] = True
    target = CAT if job.target is None else job.target
    return Occlusion(
        scores=np.where(there, 8 * far, np.nan).astype(np.float32),
        probabilities=np.where(there, 0.9 * far, np.nan).astype(np.float32),
        top=np.where(there, np.where(far > 0.3, target, DOG), -1).astype(np.int32),
        activations=np.where(there, 50 * far, np.nan).astype(np.float32),
        score=9.0,
        probability=0.95,
        top_class=target,
        activation=60.0,
        layer="relu5_3",
        channel=7,
        starts=starts,
        square=job.square,
        stride=job.stride,
        fill=job.fill,
        input_size=224,
        classes=tuple(BUNDLED),
        target=target,
        versus=job.versus,
        provenance=made_by,
        done=int(there.sum()),
        total=there.size,
        seconds=0.1 * step,
    )
