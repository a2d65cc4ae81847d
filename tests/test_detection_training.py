"""The recipe of the detection heads on a few drawn photos, and what ships of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.small_boxes import CLASSES, make_boxes
from vgg_viz.errors import CheckpointError, InputError, UnknownNameError
from vgg_viz.models.registry import bundled_cards, parse_model_name
from vgg_viz.models.weights import load_model
from vgg_viz.transfer import detection_training, train
from vgg_viz.transfer.detection_data import load_annotations
from vgg_viz.transfer.detection_heads import load_heads
from vgg_viz.transfer.region_features import RegionNetwork

RECIPE = replace(
    detection_training.BUNDLED_HEADS["vgg16"],
    train_photos=8,
    val_photos=3,
    near=4,
    partial=4,
    background=6,
    first_negatives=20,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_boxes(tmp_path_factory.mktemp("boxes"))


@pytest.fixture(scope="module")
def trained(assets, data, tmp_path_factory):
    """The folder of the heads of a tiny network."""
    folder = tmp_path_factory.mktemp("heads")
    made = detection_training.train(RECIPE, data, folder)
    assert made.card == folder / "detection_vgg16.json"
    detection_training.compare({"vgg11": made, "vgg16": made}, "vgg16")
    return folder


def test_the_recipe_makes_heads_that_find_what_is_drawn(trained):
    card = json.loads((trained / "detection_vgg16.json").read_text())
    assert card["classes"] == list(CLASSES)
    assert card["recipe"]["train_photos"] == 8
    assert card["photos"] == {"train": 8, "val": 3}
    assert card["recall"] == 1
    assert sum(card["objects"]["train"]) + 2 == 16  # of eight photos, two objects are difficult
    for name, found in card["validation"].items():
        low, high = found["interval"]
        assert low <= found["map"] <= high, name
    assert card["validation"]["rcnn"]["map"] > 0.2
    assert card["ahead"]["vgg11"]["rcnn"] == {"map": 0, "interval": [0, 0]}  # of itself
    assert "no VOC results" in card["data"]


def test_the_same_seed_makes_the_same_heads(trained, data):
    loaded = load_model(parse_model_name("vgg16:bundled"))
    network = RegionNetwork(loaded.network, loaded.config, loaded.preprocessing)
    few = load_annotations(data, "train").some(3, seed=1)
    once, twice = (
        detection_training.fit(detection_training.gather(network, few, RECIPE), "rcnn", 2, RECIPE)
        for _ in range(2)
    )
    assert once[1] == twice[1]
    for name, tensor in once[0].tensors("rcnn").items():
        torch.testing.assert_close(tensor, twice[0].tensors("rcnn")[name], rtol=0, atol=0)
    stored = load_file(trained / "detection_vgg16.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert float(stored["rcnn.svm"].abs().max()) > 0


def test_heads_are_loaded_for_their_weights_alone(trained):
    digest = bundled_cards()["vgg16"].sha256
    heads = load_heads("vgg16", digest, trained)
    assert heads.classes == CLASSES
    assert heads.heads["fast"].ridge.shape[:2] == (2, 4)
    for network, wrong in (("vgg16", "0" * 64), ("vgg11_bn", digest)):
        with pytest.raises(InputError, match="Choose vgg16:bundled"):
            load_heads(network, wrong, trained)


def test_a_damaged_file_is_refused(trained, tmp_path):
    digest = bundled_cards()["vgg16"].sha256
    for name in ("detection_vgg16.json", "detection_vgg16.safetensors"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    with (tmp_path / "detection_vgg16.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(CheckpointError, match="reinstall"):
        load_heads("vgg16", digest, tmp_path)
    (tmp_path / "detection_vgg16.json").write_text("{")
    with pytest.raises(CheckpointError, match="model card"):
        load_heads("vgg16", digest, tmp_path)


def test_regions_teach_what_they_show(data, assets):
    """An object's own box is right; a region that touches no object of the class is wrong."""
    annotations = load_annotations(data, "train")
    photo = annotations.photos[3]  # whose second object is difficult
    assert photo.difficult.tolist() == [False, True]
    boxes, labels = detection_training._sampled(
        photo, np.array([[0.0, 0, 120, 90], [0, 0, 4, 4]]), RECIPE, np.random.default_rng(0)
    )
    assert labels.tolist() == [photo.labels[0], -1, -1]
    np.testing.assert_array_equal(boxes[0], photo.boxes[0])
    overlap, wanted = detection_training._shown(photo.boxes, photo, 2)
    np.testing.assert_allclose(overlap[[0, 1], photo.labels], 1)
    np.testing.assert_allclose(wanted[[0, 1], photo.labels], photo.boxes)


@pytest.mark.parametrize("text", ["", "[]", '{"images": []}', '{"categories": [], "images": []}'])
def test_annotations_that_cannot_be_used_are_told(tmp_path, text):
    (tmp_path / "train.json").write_text(text)
    with pytest.raises(InputError, match=r"train\.json"):
        load_annotations(tmp_path, "train")
    with pytest.raises(InputError, match=r"val\.json"):
        load_annotations(tmp_path, "val")


def test_a_network_without_a_recipe_is_told(tmp_path):
    with pytest.raises(UnknownNameError, match="vgg19"):
        train.TASKS["detection"](tmp_path, tmp_path, ("vgg19",))
