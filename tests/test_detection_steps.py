"""Every step of R-CNN against a literal reference, hand values, or another library."""

import contextlib
import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import reference_detection as literal
from tests.tiny import tiny_config, tiny_network
from vgg_viz.preprocessing import IMAGENET, Preprocessing
from vgg_viz.transfer import average_precision as ap
from vgg_viz.transfer import boxes, proposals, warping
from vgg_viz.transfer.box_regression import regress, ridge_solution
from vgg_viz.transfer.margins import separate
from vgg_viz.transfer.region_features import RegionNetwork


def drawn_boxes(count, seed, side=100):
    random = np.random.default_rng(seed)
    corners = random.uniform(0, side, (count, 4)).round(1)
    low, high = (
        np.minimum(corners[:, :2], corners[:, 2:]),
        np.maximum(corners[:, :2], corners[:, 2:]),
    )
    return np.concatenate([low, high + 4], 1)


# --- overlap, suppression, regression ------------------------------------------------------------


def test_overlap_by_hand():
    a, b = np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 5, 15, 15], [10, 0, 20, 10], [2, 2, 4, 4]])
    np.testing.assert_allclose(boxes.overlaps(a, b), [[25 / 175, 0, 4 / 100]])


def test_overlap_is_the_literal_one_and_a_box_without_area_has_none():
    a, b = drawn_boxes(9, 1), drawn_boxes(7, 2)
    a[3, 2:] = a[3, :2]
    expected = [[literal.iou(p, q) for q in b] for p in a]
    np.testing.assert_allclose(boxes.overlaps(a, b), expected)
    assert boxes.overlaps(a[3:4], a[3:4]) == 0


@given(st.integers(0, 40), st.integers(0, 10**6), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
def test_suppression_is_the_literal_one_also_among_equal_scores(count, seed, threshold):
    some = drawn_boxes(count, seed, side=30)
    scores = np.random.default_rng(seed).integers(0, 5, count).astype(np.float64)
    expected = literal.nms(some.tolist(), scores.tolist(), threshold)
    np.testing.assert_array_equal(boxes.suppressed(some, scores, threshold), expected)


def test_regression_targets_by_hand():
    # Half a width to the right, as high, twice as wide.
    found = boxes.regression_targets(np.array([[0.0, 0, 10, 20]]), np.array([[0.0, 0, 20, 20]]))
    np.testing.assert_allclose(found, [[0.5, 0, np.log(2), 0]], atol=1e-12)


@given(st.integers(1, 30), st.integers(0, 10**6))
def test_moves_are_the_inverse_of_targets(count, seed):
    some, wanted = drawn_boxes(count, seed), drawn_boxes(count, seed + 1)
    found = boxes.regression_targets(some, wanted)
    np.testing.assert_allclose(found[0], literal.targets(some[0], wanted[0]))
    np.testing.assert_allclose(boxes.moved(some, found), wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(boxes.moved(some, found)[0], literal.move(some[0], found[0]))
    many = np.stack([found, -found], 1)  # (N, K, 4)
    np.testing.assert_allclose(boxes.moved(some, many)[:, 0], wanted, rtol=1e-9, atol=1e-9)


def test_a_wild_regression_stays_a_number():
    found = boxes.moved(np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 1e9, -1e9]]))
    assert np.isfinite(found).all()
    assert boxes.clipped(found, 50, 40).tolist() == [[0, 5, 50, 5]]


def test_ridge_is_the_minimum_of_its_objective_in_both_forms():
    random = torch.Generator().manual_seed(0)
    for count, width in ((50, 8), (6, 20)):
        x = torch.randn(count, width, generator=random, dtype=torch.float64)
        t = torch.randn(count, 4, generator=random, dtype=torch.float64)
        weights, offset = ridge_solution(x, t, 3.0)
        weights, offset = weights.requires_grad_(), offset.requires_grad_()
        loss = (x @ weights.T + offset - t).square().sum() + 3.0 * weights.square().sum()
        gradients = torch.autograd.grad(loss, (weights, offset))
        assert max(float(g.abs().max()) for g in gradients) < 1e-9
        assert float(weights.detach().abs().max()) > 0.01


