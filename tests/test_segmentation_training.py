"""Every recipe for a few steps on tiny photos, and what ships of a training."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny import tiny_config, tiny_network
from tests.tiny_masks import make_masks
from vgg_viz.errors import CheckpointError, InputError, UnknownNameError
from vgg_viz.models.registry import ModelName
from vgg_viz.models.weights import LoadedModel, parameters_digest
from vgg_viz.preprocessing import IMAGENET
from vgg_viz.transfer import segmentation_recipes, train
from vgg_viz.transfer.segmentation_cards import segmentation_cards, segmentation_heads
from vgg_viz.transfer.segmentation_data import CLASSES, IGNORED, load_split, training_batches
from vgg_viz.transfer.segmentation_recipes import RECIPES, trained
from vgg_viz.transfer.segmentation_training import (
    FIXED,
    SegmentationRecipe,
    evaluate,
    new_fcn,
    pixel_loss,
)
from vgg_viz.transfer.segmentation_training import train as training_of
from vgg_viz.transfer.segmentation_weights import learnt, load_fcn, save_head


def short(network: str) -> SegmentationRecipe:
    """The recipe with a few steps, small cuts and photos."""
    return replace(
        RECIPES[network],
        epochs=2,
        fixed_epochs=2,
        fixed_rate=2e-3,
        skip_epochs=1,
        batch=2,
        side=64,
        scales=(0.7, 1.0),
        bf16=False,
    )


def loaded(network: str) -> LoadedModel:
    """A tiny classifier as if it had been read from a file."""
    made = tiny_network(network)
    config = tiny_config(network)
    names = tuple("abcdefg")
    digest = parameters_digest(made)
    name = ModelName(network, "bundled")
    return LoadedModel(name, made, config, names, IMAGENET, digest, "tiny weights", "")


@pytest.fixture(scope="module")
def masks(tmp_path_factory):
    return make_masks(tmp_path_factory.mktemp("masks"))


@pytest.fixture(scope="module", params=tuple(RECIPES))
def made(request, masks):
    """What a short training by each recipe makes."""
    network = request.param
    splits = (load_split(masks / "train"), load_split(masks / "val"))
    return trained(short(network), loaded(network), *splits)


def test_each_recipe_goes_from_coarse_to_fine(made):
    nets = [event.net for event in made.history]
    assert nets == [FIXED, FIXED, "32s", "32s", "16s", "8s"]
    assert all(np.isfinite(event.loss) for event in made.history)
    assert made.history[0].loss <= np.log(len(CLASSES)) + 0.2  # scores of zero know nothing
    assert made.history[1].loss < made.history[0].loss
    assert set(made.counts) == {32, 16, 8}
    assert made.fixed is not None
    assert made.counts[8].shape == (4, 7, 7)
    assert not any(parameter.requires_grad for parameter in made.fcn.parameters())


def test_only_what_the_recipe_names_stays(made):
    before = new_fcn(made.loaded.network).state_dict()
    after = made.fcn.state_dict()
    same = {name for name, tensor in after.items() if torch.equal(tensor, before[name])}
    assert same == {"trunk.fc6.weight", "trunk.fc6.bias"}
    assert set(learnt(made.fcn, made.recipe)) == set(after) - same


def test_what_ships_says_what_was_measured(made, masks, tmp_path):
    save_head(made, tmp_path, 96)
    (card,) = segmentation_cards(tmp_path).values()
    again = load_fcn(card, made.loaded)
    validation = load_split(masks / "val")
    for stride, counts in evaluate(again, validation).items():
        assert (counts == made.counts[stride]).all()
    head = card.head
    assert (head.model, head.photos, head.longest) == (str(made.loaded.name), 4, 96)
    assert head.bytes == card.path.stat().st_size
    assert [each.stride for each in head.scores] == [32, 16, 8]
    for each in (*head.scores, head.fixed):
        assert each.mean_iu.low <= each.mean_iu.value <= each.mean_iu.high
    gain = head.scores[2].gain
    assert gain.value == pytest.approx(head.scores[2].mean_iu.value - head.scores[1].mean_iu.value)
    json.loads((tmp_path / f"{card.path.stem}.json").read_text(), parse_constant=pytest.fail)


def test_weights_of_another_classifier_or_file_are_refused(made, tmp_path):
    save_head(made, tmp_path, 96)
    (card,) = segmentation_cards(tmp_path).values()
    with pytest.raises(CheckpointError, match="other weights"):
        load_fcn(card, replace(made.loaded, digest="0" * 64))
    card.path.write_bytes(card.path.read_bytes()[:-1] + b"\0")
    with pytest.raises(CheckpointError, match="model card"):
        load_fcn(card, made.loaded)


def test_the_command_trains_and_compares(masks, tmp_path, monkeypatch):
    networks = ("zfnet_b", "vgg16")
    monkeypatch.setattr(segmentation_recipes, "RECIPES", {n: short(n) for n in networks})
    monkeypatch.setattr(segmentation_recipes, "bundled", loaded)
    train.main("segmentation", masks, tmp_path)
    heads = segmentation_heads(tmp_path)
    assert {head.model for head in heads.heads} == {f"{n}:bundled" for n in networks}
    difference = next(each for each in heads.differences if each.stride == 8)
    assert (difference.model, difference.other) == ("vgg16:bundled", "zfnet_b:bundled")
    wanted = [heads.head(f"{n}:bundled").scores[2].mean_iu.value for n in networks]
    assert difference.mean_iu.value == pytest.approx(wanted[1] - wanted[0])
    with pytest.raises(UnknownNameError, match="segmentation"):
        train.main("juggling", masks)
    with pytest.raises(UnknownNameError, match="vgg16"):
        train.main("segmentation", masks, tmp_path, ["vgg13"])


def test_cuts_keep_photos_and_labels_together(masks):
    photos = load_split(masks / "train")
    random = np.random.default_rng(3)
    batches = list(training_batches(photos, batch=3, side=80, scales=(0.5, 0.6), random=random))
    assert [len(images) for images, _ in batches] == [3, 1]
    for images, labels in batches:
        assert images.shape[1:] == (3, 80, 80)
        for image, label in zip(images, labels, strict=True):
            inside, outside = image[:, label == 1], image[:, label == 0]
            assert outside.numel()
            empty = image[:, label == IGNORED]
            if inside.numel():  # class 1: little red, much green, unlike the grey around it
                assert inside[1].mean() > outside[1].mean() + 1
            assert empty.median().abs() < 0.05  # the mean colour


def test_ignored_pixels_have_no_say():
    scores = torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, 3, (1, 4, 5), generator=torch.Generator().manual_seed(1))
    half = labels.clone()
    half[:, :2] = IGNORED
    logs = scores.log_softmax(1).gather(1, labels[:, None])[:, 0]
    assert pixel_loss(scores, half).item() == pytest.approx(-logs[:, 2:].mean().item(), rel=1e-5)


def test_data_that_cannot_be_used_is_told(masks, tmp_path):
    with pytest.raises(InputError, match="train/ and val/"):
        load_split(tmp_path)
    recipe = replace(short("vgg16"), fixed_rate=float("inf"))
    fcn, photos = new_fcn(loaded("vgg16").network), load_split(masks / "train")
    with pytest.raises(InputError, match="no number"):
        list(training_of(recipe, fcn, photos))
    with pytest.raises(InputError, match="none"):
        list(training_of(recipe, fcn, ()))
    folder = make_masks(tmp_path / "bad", 1) / "train"
    label = folder / "labels" / "0.png"
    Image.fromarray(np.full((64, 96), 77, np.uint8)).save(label)
    with pytest.raises(InputError, match="77"):
        load_split(folder)
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(label)
    with pytest.raises(InputError, match="another size"):
        load_split(folder)
    label.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        load_split(folder)
