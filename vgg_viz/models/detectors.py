"""Detectors that others trained and publish whole: where their weights are. No torch."""

from dataclasses import dataclass

from vgg_viz.models.fetch import RemoteFile, local_copies
from vgg_viz.models.registry import published
from vgg_viz.results import DetectorInfo


@dataclass(frozen=True)
class Detector:
    """A published detector and how good its publisher found it."""

    title: str
    weights_title: str
    file: RemoteFile
    box_map: float  # COCO's box mAP (IoU 0.5 to 0.95), in per cent
    measured_on: str
    source: str  # of the figures


SSD = "ssd300_vgg16:coco"

# Url, size and box mAP as the meta of torchvision 0.29's SSD300_VGG16_Weights.COCO_V1 states them;
# a test compares.
DETECTORS: dict[str, Detector] = {
    SSD: Detector(
        title="SSD300 on VGG-16",
        weights_title="COCO weights (torchvision COCO_V1)",
        file=RemoteFile(
            url="https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth",
            filename="ssd300_vgg16_coco-b556d3b4.pth",
            bytes=round(135.988 * 2**20),
            digest_kind="sha256-prefix",
            digest="b556d3b4",
        ),
        box_map=25.1,
        measured_on="COCO-val2017",
        source="torchvision, meta of SSD300_VGG16_Weights.COCO_V1",
    ),
}


def published_file(name: str) -> RemoteFile:
    """The file behind "ssd300_vgg16:coco" or, with ImageNet weights, behind "vgg16:imagenet".

    UnknownNameError when nobody publishes any.
    """
    if name in DETECTORS:
        return DETECTORS[name].file
    return published(name.partition(":")[0]).file


def detector_infos() -> tuple[DetectorInfo, ...]:
    """Every detector, and whether its file lies on this machine (hash checked at load)."""
    return tuple(
        DetectorInfo(
            name=name,
            title=each.title,
            weights_title=each.weights_title,
            available=any(True for _ in local_copies(each.file)),
            download_bytes=each.file.bytes,
            box_map=each.box_map,
            measured_on=each.measured_on,
            source=each.source,
        )
        for name, each in DETECTORS.items()
    )