def test_a_regression_of_few_boxes_moves_nothing():
    some = drawn_boxes(5, 0)
    found = regress(torch.randn(5, 3), some, some + 1, np.arange(5), (1.0,))
    assert not found.weights.any()
    assert not found.offset.any()


def test_svm_separates_and_hard_negatives_are_found():
    random = np.random.default_rng(0)
    x = random.normal(0, 1, (600, 6)).astype(np.float32)
    positive = x[:, 0] > 1.0
    settings = {"c": 0.1, "positive_weight": 2.0, "first": 20, "seed": 0}
    found = separate(x, positive, ~positive, rounds=4, **settings)
    right = (x @ found.weights + found.bias > 0) == positive
    assert right.mean() > 0.9
    assert 20 < found.negatives < (~positive).sum()
    few = separate(x, positive, ~positive, rounds=0, **settings)
    wrong = ((x @ few.weights + few.bias > 0) & ~positive).sum()
    assert ((x @ found.weights + found.bias > 0) & ~positive).sum() < wrong
    empty = separate(x, np.zeros(600, bool), positive, rounds=1, **settings)
    assert not empty.weights.any()
    assert empty.bias == -1


# --- proposals, warping, pooling -----------------------------------------------------------------


def objects(width, height, seed=0):
    """A photo of a few flat ellipses, uint8 (H, W, 3)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    photo = np.full((height, width, 3), 230, np.uint8)
    for _ in range(5):
        cx, cy = random.uniform(0.2, 0.8, 2) * (width, height)
        a, b = random.uniform(0.08, 0.2, 2) * (width, height)
        photo[((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 < 1] = random.integers(0, 200, 3)
    return photo


@pytest.mark.parametrize(("width", "height"), [(320, 240), (90, 300), (20, 20)])
def test_proposals_are_the_same_each_time_and_inside_the_photo(width, height):
    photo = objects(width, height)
    found = proposals.propose(photo)
    assert len(found) > 3
    np.testing.assert_array_equal(proposals.propose(photo).boxes, found.boxes)
    assert found.found >= len(found)
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [width, height, width, height]).all()
    sizes = boxes.areas(found.boxes)
    assert (np.diff(sizes) <= 1e-6 * sizes[:-1]).all()
    shared = boxes.overlaps(found.boxes, found.boxes)
    np.fill_diagonal(shared, 0)
    assert shared.max() <= proposals.ALIKE + 1e-6
    assert len(proposals.propose(photo, most=2)) == 2


def test_an_object_is_proposed():
    photo = np.full((200, 300, 3), 255, np.uint8)
    photo[60:140, 100:220] = (200, 30, 30)
    found = proposals.propose(photo)
    assert boxes.overlaps(found.boxes, np.array([[100.0, 60, 220, 140]])).max() > 0.8


@pytest.mark.parametrize("size", [(100, 100), (1, 300), (300, 2), (1, 1)])
def test_nothing_is_proposed_where_there_is_nothing(size):
    found = proposals.propose(np.full((*size, 3), (90, 20, 30), np.uint8))
    assert found.boxes.shape == (0, 4)


def test_the_warped_square_has_the_box_and_16_px_of_context_at_227():
    assert warping.context_px(227) == 16
    assert warping.context_px(128) == 9
    # A box of 195 px has its own px in the square of 227, so 16 px beyond it.
    assert warping.source_box((100, 50, 295, 245), 227) == (84, 34, 311, 261)
    left, top, right, bottom = warping.source_box((10, 10, 120, 65), 128)
    assert (right - left) / (bottom - top) == pytest.approx(2)
    assert 10 - left == pytest.approx(110 * 9 / 110)


def test_warping_is_the_literal_one_and_fills_with_the_mean():
    random = np.random.default_rng(0)
    photo = np.asarray(
        Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8)).resize((40, 30))
    )
    box = (8.0, 6.0, 30.0, 24.0)
    found = warping.warped(photo, box, 32, IMAGENET.mean)
    left, top, right, bottom = warping.source_box(box, 32)
    expected = literal.bilinear(photo[:, :, 1].tolist(), left, right, top, bottom, 32)
    assert np.abs(found[:, :, 1] - np.array(expected)).max() <= 1
    assert found.std() > 10

    corner = warping.warped(photo, (0.0, 0.0, 40.0, 30.0), 64, IMAGENET.mean)
    context = warping.context_px(64)
    fill = [round(255 * value) for value in IMAGENET.mean]
    assert (corner[: context - 1] == fill).all()
    assert (corner[context:-context, context:-context] != fill).any()
    # Without context beyond the photo, it is the photo itself, scaled.
    inner = corner[context : 64 - context, context : 64 - context, 0]
    whole = literal.bilinear(photo[:, :, 0].tolist(), 0, 40, 0, 30, 64 - 2 * context)
    assert np.abs(inner - np.array(whole)).max() <= 1


def region_network(name):
    config = tiny_config(name)
    side = config.input_size
    wanted = Preprocessing(side, side, IMAGENET.mean, IMAGENET.std)
    return RegionNetwork(tiny_network(name), config, wanted)


def test_crops_give_what_the_whole_network_gives():
    network = region_network("zfnet_b")
    photo = objects(120, 90)
    some = np.array([[10.0, 10, 80, 70], [0, 0, 120, 90]])
    found = network.of_crops(photo, some)
    batch = warping.warped_batch(photo, some, network.preprocessing)
    whole = tiny_network("zfnet_b")
    with torch.inference_mode():
        last = whole.drop7(whole.relu7(found.fc7))
        torch.testing.assert_close(whole.fc8(last), whole(batch), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["vgg16", "zfnet_b", "vgg11_bn"])
def test_roi_pooling_is_the_literal_one(name):
    network = region_network(name)
    photo = objects(130, 100, seed=3)
    shared = network.shared_map(photo)
    some = np.array([[3.0, 5, 60, 77], [0, 0, 130, 100], [50, 50, 53, 52], [90, 10, 130, 99]])
    pooled = network.of_regions(shared, some).pooled.unflatten(1, (-1, network.grid, network.grid))
    maps = shared.map[0].numpy()
    assert np.ptp(maps) > 0
    for cells, found in zip(network.cells(shared, some).tolist(), pooled, strict=True):
        first, last = cells[:2], cells[2:]
        expected = literal.roi_pool(
            maps,
            [literal.half_away(v) for v in first],
            [literal.half_away(v) for v in last],
            network.grid,
        )
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_cells_of_vgg_are_px_over_the_jump():
    """The whole photo is all cells: the first one begins at 0, the last one ends at the edge."""
    network = region_network("vgg16")
    shared = network.shared_map(objects(160, 120))
    height, width = shared.map.shape[-2:]
    cells = network.cells(shared, np.array([[0.0, 0, 160, 120]]))[0]
    torch.testing.assert_close(
        cells, torch.tensor([0.0, 0.0, width - 1, height - 1]), rtol=0, atol=0.6
    )


# --- average precision ---------------------------------------------------------------------------


def test_average_precision_by_hand():
    # Found, false, found; one object missed: precision 1 up to recall 1/3, 2/3 up to recall 2/3.
    three = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]])
    found = np.array([[0.0, 0, 10, 10], [70, 0, 80, 10], [20, 1, 30, 10]])
    one = ap.judged(found, np.array([0.9, 0.8, 0.7]), three, np.zeros(3, bool))
    assert one.right.tolist() == [True, False, True]
    expected = (34 * 1 + 33 * 2 / 3) / 101  # recalls 0 ... 0.33 and 0.34 ... 0.66
    assert ap.average_precision([one]) == pytest.approx(expected)


def test_a_second_detection_and_one_of_another_place_are_wrong():
    one = np.array([[0.0, 0, 10, 10]])
    twice = np.array([[0.0, 0, 10, 9], [0, 0, 10, 10], [0, 6, 10, 16]])
    found = ap.judged(twice, np.array([3.0, 2.0, 1.0]), one, np.zeros(1, bool))
    assert found.right.tolist() == [True, False, False]
    hard = ap.judged(twice[:1], np.array([3.0]), one, np.ones(1, bool))
    assert hard.ignored.tolist() == [True]
    assert hard.objects == 0
    assert np.isnan(ap.average_precision([hard]))


def random_photos(seed, photos=25, classes=2):
    """Objects and detections near them, some difficult, as arrays by photo and class."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(photos):
        row = []
        for _ in range(classes):
            real = drawn_boxes(int(random.integers(0, 5)), int(random.integers(10**6)))
            near = np.repeat(real, random.integers(0, 4), 0) + random.normal(0, 4, (1, 4))
            far = drawn_boxes(int(random.integers(0, 4)), int(random.integers(10**6)))
            found = np.concatenate([near, far])
            found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 0.5)
            row.append((real, random.random(len(real)) < 0.3, found, random.random(len(found))))
        made.append(row)
    return made


