"""Training: photos, the batches cut from them, the loop, the numbers and the file that ships."""

import hashlib
import json
import logging
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from sklearn import metrics
from torch import nn
from typer.testing import CliRunner

from tests.tiny import tiny_image, tiny_network
from vgg_viz.errors import InputError, UnknownNameError, VggVizError
from vgg_viz.models.networks import build_network
from vgg_viz.models.registry import ModelName, bundled_cards, parse_model_name
from vgg_viz.models.weights import load_model
from vgg_viz.preprocessing import IMAGENET, Preprocessing, prepare
from vgg_viz.training import __main__ as command
from vgg_viz.training import bundle, data, loop
from vgg_viz.training.data import (
    PhotoSet,
    evaluation_batches,
    load_photos,
    normalise,
    training_batches,
)
from vgg_viz.training.loop import ChannelsLastLRN, new_network, train, with_fast_lrn
from vgg_viz.training.recipes import BUNDLED, Recipe

TINY = Recipe(
    "vgg11_bn",
    width=1 / 16,
    hidden=(24, 24),
    sizes=(32,),
    epochs=4,
    peak_lr=0.05,
    batch=16,
    least_crop=32,
    photo_side=40,
    label_smoothing=0.0,
    bf16=False,
)


def textures(count, side=40, seed=0):
    """Reddish and greenish noise in turn, bright and dark: colour tells the two, brightness not."""
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(0, 160, (count, 3, side, side)) * rng.uniform(0.4, 1, (count, 1, 1, 1))
    pixels[0::2, 0] += 70
    pixels[1::2, 1] += 70
    labels = torch.arange(count) % 2
    return PhotoSet(torch.from_numpy(pixels.astype(np.uint8)), labels, ("red", "green"))


