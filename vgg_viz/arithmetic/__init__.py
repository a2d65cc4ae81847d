"""The arithmetic of one unit: what a layer of a real network multiplies, adds, compares.

    from vgg_viz import arithmetic

    steps = arithmetic.of_unit(network, inspection, "conv5_3", (7, 6, 6))
    steps[0].parts.products  # (512, 3, 3), exact
    steps[0].value, steps[0].network  # ours in double precision, the network's own

Products of two float32 numbers are exact in double precision, and sums of some thousand of them
are as good as exact, so `value` is what the network would get without rounding. What it did get
may differ by its own rounding: `tolerance` is 4 sqrt(n) u sum |terms|, the probabilistic bound of
Higham & Mary (SIAM J. Sci. Comput. 41, 2019) for n terms added in any order, with u the unit
roundoff: 2^-24 for float32, 2^-11 where a GPU multiplies in TF32, 2^-8 for bfloat16.
"""

from vgg_viz.arithmetic.layers import of_layer
from vgg_viz.arithmetic.units import of_unit, output_of, strongest_channel

__all__ = ["of_layer", "of_unit", "output_of", "strongest_channel"]
