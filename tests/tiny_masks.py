"""Photos with labels on disk, small enough to train on in a test."""

from pathlib import Path

import numpy as np
from PIL import Image


def make_masks(folder: Path, photos: int = 4) -> Path:
    """`train` and `val` of photos with a coloured square: its colour says its class."""
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / split / kind).mkdir(parents=True)
        for i in range(photos):
            random = np.random.default_rng(i + 100 * (split == "val"))
            height, width = 64 + 16 * (i % 2), 96
            pixels = random.integers(90, 120, (height, width, 3), dtype=np.uint8)
            labels = np.zeros((height, width), np.uint8)
            label = 1 + i % 6
            labels[16:48, 24:72] = label
            labels[16, 24:72] = 255  # a border that is not counted
            pixels[16:48, 24:72] = (label * 40, 255 - label * 40, 60)
            Image.fromarray(pixels).save(folder / split / "images" / f"{i}.jpg", quality=95)
            image = Image.frombytes("P", (width, height), labels.tobytes())
            image.putpalette([value for value in range(256) for _ in range(3)])
            image.save(folder / split / "labels" / f"{i}.png")
    return folder
