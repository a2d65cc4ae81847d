"""Where many pictures come from: names in order, crops that cover a photo, places in it."""

import os
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vgg_viz import patch_index
from vgg_viz.errors import ImageError, InputError, UnknownNameError
from vgg_viz.images import decode, load_samples
from vgg_viz.models.registry import assets_folder, bundled_cards
from vgg_viz.patch_index import ImageStamp
from vgg_viz.preprocessing import IMAGENET, Preprocessing, crop_box, prepare
from vgg_viz.service import indexes, photo_sources
from vgg_viz.service.photo_sources import PhotoFolder, in_turn, natural, photo_source
from vgg_viz.service.shipped_indexes import write_indexes

SMALL = Preprocessing(10, 8, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def samples():
    return photo_source("samples", {}, allow_paths=False)


def test_names_are_ordered_as_people_count():
    names = ["b", "a10", "a2", "A3", "a", "2/x", "10/x", "a2b"]
    assert sorted(names, key=natural) == ["2/x", "10/x", "a", "a2", "a2b", "A3", "a10", "b"]


@given(st.lists(st.text(max_size=12), max_size=20))
def test_any_names_have_an_order(names):
    ordered = sorted(names, key=natural)
    backwards = ordered[::-1]
    assert sorted(backwards, key=natural) == ordered


def test_a_folder_lists_pictures_and_nothing_else(tmp_path):
    for name in ("a/2.jpg", "a/10.JPG", "b.png", ".hidden/c.png", "text.txt", "a/.d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "around").symlink_to(tmp_path)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")  # opening it would wait for ever
    listed = PhotoFolder(tmp_path, "photos").listed()
    assert [stamp.name for stamp in listed] == ["a/2.jpg", "a/10.JPG", "b.png"]
    assert {stamp.size for stamp in listed} == {5}


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(photo_sources, "MOST_FILES", 2)
    for number in range(3):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(InputError, match="more than 2 pictures"):
        PhotoFolder(tmp_path, "photos").listed()


def test_a_file_that_went_or_is_too_large_cannot_be_read(tmp_path, monkeypatch):
    folder = PhotoFolder(tmp_path, "photos")
    with pytest.raises(ImageError, match=r"a\.png cannot be read"):
        folder.read("a.png", SMALL)
    assert folder.stamp("a.png") is None
    assert folder.stamp("nul\0.png") is None
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    assert folder.read("a.png", SMALL).shape == (3, 8, 8)
    monkeypatch.setattr(photo_sources, "MAX_BYTES", 10)
    with pytest.raises(ImageError):
        folder.read("a.png", SMALL)


def test_sub_folders_take_turns():
    stamps = tuple(ImageStamp(name, 0, 0) for name in ("a/1", "a/2", "a/3", "b/1", "c", "d"))
    names = [stamp.name for stamp in in_turn(stamps)]
    assert names == ["a/1", "b/1", "c", "a/2", "d", "a/3"]


def test_sources_by_name(tmp_path):
    folders = {"folder:x": tmp_path}
    assert photo_source("folder:x", folders, allow_paths=False).title == "x"
    assert photo_source(str(tmp_path), {}, allow_paths=True).key == str(tmp_path)
    with pytest.raises(UnknownNameError, match="samples, folder:x"):
        photo_source(str(tmp_path), folders, allow_paths=False)
    with pytest.raises(InputError, match="There is no folder"):
        photo_source("nowhere", {}, allow_paths=True)
    assert photo_sources.source_key("~nobody-of-this-name/x", {})


@pytest.mark.parametrize(("length", "side"), [(100, 100), (100, 50), (640, 299), (7, 2), (5, 1)])
def test_crops_cover_the_whole_length(length, side):
    starts = photo_sources._starts(length, side)
    assert starts[0] == 0
    assert starts[-1] + side == length
    assert all(b - a <= side for a, b in pairwise(starts))


def test_the_whole_sample_is_what_a_network_sees_of_it():
    source = samples()
    photo = decode((assets_folder() / "images" / "cat.jpg").read_bytes())
    np.testing.assert_array_equal(source.read("cat, whole", SMALL), prepare(photo.pixels, SMALL))
    assert source.place("cat, whole", SMALL, 3.5, 3.5) == pytest.approx((0.5, 0.5))
    assert source.place("cat, whole", SMALL, -0.5, 7.5) == pytest.approx((1, 0))
    assert source.place("nothing", SMALL, 0, 0) is None


def test_a_crop_is_that_part_of_the_photo():
    source = samples()
    photo = decode((assets_folder() / "images" / "cat.jpg").read_bytes()).pixels
    height, width = photo.shape[:2]
    side = round(0.5 * min(height, width))
    part = photo[height - side :, width - side :]
    crops = [s.name for s in source.listed() if source.group(s.name) == "cat"]
    last = [name for name in crops if "50%" in name][-1]
    expected = Image.fromarray(part).resize((8, 8), Image.Resampling.BILINEAR)
    found = source.read(last, SMALL) * 0.25 + 0.5
    np.testing.assert_allclose(found.transpose(1, 2, 0) * 255, np.asarray(expected), atol=1e-3)
    x, y = source.place(last, SMALL, 3.5, 3.5)
    left, top, right, bottom = crop_box(width, height, SMALL)
    assert x == pytest.approx(min(1, (width - side / 2 - left) / (right - left)))
    assert y == pytest.approx(min(1, (height - side / 2 - top) / (bottom - top)))


def test_every_crop_belongs_to_its_photo():
    source = samples()
    photos = {sample.name for sample in load_samples(assets_folder() / "images")}
    listed = source.listed()
    assert {source.sample(stamp.name) for stamp in listed} == photos
    assert {source.group(stamp.name) for stamp in listed} == photos
    assert len(listed) > 15 * len(photos)
    assert all(source.stamp(stamp.name) == stamp for stamp in listed)


# --- what ships ----------------------------------------------------------------------------------


def test_shipped_indexes_are_of_the_shipped_weights_and_photos():
    listed, total = samples().listed(), 0
    assert set(bundled_cards()) >= {"vgg16", "zfnet_b"}
    for network, card in bundled_cards().items():
        path = indexes.shipped_path(network)
        index = patch_index.read(path)
        total += path.stat().st_size
        assert index.key.weights == card.sha256
        assert index.key.preprocessing == card.preprocessing.describe()
        assert index.images == listed
        assert list(index.layers) == list(card.config.convs)
        for top in index.layers.values():
            for row in top.images:
                photos = [listed[i].name.partition(",")[0] for i in row if i >= 0]
                assert len(set(photos)) == len(photos) >= 9
    assert total < 2**20


def test_an_index_that_is_shipped_can_be_made_again(assets, tmp_path):
    """With a tiny network: the real ones take a minute."""
    (path,) = write_indexes(tmp_path, ["zfnet_b"])
    assert path == tmp_path / "zfnet_b.npz"
    index = patch_index.read(path)
    assert index.key.weights == bundled_cards()["zfnet_b"].sha256
    assert len(index.images) == len(samples().listed())


def test_imagenet_weights_have_no_shipped_index():
    name = indexes.parse_model_name("vgg16:imagenet")
    key = patch_index.IndexKey("0" * 64, IMAGENET.describe(), "samples")
    assert indexes.shipped(name, key) is None
