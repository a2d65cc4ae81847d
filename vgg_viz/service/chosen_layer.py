"""Which layer a question means."""

from typing import TYPE_CHECKING

from vgg_viz.errors import UnknownNameError

if TYPE_CHECKING:
    from vgg_viz.service.execution import Ready


def last_conv(ready: "Ready") -> str:
    """The layer that is meant when none is named."""
    return ready.loaded.config.convs[-1]


def spatial_layer(ready: "Ready", layer: str | None) -> str:
    """The layer asked for, the last convolution by default; it must have maps."""
    name = layer or last_conv(ready)
    rows = ready.loaded.config.layers
    before_fc = [row.name for row in rows[: [r.name for r in rows].index("flatten")]]
    if name not in before_fc:
        config = ready.loaded.config
        raise UnknownNameError.among(f"layer with maps in {config.network}", name, config.convs)
    return name


def after_relu(ready: "Ready", layer: str) -> str:
    """The ReLU that follows a convolution (behind its batch norm); any other layer itself."""
    rows = ready.loaded.config.layers
    at = next(i for i, row in enumerate(rows) if row.name == layer)
    if rows[at].kind not in ("conv", "batch_norm"):
        return layer
    return next(row.name for row in rows[at:] if row.kind == "relu")
