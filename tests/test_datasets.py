"""What a live training learns from: the built-in sets, folders good and bad, seeded splits."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.models.configs import NETWORKS, build
from vgg_viz.training import datasets
from vgg_viz.training.datasets import (
    dataset_infos,
    input_side,
    listed_folders,
    load_dataset,
    offered_folders,
)


def photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def flowers(tmp_path):
    """Two classes of ten photos."""
    for name in ("rose", "tulip"):
        for index in range(10):
            photo(tmp_path / "flowers" / name / f"{index}.png", index)
    return tmp_path / "flowers"


def load(folder, **options):
    return load_dataset(
        "folder:flowers", side=32, folders=offered_folders([folder]), **{"seed": 0, **options}
    )


def test_generated_pictures_are_ready_at_their_own_side():
    split = load_dataset("shapes", side=64, folders={})
    assert split.training.pixels.shape == (4000, 3, 64, 64)
    assert split.training.pixels.dtype == torch.uint8
    assert split.validation.pixels.shape == (800, 3, 64, 64)
    assert len(split.training.classes) >= 8
    assert split.mirrored
    seen = {bytes(picture.numpy()) for picture in split.training.pixels}
    assert not seen & {bytes(picture.numpy()) for picture in split.validation.pixels}


def test_digits_are_scaled_grey_and_never_mirrored():
    split = load_dataset("digits", side=32, folders={}, seed=3)
    pixels = split.training.pixels
    assert pixels.shape[1:] == (3, 32, 32)
    assert len(split.training) + len(split.validation) == 1797
    assert torch.equal(pixels[:, 0], pixels[:, 2])
    assert int(pixels.max()) > 200
    assert not split.mirrored
    shares = torch.bincount(split.validation.labels) / torch.bincount(split.training.labels)
    assert ((shares > 0.2) & (shares < 0.3)).all(), "every class is split alike"
    again = load_dataset("digits", side=32, folders={}, seed=3)
    assert torch.equal(again.validation.pixels, split.validation.pixels)
    other = load_dataset("digits", side=32, folders={}, seed=4)
    assert not torch.equal(other.validation.pixels, split.validation.pixels)


def test_digits_are_the_ones_scikit_learn_has():
    from sklearn.datasets import load_digits

    split = load_dataset("digits", side=8, folders={})
    wanted = {bytes((image * (255 / 16)).astype(np.uint8)) for image in load_digits().images}
    assert {bytes(p[0].numpy()) for p in split.training.pixels} < wanted


def test_a_folder_is_split_by_class_without_a_photo_on_both_sides(flowers):
    split = load(flowers)
    assert split.training.classes == split.validation.classes == ("rose", "tulip")
    assert torch.bincount(split.training.labels).tolist() == [8, 8]
    assert torch.bincount(split.validation.labels).tolist() == [2, 2]
    assert split.notes == ()
    assert torch.equal(load(flowers).validation.pixels, split.validation.pixels)


def test_a_folder_with_train_and_val_is_taken_as_it_is(tmp_path):
    for part, count in (("train", 6), ("val", 3)):
        for name in ("rose", "tulip"):
            for index in range(count):
                photo(tmp_path / "flowers" / part / name / f"{index}.png", index)
    split = load(tmp_path / "flowers")
    assert (len(split.training), len(split.validation)) == (12, 6)


def test_broken_photos_are_left_out_and_named_without_the_servers_path(flowers):
    for name in ("rose/broken.jpg", "tulip/empty.png", "tulip/text.jpeg"):
        (flowers / name).write_bytes(b"" if "empty" in name else b"no picture")
    split = load(flowers)
    assert len(split.training) + len(split.validation) == 20
    (note,) = split.notes
    assert note == (
        "3 photos could not be read and were left out: rose/broken.jpg, tulip/empty.png, "
        "tulip/text.jpeg."
    )


def test_very_many_broken_photos_do_not_fill_the_page(flowers, monkeypatch):
    monkeypatch.setattr(datasets, "LISTED", 2)
    for index in range(5):
        (flowers / "rose" / f"broken{index}.jpg").write_bytes(b"no")
    (note,) = load(flowers).notes
    assert note.endswith("rose/broken0.jpg, rose/broken1.jpg and 3 more.")


def empty(folder):
    folder.mkdir()


def one_class(folder):
    for index in range(20):
        photo(folder / "rose" / f"{index}.png", index)


def too_few(folder):
    for index in range(3):
        photo(folder / "rose" / f"{index}.png", index)
        photo(folder / "tulip" / f"{index}.png", index)


def one_readable(folder):
    for index in range(9):
        photo(folder / "rose" / f"{index}.png", index)
        (folder / "tulip").mkdir(exist_ok=True)
        (folder / "tulip" / f"{index}.png").write_bytes(b"no picture")
    photo(folder / "tulip" / "0.png", 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (empty, r"flowers holds no photos; put photos into flowers/<class>/"),
        (one_class, r"flowers has one class, rose; put photos"),
        (too_few, r"flowers has 6 readable photos; training needs at least 8"),
        (one_readable, r"class tulip of flowers has 1 readable photos \(8 cannot be read\)"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_with_what_to_do(tmp_path, make, message):
    make(tmp_path / "flowers")
    with pytest.raises(InputError, match=message):
        load(tmp_path / "flowers")


def test_too_many_photos_are_refused_before_one_is_read(flowers, monkeypatch):
    monkeypatch.setattr(datasets, "MOST_PHOTOS", 19)
    with pytest.raises(InputError, match="holds 20 photos; offer one with 19 at most"):
        load(flowers)


def test_a_folder_that_has_gone_is_no_crash(flowers):
    named = offered_folders([flowers])
    flowers.rename(flowers.with_name("elsewhere"))
    with pytest.raises(InputError, match="flowers cannot be read"):
        load_dataset("folder:flowers", side=32, folders=named)


def test_folders_are_offered_by_name_only(flowers, tmp_path):
    (tmp_path / "other" / "flowers").mkdir(parents=True)
    named = offered_folders([flowers, tmp_path / "other" / "flowers", flowers])
    assert named == {
        "folder:flowers": flowers,
        "folder:flowers-2": tmp_path / "other" / "flowers",
    }
    assert [info.name for info in dataset_infos(named)] == ["shapes", "digits", *named]
    assert not any(str(tmp_path) in repr(info) for info in dataset_infos(named))
    for name in ("folder:/etc", f"folder:{flowers}", "folder:../flowers", str(flowers), "cifar"):
        with pytest.raises(UnknownNameError, match="choose one of: shapes, digits, folder:flowers"):
            load_dataset(name, side=32, folders=named)
    with pytest.raises(InputError, match="no folder"):
        offered_folders([tmp_path / "nowhere"])


def test_the_environment_lists_folders_as_a_path_does(flowers, tmp_path):
    listed = os.pathsep.join([str(flowers), "", str(tmp_path / "nowhere"), str(tmp_path)])
    assert listed_folders(listed) == (flowers, tmp_path)
    assert listed_folders("") == ()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("data", ["shapes", "digits", "folder:flowers"])
def test_every_network_gets_pictures_it_can_take(network, data):
    side = input_side(data, network)
    build(network, classes=2, input_size=side)
    assert side == (32 if data == "digits" and network.startswith("vgg") else 64)