def unnormalised(images):
    """What `normalise` was given, (N, 3, H, W) in [0, 1]."""
    return images * torch.tensor(IMAGENET.std).view(3, 1, 1) + torch.tensor(IMAGENET.mean).view(
        3, 1, 1
    )


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def parameters_of(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same_weights(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


# --- a folder of photos --------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Two classes, made in the wrong order; photos of three squares side by side."""
    for name in ("zebra", "apple"):
        (tmp_path / name).mkdir()
    thirds = np.zeros((30, 90, 3), np.uint8)
    for third in range(3):
        thirds[:, 30 * third : 30 * third + 30, third] = 250
    Image.fromarray(thirds).save(tmp_path / "zebra" / "wide.png")
    Image.fromarray(thirds.transpose(1, 0, 2).copy()).save(tmp_path / "zebra" / "tall.PNG")
    exact = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(exact).save(tmp_path / "apple" / "exact.png")
    (tmp_path / "apple" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    (tmp_path / "apple" / "notes.txt").write_text("not a photo")
    (tmp_path / "readme.md").write_text("not a class")
    return tmp_path


def test_a_folder_becomes_squares_and_labels_and_broken_files_are_listed(folder, caplog):
    with caplog.at_level(logging.WARNING, logger=data.__name__):
        photos = load_photos(folder, side=16)
    assert photos.classes == ("apple", "zebra")
    assert photos.labels.tolist() == [0, 1, 1]
    assert len(photos) == 3
    assert photos.pixels.shape == (3, 3, 16, 16)
    assert photos.pixels.dtype == torch.uint8
    assert photos.broken == (str(folder / "apple" / "broken.jpg"),)
    assert "broken.jpg" in caplog.text


def test_the_square_is_the_middle_of_the_photo_and_a_square_of_that_size_is_kept(folder):
    photos = load_photos(folder, side=16)
    exact = np.asarray(Image.open(folder / "apple" / "exact.png")).transpose(2, 0, 1)
    np.testing.assert_array_equal(photos.pixels[0].numpy(), exact)
    for square in photos.pixels[1:].numpy():  # wide and tall: nothing but the green third
        assert square[1].min() == 250
        assert square[[0, 2]].max() == 0


def test_given_classes_keep_their_order(folder):
    photos = load_photos(folder, side=16, classes=("zebra", "apple"))
    assert photos.classes == ("zebra", "apple")
    assert photos.labels.tolist() == [0, 0, 1]


def test_a_folder_without_photos_is_refused(tmp_path, folder):
    (tmp_path / "empty" / "class").mkdir(parents=True)
    for name in ("empty", "empty/class"):
        with pytest.raises(InputError, match="No readable photo"):
            load_photos(tmp_path / name)
    with pytest.raises(InputError, match="nowhere"):
        load_photos(tmp_path / "nowhere")
    with pytest.raises(InputError, match="pear"):
        load_photos(folder, classes=("apple", "pear"))


# --- batches -------------------------------------------------------------------------------------


def batches_of(photos, seed=0, *, batch=5, size=8, least_crop=8):
    return list(
        training_batches(
            photos, batch=batch, size=size, least_crop=least_crop, generator=seeded(seed)
        )
    )


def test_the_same_seed_gives_the_same_batches_and_another_gives_others():
    photos = textures(11, side=12)
    one, same, other = (batches_of(photos, seed) for seed in (1, 1, 2))
    for (images, labels), (images_2, labels_2) in zip(one, same, strict=True):
        assert torch.equal(images, images_2)
        assert torch.equal(labels, labels_2)
    assert not any(torch.equal(a[0], b[0]) for a, b in zip(one, other, strict=False))


def test_one_epoch_shows_every_photo_once_and_the_generator_goes_on():
    photos = replace(textures(12, side=12), labels=torch.arange(12))
    generator = seeded(3)
    epochs = [
        torch.cat(
            [
                labels
                for _, labels in training_batches(
                    photos, batch=5, size=8, least_crop=8, generator=generator
                )
            ]
        )
        for _ in range(2)
    ]
    assert not torch.equal(epochs[0], epochs[1])
    for labels in epochs:
        assert sorted(labels.tolist()) == list(range(12))


@pytest.mark.parametrize("size", [8, 10, 12])
def test_batches_have_the_size_asked_for_and_lie_channels_last(size):
    batches = batches_of(textures(12, side=12), size=size)
    assert [len(images) for images, _ in batches] == [5, 5, 2]
    for images, labels in batches:
        assert images.shape == (len(labels), 3, size, size)
        assert images.dtype == torch.float32
        assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("photos", "sizes"), [(11, [5, 5]), (12, [5, 5, 2]), (6, [5]), (1, [])])
def test_a_last_batch_of_one_photo_is_left_out(photos, sizes):
    batches = batches_of(textures(photos, side=12))
    assert [len(labels) for _, labels in batches] == sizes


def crops_by_pillow(photo, size, least_crop):
    """Every (crop, top, left, flipped) of a photo (3, S, S), resized by Pillow."""
    side = photo.shape[-1]
    planes = [Image.fromarray(plane.astype(np.float32)) for plane in photo]
    for crop in range(least_crop, side + 1):
        for top in range(side - crop + 1):
            for left in range(side - crop + 1):
                box = (left, top, left + crop, top + crop)
                cut = np.stack(
                    [
                        plane.crop(box).resize((size, size), Image.Resampling.BILINEAR)
                        for plane in planes
                    ]
                )
                yield (crop, top, left, False), cut
                yield (crop, top, left, True), cut[:, :, ::-1]


def test_every_image_is_a_crop_of_its_photo_flipped_or_not(monkeypatch):
    """Found again among all crops of the photo, resized by Pillow."""
    monkeypatch.setattr(data, "_relight", lambda images, _: images)
    side, size = 11, 8
    noise = torch.randint(0, 256, (12, 3, side, side), generator=seeded(9), dtype=torch.uint8)
    photos = PhotoSet(noise, torch.arange(12), tuple("abcdefghijkl"))
    drawn = []
    for seed in range(3):
        for images, labels in batches_of(photos, seed, size=size):
            found = []
            for image, label in zip(unnormalised(images).numpy() * 255, labels, strict=True):
                differences = {
                    how: np.abs(crop - image).max()
                    for how, crop in crops_by_pillow(noise[label].numpy(), size, 8)
                }
                how = min(differences, key=differences.get)
                assert differences[how] < 0.01
                found.append(how)
            assert len({crop for crop, *_ in found}) == 1, "one crop side a batch"
            drawn += found
    assert {crop for crop, *_ in drawn} == {8, 9, 10, 11}
    assert {flip for *_, flip in drawn} == {False, True}
    assert len({(top, left) for _, top, left, _ in drawn}) > 6


def test_light_varies_by_a_fifth_from_photo_to_photo():
    grey = PhotoSet(torch.full((200, 3, 8, 8), 102, dtype=torch.uint8), torch.zeros(200), ("a",))
    ((images, _),) = batches_of(grey, batch=200)
    plain = unnormalised(images)
    assert plain.std(dim=(1, 2, 3)).max() < 1e-6  # contrast leaves a plain photo as it is
    factors = plain.mean(dim=(1, 2, 3)) / 0.4  # 102 / 255
    assert 0.8 <= factors.min() < 0.83
    assert 1.17 < factors.max() <= 1.2
    assert factors.mean() == pytest.approx(1, abs=0.03)

    halves = torch.full((200, 3, 8, 8), 51, dtype=torch.uint8)
    halves[:, :, :4] = 153
    ((images, _),) = batches_of(replace(grey, pixels=halves), batch=200)
    plain = unnormalised(images).mean(dim=(1, 3))
    contrast = (plain[:, 0] - plain[:, -1]) / plain.mean(1)  # brightness cancels; 0.4 / 0.4 = 1
    assert contrast.min() + 1e-5 >= 0.8
    assert contrast.min() < 0.83
    assert 1.17 < contrast.max() <= 1.2 + 1e-5


def test_light_stays_within_black_and_white():
    white = PhotoSet(torch.full((50, 3, 8, 8), 250, dtype=torch.uint8), torch.zeros(50), ("a",))
    ((images, _),) = batches_of(white, batch=50)
    assert unnormalised(images).max() <= 1 + 1e-6


def test_normalising_by_hand():
    images = normalise(torch.full((1, 3, 2, 2), 0.5))
    # (0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225
    for channel, value in enumerate((0.0655022, 0.1964286, 0.4177778)):
        torch.testing.assert_close(images[0, channel], torch.full((2, 2), value))
    assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [40, 32, 16])
def test_evaluation_sees_what_the_service_prepares_of_a_photo(size):
    photos = textures(5)
    wanted = Preprocessing(44, size, IMAGENET.mean, IMAGENET.std)
    batches = list(evaluation_batches(photos, batch=3, preprocessing=wanted))
    assert [len(labels) for _, labels in batches] == [3, 2]
    images = torch.cat([images for images, _ in batches])
    for image, pixels in zip(images, photos.pixels, strict=True):
        prepared = prepare(np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()), wanted)
        np.testing.assert_allclose(image, prepared, atol=1e-6)
    assert torch.equal(torch.cat([labels for _, labels in batches]), photos.labels)


