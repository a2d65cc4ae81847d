"""Two networks as columns of blocks for component `network_columns`: a ledger, row by row.

A block's width is the side of its map and its height the square root of its channels; the browser
draws them, so that a change of size or theme asks nothing of the server.
"""

from typing import Any, Literal

from vgg_viz.architecture import Architecture, Change, LayerRow, Ledger
from vgg_viz.figures.frames import pack
from vgg_viz.figures.quantities import COSTS, amount, signed

KINDS = {
    "conv": "convolution",
    "max_pool": "max pooling",
    "avg_pool": "average pooling",
    "lrn": "LRN",
    "batch_norm": "batch norm",
    "linear": "fully connected",
}
# ReLU, dropout and flatten change no shape that a block could show.
NOT_DRAWN = ("relu", "dropout", "flatten")
SIGNS = {"same": "", "changed": "~", "added": "+", "removed": "−"}
Side = Literal["left", "right"]


def layer_label(row: LayerRow) -> str:
    """Return the layer as the papers' tables write it: "conv3-64", "conv7-96 /2", "FC-4096"."""
    match row.kind:
        case "conv":
            stride = f" /{row.stride}" if row.stride > 1 else ""
            return f"conv{row.kernel}-{row.out_channels}{stride}"
        case "linear":
            return f"FC-{row.out_channels}"
        case "max_pool":
            usual = (row.kernel, row.stride) == (2, 2)
            return "maxpool" if usual else f"maxpool{row.kernel} /{row.stride}"
        case "avg_pool":
            return "avgpool"
        case "lrn":
            return "LRN"
        case _:
            return "BN"


def network_columns_frame(
    ledger: Ledger,
    *,
    quantity: str = "parameters",
    selected: tuple[str, str] = ("", ""),
    details: tuple[str, str] = ("", ""),
) -> bytes:
    """Return the frame of component `network_columns`.

    `quantity` is one of COSTS: its change stands between the columns. `selected` names the marked
    layer of each side; `details` is what stands below each title: sizes and source.
    """
    changes = [change for change in ledger.changes if is_drawn(change)]
    header = {
        "titles": [ledger.before.title, ledger.after.title],
        "details": list(details),
        "input": [ledger.before.input_size, ledger.after.input_size],
        "quantity": COSTS[quantity].title,
        "kinds": [[kind, title] for kind, title in KINDS.items() if _has(changes, kind)],
        "rows": [_row(change, quantity) for change in changes],
        "selected": list(selected),
        "summary": summary(ledger),
    }
    return pack(header, {})


def is_drawn(change: Change) -> bool:
    """Whether a change has a block; an adaptive pool whose windows are single px has none."""
    rows = [row for row in (change.before, change.after) if row is not None]
    if change.kind == "avg_pool":
        return any(row.kernel > 1 for row in rows)
    return change.kind not in NOT_DRAWN


def summary(ledger: Ledger) -> str:
    """Return what the picture shows, for those who cannot see it."""
    counts = [
        f"{ledger.count(status)} {status}"
        for status in ("added", "removed", "changed")
        if ledger.count(status)
    ]
    return (
        f"{_sizes(ledger.before)} beside {_sizes(ledger.after)}, aligned layer by layer: "
        f"{', '.join(counts) or 'nothing changed'}."
    )


def _sizes(a: Architecture) -> str:
    return f"{a.title} ({len(a.convs)} convolutions, {a.input_size} px)"


def _has(changes: list[Change], kind: str) -> bool:
    return any(change.kind == kind for change in changes)


def _row(change: Change, quantity: str) -> dict[str, Any]:
    number = getattr(change.costs, quantity)
    return {
        "status": change.status,
        "sign": SIGNS[change.status],
        "change": signed(number, COSTS[quantity].unit) if number else "",
        "words": change.words.replace("->", "→"),
        "blocks": [_block(change.before), _block(change.after)],
    }


def _block(row: LayerRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "name": row.name,
        "kind": row.kind,
        "label": layer_label(row),
        "side": row.out_side,
        "channels": row.out_channels,
        "facts": facts(row),
    }


def facts(row: LayerRow) -> list[tuple[str, str]]:
    """Return all numbers of a layer with their names and units."""
    size = 4 * row.activations
    shape = f"{row.out_channels:,}"
    if row.out_side > 1 or row.kind != "linear":
        shape += f" × {row.out_side} × {row.out_side}"
    window = row.kind in ("conv", "max_pool", "avg_pool")
    return [
        ("Output", shape),
        ("Kernel", f"{row.kernel} × {row.kernel}" if window else "–"),
        ("Stride", f"{row.stride}" if window else "–"),
        ("Padding", f"{row.padding}" if window else "–"),
        ("Parameters", f"{row.parameters:,}"),
        ("MACs", f"{row.macs:,}"),
        ("Activations", f"{row.activations:,} · {amount(size, 'B')}"),
        ("Receptive field", f"{row.receptive_field.size} px"),
        ("Jump", f"{row.receptive_field.jump} px"),
    ]
