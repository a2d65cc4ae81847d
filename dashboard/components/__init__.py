"""Small Components v2. Each is a .js and a .css file in frontend/, and one function here.

Data goes down as one frame of bytes (see `vgg_viz.figures.frames`) or as a small dict; what a
person does comes back as state ("channel") or as a trigger ("picked").
"""

from dashboard.components.class_bars import ClassBar, class_bars
from dashboard.components.feature_grid import feature_grid
from dashboard.components.network_columns import network_columns
from dashboard.components.overlay import overlay
from dashboard.components.paste_image import paste_image
from dashboard.components.photo_strip import photo_strip
from dashboard.components.receptive_field import receptive_field
from dashboard.components.training_replay import training_replay

__all__ = [
    "ClassBar",
    "class_bars",
    "feature_grid",
    "network_columns",
    "overlay",
    "paste_image",
    "photo_strip",
    "receptive_field",
    "training_replay",
]