# --- the faster local response normalisation -----------------------------------------------------


@pytest.mark.parametrize("like", [(5, 1e-4, 0.75, 2.0), (5, 0.9, 0.75, 1.0), (3, 2.0, 0.75, 0.5)])
@pytest.mark.parametrize("channels", [1, 2, 16])
def test_channels_last_lrn_is_torchs_in_value_and_gradient(like, channels):
    theirs = nn.LocalResponseNorm(*like)
    maps = 5 * torch.randn(2, channels, 3, 4, generator=seeded(1), dtype=torch.float64)
    maps = maps.contiguous(memory_format=torch.channels_last).requires_grad_()
    weights = torch.randn(2, channels, 3, 4, generator=seeded(2), dtype=torch.float64)
    found = []
    for module in (theirs, ChannelsLastLRN(theirs)):
        out = module(maps)
        (gradient,) = torch.autograd.grad((out * weights).sum(), maps)
        found.append((out.detach(), gradient))
    (expected, expected_gradient), (got, gradient) = found
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(gradient, expected_gradient)
    ratio = expected / maps.detach()
    assert ratio.max() / ratio.min() > (1.0005 if like[1] < 1e-3 else 1.5), "a flat reference"


def test_another_power_is_refused():
    with pytest.raises(ValueError, match="3/4"):
        ChannelsLastLRN(nn.LocalResponseNorm(5, beta=0.5))


def test_a_network_with_the_fast_lrn_says_and_holds_the_same():
    plain = tiny_network("zfnet_b")
    fast = build_network(plain.config)
    fast.load_state_dict(plain.state_dict())
    assert with_fast_lrn(fast) is fast
    assert not any(isinstance(module, nn.LocalResponseNorm) for module in fast.modules())
    assert sum(isinstance(module, ChannelsLastLRN) for module in fast.modules()) == 2
    assert list(fast.state_dict()) == list(plain.state_dict())
    image = tiny_image("zfnet_b")
    with torch.no_grad():
        torch.testing.assert_close(fast(image), plain(image), rtol=1e-4, atol=1e-5)


