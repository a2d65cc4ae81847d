"""What turns one network into another, layer by layer, and what every change costs.

The rows of both tables are aligned in order; what is not aligned was added or removed. Every cost
is a sum over rows, so the changes add up to the difference of the totals exactly.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from math import log2
from typing import Literal

from vgg_viz.architecture.description import PASSES_ON, Architecture, LayerRow

Status = Literal["same", "changed", "added", "removed"]
WEIGHTED = ("conv", "linear")  # "weight layers" of the papers' depth


@dataclass(frozen=True)
class Costs:
    """What a row, a network or a change costs; of a change, the difference: after - before."""

    parameters: int = 0
    macs: int = 0  # of one image; FLOPs = 2 x MACs
    activation_bytes: int = 0  # fp32, one image, every output kept
    depth: int = 0  # convolutions and fully-connected layers
    receptive_field: int = 0  # px; of a row, by how much it enlarges the field

    def __add__(self, other: "Costs") -> "Costs":
        return Costs(*(a + b for a, b in zip(self.numbers, other.numbers, strict=True)))

    def __sub__(self, other: "Costs") -> "Costs":
        return Costs(*(a - b for a, b in zip(self.numbers, other.numbers, strict=True)))

    @property
    def numbers(self) -> tuple[int, ...]:
        """The five costs in their order."""
        return tuple(getattr(self, each.name) for each in fields(self))


@dataclass(frozen=True)
class Change:
    """A row of the ledger: one layer before, after, or both."""

    status: Status
    before: LayerRow | None
    after: LayerRow | None
    costs: Costs  # after - before
    words: str  # "kernel 7 -> 3, stride 2 -> 1, 96 -> 64 channels"; "" when nothing changed

    @property
    def name(self) -> str:
        """The layer's name; where it has two: "conv1 -> conv1_1"."""
        names = [row.name for row in (self.before, self.after) if row is not None]
        return " -> ".join(dict.fromkeys(names))

    @property
    def kind(self) -> str:
        """Kind of the layer; rows of different kinds are never aligned."""
        row = self.before or self.after
        return row.kind if row else ""


@dataclass(frozen=True)
class Ledger:
    """All changes in the order of computation. Every row of both networks is in exactly one."""

    before: Architecture
    after: Architecture
    changes: tuple[Change, ...]

    @cached_property
    def total_before(self) -> Costs:
        """Costs of the network before; its field is that of fc8."""
        return totals(self.before)

    @cached_property
    def total_after(self) -> Costs:
        """Costs of the network after."""
        return totals(self.after)

    @cached_property
    def sum(self) -> Costs:
        """Sum of all changes; equals total_after - total_before."""
        return sum((change.costs for change in self.changes), Costs())

    def count(self, status: Status) -> int:
        """How many rows are `status`."""
        return sum(change.status == status for change in self.changes)


def diff(before: Architecture, after: Architecture) -> Ledger:
    """Return what turns `before` into `after`.

    Rows are aligned in order, only with rows of their kind, so that as few as possible are left
    over and those aligned are alike: stage and position in their name, kernel, stride, channels,
    side of the map. Quadratic in the number of rows: about 5 ms for two VGG-19 with batch norm.
    """
    costs = dict(zip(before.rows, row_costs(before), strict=True))
    costs_after = dict(zip(after.rows, row_costs(after), strict=True))
    changes = []
    for old, new in _aligned(before.rows, after.rows):
        spent = costs[old] if old else Costs()
        spends = costs_after[new] if new else Costs()
        changes.append(_change(old, new, spent, spends))
    return Ledger(before, after, tuple(changes))


def totals(a: Architecture) -> Costs:
    """Return the costs of a whole network; the field is that of its last row, fc8."""
    return Costs(
        a.parameters,
        a.macs,
        a.activation_bytes(),
        sum(row.kind in WEIGHTED for row in a.rows),
        a.rows[-1].receptive_field.size,
    )


def row_costs(a: Architecture) -> tuple[Costs, ...]:
    """Return the costs of every row.

    The field of the last row is 1 + the sum of (k_i - 1) j_i, so that a row's part of it is its own
    field minus that of the row before. fc6 counts as a convolution over the whole last map.
    """
    found, seen = [], 1
    for row in a.rows:
        grown = row.receptive_field.size - seen
        seen = row.receptive_field.size
        kept = 0 if row.kind in PASSES_ON else 4 * row.activations
        found.append(Costs(row.parameters, row.macs, kept, int(row.kind in WEIGHTED), grown))
    return tuple(found)


# --- alignment -----------------------------------------------------------------------------------

_LEFT_OVER = 1000  # of a row without partner; any pair of one kind is cheaper than two of these
_STAGE, _POSITION = 400, 60  # conv3_2 is the second of stage 3
_KERNEL, _STRIDE, _CHANNELS, _SIDE = 150, 100, 100, 40  # per factor of 2


