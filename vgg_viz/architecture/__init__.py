"""Shapes, parameters, MACs, memory and receptive fields of a network, from its table alone.

No forward pass and no torch: a network of 138 million parameters is described in a millisecond.

Counted as torchvision's `_ops` and torch's flop counter (which counts 2 per MAC) do: convolutions
and linear layers have MACs, everything else has none; a bias is a parameter and no MAC.
"""

from vgg_viz.architecture.description import (
    Architecture,
    LayerRow,
    describe,
    describe_model,
    describe_network,
    layer_infos,
)
from vgg_viz.architecture.pairing import (
    SeesPartOfTheInput,
    pair_by_depth,
    pair_by_receptive_field,
)
from vgg_viz.architecture.receptive_field import ReceptiveField

__all__ = [
    "Architecture",
    "LayerRow",
    "ReceptiveField",
    "SeesPartOfTheInput",
    "describe",
    "describe_model",
    "describe_network",
    "layer_infos",
    "pair_by_depth",
    "pair_by_receptive_field",
]
