"""Detection written out literally: one box, one pixel, one bin at a time."""

import math


def iou(a, b):
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    inner = across * down
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inner
    return inner / union if union > 0 else 0.0


def nms(boxes, scores, threshold):
    left = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if iou(boxes[best], boxes[i]) <= threshold]
    return kept


def targets(box, wanted):
    """R-CNN's appendix C, as printed."""
    px, py, pw, ph = _middle(box)
    gx, gy, gw, gh = _middle(wanted)
    return (gx - px) / pw, (gy - py) / ph, math.log(gw / pw), math.log(gh / ph)


def move(box, delta):
    px, py, pw, ph = _middle(box)
    dx, dy, dw, dh = delta
    x, y, w, h = pw * dx + px, ph * dy + py, pw * math.exp(dw), ph * math.exp(dh)
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def _middle(box):
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def roi_pool(maps, first, last, grid):
    """Largest value in each bin of a grid over cells `first` to `last` (x, y), both included.

    Fast R-CNN section 2.1: a bin reaches from the floor of its start to the ceiling of its end.
    """
    channels, height, width = maps.shape
    size = [max(last[i] - first[i] + 1, 1) for i in (0, 1)]
    out = [[[0.0] * grid for _ in range(grid)] for _ in range(channels)]
    for c in range(channels):
        for row in range(grid):
            for column in range(grid):
                ys = _bin(first[1], size[1], row, grid, height)
                xs = _bin(first[0], size[0], column, grid, width)
                cells = [float(maps[c, y, x]) for y in ys for x in xs]
                out[c][row][column] = max(cells) if cells else 0.0
    return out


def _bin(start, size, at, grid, limit):
    low = start + math.floor(at * size / grid)
    high = start + math.ceil((at + 1) * size / grid)
    return range(min(max(low, 0), limit), min(max(high, 0), limit))


def half_away(value):
    """Rounding as C's round: halves go away from zero."""
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


def bilinear(photo, x0, x1, y0, y1, side):
    """The part [x0, x1) x [y0, y1) of a photo (H, W), in px, enlarged to side x side.

    Antialiased: each value is the mean under a triangle as wide as a px of the coarser grid.
    """
    rows = _weights(y0, y1, side, len(photo))
    columns = _weights(x0, x1, side, len(photo[0]))
    return [
        [
            sum(v * w * photo[y][x] for y, v in row.items() for x, w in column.items())
            for column in columns
        ]
        for row in rows
    ]


def _weights(low, high, side, limit):
    step = (high - low) / side
    reach = max(step, 1.0)
    found = []
    for i in range(side):
        middle = low + (i + 0.5) * step
        raw = {j: max(0.0, 1 - abs(j + 0.5 - middle) / reach) for j in range(limit)}
        total = sum(raw.values())
        found.append({j: w / total for j, w in raw.items() if w})
    return found
