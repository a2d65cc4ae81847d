"""A class for every pixel over the photo: frames for the browser, and a sheet to keep."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.frames import pack
from vgg_viz.figures.overlay import upsample, wrapped
from vgg_viz.results import Attribution, DenseMap, Float32, Segmentation

BACKGROUND = "background"
NOTHING = 255  # a label that is not drawn
NAMED = 0.03  # share of the picture from which on a class is written on it
APART = (0.25, 0.1)  # shares of the picture between two names, across and down
OPACITY = 0.65

# Okabe & Ito's colours, which people with any colour vision tell apart.
COLOURS = {
    BACKGROUND: (0, 114, 178),  # drawn only where background is asked for
    "cat": (230, 159, 0),
    "cow": (86, 180, 233),
    "dog": (0, 158, 115),
    "horse": (240, 228, 66),
    "person": (213, 94, 0),
    "sheep": (204, 121, 167),
}
Colour = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class LabelPicture:
    """One picture of a row: what every pixel is, and how probable that is."""

    name: str  # "FCN-8s"
    note: str  # "32 × 24 scores"
    photo: NDArray[np.uint8]  # (H, W, 3)
    labels: NDArray[np.uint8]  # (H, W), NOTHING where nothing is drawn
    shares: Float32  # (H, W): probability of the label, in [0, 1]
    classes: tuple[str, ...]
    fades: bool = False  # opacity follows the probability
    drawn: bool = True  # False: the photo alone
    heat: bool = False  # colours follow the share, as in every attribution map, not the class
    unit: str = ""  # what a share is of, where it is no probability
    mark: tuple[float, float] | None = None  # a place, shares (x, y)

    def anchors(self) -> dict[int, tuple[float, float]]:
        """Where the name of each class that is large enough stands: shares (x, y).

        Of names that would stand on one another, that of the larger class stays.
        """
        found: dict[int, tuple[float, float]] = {}
        labels, counts = np.unique(self.labels, return_counts=True)
        for at in np.argsort(-counts, kind="stable"):
            label, count = int(labels[at]), int(counts[at])
            hidden = label == NOTHING or self.classes[label] == BACKGROUND
            if not self.drawn or self.fades or hidden or count < NAMED * self.labels.size:
                continue
            rows, columns = np.nonzero(self.labels == label)
            middle = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
            nearest = int(middle.argmin())  # on the class, also where its middle is not
            height, width = self.labels.shape
            x = float(columns[nearest] + 0.5) / width
            y = float(rows[nearest] + 0.5) / height
            if all(abs(x - a) > APART[0] or abs(y - b) > APART[1] for a, b in found.values()):
                found[label] = (x, y)
        return found


def class_colours(classes: Sequence[str]) -> tuple[Colour, ...]:
    """The colour of every class: its own where it has one, else one of many paler hues."""
    return tuple(COLOURS.get(name) or _hue(at) for at, name in enumerate(classes))


def photo_picture(found: Segmentation) -> LabelPicture:
    """The photo as the nets read it."""
    height, width = found.photo.shape[:2]
    return LabelPicture(
        "Photo",
        f"{width} × {height} px",
        found.photo,
        np.full((height, width), NOTHING, np.uint8),
        np.zeros((height, width), np.float32),
        found.classes,
        drawn=False,
    )


def stride_picture(found: Segmentation, stride: int, shown: int | None = None) -> LabelPicture:
    """What FCN-`stride`s says; with `shown`, the probability of that class everywhere."""
    net = found.net(stride)
    labels = net.labels
    shares = net.probabilities.max(0)
    if shown is not None:
        labels, shares = np.full_like(labels, shown), net.probabilities[shown]
    rows, columns = net.grid
    return LabelPicture(
        f"FCN-{stride}s",
        f"{columns} × {rows} scores, {stride} px apart",
        found.photo,
        labels,
        shares,
        found.classes,
        fades=shown is not None,
    )


def changed_picture(found: Segmentation, stride: int) -> LabelPicture:
    """Where FCN-`stride`s says another class than the next coarser net, and which."""
    before = found.net(2 * stride).labels
    net = found.net(stride)
    changed = before != net.labels
    rows, columns = net.grid
    return LabelPicture(
        f"{stride}s: what {net.layer} changes",
        f"{100 * changed.mean():.1f} % of the pixels; {columns} × {rows} scores added",
        found.photo,
        np.where(changed, net.labels, NOTHING).astype(np.uint8),
        net.probabilities.max(0),
        found.classes,
    )


def coarse_picture(dense: DenseMap) -> LabelPicture:
    """The classifier as convolutions: its own most probable class at each position."""
    height, width = dense.photo.shape[:2]
    labels = np.full((height, width), -1, np.int32)
    shares = np.zeros((height, width), np.float32)
    best = dense.probabilities.max(0)
    for row, line in enumerate(dense.top):
        for column, label in enumerate(line):
            x, y = (dense.offset + at * dense.stride - dense.stride / 2 for at in (column, row))
            across = slice(max(0, round(x + 0.5)), max(0, round(x + 0.5 + dense.stride)))
            down = slice(max(0, round(y + 0.5)), max(0, round(y + 0.5 + dense.stride)))
            labels[down, across], shares[down, across] = label, best[row, column]
    classes, few = _fewer(dense.classes, labels)
    rows, columns = dense.top.shape
    return LabelPicture(
        "Coarse class map",
        f"{columns} × {rows} positions, each sees {dense.window} px of {width} × {height}",
        dense.photo,
        few,
        shares,
        classes,
    )


def marked(picture: LabelPicture, place: tuple[float, float]) -> LabelPicture:
    """The picture with a ring at a place."""
    return replace(picture, mark=place)


def evidence_picture(
    found: Segmentation, explained: Attribution, name: str, place: tuple[float, float]
) -> LabelPicture:
    """Where a score comes from, in plasma's colours; 100 % is the map's largest value."""
    height, width = found.photo.shape[:2]
    raw = np.where(np.isfinite(explained.grid), explained.grid, np.float32(0))
    positive = upsample(np.maximum(raw, 0) if explained.relu else np.abs(raw), height, width)
    largest = float(positive.max(initial=0))
    rows, columns = explained.grid.shape
    note = "no positive evidence" if largest <= 0 else f"{columns} × {rows}, at {explained.layer}"
    if (rows, columns) == (height, width):
        note = "of every pixel"
    return LabelPicture(
        name,
        note,
        found.photo,
        np.full((height, width), explained.target, np.uint8),
        (positive / (largest or 1.0)).astype(np.float32),
        found.classes,
        fades=True,
        heat=True,
        unit=" of the largest",
        mark=place,
    )


def label_frame(
    pictures: Sequence[LabelPicture], label: str, *, slider: bool = True, places: bool = False
) -> bytes:
    """Return the frame of component `label_maps`: a row of pictures of one network.

    `slider`: this row shows the one for opacity; `places`: a click chooses a place.
    """
    parts = {"heat": lookup_table("plasma").tobytes()}
    described: list[dict[str, Any]] = []
    for at, picture in enumerate(pictures):
        parts[f"photo{at}"] = _jpeg(picture.photo)
        parts[f"labels{at}"] = picture.labels.tobytes()
        parts[f"shares{at}"] = _bytes(picture.shares).tobytes()
        height, width = picture.labels.shape
        described.append(
            {
                "name": picture.name,
                "note": picture.note,
                "size": [width, height],
                "classes": list(picture.classes),
                "colours": [list(colour) for colour in class_colours(picture.classes)],
                "anchors": {str(k): list(v) for k, v in picture.anchors().items()},
                "fades": picture.fades,
                "heat": picture.heat,
                "unit": picture.unit,
                "mark": picture.mark,
                "drawn": picture.drawn,
                "clear": [name == BACKGROUND for name in picture.classes],
            }
        )
    header = {"label": label, "pictures": described, "slider": slider, "places": places}
    return pack(header, parts)


def labels_sheet_png(
    rows: Sequence[tuple[str, Sequence[LabelPicture]]], caption: str, *, side: int = 320
) -> bytes:
    """Return a PNG: a row of pictures for each title, names below, `caption` at the end."""
    font, small = ImageFont.load_default(18), ImageFont.load_default(14)
    gap, line = 12, 24
    wide = max(len(pictures) for _, pictures in rows) * (side + gap) + gap
    heights = [
        max(round(side * p.labels.shape[0] / p.labels.shape[1]) for p in pictures)
        for _, pictures in rows
    ]
    lines = [each for part in caption.splitlines() for each in wrapped(part, small, wide - 2 * gap)]
    high = sum(height + 3 * line + gap for height in heights) + line * (len(lines) + 1)
    sheet = Image.new("RGB", (wide, high), "white")
    draw = ImageDraw.Draw(sheet)
    y = gap
    for (title, pictures), height in zip(rows, heights, strict=True):
        draw.text((gap, y), title, "black", font)
        for at, picture in enumerate(pictures):
            x = gap + at * (side + gap)
            own = round(side * picture.labels.shape[0] / picture.labels.shape[1])
            sheet.paste(_painted(picture, (side, own), small), (x, y + line))
            draw.text((x, y + line + height + 2), picture.name, "black", small)
        y += height + 3 * line
    for at, text in enumerate(lines):
        draw.text((gap, y + at * line), text, "black", small)
    out = BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _painted(
    picture: LabelPicture, size: tuple[int, int], font: ImageFont.FreeTypeFont | Any
) -> Image.Image:
    """The photo with its labels over it, and the names of the classes."""
    colours = np.array([*class_colours(picture.classes), (0, 0, 0)], np.float32)
    index = np.minimum(picture.labels, len(picture.classes))
    clear = np.array([*(name == BACKGROUND for name in picture.classes), True])
    alpha = OPACITY * (picture.shares if picture.fades else ~clear[index]) * picture.drawn
    blended = picture.photo * (1 - alpha[..., None]) + colours[index] * alpha[..., None]
    image = Image.fromarray(blended.round().astype(np.uint8)).resize(
        size, Image.Resampling.BILINEAR
    )
    draw = ImageDraw.Draw(image)
    for label, (x, y) in picture.anchors().items():
        at = (x * size[0], y * size[1])
        draw.text(
            at,
            picture.classes[label],
            "white",
            font,
            anchor="mm",
            stroke_width=2,
            stroke_fill="black",
        )
    return image


def _fewer(
    classes: tuple[str, ...], labels: NDArray[np.int32]
) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
    """Only the classes that are there: a network can know a thousand, a byte holds 255.

    -1, where there is no position, becomes NOTHING.
    """
    there = [int(label) for label in np.unique(labels) if label >= 0][:NOTHING]
    table = np.full(len(classes) + 1, NOTHING, np.uint8)  # its last place is that of -1
    table[there] = np.arange(len(there))
    return tuple(classes[label] for label in there), table[labels]


def _bytes(shares: Float32) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = (shares * 255).round().clip(0, 255).astype(np.uint8)
    return found


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def _hue(index: int) -> Colour:
    """Neighbouring classes get far hues, by the golden angle; paler than COLOURS."""
    import colorsys

    red, green, blue = colorsys.hls_to_rgb(index * 137.508 / 360 % 1, 0.72, 0.45)
    return round(255 * red), round(255 * green), round(255 * blue)
