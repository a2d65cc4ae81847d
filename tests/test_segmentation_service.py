"""Labels from a real service with tiny nets; a region's score explained; command and API."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny_masks import make_masks
from vgg_viz import api
from vgg_viz.errors import InputError, UnknownNameError, VggVizError
from vgg_viz.models.registry import ModelName
from vgg_viz.models.weights import load_model
from vgg_viz.requests import (
    ExplainedRequest,
    RegionScore,
    SegmentationHeadsRequest,
    SegmentationRequest,
)
from vgg_viz.service import segmentation
from vgg_viz.service.segmentation import region_mean, scaled_photo
from vgg_viz.transfer.fcn import STRIDES
from vgg_viz.transfer.segmentation_cards import segmentation_cards
from vgg_viz.transfer.segmentation_data import CLASSES, load_split, normalised
from vgg_viz.transfer.segmentation_recipes import RECIPES
from vgg_viz.transfer.segmentation_training import evaluate, new_fcn
from vgg_viz.transfer.segmentation_weights import TrainedHead, load_fcn, save_head

MODEL = "vgg16:bundled"


@pytest.fixture(scope="module")
def heads(assets, tmp_path_factory):
    """Untrained heads with lively scores, shipped among the tiny assets."""
    photos = load_split(make_masks(tmp_path_factory.mktemp("masks"), 2) / "val")
    for network in ("vgg16", "zfnet_b"):
        loaded = load_model(ModelName(network, "bundled"))
        fcn = new_fcn(loaded.network)
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for layer in (fcn.trunk.score, *fcn.skips.values()):
                layer.weight.normal_(0, 3, generator=generator)
        made = TrainedHead(fcn, loaded, RECIPES[network], (), evaluate(fcn, photos), None)
        save_head(made, assets / "weights" / "transfer", 128)
    return segmentation_cards()


def png(pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_labels_are_those_of_the_nets_alone(service, heads):
    found = service.run(SegmentationRequest("vgg16", "cat"))
    assert max(found.photo.shape) == 128
    assert found.classes == CLASSES
    fcn = load_fcn(heads[MODEL], load_model(ModelName("vgg16", "bundled")))
    with torch.inference_mode():
        for net in found.nets:
            scores = fcn(normalised(found.photo[None]), net.stride)[0]
            wanted = scores.softmax(0).numpy()
            np.testing.assert_allclose(net.probabilities, wanted, atol=1e-5)
            assert not net.probabilities.flags.writeable
    assert [net.stride for net in found.nets] == list(STRIDES)
    assert len(np.unique(found.net(8).labels)) > 1
    assert [net.layer for net in found.nets] == ["fc7", "pool4", "pool3"]
    assert found.provenance.model == MODEL


def test_one_pass_serves_three_nets_and_is_kept(service, heads):
    before = service.health().forward_passes
    first = service.run(SegmentationRequest(MODEL, "dog"))
    assert service.run(SegmentationRequest(MODEL, "dog")) is first
    assert service.health().forward_passes == before + 1
    smaller = service.run(SegmentationRequest(MODEL, "dog", 96))
    assert max(smaller.photo.shape) == 96


def test_small_and_long_photos_are_labelled_and_told(service, heads):
    random = np.random.default_rng(0)
    small = service.put_image(png(random.integers(0, 255, (15, 20, 3), np.uint8))).id
    found = service.run(SegmentationRequest(MODEL, small))
    assert found.photo.shape == (96, 128, 3)
    assert "enlarged" in " ".join(found.notes)
    long = service.put_image(png(random.integers(0, 255, (30, 600, 3), np.uint8))).id
    found = service.run(SegmentationRequest("zfnet_b", long))
    assert found.photo.shape == (64, 128, 3)
    assert "middle" in " ".join(found.notes)


def test_a_photo_of_50_megapixels_keeps_its_shape(service, heads):
    """As the store keeps it: it is scaled when it arrives."""
    wide = Image.new("RGB", (8640, 5760), (90, 120, 60))
    out = io.BytesIO()
    wide.save(out, "JPEG")
    image = service.put_image(out.getvalue()).id
    assert service.run(SegmentationRequest(MODEL, image)).photo.shape == (85, 128, 3)


@pytest.mark.parametrize("size", [(20, 20), (192, 256), (257, 96), (3, 11), (9, 2000)])
def test_scaling_distorts_nothing(size):
    photo = np.zeros((*size, 3), np.uint8)
    pixels, _ = scaled_photo(photo, 256)
    assert max(pixels.shape[:2]) == 256
    wanted = max(64, 256 * min(size) / max(size))
    assert min(pixels.shape[:2]) == pytest.approx(wanted, abs=0.5)


def test_what_cannot_be_labelled(service, heads):
    with pytest.raises(UnknownNameError, match="zfnet_b:bundled"):
        service.run(SegmentationRequest("vgg16:random", "cat"))
    with pytest.raises(InputError, match="96 to 400"):
        service.run(SegmentationRequest(MODEL, "cat", 1000))


def test_heads_are_described_without_a_network(service, heads):
    found = service.run(SegmentationHeadsRequest())
    assert {head.model for head in found.heads} == {MODEL, "zfnet_b:bundled"}
    assert found.head(MODEL).skips == ("pool4", "pool3")
    assert found.differences == ()


def test_a_card_that_cannot_be_read_says_which(heads, tmp_path):
    card = heads[MODEL]
    text = card.path.with_suffix(".json").read_text()
    (tmp_path / "fcn_vgg16.json").write_text(text.replace('"longest"', '"longes"'))
    with pytest.raises(VggVizError, match=r"fcn_vgg16\.json.*reinstall"):
        segmentation_cards(tmp_path)


REGIONS = [(0.25, 0.5, 0.75, 0.9), (0.4, 0.6, 0.4, 0.6), (0.0, 0.0, 1.0, 1.0)]


@pytest.mark.parametrize("model", [MODEL, "zfnet_b:bundled"])
@pytest.mark.parametrize("region", REGIONS)
def test_a_regions_score_is_the_mean_over_its_pixels(service, heads, model, region):
    found = service.run(ExplainedRequest(model, "cat", RegionScore(region, 3)))
    photo = service.run(SegmentationRequest(model, "cat")).photo
    height, width = photo.shape[:2]
    loaded = load_model(ModelName(model.partition(":")[0], "bundled"))
    with torch.inference_mode():
        scores = load_fcn(heads[model], loaded)(normalised(photo[None]), 32)[0, 3]
    left, top, right, bottom = region
    rows = slice(
        min(int(top * height), height - 1),
        max(int(top * height) + 1, int(np.ceil(bottom * height))),
    )
    columns = slice(
        min(int(left * width), width - 1), max(int(left * width) + 1, int(np.ceil(right * width)))
    )
    assert found.score == pytest.approx(scores[rows, columns].mean().item(), abs=1e-3, rel=1e-4)
    assert found.target_name == "dog"
    assert str(width) in found.normalisation


def test_every_kind_of_method_explains_a_region(service, heads):
    for method in ("grad_cam", "gradient", "guided_backprop", "lrp", "integrated_gradients"):
        request = ExplainedRequest(MODEL, "cat", RegionScore(REGIONS[0], 2), method=method)
        found = service.run(request)
        assert np.isfinite(found.grid).all()
        assert found.grid.any(), method
    checks = dict(found.checks)  # of integrated gradients: complete
    assert checks
    with pytest.raises(InputError, match="shares"):
        service.run(ExplainedRequest(MODEL, "cat", RegionScore((0.5, 0, 0.4, 1), 2)))
    with pytest.raises(UnknownNameError, match="0 to 6"):
        service.run(ExplainedRequest(MODEL, "cat", RegionScore(REGIONS[0], 7)))


def test_the_mean_over_a_region_weighs_cells(heads):
    fcn = load_fcn(heads[MODEL], load_model(ModelName("vgg16", "bundled")))
    size = (96, 128)
    mean = region_mean(fcn, size, (0.1, 0.2, 0.6, 0.9))
    cells = fcn.cells(96) * fcn.cells(128)
    weights = mean.weight.view(7, 7, cells)
    assert weights.sum(2).numpy() == pytest.approx(np.eye(7), abs=1e-5)


def test_the_command_and_the_api(assets, heads, vgg, tmp_path, service):
    out, labels = tmp_path / "cat.png", tmp_path / "labels.png"
    code, said, told = vgg("segment", "cat", "--out", out, "--labels", labels, "--format", "json")
    assert (code, told) == (0, "")
    answer = json.loads(said)
    assert answer["written"] == [str(out), str(labels)]
    assert sum(answer["nets"][2]["share"].values()) == pytest.approx(1)
    found = api.segment("cat", service=service)
    with Image.open(labels) as image:
        assert (np.asarray(image) == found.net(8).labels).all()
    share = {name: float((found.net(16).labels == i).mean()) for i, name in enumerate(CLASSES)}
    assert answer["nets"][1]["share"] == pytest.approx(share)
    with Image.open(out) as image:
        assert image.size[0] == 4 * 332 + 12
    arrays = tmp_path / "cat.npz"
    code, said, _ = vgg("segment", "cat", "--model", "zfnet_b", "--longest", 96, "-o", arrays)
    assert code == 0
    assert "FCN-8s" in said
    with np.load(arrays) as kept:
        assert kept["probabilities_32s"].shape[0] == 7
    page = tmp_path / "cat.html"
    assert vgg("segment", "cat", "-o", page)[0] == 0
    assert "SHA-256" in page.read_text()
    code, _, told = vgg("segment", "cat", "--model", "vgg16:random", "-o", out)
    assert (code, "segmentation head" in told) == (2, True)
    assert vgg("segment", "cat", "-o", tmp_path / "cat.jpg")[0] == 2


def test_nets_are_forgotten_with_their_classifier(service, heads):
    service.run(SegmentationRequest(MODEL, "horse"))
    assert len(segmentation._nets) >= 1
    service._on_device(lambda executor: executor.forget())
    assert len(segmentation._nets) == 0
