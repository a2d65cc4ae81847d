"""Methods that change the photo: against literal formulas, captum, peers, and values by hand."""

import copy
import itertools
import math
from collections import OrderedDict

import numpy as np
import pytest
import torch
from captum.attr import Occlusion, ShapleyValues
from torch import nn

from tests import reference
from tests import reference_attribution_perturbation as literal
from tests.questions import about, answer, ask
from tests.tiny import ALL_NETWORKS, tiny_config, tiny_image, tiny_network
from vgg_viz.attribution.baselines import baseline
from vgg_viz.attribution.costs import passes
from vgg_viz.attribution.masked_photos import moved_masks, random_grids
from vgg_viz.attribution.methods import METHODS
from vgg_viz.attribution.occlusion import Squares
from vgg_viz.attribution.perturbation_methods import PERTURBATION
from vgg_viz.attribution.question import Target
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.attribution.superpixels import _segments_of, coalitions, ridge, segments, shapley_fit
from vgg_viz.errors import InputError

MANY = [method.name for method in PERTURBATION]


def close(found, expected, share=1e-5):
    """Within `share` of the largest value, and the reference is not flat."""
    expected = np.asarray(expected)
    assert reference.spread(expected) > 0.05
    np.testing.assert_allclose(found, expected, atol=share * np.abs(expected).max(), rtol=0)


# --- occlusion -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_NETWORKS)
def test_occlusion_equals_captum_on_every_network(name):
    """A stride that does not divide the way: the last squares are cut off at the border."""
    question = ask(name, "occlusion", target=2, square=20, stride=12)
    theirs = Occlusion(tiny_network(name)).attribute(
        tiny_image(name), (3, 20, 20), strides=(3, 12, 12), target=2, baselines=0
    )
    close(answer("occlusion", question).grid, theirs[0, 0], 1e-5)
    assert float(theirs[0].std(0).max()) == 0  # the same for each colour


@pytest.mark.parametrize("name", ["alexnet", "zfnet_a", "vgg11_bn"])
@pytest.mark.parametrize("fill", ["mean", "black", "blurred"])
def test_occlusion_equals_the_literal_formula_for_every_filling(name, fill):
    """Also against a second class, and where squares leave gaps."""
    for versus, square, stride in ((None, 24, 16), (3, 10, 17)):
        question = ask(name, "occlusion", 1, versus, square=square, stride=stride, fill=fill)
        picture = baseline(question, fill, question.generator())
        expected, _ = literal.occlusion(
            tiny_network(name), tiny_image(name), 1, versus, square, stride, picture
        )
        close(answer("occlusion", question).grid, expected, 1e-4)


def linear(weights):
    """y_c = sum of weights[c] * x: everything can be worked out on paper."""
    head = nn.Linear(weights[0].numel(), len(weights))
    with torch.no_grad():
        head.weight.copy_(torch.stack([w.flatten() for w in weights]))
        head.bias.zero_()
    network = nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 3, 1), flatten=nn.Flatten(), fc=head))
    with torch.no_grad():
        network.conv.weight.copy_(torch.eye(3)[:, :, None, None])
        network.conv.bias.zero_()
    return network.eval().requires_grad_(False)


def test_occlusion_by_hand():
    """Three blocks that sum to 20, 50 and 30, and y = 4 times the sum: captum's V8."""
    image = torch.zeros(1, 3, 24, 24)
    for block, value in enumerate((20.0, 50.0, 30.0)):
        image[0, 0, 8 * block : 8 * block + 8, 8 * block : 8 * block + 8] = value / 64
    network = linear([torch.full((3, 24, 24), 4.0), torch.zeros(3, 24, 24)])
    question = about(network, image, "occlusion", Target(0), "conv", square=8, stride=8)
    grid = answer("occlusion", question).grid
    assert [float(grid[4 + 8 * i, 4 + 8 * i]) for i in range(3)] == pytest.approx([80, 200, 120])
    off = grid.clone()
    for i in range(3):
        off[8 * i : 8 * i + 8, 8 * i : 8 * i + 8] = 0
    assert float(off.abs().max()) < 1e-4


def test_occlusion_shows_what_it_has_and_counts_places():
    question = ask("vgg16", "occlusion", square=16, stride=8, batch=4)
    steps = list(COMPUTE["occlusion"](question))
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert {step.total for step in steps} == {49}
    assert 0 <= steps[0].done < steps[-1].done == 49
    for step in steps:
        assert torch.isfinite(step.grid).all()


def test_the_batch_changes_nothing_but_rounding():
    one, many = (ask("zfnet_b", "occlusion", square=24, stride=12, batch=b) for b in (1, 16))
    close(answer("occlusion", one).grid, answer("occlusion", many).grid)


