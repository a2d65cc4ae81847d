"""Detection asked of the real service with tiny networks: studies, one box, maps of its score."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from benchmarks import detection as bench
from benchmarks.measure import Timing
from tests.small_heads import CLASSES, make_heads
from vgg_viz import api
from vgg_viz.attribution.methods import METHODS
from vgg_viz.capture import inspect
from vgg_viz.errors import InputError, JobError, UnknownNameError
from vgg_viz.requests import (
    BoxScore,
    DetectedRegionRequest,
    DetectionCardRequest,
    DetectionJob,
    ExplainedRequest,
)
from vgg_viz.service import detection, explained
from vgg_viz.transfer import boxes

MODELS = ("zfnet_b:bundled", "vgg16:bundled")
ONE = Timing((1.0,))
BOX = (30.0, 20.0, 200.0, 180.0)


@pytest.fixture(scope="module", autouse=True)
def heads(assets):
    """Random heads of two of the three bundled networks."""
    for name in MODELS:
        make_heads(assets, name.partition(":")[0])


@pytest.fixture(scope="module")
def found(service):
    """R-CNN's and Fast R-CNN's answers for a photo."""
    return {
        way: service.run(DetectionJob("vgg16:bundled", "cat", way, proposals=40))
        for way in ("rcnn", "fast")
    }


def photo_of(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_both_ways_score_the_same_proposals(found):
    slow, fast = found["rcnn"], found["fast"]
    np.testing.assert_array_equal(slow.boxes, fast.boxes)
    assert slow.complete
    assert len(slow.boxes) == slow.passes == 40
    assert fast.passes == 1
    assert slow.classes == CLASSES
    for each in (slow, fast):
        assert each.scores.shape == (40, 3)
        assert each.refined.shape == (40, 3, 4)
        assert np.isfinite(each.scores).all()
        assert each.scores.std() > 0.05
        assert (each.refined >= 0).all()
        assert (each.refined <= [each.width, each.height] * 2).all()
        assert each.search_seconds > 0
    assert np.abs(slow.scores - fast.scores).max() > 0.01


def test_objects_are_suppressed_class_by_class_and_refined(found):
    one = found["rcnn"]
    least, overlap = float(np.median(one.scores)), 0.4
    objects = one.objects(least, overlap)
    assert objects
    for label in range(3):
        sure = one.scores[:, label] >= least
        numbers = np.flatnonzero(sure)
        kept = boxes.suppressed(one.boxes[sure].astype(float), one.scores[sure, label], overlap)
        expected = numbers[kept].tolist()
        assert one.kept(label, least, overlap).tolist() == expected
        assert [each.proposal for each in objects if each.label == label] == expected
    assert [each.score for each in objects] == sorted(each.score for each in objects)[::-1]
    first = objects[0]
    np.testing.assert_allclose(first.box, one.refined[first.proposal, first.label])
    assert one.objects(least=99.0) == ()


def test_a_study_shows_what_it_has_so_far(service, found):
    job = DetectionJob("vgg16:bundled", "cat", "rcnn", proposals=40)

    def stepwise(executor):
        study = detection.begin(executor, job, (service._photos.get("cat"),))
        assert study.result(executor) is None
        assert study.share is None
        seen = []
        while not study.finished:
            study.advance(executor)
            seen.append((study.result(executor), study.share, study.words))
        return seen

    seen = service._on_device(stepwise)
    assert [one.done for one, _, _ in seen] == [0, 16, 32, 40]
    assert [share for _, share, _ in seen] == [0, 0.4, 0.8, 1]
    first, second, last = seen[0][0], seen[1][0], seen[-1][0]
    assert np.isnan(first.scores).all()
    assert not first.complete
    assert first.objects(-9.0) == ()
    assert np.isnan(second.scores).all(1).tolist() == [False] * 16 + [True] * 24
    np.testing.assert_allclose(last.scores, found["rcnn"].scores, atol=1e-5)
    assert seen[-1][2].startswith("40 of 40 proposals")


@pytest.mark.parametrize("size", [(20, 20), (240, 320)])
def test_a_photo_of_one_colour_has_no_proposals_and_no_objects(service, size):
    image = service.put_image(photo_of(np.full((*size, 3), (200, 30, 30), np.uint8))).id
    for way in ("rcnn", "fast"):
        one = service.run(DetectionJob("vgg16:bundled", image, way))
        assert one.boxes.shape == (0, 4)
        assert one.complete
        assert one.objects(-9.0) == ()
        assert "no region" in one.notes[0]


def test_a_photo_of_20_px_is_searched(service):
    pixels = np.full((20, 20, 3), 240, np.uint8)
    pixels[5:15, 4:12] = (200, 20, 20)
    image = service.put_image(photo_of(pixels)).id
    one = service.run(DetectionJob("vgg16:bundled", image, "fast"))
    assert len(one.boxes) > 0
    assert (one.width, one.height) == (20, 20)
    assert one.boxes.max() <= 20


def test_one_box_is_the_score_of_its_proposal(service, found):
    for way, whole in found.items():
        number, label = 7, 1
        box = tuple(whole.boxes[number].tolist())
        one = service.run(DetectedRegionRequest("vgg16:bundled", "cat", box, label, way, count=5))
        np.testing.assert_allclose(one.scores, whole.scores[number], atol=1e-4)
        np.testing.assert_allclose(one.refined, whole.refined[number, label], atol=0.05)
        shares = [each.share for each in one.features]
        assert len(shares) == 5
        assert sum(shares) + one.others + one.bias == pytest.approx(one.scores[label], abs=1e-4)
        assert np.abs(shares).tolist() == sorted(np.abs(shares).tolist())[::-1]
        assert one.crop.shape == (64, 64, 3)
        assert one.picture.pixels.shape == (192, 192, 3)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("method", ["grad_cam", "occlusion", "integrated_gradients", "lrp"])
def test_a_box_score_is_explained_by_the_methods_of_classes(service, model, method):
    output = BoxScore(BOX, 2)
    few = (("steps", 4),) if method == "integrated_gradients" else ()
    one = service.run(ExplainedRequest(model, "cat", output, method=method, parameters=few))
    region = service.run(DetectedRegionRequest(model, "cat", BOX, 2))
    assert one.target_name == "dog"
    assert one.score == pytest.approx(float(region.scores[2]), abs=1e-4)
    assert np.isfinite(one.grid).all()
    assert np.ptp(one.grid) > 0
    assert one.complete
    assert "warped" in one.normalisation
    info = METHODS[method]
    assert one.grid.shape[0] == (region.crop.shape[0] if info.space == "input" else len(one.grid))


def test_grad_cam_of_a_box_is_the_gradient_of_its_svm(service):
    """Literally: weights are the mean gradients of w fc7 + b at the layer."""
    one = service.run(ExplainedRequest("vgg16:bundled", "cat", BoxScore(BOX, 0)))

    def literally(executor):
        ready = executor.ready("vgg16:bundled")
        photo = service._photos.get("cat")
        asked = explained._box_score(executor, ready, BoxScore(BOX, 0), photo)
        assert list(dict(asked.network.named_children()))[-2:] == ["relu7", "svm"]
        seen = inspect(asked.network, asked.image, [one.layer])
        maps = seen.outputs[one.layer]
        gradient = torch.autograd.grad(seen.logits[0, 0], maps)[0]
        return (gradient.mean((2, 3), keepdim=True) * maps).sum(1)[0].detach().numpy()

    expected = service._on_device(literally)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(one.grid, expected, atol=1e-4 * scale)


def test_explaining_leaves_no_trace_on_the_network(service):
    def state(executor):
        network = executor.ready("vgg16:bundled").network
        return [
            (
                name,
                len(module._forward_hooks),
                module.training,
                [
                    (p.requires_grad, p.grad, p.sum().item())
                    for p in module.parameters(recurse=False)
                ],
            )
            for name, module in network.named_modules()
        ]

    before = service._on_device(state)
    service.run(ExplainedRequest("vgg16:bundled", "dog", BoxScore(BOX, 1), method="gradient"))
    with pytest.raises(UnknownNameError):
        service.run(ExplainedRequest("vgg16:bundled", "dog", BoxScore(BOX, 1), versus=1))
    assert service._on_device(state) == before


def test_heads_card(service):
    card = service.run(DetectionCardRequest("zfnet_b:bundled"))
    assert card.of("fast", refined=False).mean == 0.4
    assert card.classes == CLASSES


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (DetectionCardRequest("vgg11_bn:bundled"), InputError, "Choose vgg16:bundled and zfnet_b"),
        (DetectionCardRequest("vgg16:random"), InputError, "Nothing was trained to detect"),
        (DetectionJob("vgg11_bn:bundled", "cat"), JobError, "Nothing was trained to detect"),
        (DetectionJob("vgg16:bundled", "cat", "yolo"), UnknownNameError, "yolo"),
        (DetectionJob("vgg16:bundled", "cat", proposals=0), InputError, "1 to 500"),
        (DetectedRegionRequest("vgg16:bundled", "cat", BOX, 3), UnknownNameError, "0 to 2"),
        (
            DetectedRegionRequest("vgg16:bundled", "cat", (5000.0, 0, 5001, 9), 0),
            InputError,
            "less than one px",
        ),
        (
            DetectedRegionRequest("vgg16:bundled", "cat", (0, 0, float("nan"), 9), 0),
            InputError,
            "four numbers",
        ),
        (ExplainedRequest("vgg16:bundled", "cat", BoxScore(BOX, 3)), UnknownNameError, "0 to 2"),
        (
            ExplainedRequest("vgg16:bundled", "cat", BoxScore(BOX, 0), method="tea"),
            UnknownNameError,
            "tea",
        ),
        (
            ExplainedRequest("vgg16:bundled", "cat", BoxScore(BOX, 0), layer="conv9"),
            UnknownNameError,
            "conv9",
        ),
        (ExplainedRequest("vgg11_bn:bundled", "cat", BoxScore(BOX, 0)), InputError, "Nothing was"),
    ],
)
def test_what_cannot_be_asked_is_told(service, request_, error, words):
    with pytest.raises(error, match=words):
        service.run(request_)


def test_the_api_finds_objects(service):
    one = api.detect("cat", "zfnet_b", service=service, way="fast", proposals=30)
    assert one.provenance.model == "zfnet_b:bundled"
    assert len(one.boxes) == 30


def test_the_network_is_cut_without_being_copied(service):
    def cut(executor):
        ready = executor.ready("zfnet_b:bundled")
        asked = explained.headed(ready, "pool5", head=nn.Flatten())
        return asked.conv1 is ready.network.conv1, [n for n, _ in asked.named_children()][-2:]

    assert service._on_device(cut) == (True, ["pool5", "head"])


def test_a_start_does_not_wait_for_what_only_detection_needs():
    """cv2, sklearn and torchvision take seconds to import: within functions alone."""
    package = Path(explained.__file__).parent.parent
    for path in (*package.glob("transfer/*.py"), *package.glob("service/*.py")):
        early = re.findall(r"(?m)^(?:import|from) (?:cv2|sklearn|torchvision)", path.read_text())
        assert not early, path


def test_the_benchmark_counts_both_ways_on_as_many_boxes_as_asked(assets):
    photo = bench.sample()
    boxes_, seconds = bench.many_boxes(photo, 60)
    assert boxes_.shape == (60, 4)
    assert seconds > 0
    report = bench.measure("vgg16:bundled", photo, boxes_, rounds=1)
    assert report.proposals == 60
    assert report.ratio > 0
    assert "RoI pooling" in bench.describe(report)
    assert "MISSED" in bench.describe(replace(report, timings=dict.fromkeys(report.timings, ONE)))


# --- the command line ----------------------------------------------------------------------------


def test_the_command_writes_a_picture_coco_and_numbers(vgg, tmp_path):
    words = ["--model", "vgg16", "--way", "fast", "--least", "-9", "--proposals", "20"]
    for suffix in ("png", "json", "npz"):
        out = tmp_path / f"found.{suffix}"
        code, text, err = vgg("detect", "cat", *words, "--out", out, "--format", "json")
        assert code == 0, err
    fields = json.loads(text)
    assert fields["proposals"] == 20
    assert fields["objects"]
    with Image.open(tmp_path / "found.png") as picture:
        assert picture.width >= 640
    document = json.loads((tmp_path / "found.json").read_text())
    assert len(document["annotations"]) == len(fields["objects"])
    first, box = document["annotations"][0], fields["objects"][0]["box"]
    np.testing.assert_allclose(first["bbox"][2], box[2] - box[0], atol=0.01)
    assert document["categories"][first["category_id"] - 1]["name"] == fields["objects"][0]["class"]
    with np.load(tmp_path / "found.npz") as data:
        assert data["scores"].shape == (20, 3)
        assert json.loads(str(data["about"]))["classes"] == list(CLASSES)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--overlap", "2"], "0 to 1"),
        (["--model", "vgg11_bn"], "Nothing was trained to detect"),
        (["--out", "found.gif"], ".png"),
        (["--proposals", "9999"], "1 to 500"),
    ],
)
def test_the_command_says_what_is_wrong(vgg, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = vgg("detect", "cat", "--model", "vgg16", *words)
    assert code in (1, 2)
    assert message in err
    assert list(tmp_path.iterdir()) == []
