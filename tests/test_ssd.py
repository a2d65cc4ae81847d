"""SSD300 beside our own heads: its file, what it finds, its command and its place on the page.

The published file is not at hand: one of its exact format, with random numbers, stands for it.
"""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.detection import SSD300_VGG16_Weights, ssd300_vgg16

from file_server import serve
from pages import at_page, opened, texts
from vgg_viz import figures
from vgg_viz.errors import CheckpointError, DownloadError, UnknownNameError, WeightsUnavailableError
from vgg_viz.images import load_samples
from vgg_viz.models import detectors, fetch
from vgg_viz.models.detectors import DETECTORS, SSD, detector_infos, published_file
from vgg_viz.models.registry import assets_folder
from vgg_viz.requests import PictureRequest, SSDRequest
from vgg_viz.transfer.ssd import classes, load_ssd, read_ssd

META = SSD300_VGG16_Weights.COCO_V1
THERE = replace(detector_infos()[0], available=True)


@pytest.fixture(scope="module")
def theirs():
    """torchvision's own module, every number drawn."""
    module = ssd300_vgg16(weights=None, weights_backbone=None).eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, value in module.named_parameters():
            fan_in = value[0].numel() if value.dim() > 1 else 400
            value.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            if "classification_head" in name:
                value.mul_(3)
        module.backbone.scale_weight.fill_(20)
    return module


@pytest.fixture(scope="module")
def published(theirs, tmp_path_factory):
    """A file as torchvision's, and where the registry has it from: (path, its folder)."""
    path = tmp_path_factory.mktemp("published") / DETECTORS[SSD].file.filename
    torch.save(theirs.state_dict(), path)
    return path


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache, and no other place to look."""
    monkeypatch.setenv("VGG_VIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(fetch, "DISK_RESERVE", 0)
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.fixture
def known(published, monkeypatch):
    """The registry knows our file's hash."""
    with published.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    entry = DETECTORS[SSD]
    source = replace(entry.file, digest=digest[:8], bytes=published.stat().st_size)
    monkeypatch.setitem(detectors.DETECTORS, SSD, replace(entry, file=source))
    return source


def photo():
    return load_samples(assets_folder() / "images")[0]


def test_the_registry_says_what_torchvisions_meta_says():
    entry = DETECTORS[SSD]
    assert entry.file.url == META.url
    assert entry.file.bytes == round(META.meta["_file_size"] * 2**20)
    assert META.meta["_metrics"] == {entry.measured_on: {"box_map": entry.box_map}}
    assert ("__background__", *classes()) == tuple(META.meta["categories"])
    assert published_file("vgg16:imagenet").filename == "vgg16-397923af.pth"
    with pytest.raises(UnknownNameError):
        published_file("ssd512:coco")


def test_boxes_are_torchvisions_own_bit_for_bit_and_nothing_is_left(theirs, published):
    before = torch.random.get_rng_state()
    detector = read_ssd(published)
    assert torch.equal(torch.random.get_rng_state(), before)
    module = detector.module
    kept = {name: value.clone() for name, value in module.state_dict().items()}
    pixels = np.random.default_rng(3).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    pixels.flags.writeable = False
    found = detector.detect(pixels)
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
    with torch.inference_mode():
        (expected,) = theirs([image])
    assert len(expected["boxes"]) > 20
    np.testing.assert_array_equal(found.boxes, expected["boxes"].numpy())
    np.testing.assert_array_equal(found.scores, expected["scores"].numpy())
    np.testing.assert_array_equal(found.labels + 1, expected["labels"].numpy())
    assert (found.labels >= 0).all()
    assert all(torch.equal(value, kept[name]) for name, value in module.state_dict().items())
    assert not module.training
    assert not any(each.requires_grad or each.grad is not None for each in module.parameters())
    assert not any(each.is_meta for each in module.parameters())
    relus = [each for each in module.modules() if isinstance(each, nn.ReLU)]
    assert len(relus) > 13
    assert not any(each.inplace for each in relus)
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in module.modules())


def test_a_foreign_file_says_what_does_not_fit(tmp_path, theirs):
    path = tmp_path / "mine.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    with pytest.raises(CheckpointError, match=r"does not fit(?s:.*)missing(?s:.*)not of SSD300"):
        read_ssd(path)
    state = dict(theirs.state_dict())
    state["backbone.scale_weight"] = torch.full((511,), torch.nan)
    name = "head.classification_head.module_list.0.bias"
    state[name] = state[name].half()
    torch.save(state, path)
    with pytest.raises(CheckpointError) as told:
        read_ssd(path)
    assert "1 of the wrong shape: backbone.scale_weight" in str(told.value)
    assert f"1 not float32: {name}" in str(told.value)
    assert "1 with NaN or infinite values" in str(told.value)