@pytest.mark.parametrize(
    ("side", "size", "stride", "starts"),
    [(224, 32, 16, 13), (10, 4, 3, 3), (10, 4, 4, 3), (8, 8, 5, 1), (9, 2, 5, 2)],
)
def test_places_reach_the_border(side, size, stride, starts):
    squares = Squares(side, size, stride)
    assert len(squares.starts) == starts
    assert squares.starts[-1] + max(size, stride) >= side > squares.starts[-1]
    assert len(squares.corners) == starts**2


@pytest.mark.parametrize(("size", "stride"), [(0, 4), (25, 4), (8, 0)])
def test_a_square_that_does_not_fit_is_refused(size, stride):
    with pytest.raises(InputError, match="square"):
        Squares(24, size, stride)


# --- Score-CAM, Ablation-CAM, RISE ----------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_NETWORKS)
@pytest.mark.parametrize("versus", [None, 3])
def test_score_and_ablation_cam_equal_the_literal_formula(name, versus):
    network, image = tiny_network(name), tiny_image(name)
    convs = tiny_config(name).convs
    for layer in (convs[len(convs) // 2], convs[-1]):
        for method in ("score_cam", "ablation_cam"):
            question = ask(name, method, 1, versus, layer)
            expected = getattr(literal, method)(network, layer, image, 1, versus)
            close(answer(method, question).grid, expected, 1e-4)


def test_score_cam_counts_a_map_without_scale_as_the_empty_photo():
    network, image = tiny_network("vgg11"), tiny_image("vgg11")
    expected = literal.score_cam(network, "relu5_1", image, 1)
    maps = literal.output(network, "relu5_1", image)[0].flatten(1)
    flat = int((maps.amax(1) == maps.amin(1)).sum())
    assert 0 < flat < len(maps)
    question = ask("vgg11", "score_cam", layer="relu5_1")
    *_, last = COMPUTE["score_cam"](question)
    close(last.grid, expected, 1e-4)
    assert last.total == len(maps) - flat + 1


def test_score_cam_equals_torchcam_where_nothing_has_to_be_enlarged():
    from torchcam.methods import ScoreCAM

    network, image, layer = tiny_network("vgg16"), tiny_image("vgg16"), "relu1_1"
    side = image.shape[-1]
    with ScoreCAM(network, layer, input_shape=(3, side, side)) as extractor:
        with torch.inference_mode():
            scores = network(image)
        (theirs,) = extractor(1, scores, normalized=False)
    found = answer("score_cam", ask("vgg16", "score_cam", 1, layer=layer)).grid
    close(found.clamp(min=0), theirs[0], 1e-4)


@pytest.mark.parametrize("name", ["vgg16", "zfnet_b"])
def test_ablation_cam_equals_pytorch_grad_cam_of_a_positive_score(name):
    from pytorch_grad_cam import AblationCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network, image = tiny_network(name), tiny_image(name)
    layer = tiny_config(name).convs[-1].replace("conv", "relu")
    target = int(network(image)[0].argmax())
    assert float(network(image)[0, target]) > 0
    ours = answer("ablation_cam", ask(name, "ablation_cam", target, layer=layer)).grid
    copied = copy.deepcopy(network).requires_grad_(True)
    with AblationCAM(copied, [copied.get_submodule(layer)]) as cam:
        theirs = cam(input_tensor=image, targets=[ClassifierOutputTarget(target)])[0]
    large = torch.nn.functional.interpolate(
        ours.clamp(min=0)[None, None], size=image.shape[2:], mode="bilinear", align_corners=False
    )[0, 0]
    close((large - large.min()) / (large.max() - large.min()), theirs, 1e-2)


def test_a_negative_score_does_not_turn_the_map_around():
    """Half of y is taken by each of two equal channels, whatever the sign of y."""
    image = torch.ones(1, 3, 8, 8)
    network = linear([torch.ones(3, 8, 8), -torch.ones(3, 8, 8)])
    up, down = (
        answer("ablation_cam", about(network, image, "ablation_cam", Target(c), "conv")).grid
        for c in (0, 1)
    )
    # Each of the three channels of ones takes a third of |y|: 3 * 1/3 * 1.
    np.testing.assert_allclose(up, np.ones((8, 8)), rtol=1e-5)
    np.testing.assert_allclose(down, -np.ones((8, 8)), rtol=1e-5)


@pytest.mark.parametrize("name", ["vgg11_bn", "zfnet_a"])
def test_rise_equals_the_literal_formula(name):
    question = ask(name, "rise", masks=40, cells=5, share=0.4, seed=3)
    side = question.image.shape[-1]
    masks = moved_masks(*random_grids(40, 5, 0.4, side, question.generator()), side)
    assert masks.shape == (40, 1, side, side)
    assert 0 <= float(masks.min()) < 0.1
    assert 0.9 < float(masks.max()) <= 1
    assert float(masks.mean()) == pytest.approx(0.4, abs=0.05)
    expected = literal.rise(tiny_network(name), question.image, 1, masks[:, 0], 0.4)
    close(answer("rise", question).grid, expected, 1e-4)


def test_rise_finds_the_corner_that_the_score_reads():
    weights = torch.zeros(3, 32, 32)
    weights[:, :12, :12] = 1
    network = linear([weights, torch.zeros(3, 32, 32)])
    question = about(network, torch.ones(1, 3, 32, 32), "rise", Target(0), "conv", masks=600)
    grid = answer("rise", question).grid
    assert float(grid[:10, :10].mean()) > 10 * float(grid[16:, 16:].abs().mean())


def test_rise_with_probabilities_is_another_map():
    logit, odds = (
        answer("rise", ask("vgg16", "rise", masks=30, score=s)).grid
        for s in ("logit", "probability")
    )
    assert not torch.allclose(logit, odds)


# --- LIME, Kernel SHAP ----------------------------------------------------------------------------


def test_parts_follow_colours_and_are_numbered_without_gaps():
    pixels = np.zeros((24, 24, 3))
    pixels[:, 12:] = 1
    parts = segments(pixels, 16)
    assert set(np.unique(parts)) == set(range(parts.max() + 1))
    assert 12 <= parts.max() + 1 <= 16
    assert not set(np.unique(parts[:, :12])) & set(np.unique(parts[:, 12:]))
    np.testing.assert_array_equal(parts, segments(pixels, 16))
    assert segments(pixels, 1).max() == 0


def game(question):
    """The score of sets of parts, and which part each pixel belongs to."""
    parts = _segments_of(question)
    blank = baseline(question, question.choice("baseline"), question.generator())

    def value(held):
        inside = torch.from_numpy(np.isin(parts, list(held)))
        whole = torch.where(inside, question.image, blank)
        return literal.score(question.network, whole, question.target.index, question.target.versus)

    return value, parts


@pytest.mark.parametrize(("name", "versus"), [("vgg11_bn", None), ("zfnet_b", 4)])
def test_kernel_shap_over_all_sets_is_exactly_shapley(name, versus):
    question = ask(name, "kernel_shap", 1, versus, parts=4, samples=20, baseline="black")
    value, parts = game(question)
    assert parts.max() == 3
    expected = literal.shapley(value, 4)
    partial = answer("kernel_shap", question)
    assert partial.total == 2**4 - 2
    close(partial.grid, expected[parts], 1e-4)
    assert partial.checks["completeness error"] < 1e-4 * np.abs(expected).max()
    assert float(expected.sum()) == pytest.approx(value({0, 1, 2, 3}) - value(set()), rel=1e-4)


def test_kernel_shap_equals_captums_shapley_values():
    question = ask("vgg16", "kernel_shap", 2, parts=4, samples=20)
    _, parts = game(question)
    theirs = ShapleyValues(question.network).attribute(
        question.image, target=2, feature_mask=torch.from_numpy(parts)[None, None]
    )
    close(answer("kernel_shap", question).grid, theirs[0, 0], 1e-4)


def test_kernel_shap_by_samples_comes_near():
    """A game of 7 players with gains of their own and of pairs, whose values are known."""
    generator = np.random.default_rng(0)
    own, pairs = generator.normal(size=7), np.triu(generator.normal(size=(7, 7)), 1)
    exact = own + (pairs + pairs.T).sum(1) / 2

    def value(held):
        row = np.isin(np.arange(7), list(held)).astype(float)
        return own @ row + row @ pairs @ row

    np.testing.assert_allclose(literal.shapley(value, 4 + 3)[:2], exact[:2], atol=1e-9)
    there, weights = coalitions(7, 100, torch.Generator().manual_seed(0))
    assert len(there) == 100 < 2**7 - 2
    scores = np.array([value(np.flatnonzero(row)) for row in there.numpy()])
    whole = value(range(7))
    found = shapley_fit(there.numpy().astype(float), scores, weights, whole, 0.0)
    assert found.sum() == pytest.approx(whole)
    assert np.corrcoef(found, exact)[0, 1] > 0.98


def test_shapley_fit_by_hand():
    """v(1) = 1, v(2) = 3, v(12) = 6, v() = 0: (1 + 3) / 2 = 2 and (3 + 5) / 2 = 4."""
    there, weights = coalitions(2, 100, torch.Generator())
    scores = np.array([1.0 if row[0] else 3.0 for row in there.tolist()])
    values = shapley_fit(there.numpy().astype(float), scores, weights, 6.0, 0.0)
    np.testing.assert_allclose(values, [2, 4])


def test_coalitions_are_pairs_of_complements_with_sizes_by_the_kernel():
    there, weights = coalitions(30, 4000, torch.Generator().manual_seed(0))
    assert there.shape == (4000, 30)
    assert torch.equal(there[::2], ~there[1::2])
    assert 0 < int(there.sum(1).min()) < int(there.sum(1).max()) < 30
    assert (weights == 1).all()
    share = float((there.sum(1) == 1).float().mean())
    odds = [1 / (k * (30 - k)) for k in range(1, 30)]
    assert share == pytest.approx(odds[0] / sum(odds), abs=0.02)
    single, one = coalitions(1, 10, torch.Generator())
    assert single.all()
    assert len(one) == 1


def test_lime_equals_the_literal_regression():
    question = ask("vgg11_bn", "lime", 1, parts=6, samples=40)
    value, parts = game(question)
    names = parts.max() + 1
    there = torch.rand(40, names, generator=question.generator()) < 0.5
    there[0] = True
    rows = there.numpy().astype(float)
    scores = [value(set(np.flatnonzero(row))) for row in rows]
    cosines = [row.sum() / math.sqrt(names * row.sum()) if row.any() else 0 for row in rows]
    weights = [math.sqrt(math.exp(-((1 - c) ** 2) / 0.25**2)) for c in cosines]  # as lime does
    expected = literal.weighted_ridge(rows, scores, weights, 1.0)
    partial = answer("lime", question)
    close(partial.grid, expected[parts], 1e-4)
    assert 0 < partial.checks["R² of the linear model"] <= 1


def test_ridge_finds_a_linear_model_by_hand():
    table = np.array(list(itertools.product([0.0, 1.0], repeat=2)))
    found, fit = ridge(table, 1 + table @ [3.0, -2.0], np.ones(4), 0.0)
    np.testing.assert_allclose(found, [3, -2])
    assert fit == pytest.approx(1)
    # Strength 1: each column's centred square is 1, so coefficients are halved.
    found, _ = ridge(table, table @ [3.0, -2.0], np.ones(4), 1.0)
    np.testing.assert_allclose(found, [1.5, -1])


# --- extremal perturbation ------------------------------------------------------------------------


def test_extremal_perturbation_keeps_what_the_score_reads():
    """y is the contrast of a striped corner, which the blur takes away."""
    stripes = (torch.arange(64) % 2 * 2.0 - 1)[None, None].expand(3, 64, 64)
    weights = torch.zeros(3, 64, 64)
    weights[:, :28, :28] = stripes[:, :28, :28] / 100
    network = linear([weights, torch.zeros(3, 64, 64)])
    question = about(
        network,
        stripes[None].clone(),
        "extremal_perturbation",
        Target(0),
        "conv",
        area=0.2,
        steps=150,
    )
    partial = answer("extremal_perturbation", question)
    grid = partial.grid
    assert 0 <= float(grid.min()) <= float(grid.max()) <= 1
    assert partial.checks["area of the mask"] == pytest.approx(0.2, abs=0.06)
    assert float(grid[4:24, 4:24].mean()) > 0.8
    assert float(grid[36:, 36:].mean()) < 0.1


# --- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", MANY)
def test_they_come_in_steps_that_grow_to_the_whole(method):
    small = {"masks": 20, "samples": 20, "parts": 8, "steps": 10, "square": 24, "stride": 12}
    known = {p.name for p in METHODS[method].parameters}
    question = ask("vgg11", method, batch=4, **{k: v for k, v in small.items() if k in known})
    steps = list(COMPUTE[method](question))
    done = [step.done for step in steps]
    assert len(done) > 1
    assert done == sorted(done)
    assert done[-1] == steps[-1].total
    assert METHODS[method].stepwise


@pytest.mark.parametrize("method", MANY)
def test_against_a_second_class_the_map_is_another(method):
    small = {"masks": 20, "samples": 20, "parts": 8, "steps": 12, "square": 24, "stride": 12}
    known = {p.name for p in METHODS[method].parameters}
    given = {k: v for k, v in small.items() if k in known}
    alone, against = (answer(method, ask("vgg11", method, 1, v, **given)).grid for v in (None, 4))
    assert not torch.allclose(alone, against, rtol=1e-3)


def test_costs_by_hand():
    """13 x 13 places of about (32 / 224 + 1 / 5)^2 of a pass; 512 maps behind which 1 % lies."""
    occlusion, ablation, score = (METHODS[n] for n in ("occlusion", "ablation_cam", "score_cam"))
    assert passes(occlusion, {}, 512, 224).forward == pytest.approx(169 * (32 / 224 + 0.2) ** 2)
    assert passes(score, {}, 512, 224).forward == 512
    assert passes(ablation, {}, 512, 224).forward == 512
    assert passes(ablation, {}, 512, 224, behind=0.01).forward == pytest.approx(5.12)
