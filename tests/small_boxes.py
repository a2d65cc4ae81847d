"""A folder of a few drawn photos with boxes in COCO's format: ellipses and rectangles."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("ellipse", "rectangle")


def make_boxes(folder: Path, train: int = 8, val: int = 3) -> Path:
    for split, count in (("train", train), ("val", val)):
        (folder / split).mkdir(parents=True)
        images, annotations = [], []
        for number in range(1, count + 1):
            photo, boxes = _drawn(number + 1000 * (split == "val"))
            name = f"{number:03}.png"
            Image.fromarray(photo).save(folder / split / name)
            height, width = photo.shape[:2]
            images.append({"id": number, "file_name": name, "width": width, "height": height})
            for place, (label, box) in enumerate(boxes):
                left, top, right, bottom = box
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": label + 1,
                        "bbox": [left, top, right - left, bottom - top],
                        "area": (right - left) * (bottom - top),
                        "iscrowd": 0,
                        "difficult": int(place == 1 and number % 4 == 0),
                    }
                )
        document = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": i, "name": name} for i, name in enumerate(CLASSES, start=1)],
        }
        (folder / f"{split}.json").write_text(json.dumps(document))
    return folder


def _drawn(seed: int):
    random = np.random.default_rng(seed)
    width, height = 120, 90
    y, x = np.mgrid[:height, :width]
    photo = np.full((height, width, 3), 235, np.uint8)
    patches = random.integers(0, 20, (6, 8, 3), dtype=np.uint8)  # ground for other proposals
    photo -= patches.repeat(15, 0).repeat(15, 1)
    boxes = []
    for label, left in ((seed % 2, 6), (1 - seed % 2, 66)):
        wide, high = random.integers(30, 46), random.integers(30, 60)
        top = int(random.integers(5, height - high - 5))
        box = [left, top, left + int(wide), top + int(high)]
        cx, cy = left + wide / 2, top + high / 2
        inside = (
            ((x - cx) / (wide / 2)) ** 2 + ((y - cy) / (high / 2)) ** 2 < 1
            if label == 0
            else (abs(x - cx) < wide / 2) & (abs(y - cy) < high / 2)
        )
        photo[inside] = (200, 40, 40) if label == 0 else (30, 60, 190)
        boxes.append((label, box))
    return photo, boxes
