"""Many methods over many photos: intervals, boxes, and the command's table."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.questions import ask
from tests.test_capture import assert_same, snapshot
from vgg_viz.attribution.bench import TOLERANCE, Benched, bench, covered, pointed
from vgg_viz.attribution.bootstrap import mean_interval
from vgg_viz.attribution.reference_maps import centre
from vgg_viz.cli.bench_attribution import cases_of, read_boxes, rows_of
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.preprocessing import Preprocessing
from vgg_viz.requests import BenchJob, TrustJob
from vgg_viz.results import BenchedMap, BenchedPhoto, Provenance
from vgg_viz.service.attribution_bench import seen_boxes

PLAIN = Preprocessing(100, 80, (0.5,) * 3, (0.5,) * 3)
MADE = Provenance("vgg16:random", "random", "0" * 64, "cpu", "fp32", 64, ())


# --- intervals -----------------------------------------------------------------------------------


def test_intervals_by_hand():
    """Means of two draws from (0, 1) are 0, 1/2, 1, a quarter, a half and a quarter of them."""
    found = mean_interval([0.0, 1.0], seed=0)
    assert (found.mean, found.low, found.high, found.count) == (0.5, 0, 1, 2)
    half = mean_interval([0.0, 1.0], seed=0, level=0.4)
    assert (half.low, half.high) == (0.5, 0.5)
    same = mean_interval([0.3] * 5, seed=1)
    assert same.low == same.high == pytest.approx(0.3)
    assert mean_interval([2.0], seed=0).low == 2
    with pytest.raises(InputError):
        mean_interval([], seed=0)


def test_intervals_are_seeded():
    values = list(np.random.default_rng(0).normal(size=20))
    assert mean_interval(values, 3) == mean_interval(values, 3)
    assert mean_interval(values, 3) != mean_interval(values, 4)


def test_intervals_hold_the_true_mean_about_as_often_as_they_say():
    random = np.random.default_rng(0)
    held = 0
    for seed in range(300):
        found = mean_interval(list(random.normal(1, 2, 40)), seed, resamples=400, level=0.9)
        held += found.low <= 1 <= found.high
    assert 0.84 <= held / 300 <= 0.95


def test_intervals_equal_scipys():
    from scipy.stats import bootstrap  # slow to import

    values = np.random.default_rng(1).normal(size=30)
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=4000, rng=0)
    found = mean_interval(list(values), 0)
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.03)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.03)


# --- one photo -----------------------------------------------------------------------------------


def measured(questions, boxes=()):
    found = Benched()
    for _ in bench(questions, boxes, 4, found):
        assert 0 <= found.share <= 1
    return {each.method: each for each in found.maps}


def test_areas_equal_those_of_the_trust_strip(service):
    """The same curves by another way, through the service."""
    job = BenchJob("vgg16", "cat", ("grad_cam", "lrp"), points=4)
    found = service.run(job)
    assert found.share == 1
    assert [each.method for each in found.maps] == ["edges", "centre", "random", "grad_cam", "lrp"]
    for method in job.methods:
        trust = service.run(
            TrustJob("vgg16", "cat", method=method, points=4, random_maps=1, seeds=2)
        )
        own = next(each for each in found.maps if each.method == method)
        assert own.deletion == pytest.approx(trust.curves.deletion.area, abs=1e-6)
        assert own.insertion == pytest.approx(trust.curves.insertion.area, abs=1e-6)
        assert own.drop == pytest.approx(trust.drop, abs=1e-6)
        edges = next(each for each in trust.references if each.name == "edges")
        assert found.maps[0].gain == pytest.approx(edges.gain, abs=1e-6)
    assert found.probability == pytest.approx(trust.probability)


def test_nothing_is_left_on_the_network():
    questions = {name: ask("vgg11_bn", name) for name in ("grad_cam", "gradient")}
    network = questions["gradient"].network
    before = snapshot(network)
    found = measured(questions, [(0.0, 0.0, 1.0, 1.0)])
    assert_same(before, snapshot(network))
    assert found["grad_cam"].energy in (0, pytest.approx(1))
    assert found["gradient"].hit == 1


def test_pointing_with_several_boxes_by_hand():
    grid = torch.zeros(4, 4)
    grid[0, 3], grid[3, 0] = 3, 1
    boxes = [(0.0, 0.75, 0.25, 1.0), (0.5, 0.5, 0.9, 0.9)]
    mask = covered(boxes, 4)
    assert mask.tolist()[3] == [True, False, False, False] or mask[3, 0]
    assert pointed(grid, boxes, mask) == (False, 0.25)
    assert pointed(-grid, boxes, mask)[0] == pytest.approx(4 / 14), "4 of 14 equal values"
    near = [(0.0, 0.125 + 0.9 * TOLERANCE, 1.0, 1.0)]
    far = [(0.0, 0.125 + 1.1 * TOLERANCE, 1.0, 1.0)]
    assert pointed(grid, near, covered(near, 4))[0]
    assert not pointed(grid, far, covered(far, 4))[0]
    assert pointed(grid, [], None) == (None, None)
    assert pointed(torch.zeros(4, 4), boxes, mask) == (5 / 16, 0)
    spot = centre(8)
    assert (spot == spot.max()).sum() == 4
    middle = [(0.4, 0.4, 0.6, 0.6)]
    assert pointed(spot, middle, covered(middle, 8))[0] == 1
    broken = torch.full((4, 4), float("nan"))
    assert pointed(broken, boxes, mask)[0] == 0


def test_boxes_of_the_photo_in_the_square_that_is_seen():
    """200 x 100 px, resized to itself; the middle 80 x 80 is seen: x 60 to 140, y 10 to 90."""
    boxes = [(0.3, 0.1, 0.7, 0.9), (0.5, 0.5, 0.6, 0.6), (0.0, 0.0, 0.2, 1.0), (0.0, 0.0, 0.5, 0.5)]
    found = seen_boxes(boxes, (100, 200), PLAIN)
    assert len(found) == 3, "one lies outside"
    np.testing.assert_allclose(found[0], (0, 0, 1, 1), atol=1e-9)
    np.testing.assert_allclose(found[1], (0.5, 0.5, 0.75, 0.625))
    np.testing.assert_allclose(found[2], (0, 0, 0.5, 0.5))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"methods": ()}, InputError),
        ({"methods": ("magic",)}, UnknownNameError),
        ({"target": 99}, UnknownNameError),
        ({"boxes": ((0.5, 0.5, 0.1, 1.0),)}, InputError),
    ],
)
def test_what_cannot_be_measured_is_told_at_once(service, change, error):
    with pytest.raises(error):
        service.submit(replace(BenchJob("vgg16", "cat", ("grad_cam",)), **change))


# --- rows ----------------------------------------------------------------------------------------


def test_rows_worked_out_on_paper():
    def photo(deletion, edges, hit):
        maps = (
            BenchedMap("edges", 0.5, 0.5 + edges, 0, None, None),
            BenchedMap("grad_cam", deletion, 0.9, 0.25, hit, 0.5),
        )
        return BenchedPhoto(maps, 0, "cat", 0.9, 0.4, 1.0, MADE)

    edges, own = rows_of("m", [photo(0.1, 0.2, True), photo(0.3, 0.0, False)], {}, seed=0)
    assert edges.pointing is None
    assert own.deletion.mean == pytest.approx(0.2)
    assert own.gain.mean == pytest.approx(0.7)
    assert own.over_edges.mean == pytest.approx(0.6)
    assert (own.over_edges.low, own.over_edges.high) == pytest.approx((0.6, 0.6)), "pairs"
    assert own.pointing.mean == 0.5
    assert own.box_share == pytest.approx(0.4)


# --- files and the command -----------------------------------------------------------------------

COCO = {
    "images": [
        {"id": 1, "file_name": "a.png", "width": 100, "height": 50},
        {"id": 2, "file_name": "b.png", "width": 100, "height": 50},
    ],
    "categories": [{"id": 7, "name": "C"}, {"id": 8, "name": "zebra"}],
    "annotations": [
        {"image_id": 1, "category_id": 7, "bbox": [10, 5, 50, 20]},
        {"image_id": 1, "category_id": 7, "bbox": [60, 5, 80, 20]},
        {"image_id": 2, "category_id": 8, "bbox": [0, 0, 100, 50]},
    ],
}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "photos"
    made.mkdir()
    random = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(random.integers(0, 255, (50, 100, 3), dtype=np.uint8)).save(made / name)
    (made / "boxes.json").write_text(json.dumps(COCO))
    return made


def test_boxes_are_shares_of_the_photo(folder):
    found = read_boxes(folder / "boxes.json")
    assert found["a.png"]["C"] == ((0.1, 0.1, 0.6, 0.5), (0.6, 0.1, 1.0, 0.5))
    assert set(found) == {"a.png", "b.png"}


@pytest.mark.parametrize(
    "change",
    [
        {"images": []},
        {"categories": 3},
        {"annotations": [{"image_id": 1, "category_id": 7, "bbox": [200, 0, 1, 1]}]},
        {"annotations": [{"image_id": 1, "category_id": 7, "bbox": "none"}]},
    ],
)
def test_boxes_that_cannot_be_read(tmp_path, change):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({**COCO, **change}))
    with pytest.raises(InputError, match="COCO"):
        read_boxes(path)
    path.write_text("{")
    with pytest.raises(InputError, match="COCO"):
        read_boxes(path)


def test_cases(folder, service):
    offered = service.describe()
    found = cases_of(offered, str(folder), folder / "boxes.json", 5)
    assert [(case.target, len(case.boxes)) for case in found] == [("C", 2), ("zebra", 1)]
    assert len(cases_of(offered, str(folder), None, 1)) == 1
    assert len(cases_of(offered, "samples", None, 3)) == 3
    for wrong, boxes in (("nowhere", None), ("samples", folder / "boxes.json")):
        with pytest.raises(InputError):
            cases_of(offered, wrong, boxes, 3)
    (folder.parent / "empty").mkdir()
    with pytest.raises(InputError, match="no photo"):
        cases_of(offered, str(folder.parent / "empty"), None, 3)


def test_the_table_of_a_folder_with_boxes(vgg, assets, folder, tmp_path):
    (folder / "c.jpg").write_bytes(b"no picture")
    words = ("--models", "vgg16,zfnet_b", "--methods", "grad_cam,lrp", "--points", "4")
    out = tmp_path / "bench.csv"
    boxes = ("--boxes", folder / "boxes.json")
    code, said, err = vgg("bench-attribution", folder, *words, *boxes, "-o", out)
    assert code == 0, err
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["edges", "centre", "random", "grad_cam", "lrp"] * 2
    # No network here knows a zebra: one photo is left.
    assert {row["photos"] for row in rows} == {"1"}
    assert {row["model"] for row in rows} == {"vgg16:bundled", "zfnet_b:bundled"}
    for row in rows:
        assert float(row["deletion_low"]) <= float(row["deletion_mean"])
        assert row["pointing_mean"] in ("0.0", "1.0")
    assert "boxes cover" in said


def test_the_table_of_a_folder_without_boxes_as_a_page(vgg, assets, folder, tmp_path):
    (folder / "c.jpg").write_bytes(b"no picture")
    out = tmp_path / "bench.html"
    words = ("--model", "zfnet_b", "--method", "excitation-backprop", "--points", "4")
    code, _, err = vgg("bench-attribution", folder, *words, "-o", out)
    assert code == 0, err
    assert "c.jpg is left out" in err
    page = out.read_text()
    for each in ("Excitation backprop", "edge detector", "bootstrap", "SHA-256"):
        assert each in page
    assert "pointing" not in page


def test_what_cannot_be_used_is_exit_code_2(vgg, assets, folder):
    for words in (
        (folder, "-o", "x.png"),
        (folder, "--methods", "magic"),
        ("nowhere",),
        (folder, "--boxes", folder / "none.json"),
    ):
        code, _, err = vgg("bench-attribution", *words)
        assert code == 2
        assert "Traceback" not in err
