"""Small Components v2. Each is a .js and a .css file in frontend/, and one function here.

Data goes down as one frame of bytes (see `vgg_viz.figures.frames`) or as a small dict; what a
person does comes back as state ("channel") or as a trigger ("picked").
"""

from dashboard.components.channel_grid import channel_grid
from dashboard.components.channel_tiles import channel_tiles
from dashboard.components.class_bars import ClassBar, class_bars
from dashboard.components.clip_player import clip_player
from dashboard.components.detection_photo import detection_bar, detection_photo
from dashboard.components.drawn_box import drawn_box
from dashboard.components.feature_grid import feature_grid
from dashboard.components.label_maps import label_maps
from dashboard.components.layer_strip import layer_strip
from dashboard.components.map_look import map_look
from dashboard.components.network_columns import network_columns
from dashboard.components.occluded_photo import occluded_photo
from dashboard.components.overlay import overlay
from dashboard.components.part_strip import part_strip
from dashboard.components.paste_image import paste_image
from dashboard.components.patch_grid import patch_grid
from dashboard.components.photo_place import photo_place
from dashboard.components.photo_strip import photo_strip
from dashboard.components.picture_grid import picture_grid
from dashboard.components.receptive_field import receptive_field
from dashboard.components.register import nothing
from dashboard.components.training_replay import training_replay
from dashboard.components.trust_strip import trust_strip
from dashboard.components.unit_map import unit_map
from dashboard.components.unit_stepper import unit_stepper

__all__ = [
    "ClassBar",
    "channel_grid",
    "channel_tiles",
    "class_bars",
    "clip_player",
    "detection_bar",
    "detection_photo",
    "drawn_box",
    "feature_grid",
    "label_maps",
    "layer_strip",
    "map_look",
    "network_columns",
    "nothing",
    "occluded_photo",
    "overlay",
    "part_strip",
    "paste_image",
    "patch_grid",
    "photo_place",
    "photo_strip",
    "picture_grid",
    "receptive_field",
    "training_replay",
    "trust_strip",
    "unit_map",
    "unit_stepper",
]