def judged_photos(made, label):
    return [ap.judged(row[label][2], row[label][3], row[label][0], row[label][1]) for row in made]


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_pycocotools(seed):
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    made = random_photos(seed)
    objects_, found = [], []
    for photo, row in enumerate(made, start=1):
        for label, (real, hard, boxes_, scores) in enumerate(row, start=1):
            for box, difficult in zip(real, hard, strict=True):
                wide, high = box[2:] - box[:2]
                # Out of the range of areas, an object is ignored as a difficult one should be.
                size = 1e12 if difficult else wide * high
                objects_.append(
                    {
                        "id": len(objects_) + 1,
                        "image_id": photo,
                        "category_id": label,
                        "bbox": [*box[:2], wide, high],
                        "area": size,
                        "iscrowd": 0,
                    }
                )
            for box, score in zip(boxes_, scores, strict=True):
                bbox = [*box[:2], *(box[2:] - box[:2])]
                found.append(
                    {"image_id": photo, "category_id": label, "bbox": bbox, "score": score}
                )
    with contextlib.redirect_stdout(io.StringIO()):
        data = coco.COCO()
        data.dataset = {
            "images": [{"id": i} for i in range(1, len(made) + 1)],
            "categories": [{"id": 1}, {"id": 2}],
            "annotations": objects_,
            "info": {},
        }
        data.createIndex()
        judge = cocoeval.COCOeval(data, data.loadRes(found), "bbox")
        judge.params.iouThrs = np.array([0.5])
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e11]], ["all"]
        judge.params.maxDets = [100]
        judge.evaluate()
        judge.accumulate()
    theirs = judge.eval["precision"][0, :, :, 0, 0].mean(0)
    ours = [ap.average_precision(judged_photos(made, label)) for label in (0, 1)]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert 0.01 < min(ours) < 0.95


def test_counting_a_photo_twice_is_having_it_twice():
    photos = judged_photos(random_photos(9), 0)
    counts = np.array([i % 3 for i in range(len(photos))])
    twice = [photo for photo, count in zip(photos, counts, strict=True) for _ in range(count)]
    assert ap.average_precision(photos, counts) == pytest.approx(ap.average_precision(twice))


def test_intervals_hold_the_number_and_shrink_with_photos():
    def width(photos):
        made = random_photos(5, photos=photos)
        found = ap.measure([judged_photos(made, 0), judged_photos(made, 1)], resamples=200)
        low, high = found.measured.interval
        assert low < found.measured.mean < high
        assert len(found.means) == 200
        return high - low

    assert width(100) < width(12)