# --- recipes -------------------------------------------------------------------------------------


def test_sizes_share_the_epochs_equally():
    recipe = replace(TINY, sizes=(96, 112, 128), epochs=24)
    assert [recipe.size_at(epoch) for epoch in range(24)] == [96] * 8 + [112] * 8 + [128] * 8
    short = replace(recipe, epochs=4)
    assert [short.size_at(epoch) for epoch in range(4)] == [96, 96, 112, 128]
    assert {TINY.size_at(epoch) for epoch in range(4)} == {32}


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_recipe_builds_its_network_and_ends_at_its_size(name):
    recipe = BUNDLED[name]
    config = recipe.config(19)
    assert recipe.network == config.network == name
    assert config.classes == 19
    assert config.input_size == recipe.input_size == recipe.size_at(recipe.epochs - 1)
    assert recipe.least_crop <= recipe.photo_side
    assert recipe.preprocessing.crop == recipe.input_size
    assert config.width == pytest.approx(recipe.width, abs=0.02)


def test_photos_are_prepared_at_the_scale_of_an_average_crop():
    # Crops of 96 to 144 px, 120 on average, become 128 px: 144 px become 153.6.
    assert BUNDLED["vgg16"].preprocessing == Preprocessing(154, 128, IMAGENET.mean, IMAGENET.std)


def test_hidden_units_of_a_recipe_override_the_width():
    assert TINY.config(2).hidden == (24, 24)
    assert BUNDLED["vgg16"].config(19).hidden == (1024, 1024)


# --- the loop ------------------------------------------------------------------------------------


def test_a_tiny_network_learns_two_textures():
    recipe = replace(TINY, epochs=8)
    photos, unseen = textures(96), textures(60, seed=1)
    network = new_network(recipe, 2)
    before = bundle.evaluate(network, unseen, TINY.preprocessing).top1
    events = []
    for event in train(recipe, photos, network):
        assert not any(module.training for module in network.modules())
        events.append(event)
    assert before < 0.8
    assert bundle.evaluate(network, unseen, TINY.preprocessing).top1 > 0.95
    assert [event.epoch for event in events] == list(range(1, 9))
    assert {(event.epochs, event.size, event.diverged) for event in events} == {(8, 32, False)}
    assert events[-1].train_loss < 0.5 * events[0].train_loss
    assert events[-1].train_accuracy > 0.9
    seconds = [event.seconds for event in events]
    assert seconds[0] > 0
    assert seconds == sorted(seconds)


def trained(recipe=TINY, photos=None, *, between=lambda: None):
    network = new_network(recipe, 2)
    for _ in train(recipe, photos or textures(34), network):
        between()
    return parameters_of(network)


SHORT = replace(TINY, epochs=2)


def test_a_seed_gives_the_same_weights_bit_for_bit_whatever_the_caller_draws():
    torch.manual_seed(1)
    one = trained(SHORT)
    torch.manual_seed(2)
    assert same_weights(one, trained(SHORT, between=lambda: torch.rand(5)))
    assert not same_weights(one, trained(replace(SHORT, seed=1)))


def test_the_callers_random_numbers_are_its_own_between_epochs_and_after():
    torch.manual_seed(7)
    expected = [torch.rand(3) for _ in range(4)]
    torch.manual_seed(7)
    drawn = [torch.rand(3)]
    for _ in train(SHORT, textures(34)):
        drawn.append(torch.rand(3))  # noqa: PERF401 - between the epochs is the point
    drawn.append(torch.rand(3))
    assert all(torch.equal(a, b) for a, b in zip(drawn, expected, strict=True))


def test_training_that_is_abandoned_leaves_the_random_state_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    epochs = train(TINY, textures(34))
    next(epochs)
    assert torch.equal(torch.get_rng_state(), before)
    epochs.close()
    assert torch.equal(torch.get_rng_state(), before)


