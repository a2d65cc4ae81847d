"""Objects by torchvision's SSD300: the whole detector in one pass."""

import time
from typing import TYPE_CHECKING

import torch

from vgg_viz import __version__
from vgg_viz.images import Photo
from vgg_viz.models.detectors import DETECTORS, SSD
from vgg_viz.requests import SSDRequest
from vgg_viz.results import Provenance, SSDObjects, read_only
from vgg_viz.transfer.ssd import SIDE, classes, load_ssd

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor


def ssd_objects(
    executor: "Executor",
    request: SSDRequest,  # noqa: ARG001 - its photo is all it says
    photos: tuple[Photo, ...],
) -> SSDObjects:
    """What SSD300 finds in a photo; WeightsUnavailableError without its weights.

    It is loaded for each photo and then forgotten: answers are kept, and 136 MB are not.
    """
    import torchvision

    detector = load_ssd()
    detector.module.to(executor.device)
    pixels = photos[0].pixels
    started = time.perf_counter()
    found = detector.detect(pixels)
    return SSDObjects(
        boxes=read_only(found.boxes),
        labels=read_only(found.labels),
        scores=read_only(found.scores),
        classes=classes(),
        width=pixels.shape[1],
        height=pixels.shape[0],
        seconds=time.perf_counter() - started,
        provenance=Provenance(
            model=SSD,
            weights=DETECTORS[SSD].weights_title,
            digest=detector.digest,
            device=str(executor.device),
            precision="fp32",
            input_size=SIDE,
            versions=(
                ("vgg-viz", __version__),
                ("torch", str(torch.__version__)),
                ("torchvision", str(torchvision.__version__)),
            ),
        ),
    )