def _aligned(
    before: Sequence[LayerRow], after: Sequence[LayerRow]
) -> Iterable[tuple[LayerRow | None, LayerRow | None]]:
    """Pairs in order by dynamic programming (Needleman & Wunsch 1970); None: no partner."""
    m, n = len(before), len(after)
    # best[i][j]: least cost of aligning before[i:] with after[j:].
    best = [[_LEFT_OVER * (m - i + n - j) for j in range(n + 1)] for i in range(m + 1)]
    pair: dict[tuple[int, int], int] = {}
    for i in range(m - 1, -1, -1):
        for j in range(n - 1, -1, -1):
            found = _LEFT_OVER + min(best[i + 1][j], best[i][j + 1])
            if before[i].kind == after[j].kind:
                pair[i, j] = _unlike(before[i], after[j])
                found = min(found, pair[i, j] + best[i + 1][j + 1])
            best[i][j] = found
    i = j = 0
    while i < m or j < n:
        if (i, j) in pair and best[i][j] == pair[i, j] + best[i + 1][j + 1]:
            yield before[i], after[j]
            i, j = i + 1, j + 1
        elif i < m and best[i][j] == _LEFT_OVER + best[i + 1][j]:
            yield before[i], None
            i += 1
        else:
            yield None, after[j]
            j += 1


def _unlike(a: LayerRow, b: LayerRow) -> int:
    """How unlike two rows of one kind are. Whole numbers: a tie is a tie on every machine."""
    (stage_a, position_a), (stage_b, position_b) = _place(a.name), _place(b.name)
    cost = _STAGE * abs(stage_a - stage_b) + _POSITION * abs(position_a - position_b)
    factors = (
        (_KERNEL, a.kernel, b.kernel),
        (_STRIDE, a.stride, b.stride),
        (_CHANNELS, a.out_channels, b.out_channels),
        (_SIDE, a.out_side, b.out_side),
    )
    cost += sum(round(weight * abs(log2(x / y))) for weight, x, y in factors if x != y)
    return min(cost, 2 * _LEFT_OVER - 1)


def _place(name: str) -> tuple[int, int]:
    """Stage and position in it: conv3_2 is (3, 2), pool3 (3, 1), flatten (0, 1)."""
    digits = [int(number) for number in re.findall(r"\d+", name)]
    return (digits or [0])[0], (digits[1:] or [1])[0]


# --- words ---------------------------------------------------------------------------------------

# What is compared, where it has its own words; features of fully-connected layers are channels.
_DIFFERENCES: tuple[tuple[str, Callable[[LayerRow], int]], ...] = (
    ("kernel {}", lambda row: row.kernel),
    ("stride {}", lambda row: row.stride),
    ("padding {}", lambda row: row.padding),
    ("dilation {}", lambda row: row.dilation),
    ("{} channels", lambda row: row.out_channels),
    ("input {} channels", lambda row: row.in_channels),
    ("map {} px", lambda row: row.out_side),
)


def _change(before: LayerRow | None, after: LayerRow | None, spent: Costs, spends: Costs) -> Change:
    costs = spends - spent
    if before is None or after is None:
        row = before or after
        status: Status = "added" if before is None else "removed"
        return Change(status, before, after, costs, in_short(row) if row else "")
    words = _differences(before, after)
    if not words and costs.receptive_field:  # only the maps before it are others
        words = f"field grows by {spent.receptive_field} -> {spends.receptive_field} px"
    return Change("changed" if words else "same", before, after, costs, words)


def _differences(before: LayerRow, after: LayerRow) -> str:
    """ "kernel 7 -> 3, stride 2 -> 1, 96 -> 64 channels": what differs and what follows from it."""
    parts = []
    for words, of in _DIFFERENCES:
        old, new = of(before), of(after)
        repeats = words.startswith("input") and before.in_channels == before.out_channels
        if old != new and not (repeats and after.in_channels == after.out_channels):
            parts.append(words.format(f"{old:,} -> {new:,}"))
    text = ", ".join(parts)
    return text.replace("channels", "features") if before.kind in ("linear", "flatten") else text


def in_short(row: LayerRow) -> str:
    """Return what a row is: "3x3, 64 -> 128 channels, 112 px" or "2x2 stride 2, 64 channels"."""
    if row.kind == "linear":
        return f"{row.in_channels:,} -> {row.out_channels:,} features"
    parts = []
    if row.kind in ("conv", "max_pool", "avg_pool"):
        stride = f" stride {row.stride}" if row.stride > 1 else ""
        parts.append(f"{row.kernel}x{row.kernel}{stride}")
    channels = f"{row.out_channels:,}"
    if row.kind == "conv":
        channels = f"{row.in_channels:,} -> {channels}"
    side = [f"{row.out_side} px"] if row.out_side > 1 else []
    return ", ".join([*parts, f"{channels} channels", *side])
