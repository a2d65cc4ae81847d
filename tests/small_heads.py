"""Detection heads with random weights for the tiny networks of tests.tiny_assets."""

from pathlib import Path

import torch

from vgg_viz.models.registry import bundled_cards, parse_model_name
from vgg_viz.models.weights import load_model
from vgg_viz.transfer.detection_heads import Head, save_heads
from vgg_viz.transfer.region_features import RegionNetwork

CLASSES = ("bird", "car", "dog")
MEASURE = {
    "map": 0.4,
    "interval": [0.3, 0.5],
    "ap": [0.2, 0.4, 0.6],
    "ap_intervals": [[0.1, 0.3], [0.3, 0.5], [0.5, 0.7]],
}


def make_heads(assets: Path, network: str) -> None:
    """Write heads for the bundled `network` into the assets; scores spread around 0."""
    loaded = load_model(parse_model_name(f"{network}:bundled"))
    regions = RegionNetwork(loaded.network, loaded.config, loaded.preprocessing)
    pooled = loaded.config.channels[-1] * regions.grid**2
    random = torch.Generator().manual_seed(1)

    def head() -> Head:
        return Head(
            torch.randn(len(CLASSES), loaded.config.hidden[1], generator=random),
            torch.randn(len(CLASSES), generator=random) / 5,
            torch.randn(len(CLASSES), 4, pooled, generator=random) / 50,
            torch.zeros(len(CLASSES), 4),
        )

    card = {
        "classes": list(CLASSES),
        "backbone_sha256": bundled_cards()[network].sha256,
        "photos": {"train": 10, "val": 5},
        "objects": {"train": [9, 9, 9], "val": [4, 5, 6]},
        "recall": 0.8,
        "proposals_a_photo": 99.5,
        "seconds_a_photo": {"rcnn": 1.5, "fast": 0.1},
        "measure": "average precision at IoU 0.5",
        "data": "drawn",
        "validation": {
            f"{way}{suffix}": MEASURE
            for way in ("rcnn", "fast")
            for suffix in ("", "_without_regression")
        },
    }
    folder = assets / "weights" / "transfer"
    save_heads({"rcnn": head(), "fast": head()}, card, network, folder)
