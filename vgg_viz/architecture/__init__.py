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
from vgg_viz.architecture.ledger import Change, Costs, Ledger, diff
from vgg_viz.architecture.memory import LayerMemory, NetworkMemory, memory_of, moved_bytes
from vgg_viz.architecture.pairing import (
    SeesPartOfTheInput,
    one_of_each_stage,
    pair_by_depth,
    pair_by_receptive_field,
)
from vgg_viz.architecture.receptive_field import ReceptiveField
from vgg_viz.architecture.stacks import Convolutions, StackComparison, break_even, compare_stack
from vgg_viz.architecture.unit_fields import UnitFields, unit_fields
from vgg_viz.models.configs import least_input_size

__all__ = [
    "Architecture",
    "Change",
    "Convolutions",
    "Costs",
    "LayerMemory",
    "LayerRow",
    "Ledger",
    "NetworkMemory",
    "ReceptiveField",
    "SeesPartOfTheInput",
    "StackComparison",
    "UnitFields",
    "break_even",
    "compare_stack",
    "describe",
    "describe_model",
    "describe_network",
    "diff",
    "layer_infos",
    "least_input_size",
    "memory_of",
    "moved_bytes",
    "one_of_each_stage",
    "pair_by_depth",
    "pair_by_receptive_field",
    "unit_fields",
]