def test_a_cut_file_and_a_wrong_hash_are_told(cache, published, known):
    with pytest.raises(WeightsUnavailableError, match=r"not on this machine(?s:.*)ssd300_vgg16"):
        load_ssd()
    kept = cache / known.filename
    kept.write_bytes(published.read_bytes()[: 10**6])
    with pytest.raises(WeightsUnavailableError, match="damaged or of another version"):
        load_ssd()
    with pytest.raises(CheckpointError, match="damaged"):
        read_ssd(kept)


def test_a_download_that_is_cut_goes_on_and_another_file_is_refused(
    cache, published, known, tmp_path
):
    there, stop = serve(tmp_path / "served")
    try:
        (there.folder / known.filename).symlink_to(published)
        source = replace(known, url=f"{there.url}/{known.filename}")
        there.cuts = [5 * 10**6]
        with pytest.raises(DownloadError):
            fetch.fetch(source)
        assert not (cache / known.filename).exists()
        assert fetch.fetch(source) == cache / known.filename
        assert "range" in there.requests[-1]
        assert load_ssd().digest.startswith(known.digest)
        (cache / known.filename).unlink()
        with pytest.raises(DownloadError, match="is not that file"):
            fetch.fetch(replace(source, digest="0" * 8))
    finally:
        stop()


def test_the_command_writes_what_the_service_finds(cache, published, known, vgg, tmp_path):
    out = tmp_path / "found.json"
    code, _, said = vgg("detect", "cat", "--way", "ssd", "-o", out, "--device", "cpu")
    assert code
    assert "vgg-viz weights fetch ssd300_vgg16" in said
    (cache / known.filename).symlink_to(published)
    words = ("detect", "cat", "--way", "ssd", "-o", out, "--device", "cpu", "--least", "0.02")
    code, said, _ = vgg(*words, "--format", "json")
    assert code == 0
    told = json.loads(said)
    assert told["provenance"]["weights"] == "COCO weights (torchvision COCO_V1)"
    written = json.loads(out.read_text())
    assert len(written["categories"]) == 90
    assert written["categories"][16] == {"id": 17, "name": "cat"}  # COCO's own id
    assert len(written["annotations"]) == len(told["objects"]) > 0
    assert vgg("detect", "cat", "--way", "ssd", "-o", tmp_path / "found.npz")[0] == 2


# --- the page ------------------------------------------------------------------------------------


def ssd_asked(fake):
    return [asked for asked in fake.asked if isinstance(asked, SSDRequest)]


def test_without_weights_a_line_and_a_button_that_fetches(app, fake):
    fake.detectors = (replace(THERE, available=False),)
    fake.fetch_error = "download.pytorch.org cannot be reached."
    at_page(app, "detection", ssd="on")
    assert "SSD300 on VGG-16 (torchvision's COCO weights)" in texts(app)
    assert ssd_asked(fake) == []
    button = app.button(key="ssd_fetch")
    assert button.label == "Fetch its weights (136 MB)"
    button.click().run()
    wait(app, fake)
    assert any("cannot be reached" in each.value for each in app.error)
    fake.fetch_error = ""
    app.button(key="ssd_retry").click().run()
    wait(app, fake)
    assert app.toggle(key="detection_ssd").value
    fake.asked.clear()  # the page ran as often as its progress was looked at
    app.run()
    assert ssd_asked(fake) == [SSDRequest("cat")]


def wait(app, fake):
    """Until the fetch has ended and the page shows it."""
    (job,) = fake.jobs.values()
    while not job.final:
        app.run()
    opened(app)
    assert not app.exception


def test_with_weights_its_boxes_are_named_as_what_they_are(app, fake):
    fake.detectors = (THERE,)
    at_page(app, "detection")
    assert ssd_asked(fake) == []
    app.toggle(key="detection_ssd").set_value(True).run()
    assert not app.exception
    assert "on" in app.query_params["ssd"]
    assert ssd_asked(fake) == [SSDRequest("cat")]
    shown = texts(app)
    for words in ("COCO weights", "full-size VGG-16", "300 px", "not comparable to our heads"):
        assert words in shown
    assert "Box mAP 25.1 on COCO-val2017 (torchvision, meta of" in shown


def test_a_damaged_file_is_told_with_the_button(app, fake):
    fake.detectors = (THERE,)
    fake.errors[SSDRequest] = WeightsUnavailableError("damaged; fetch")
    at_page(app, "detection", ssd="on")
    assert [each.value for each in app.error] == ["damaged; fetch"]
    assert app.button(key="ssd_fetch").label.startswith("Fetch")


def test_the_frame_holds_sure_boxes_alone(fake):
    found, picture = fake.run(SSDRequest("cat")), fake.run(PictureRequest("cat", size=120))
    for least, names in ((0.5, ["dog"]), (0.2, ["car", "dog"]), (0.95, [])):
        header, parts = figures.unpack(figures.ssd_frame(picture, found, "SSD", least=least))
        assert (header["fixed"], header["count"], header["classes"]) == (True, len(names), names)
        assert len(parts["refined"]) == 16 * len(names) ** 2
        scores = np.frombuffer(parts["scores"], "<f4")
        np.testing.assert_array_equal(scores[scores >= 0], found.scores[found.scores >= least])
