"""The gallery: made of tiny networks, read back, and the one that ships."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vgg_viz.errors import InputError, UnknownNameError, VggVizError
from vgg_viz.feature_vis import gallery as making
from vgg_viz.feature_vis.gallery import Settings, best_of, make, plans, random_patches
from vgg_viz.images import load_samples
from vgg_viz.models.gallery import gallery_of
from vgg_viz.models.registry import assets_folder, bundled_cards, parse_model_name
from vgg_viz.models.weights import load_model

QUICK = Settings(steps=3, small_steps=3, precision="fp32")


@pytest.fixture(scope="module")
def model(assets):
    return load_model(parse_model_name("vgg11_bn:bundled"))


@pytest.fixture(scope="module")
def patches(model):
    photos = [assets_folder() / "images" / name for name in ("cat.jpg", "forest.jpg")]
    return random_patches(photos, 5, model.config.input_size)


@pytest.fixture(scope="module")
def folder(model, patches, tmp_path_factory):
    made = tmp_path_factory.mktemp("gallery")
    make(model, made, QUICK, patches)
    return made


def test_what_is_made_is_read_back(model, folder):
    gallery = gallery_of("vgg11_bn", folder)
    assert gallery is not None
    assert gallery.matches(model.digest)
    assert not gallery.matches("0" * 64)
    assert list(gallery.layers) == [*model.config.convs, "fc8"]
    assert gallery.settings["steps"] == "3 (3 up to 48 px, and for classes)"
    for plan in plans(model):
        layer = gallery.layers[plan.layer]
        sheet = gallery.layer_sheet(plan.layer)
        assert sheet.shape == (plan.channels, plan.side, plan.side, 3)
        assert layer.values.shape == layer.photo_values.shape == (plan.channels,)
        assert (layer.photos, layer.size, layer.objective) == (5, plan.size, plan.objective)
        assert not sheet.flags.writeable
        np.testing.assert_array_equal(gallery.tile(plan.layer, 1), sheet[1])
    assert gallery.layers["conv2_1"].row == "bn2_1"
    assert gallery.has("conv1_1")
    assert not gallery.has("conv9_9")


def test_tiles_are_the_optimised_pictures(model, folder):
    """Each tile is the picture of its own channel, but for the WebP's losses."""
    plan = next(plan for plan in plans(model) if plan.layer == "conv4_1")
    pixels, values = making._pictures(model, model.network, plan, range(plan.channels), QUICK)
    gallery = gallery_of("vgg11_bn", folder)
    tiles = gallery.layer_sheet("conv4_1").astype(float)
    errors = np.abs(tiles[:, None] - pixels[None]).mean((2, 3, 4))
    np.testing.assert_array_equal(errors.argmin(1), np.arange(plan.channels))
    np.testing.assert_allclose(gallery.layers["conv4_1"].values, values, atol=1e-3)


def test_a_run_goes_on_where_it_was_interrupted(model, folder, tmp_path, monkeypatch):
    made = []
    true = making._pictures

    def counted(model, working, plan, *rest):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(plan.layer)
        return true(model, working, plan, *rest)

    monkeypatch.setattr(making, "_pictures", counted)
    with pytest.raises(KeyboardInterrupt):
        make(model, tmp_path, QUICK)
    assert list(gallery_of("vgg11_bn", tmp_path).layers) == made
    monkeypatch.setattr(making, "_pictures", true)
    make(model, tmp_path, QUICK, most_channels=2)
    gallery = gallery_of("vgg11_bn", tmp_path)
    assert gallery.layers["conv1_1"].channels == 4  # kept
    assert gallery.layers["conv5_2"].channels == 2
    assert gallery.layers["conv5_2"].photo_values is None
    assert not list(tmp_path.rglob("*.part"))
    make(model, tmp_path, dataclasses.replace(QUICK, seed=1), most_channels=1)  # all made again
    assert {layer.channels for layer in gallery_of("vgg11_bn", tmp_path).layers.values()} == {1}


def test_the_best_photo_equals_one_pass_after_the_other(model, patches):
    best = best_of(model, 64, patches)
    mean = torch.tensor(model.preprocessing.mean).view(3, 1, 1)
    deviation = torch.tensor(model.preprocessing.std).view(3, 1, 1)
    found = []
    for patch in patches:
        top = (patch.shape[0] - 64) // 2
        square = torch.from_numpy(patch[top : top + 64, top : top + 64].copy()).permute(2, 0, 1)
        maps = ((square / 255 - mean) / deviation)[None]
        for name, module in model.network.named_children():
            with torch.no_grad():
                maps = module(maps)
            if name == "bn5_1":
                break
        found.append(maps[0].mean((1, 2)))
    torch.testing.assert_close(best["bn5_1"], torch.stack(found).amax(0), rtol=1e-4, atol=1e-5)


