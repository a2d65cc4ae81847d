"""The heads that ship: what their cards promise, and that they load and see a cat."""

import numpy as np
import pytest
import torch

from vgg_viz.images import decode
from vgg_viz.models.registry import ModelName, assets_folder
from vgg_viz.models.weights import load_model
from vgg_viz.service.segmentation import scaled_photo
from vgg_viz.transfer.segmentation_cards import segmentation_cards, segmentation_heads
from vgg_viz.transfer.segmentation_data import CLASSES, normalised
from vgg_viz.transfer.segmentation_recipes import RECIPES
from vgg_viz.transfer.segmentation_weights import load_fcn

MEGABYTES = 12


def test_every_recipe_ships_and_all_of_them_are_small():
    heads = segmentation_heads()
    assert [head.model for head in heads.heads] == [f"{network}:bundled" for network in RECIPES]
    assert sum(head.bytes for head in heads.heads) < MEGABYTES * 1e6
    for head in heads.heads:
        assert head.photos == 269
        assert head.recipe == RECIPES[head.model.partition(":")[0]].words


def test_finer_nets_and_vgg_are_ahead_as_measured():
    heads = segmentation_heads()
    for head in heads.heads:
        coarse, middle, fine = (each.mean_iu.value for each in head.scores)
        assert head.fixed.mean_iu.value < coarse <= middle <= fine
    ahead = [
        each.mean_iu.low
        for each in heads.differences
        if (each.model, each.other) == ("vgg16:bundled", "zfnet_b:bundled")
    ]
    assert len(ahead) == 3
    assert min(ahead) > 0


@pytest.mark.parametrize("network", RECIPES)
def test_they_see_the_cat(network):
    card = segmentation_cards()[f"{network}:bundled"]
    fcn = load_fcn(card, load_model(ModelName(network, "bundled")))
    photo = decode((assets_folder() / "images" / "cat.jpg").read_bytes()).pixels
    pixels, _ = scaled_photo(photo, card.head.longest)
    with torch.inference_mode():
        labels = fcn(normalised(pixels[None])).argmax(1)[0].numpy()
    height, width = labels.shape
    middle = labels[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    assert (middle == CLASSES.index("cat")).mean() > 0.5
    assert np.isin(labels, range(len(CLASSES))).all()
