"""A folder of assets with small random "bundled" networks, for tests of the real service."""

import shutil
from dataclasses import replace
from pathlib import Path

import torch

from tests.tiny import CLASSES
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.models.registry import assets_folder
from vgg_viz.training.bundle import Evaluation, save_bundle
from vgg_viz.training.data import PhotoSet
from vgg_viz.training.recipes import BUNDLED, Recipe

NAMES = tuple("abcdefghij"[:CLASSES])
VGG = replace(
    BUNDLED["vgg16"], width=1 / 16, hidden=(32, 32), sizes=(64,), least_crop=56, photo_side=72
)
RECIPES = {
    "zfnet_b": replace(BUNDLED["zfnet_b"], width=1 / 16, hidden=(32, 32), sizes=(128,)),
    "vgg16": VGG,
    "vgg11_bn": replace(VGG, network="vgg11_bn"),
}


def make_assets(folder: Path) -> Path:
    """Fill `folder` as the repository's assets are, the weights random and tiny."""
    real = assets_folder()
    shutil.copytree(real / "images", folder / "images")
    shutil.copy(real / "imagenet_classes.json", folder)
    photos = PhotoSet(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(1), NAMES)
    evaluation = Evaluation(0.5, 0.5, dict.fromkeys(NAMES, 0.5), [[0] * CLASSES] * CLASSES)
    for seed, recipe in enumerate(RECIPES.values()):
        save_bundle(_lively(recipe, seed), recipe, photos, evaluation, [], folder / "weights")
    return folder


def _lively(recipe: Recipe, seed: int) -> ConvNet:
    """Random weights whose maps are not flat: biases away from zero, as training leaves them."""
    network = build_network(recipe.config(CLASSES), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key.endswith("bias"):
                tensor.normal_(0, 0.1, generator=generator)
    return network