def test_patches_are_squares_of_the_photos(tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(photo).save(tmp_path / "a.png")
    found = random_patches([tmp_path / "a.png"], 7, 16, seed=3)
    windows = np.lib.stride_tricks.sliding_window_view(photo, (16, 16, 3)).reshape(-1, 16, 16, 3)
    assert len(found) == 7
    assert all((windows == patch).all((1, 2, 3)).any() for patch in found)
    assert [p.tolist() for p in random_patches([tmp_path / "a.png"], 7, 16, seed=3)] == [
        p.tolist() for p in found
    ]
    (large,) = random_patches([tmp_path / "a.png"], 1, 64)
    assert large.shape == (64, 64, 3)
    with pytest.raises(InputError, match="no photos"):
        random_patches([], 1, 16)


# --- reading -------------------------------------------------------------------------------------


def test_no_gallery_is_none(tmp_path):
    assert gallery_of("vgg16", tmp_path) is None


def test_what_is_not_there_is_named(folder):
    gallery = gallery_of("vgg11_bn", folder)
    with pytest.raises(UnknownNameError, match="conv9"):
        gallery.layer_sheet("conv9")
    for channel in (-1, 99):
        with pytest.raises(UnknownNameError, match="channels 0 to 3"):
            gallery.tile("conv1_1", channel)


@pytest.mark.parametrize("damage", ["{", '{"format": 9}', "[]", '{"format": 1, "layers": {}}'])
def test_a_damaged_index_is_told(tmp_path, damage):
    (tmp_path / "vgg16.json").write_text(damage)
    with pytest.raises(VggVizError, match="make gallery"):
        gallery_of("vgg16", tmp_path)


def test_a_damaged_atlas_is_told(folder, tmp_path):
    document = json.loads((folder / "vgg11_bn.json").read_text())
    (tmp_path / "vgg11_bn.json").write_text(json.dumps(document))
    (tmp_path / "vgg11_bn").mkdir()
    gallery = gallery_of("vgg11_bn", tmp_path)
    with pytest.raises(VggVizError, match="make gallery"):
        gallery.tile("conv1_1", 0)
    (tmp_path / "vgg11_bn" / "conv1_1.webp").write_bytes(b"RIFF no picture")
    with pytest.raises(VggVizError, match="make gallery"):
        gallery.tile("conv1_1", 0)
    Image.new("RGB", (32, 32)).save(tmp_path / "vgg11_bn" / "conv1_1.webp", "WEBP")
    with pytest.raises(VggVizError, match="too few"):
        gallery.tile("conv1_1", 0)


def test_a_gallery_that_was_made_again_is_read_again(folder, tmp_path):
    path = tmp_path / "vgg11_bn.json"
    document = json.loads((folder / "vgg11_bn.json").read_text())
    path.write_text(json.dumps(document))
    first = gallery_of("vgg11_bn", tmp_path)
    assert gallery_of("vgg11_bn", tmp_path) is first
    path.write_text(json.dumps(document | {"digest": "f" * 64}))
    os.utime(path, ns=(1, 1))
    assert gallery_of("vgg11_bn", tmp_path).matches("f" * 64)


def test_reading_needs_no_torch():
    program = "import sys; import vgg_viz.models.gallery; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# --- the one that ships --------------------------------------------------------------------------

SHIPPED = Path(__file__).resolve().parents[1] / "assets"


@pytest.mark.parametrize("network", ["vgg11", "vgg16", "vgg16_bn", "zfnet_b"])
def test_the_shipped_gallery_is_of_the_shipped_weights_and_whole(network):
    gallery = gallery_of(network, SHIPPED / "gallery")
    card = bundled_cards(SHIPPED / "weights")[network]
    assert gallery is not None
    assert gallery.matches(card.sha256)
    for conv in card.config.convs:
        assert gallery.layers[conv].channels == card.config.layer(conv).out
    assert gallery.layers["fc8"].channels == len(card.classes)
    for layer in gallery.layers:
        sheet = gallery.layer_sheet(layer)
        assert sheet.std() > 20
    deep = gallery.layers[card.config.convs[-1]]
    assert np.mean(deep.values > deep.photo_values) > 0.95
    gallery._sheets.clear()


def test_the_shipped_gallery_is_at_most_15_mb():
    files = [path for path in (SHIPPED / "gallery").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) <= 15e6
    assert {path.suffix for path in files} <= {".json", ".webp"}


def test_optimised_pictures_beat_photos():
    """Three channels at three depths against 600 patches of the bundled photos, same size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VGG_VIZ_ASSETS", str(SHIPPED))
        model = load_model(parse_model_name("vgg16:bundled"))
        photos = [sample.file for sample in load_samples(SHIPPED / "images")]
    patches = random_patches(photos, 600, 32)
    best = best_of(model, 32, patches)
    by_layer = {plan.layer: plan for plan in plans(model)}
    for layer, channel in (("conv2_1", 1), ("conv2_2", 4), ("conv3_1", 10)):
        plan = by_layer[layer]
        settings = Settings(small_steps=96, precision="fp32")
        _, values = making._pictures(
            model, model.network, plan, range(channel, channel + 1), settings
        )
        assert values[0] > best[layer][channel] > 0
