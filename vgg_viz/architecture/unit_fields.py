"""What each unit of a layer sees: its whole field, and the part of it that lies on the input."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from vgg_viz.architecture.description import Architecture, LayerRow

Span = tuple[int, int]  # first px, and the px after the last one

NOTHING: Span = (0, 0)  # of a unit whose whole window is padding


@dataclass(frozen=True)
class UnitFields:
    """The fields of all units of a layer along one axis; maps are square, so both axes are equal.

    The field of unit (row, column) is the rectangle `spans[row]` x `spans[column]`. A layer of
    vectors (fc6) counts as one unit: each of its features sees the same.
    """

    layer: str
    input_size: int  # px
    spans: tuple[Span, ...] = field(repr=False)  # px of the input, not clipped at its border
    seen: tuple[Span, ...] = field(repr=False)  # px that can change the unit, within the input

    @property
    def side(self) -> int:
        """Units along one axis."""
        return len(self.spans)

    def center(self, i: int) -> float:
        """Centre of unit `i`'s field in px of the input, where px 0 has its centre at 0."""
        start, end = self.spans[i]
        return (start + end - 1) / 2

    def nearest(self, px: float) -> int:
        """The unit whose field has its centre nearest to `px`; half way, the first one."""
        return min(range(self.side), key=lambda i: (abs(self.center(i) - px), i))

    def clipped_share(self, row: int, column: int) -> float:
        """Share of the field's area that shows the unit no px of the input, in [0, 1]."""
        area = _length(self.spans[row]) * _length(self.spans[column])
        return 1 - self._area(row, column) / area

    def picture_share(self, row: int, column: int) -> float:
        """Share of the input's area that the unit can see, in [0, 1]."""
        return self._area(row, column) / self.input_size**2

    @property
    def whole(self) -> int:
        """Units along one axis whose field lies on the input as a whole."""
        return sum(span == seen for span, seen in zip(self.spans, self.seen, strict=True))

    @property
    def overhang(self) -> int:
        """How many px the outermost fields reach beyond the input."""
        before = -min(start for start, _ in self.spans)
        after = max(end for _, end in self.spans) - self.input_size
        return max(0, before, after)

    def _area(self, row: int, column: int) -> int:
        return _length(self.seen[row]) * _length(self.seen[column])


@lru_cache(maxsize=512)
def unit_fields(architecture: Architecture, layer: str) -> UnitFields:
    """Return the field of every unit of `layer`; UnknownNameError when there is no such layer.

    `spans` are `ReceptiveField.span` up to the last map; behind an adaptive pool, whose windows
    can be uneven, each window's own. `seen` follows the windows from layer to layer and leaves
    out padding, so it also knows the px that no window reads: a stride that does not divide its
    map leaves the last ones out. Where every window is read, it is the span clipped to the input.
    """
    architecture.row(layer)
    at_input = [(px, px + 1) for px in range(architecture.input_size)]
    spans, seen = at_input, at_input
    for row in architecture.rows:
        windows = _windows(row)
        seen = [_hull([seen[tap] for tap in window]) for window in windows]
        if row.kind in ("avg_pool", "flatten", "linear"):
            spans = [(spans[window[0]][0], spans[window[-1]][1]) for window in windows]
        elif row.kind in ("conv", "max_pool"):
            spans = [row.receptive_field.span(i) for i in range(row.out_side)]
        if row.name == layer:
            break
    return UnitFields(layer, architecture.input_size, tuple(spans), tuple(seen))


def _windows(row: LayerRow) -> list[list[int]]:
    """Units of the map before that each unit reads, without padding."""
    side = row.in_side
    match row.kind:
        case "conv" | "max_pool":
            starts = [i * row.stride - row.padding for i in range(row.out_side)]
            reach = range(0, row.dilation * row.kernel, row.dilation)
            return [[start + tap for tap in reach if 0 <= start + tap < side] for start in starts]
        case "avg_pool":
            # Window i of an adaptive pool: floor(i n / m) up to ceil((i + 1) n / m).
            out = row.out_side
            return [list(range(i * side // out, -(-(i + 1) * side // out))) for i in range(out)]
        case "flatten" | "linear":
            return [list(range(side))]
        case _:
            return [[i] for i in range(side)]


def _hull(spans: Sequence[Span]) -> Span:
    """From the first px of any span to the last."""
    kept = [span for span in spans if span != NOTHING]
    if not kept:
        return NOTHING
    return min(start for start, _ in kept), max(end for _, end in kept)


def _length(span: Span) -> int:
    return span[1] - span[0]
