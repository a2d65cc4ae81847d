"""Signal and gradient, layer by layer, in one forward and one backward pass.

`measure` does a whole pass at initialisation; `FlowMeter` collects the same quantities inside a
training step of anybody's. What they mean stands at `vgg_viz.results.QUANTITIES`.
"""

from vgg_viz.gradient_flow.measurement import Pass, measure
from vgg_viz.gradient_flow.meter import FlowMeter
from vgg_viz.gradient_flow.theory import euler_spread, with_theory
from vgg_viz.gradient_flow.verdict import verdict

__all__ = ["FlowMeter", "Pass", "euler_spread", "measure", "verdict", "with_theory"]
