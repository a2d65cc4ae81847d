"""One axis of depth for networks with different layers."""

import math
import re
from collections.abc import Iterable

import numpy as np

from vgg_viz.results import GradientFlow, LayerFlow


class Depth:
    """A common axis of depth: a layer name has one place, whatever network it is in.

    The names are those of all VGGs, in order. AlexNet's and ZFNet's five convolutions have other
    names: they are spread evenly from the first to the last convolution.
    """

    def __init__(self, flows: Iterable[GradientFlow]) -> None:
        layers = [[(layer.layer, layer.kind) for layer in flow.layers] for flow in flows]
        staged = [rows for rows in layers if any("_" in name for name, _ in rows)]
        named = {row for rows in staged or layers for row in rows}
        self.names = [name for name, _ in sorted(named, key=lambda row: _order(row[0]))]
        self._places: dict[str, float] = {name: float(i) for i, name in enumerate(self.names)}
        convs = [self._places[name] for name, kind in named if kind == "conv"]
        for rows in layers:
            apart = [name for name, kind in rows if kind == "conv" and name not in self._places]
            if apart and convs:
                at = np.linspace(min(convs), max(convs), len(apart))
                self._places |= dict(zip(apart, at.tolist(), strict=True))

    def place(self, layer: str) -> float | None:
        """Where `layer` lies, 0 for the first; None for a name that no network has."""
        return self._places.get(layer)

    def nearest(self, flow: GradientFlow, layer: str) -> LayerFlow:
        """The layer of `flow` at the place of `layer`, or the nearest one; a tie: the earlier."""
        at = self._places.get(layer, 0.0)
        return min(flow.layers, key=lambda row: abs(self._places.get(row.layer, math.inf) - at))


def _order(name: str) -> tuple[bool, tuple[int, ...]]:
    """conv1_1 < conv1_2 < conv2_1 < fc6."""
    return not name.startswith("conv"), tuple(int(digits) for digits in re.findall(r"\d+", name))
