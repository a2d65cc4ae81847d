"""Feature visualisation: change a picture until it excites a unit, a channel, a class.

Olah, Mordvintsev & Schubert, "Feature Visualization", Distill 2017 (doi 10.23915/distill.00007),
after Erhan et al. 2009 and Simonyan et al. (arXiv 1312.6034).
"""

from vgg_viz.feature_vis.objectives import Objective, bind
from vgg_viz.feature_vis.optimize import Optimisation
from vgg_viz.feature_vis.parametrize import Parametrization
from vgg_viz.feature_vis.transforms import STANDARD, Transforms

__all__ = ["STANDARD", "Objective", "Optimisation", "Parametrization", "Transforms", "bind"]