def test_training_that_fails_leaves_the_random_state_alone(monkeypatch):
    def fail(*_):
        torch.rand(3)
        raise RuntimeError("no memory left")

    monkeypatch.setattr(loop, "_step", fail)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="no memory"):
        list(train(TINY, textures(34)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("bf16", [False, True])
def test_training_that_diverges_ends_early_and_says_so(bf16):
    recipe = replace(TINY, network="vgg11", epochs=6, peak_lr=1e15, bf16=bf16)
    events = list(train(recipe, textures(64)))
    assert events[-1].diverged
    assert not any(event.diverged for event in events[:-1])
    assert len(events) < 6


def test_training_in_bf16_follows_training_in_fp32():
    exact, rounded = (
        list(train(replace(SHORT, bf16=bf16), textures(34))) for bf16 in (False, True)
    )
    assert exact[0].train_loss != rounded[0].train_loss
    assert exact[0].train_loss == pytest.approx(rounded[0].train_loss, rel=0.1)


def test_weights_decay_and_biases_and_batch_norm_do_not():
    network = new_network(TINY, 2)
    decaying, others = loop._decay_groups(network, 0.1)
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    kinds = {name: type(module) for name, module in network.named_modules()}
    for parameter in decaying["params"]:
        layer, _, role = names.pop(id(parameter)).rpartition(".")
        assert role == "weight"
        assert kinds[layer] in {nn.Conv2d, nn.Linear}
    for parameter in others["params"]:
        layer, _, role = names.pop(id(parameter)).rpartition(".")
        assert role == "bias" or kinds[layer] is nn.BatchNorm2d
    assert not names, "every parameter is in one group"


@pytest.fixture
def schedule(monkeypatch):
    """Steps that change nothing and note [(learning rate, momentum)]."""
    noted = []

    def step(recipe, network, optimizer, x, labels):
        group = optimizer.param_groups[0]
        noted.append((group["lr"], group["momentum"]))
        optimizer.step()
        return 0.0, torch.zeros(len(labels), 2)

    monkeypatch.setattr(loop, "_step", step)
    return noted


def test_the_learning_rate_rises_and_falls_in_one_cycle(schedule):
    recipe = replace(TINY, epochs=20, peak_lr=0.3, warmup=0.25, momentum=(0.8, 0.9))
    list(train(recipe, textures(64)))  # 80 steps of 16 photos
    rates, momenta = zip(*schedule, strict=True)
    assert len(rates) == 80
    peak = rates.index(max(rates))
    assert peak == 19  # the last step of the first quarter
    assert rates[peak] == pytest.approx(0.3)
    assert rates[0] == pytest.approx(0.3 / 25)
    assert rates[-1] == pytest.approx(0.3 / 25e4)
    assert list(rates[: peak + 1]) == sorted(rates[: peak + 1])
    assert list(rates[peak:]) == sorted(rates[peak:], reverse=True)
    assert momenta[peak] == pytest.approx(0.8)
    assert momenta[0] == pytest.approx(0.9)
    assert momenta[-1] == pytest.approx(0.9)


@pytest.mark.parametrize("steps", range(1, 10))
def test_a_training_of_a_few_steps_runs_to_its_end(schedule, steps):
    assert len(list(train(replace(TINY, epochs=steps), textures(2)))) == steps
    assert len(schedule) == steps
    assert max(rate for rate, _ in schedule) <= TINY.peak_lr * 1.001


def test_too_few_photos_are_refused():
    with pytest.raises(InputError, match="two photos"):
        next(train(TINY, textures(1)))


# --- how good it is ------------------------------------------------------------------------------


def test_accuracies_by_hand():
    evaluation = bundle.evaluation_of(torch.tensor([[3, 1], [2, 4]]), ("cat", "dog"))
    assert evaluation.top1 == pytest.approx(0.7)  # 7 of 10
    assert evaluation.per_class == pytest.approx({"cat": 0.75, "dog": 4 / 6})
    assert evaluation.balanced == pytest.approx((0.75 + 4 / 6) / 2)
    assert evaluation.confusion == [[3, 1], [2, 4]]


def test_a_class_without_photos_does_not_count_in_the_balanced_accuracy():
    evaluation = bundle.evaluation_of(torch.tensor([[3, 1, 0], [0, 0, 0], [0, 0, 4]]), tuple("abc"))
    assert evaluation.balanced == pytest.approx((0.75 + 1) / 2)
    assert evaluation.per_class["b"] == 0


class SaysTheBrightestChannel(nn.Module):
    def forward(self, images):
        return images.mean(dim=(2, 3))


@pytest.mark.parametrize("batch", [1, 7, 128])
def test_accuracies_are_sklearns(batch):
    photos = PhotoSet(
        torch.randint(0, 256, (40, 3, 6, 6), generator=seeded(5), dtype=torch.uint8),
        torch.randint(0, 3, (40,), generator=seeded(6)),
        ("a", "b", "c"),
    )
    network = SaysTheBrightestChannel()
    wanted = Preprocessing(6, 4, IMAGENET.mean, IMAGENET.std)
    counts = loop.confusion_matrix(network, photos, preprocessing=wanted, batch=batch)
    cut = photos.pixels[:, :, 1:5, 1:5].double() / 255  # (6 - 4) / 2 = 1
    mean = torch.tensor(IMAGENET.mean, dtype=torch.float64).view(3, 1, 1)
    std = torch.tensor(IMAGENET.std, dtype=torch.float64).view(3, 1, 1)
    said = ((cut - mean) / std).mean((2, 3)).argmax(1)
    assert len(set(said.tolist())) > 1
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(photos.labels, said))
    evaluation = bundle.evaluation_of(counts, photos.classes)
    assert evaluation.top1 == pytest.approx(metrics.accuracy_score(photos.labels, said))
    balanced = metrics.balanced_accuracy_score(photos.labels, said)
    assert evaluation.balanced == pytest.approx(balanced)
    recalls = metrics.recall_score(photos.labels, said, average=None)
    assert list(evaluation.per_class.values()) == pytest.approx(list(recalls))


# --- the file that ships -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A network after an epoch, so that its batch norm has seen photos, and its bundle."""
    assets = tmp_path_factory.mktemp("assets")
    recipe, photos = replace(TINY, epochs=1), textures(34)
    network = new_network(recipe, 2)
    history = list(train(recipe, photos, network))
    rounded = bundle.rounded_to_half(network)
    evaluation = bundle.evaluate(rounded, photos, TINY.preprocessing)
    card = bundle.save_bundle(rounded, recipe, photos, evaluation, history, assets / "weights")
    return assets, network, rounded, card, (recipe, history, evaluation)


@pytest.fixture
def image():
    return torch.randn(3, 3, 32, 32, generator=seeded(8))


def logits_of(network, image):
    with torch.no_grad():
        return network(image)


def test_a_bundle_loads_as_the_network_that_was_measured(shipped, image, monkeypatch):
    assets, network, rounded, card, _ = shipped
    monkeypatch.setenv("VGG_VIZ_ASSETS", str(assets))
    assert card == assets / "weights" / "vgg11_bn.json"
    loaded = load_model(parse_model_name("vgg11_bn:bundled"))
    assert loaded.config == network.config
    assert loaded.classes == ("red", "green")
    assert loaded.preprocessing == TINY.preprocessing
    expected = logits_of(rounded, image)
    assert expected.std() > 1e-3
    torch.testing.assert_close(logits_of(loaded.network, image), expected, rtol=0, atol=0)
    exact = logits_of(network, image)
    assert not torch.equal(exact, expected), "rounding to fp16 was not felt"
    torch.testing.assert_close(exact, expected, rtol=0.02, atol=0.01)


def test_the_weights_alone_load_as_a_file_of_a_persons_own(shipped, image):
    assets, _, rounded, _, _ = shipped
    path = assets / "weights" / "vgg11_bn.safetensors"
    loaded = load_model(ModelName("vgg11_bn", "path", str(path)), allow_paths=True)
    assert loaded.classes == ("red", "green")
    assert loaded.preprocessing == TINY.preprocessing
    expected = logits_of(rounded, image)
    torch.testing.assert_close(logits_of(loaded.network, image), expected, rtol=0, atol=0)


def test_the_weights_are_stored_in_fp16(shipped):
    assets, _, rounded, _, _ = shipped
    with safe_open(assets / "weights" / "vgg11_bn.safetensors", framework="pt") as file:
        kinds = {name: file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert kinds.keys() == rounded.state_dict().keys()
    for name, kind in kinds.items():
        counted = name.endswith("num_batches_tracked")
        assert kind == (torch.int64 if counted else torch.float16)


def no_such_number(text):
    raise AssertionError(f"{text} is no JSON")


def test_the_card_tells_the_truth(shipped):
    assets, network, _, card, (recipe, history, evaluation) = shipped
    told = json.loads(card.read_text(), parse_constant=no_such_number)
    weights = (assets / "weights" / told["file"]).read_bytes()
    assert told["sha256"] == hashlib.sha256(weights).hexdigest()
    assert told["bytes"] == len(weights)
    assert told["parameters"] == sum(p.numel() for p in network.parameters())
    assert told["dtype"] == "float16"
    assert told["classes"] == ["red", "green"]
    assert told["recipe"] == json.loads(json.dumps(asdict(recipe)))
    assert told["validation"] == asdict(evaluation)
    assert told["history"] == [asdict(event) for event in history]
    read = bundled_cards(assets / "weights")["vgg11_bn"]
    assert (read.sha256, read.bytes, read.parameters) == (
        told["sha256"],
        told["bytes"],
        told["parameters"],
    )
    assert read.top1 == evaluation.top1
    assert read.config == network.config


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def photos_folder(tmp_path):
    for split, seed in (("train", 0), ("val", 1)):
        photos = textures(10, side=144, seed=seed)
        for index, (pixels, label) in enumerate(zip(photos.pixels, photos.labels, strict=True)):
            place = tmp_path / "photos" / split / photos.classes[label]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(place / f"{index}.jpg")
    return tmp_path / "photos"


@pytest.fixture
def run(monkeypatch, photos_folder, tmp_path):
    """Run the command on tiny recipes; its result and the folder it wrote to."""
    tiny = replace(TINY, photo_side=144, least_crop=96, batch=4)
    recipes = {"vgg11_bn": tiny, "vgg11": replace(tiny, network="vgg11")}
    monkeypatch.setattr(command, "BUNDLED", recipes)

    def run(*options, data=photos_folder):
        threads = str(torch.get_num_threads())
        line = ["--data", data, "--out", tmp_path / "out", "--threads", threads, *options]
        result = CliRunner().invoke(command.app, list(map(str, line)))
        return result, tmp_path / "out"

    return run


def test_the_command_trains_and_writes_what_loads(run, monkeypatch, caplog):
    with caplog.at_level(logging.INFO, logger="vgg_viz.training"):
        result, out = run("--only", "vgg11_bn", "--epochs", "1", "--peak-lr", "0.01")
    assert result.exit_code == 0, result.exception
    assert {file.name for file in out.iterdir()} == {"vgg11_bn.json", "vgg11_bn.safetensors"}
    told = json.loads((out / "vgg11_bn.json").read_text())
    assert (told["recipe"]["epochs"], told["recipe"]["peak_lr"]) == (1, 0.01)
    assert len(told["history"]) == 1
    assert np.sum(told["validation"]["confusion"]) == 10
    assert "top-1" in caplog.text
    monkeypatch.setenv("VGG_VIZ_ASSETS", str(out.parent))
    (out.parent / "weights").symlink_to(out, target_is_directory=True)
    assert load_model(parse_model_name("vgg11_bn:bundled")).classes == ("green", "red")


def test_the_command_keeps_no_weights_that_diverged(run):
    result, out = run("--only", "vgg11", "--epochs", "3", "--peak-lr", "1e15")
    assert isinstance(result.exception, VggVizError)
    assert "peak-lr" in str(result.exception)
    assert not out.exists()


def test_the_command_refuses_names_and_folders_that_do_not_exist(run, tmp_path):
    result, _ = run("--only", "vgg99")
    assert isinstance(result.exception, UnknownNameError)
    assert "vgg11_bn" in str(result.exception)
    result, _ = run(data=tmp_path / "nowhere")
    assert isinstance(result.exception, InputError)


def test_the_command_explains_itself_and_its_errors_are_one_line(tmp_path):
    line = [sys.executable, "-m", "vgg_viz.training"]
    root = Path(__file__).resolve().parent.parent
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}

    def output(*options):
        return subprocess.run(
            [*line, *options],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    helped = output("--help")
    assert helped.returncode == 0
    assert "--peak-lr" in helped.stdout
    refused = output("--data", str(tmp_path / "nowhere"))
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: ")
    assert "Traceback" not in refused.stderr
