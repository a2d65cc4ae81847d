"""The file of an index of patches: read back as written, refused when damaged, replaced at once."""

import json

import numpy as np
import pytest

from vgg_viz import patch_index
from vgg_viz.errors import InputError
from vgg_viz.patch_index import NONE, ImageStamp, IndexKey, LayerTop, PatchIndex

KEY = IndexKey("a" * 64, "resized to 8 px", "/photos")
IMAGES = (ImageStamp("a.jpg", 10, 5), ImageStamp("wide/é 2.png", 2**40, 2**62))
BROKEN = (ImageStamp("b.jpg", 0, 1),)


def example(images=IMAGES):
    values = np.array([[2.5, -np.inf], [1.0, 0.5]], np.float32)
    numbers = np.array([[1, NONE], [0, 1]], np.int32)
    places = np.array([[3, 0], [300, 4]], np.int16)
    top = LayerTop(values, numbers, places, places[::-1].copy())
    return PatchIndex(KEY, images, BROKEN, {"conv1": top, "conv2": top})


def same(one: PatchIndex, other: PatchIndex) -> None:
    assert (one.key, one.images, one.broken) == (other.key, other.images, other.broken)
    assert list(one.layers) == list(other.layers)
    for layer, top in one.layers.items():
        for part in ("values", "images", "rows", "columns"):
            mine, theirs = getattr(top, part), getattr(other.layers[layer], part)
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("compressed", [False, True])
def test_an_index_is_read_back_as_it_was_written(tmp_path, compressed):
    path = tmp_path / "new folder" / "index.npz"
    patch_index.write(path, example(), compressed=compressed)
    same(patch_index.read(path), example())
    assert [each.name for each in path.parent.iterdir()] == ["index.npz"]


def test_no_file_is_no_index(tmp_path):
    assert patch_index.read(tmp_path / "index.npz") is None


def test_a_file_cut_anywhere_or_of_something_else_is_damaged(tmp_path):
    path = tmp_path / "index.npz"
    patch_index.write(path, example())
    whole = path.read_bytes()
    for data in (b"", b"hello", whole[: len(whole) // 3], whole[:-30]):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"index\.npz is damaged"):
            patch_index.read(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda about, arrays: about.update(format=99),
        lambda about, arrays: about.pop("key"),
        lambda about, arrays: about["images"].pop(),
        lambda about, arrays: about["layers"].append("conv9"),
        lambda about, arrays: arrays.update({"conv1.rows": np.zeros((2, 2))}),
        lambda about, arrays: arrays.update({"conv1.values": np.zeros((2, 3), np.float32)}),
        lambda about, arrays: arrays["conv1.images"].__setitem__((0, 0), -7),
        lambda about, arrays: arrays.update({"conv1.values": np.array([[object()]])}),
    ],
)
def test_contents_that_do_not_fit_are_damaged(tmp_path, spoil):
    path = tmp_path / "index.npz"
    patch_index.write(path, example())
    with np.load(path) as data:
        arrays = {name: data[name] for name in data.files}
    about = json.loads(str(arrays.pop("about")))
    spoil(about, arrays)
    np.savez(path, about=np.array(json.dumps(about)), **arrays)
    with pytest.raises(InputError, match="damaged"):
        patch_index.read(path)


def test_a_write_that_fails_leaves_the_old_index(tmp_path):
    path = tmp_path / "index.npz"
    patch_index.write(path, example())
    (tmp_path / "full").write_text("a file, no folder")
    with pytest.raises(InputError, match="cannot be written"):
        patch_index.write(tmp_path / "full" / "index.npz", example())
    same(patch_index.read(path), example())


def test_numbers_follow_the_names_into_another_list():
    layers = patch_index.renumbered(example(), {"a.jpg": 7, "wide/é 2.png": 0})
    np.testing.assert_array_equal(layers["conv1"].images, [[0, NONE], [7, 0]])
