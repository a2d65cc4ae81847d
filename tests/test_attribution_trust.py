"""Trust in a map: closed forms, peers, what metrics must be blind to, and no trace left."""

import copy
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity as their_ssim
from torch import nn

from tests.questions import about, answer, ask
from tests.test_capture import assert_same, snapshot
from tests.tiny import tiny_config, tiny_image, tiny_network
from vgg_viz.attribution import faithfulness as faith
from vgg_viz.attribution.extent import check_extent
from vgg_viz.attribution.pointing import pointing
from vgg_viz.attribution.question import Partial, Target
from vgg_viz.attribution.randomisation import STD, cascade, chosen, sharing_copy, weighted_layers
from vgg_viz.attribution.reference_maps import centre, edges, random_maps, sobel
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.attribution.similarity import rank_correlation, structural_similarity
from vgg_viz.attribution.trust import Examination, examine, spread_of
from vgg_viz.capture import inspect
from vgg_viz.errors import InputError


@dataclass(frozen=True)
class Small:
    points: int = 4
    random_maps: int = 2
    seeds: int = 2
    box: tuple[float, float, float, float] | None = (0.25, 0.25, 0.75, 0.75)


def whole(steps):
    """What a generator returns, after its last step."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


# --- areas and curves ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fractions", "scores", "area"),
    [
        ([0, 0.5, 1], [1, 0.3, 0], 0.4),
        ([0, 0.5, 1], [0, 0.7, 1], 0.6),
        ([0, 0.52, 1], [1, 0.3, 0], 0.41),  # 25 pixels in 2 steps: 13 and 12
        ([0, 0.52, 1], [0, 0.7, 1], 0.59),
        ([0, 1], [0.4, 0.4], 0.4),
    ],
)
def test_areas_worked_out_on_paper(fractions, scores, area):
    assert faith.curve(fractions, scores).area == pytest.approx(area, abs=1e-12)


def test_steps_that_do_not_divide_the_pixels():
    assert faith.counts_of(25, 2) == [0, 13, 25]
    assert faith.counts_of(16, 4) == [0, 4, 8, 12, 16]
    assert faith.counts_of(3, 8) == [0, 1, 2, 3]


def test_average_drop_worked_out_on_paper():
    assert faith.drop(1.0, 0.4) == (pytest.approx(0.6 / (1 + 1e-7), abs=1e-15), False)
    assert faith.drop(0.4, 0.6) == (0, True)


def brightness():
    """p = sigmoid of the sum of a 3 x 4 x 4 picture against a constant."""
    network = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.Flatten(), nn.Linear(16, 2))
    with torch.no_grad():
        network[0].weight.fill_(1)
        network[2].weight.zero_()
        network[2].weight[0] = 0.25
        network[2].bias.zero_()
    return network


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), points=st.integers(1, 20), batch=st.integers(1, 5))
def test_curves_equal_a_loop_over_pixels(seed, points, batch):
    random = np.random.default_rng(seed)
    picture = random.normal(size=(3, 4, 4)).astype(np.float32)
    grid = random.permutation(16).reshape(4, 4).astype(np.float32)
    network, image = brightness(), torch.from_numpy(picture)[None]
    question = replace(about(network, image, "gradient", Target(0), "0"), batch=batch)
    ends = faith.ends_of(question)
    ranks = faith.ranks_of(torch.from_numpy(grid), 4)
    deletion, insertion = whole(faith.curves(question, ends, ranks, points))
    order = sorted(np.ndindex(4, 4), key=lambda at: -grid[at])
    soft = ends.blurred[0].numpy()
    probability = lambda x: 1 / (1 + np.exp(-0.25 * x.sum()))  # noqa: E731
    step = -(-16 // points)
    counts = [*range(0, 16, step), 16]
    for i, count in enumerate(counts):
        gone, come = picture.copy(), soft.copy()
        for at in order[:count]:
            gone[:, *at] = 0
            come[:, *at] = picture[:, *at]
        assert deletion.scores[i] == pytest.approx(probability(gone), abs=2e-6)
        assert insertion.scores[i] == pytest.approx(probability(come), abs=2e-6)
    np.testing.assert_allclose(deletion.fractions, np.array(counts) / 16, rtol=1e-6)


@pytest.mark.parametrize("name", ["vgg16", "zfnet_b"])
def test_curves_equal_torchcam(name):
    from torchcam.metrics import DeletionInsertionMetric

    question = ask(name, "grad_cam")
    side = question.image.shape[-1]
    grid = torch.rand(side, side, generator=torch.Generator().manual_seed(1))
    ends = faith.ends_of(question)
    ranks = faith.ranks_of(grid, side)
    ours = whole(faith.curves(question, ends, ranks, 8))

    class Extractor:
        model = question.network

        def __call__(self, *_, **__):
            return [grid[None]]

        def fuse_cams(self, cams):
            return cams[0]

        def _hooks_off(self):
            return torch.no_grad()

    for at, baseline in enumerate((ends.mean_colour, ends.blurred)):
        metric = DeletionInsertionMetric(
            Extractor(), lambda logits: logits.softmax(1), steps=8, baseline=baseline
        )
        metric.update(question.image, class_idx=question.target.index)
        found = metric.summary()
        kind = ("deletion", "insertion")[at]
        theirs = next(value for key, value in found.items() if kind in key)
        assert np.std(ours[at].scores) > 0
        assert ours[at].area == pytest.approx(theirs, abs=1e-5)


def test_between_two_classes_the_curve_is_of_one_against_the_other():
    logits = torch.tensor([[1.0, 2.0, 3.0]])
    assert float(faith.probability(logits, Target(0, 2))) == pytest.approx(1 / (1 + np.e**2))
    two = torch.tensor([[1.0, 3.0]]).softmax(1)
    assert float(faith.probability(logits, Target(0, 2))) == pytest.approx(float(two[0, 0]))
    assert float(faith.probability(logits, Target(2))) == pytest.approx(
        float(logits.softmax(1)[0, 2])
    )


GRIDS = st.integers(0, 10_000).map(
    lambda seed: np.random.default_rng(seed).integers(-8, 9, (5, 6)).astype(np.float32)
)
SCALES = st.sampled_from([0.25, 0.5, 2.0, 1024.0])


@settings(max_examples=50)
@given(grid=GRIDS, scale=SCALES, shift=st.integers(-16, 16))
def test_the_order_of_pixels_is_blind_to_scale_and_shift(grid, scale, shift):
    square = torch.from_numpy(grid[:, :5].copy())
    expected = faith.ranks_of(square, 5)
    assert torch.equal(faith.ranks_of(scale * square + shift, 5), expected)
    assert sorted(expected.tolist()) == list(range(25))
    values = square.flatten()[expected.argsort()]
    assert (values[:-1] >= values[1:]).all()
    # Turned about, it is another order.
    if float(square.max()) > float(square.min()):
        assert not torch.equal(faith.ranks_of(-square, 5), expected)


def test_a_flat_map_is_no_order_of_lines():
    ranks = faith.ranks_of(torch.zeros(8, 8), 8)
    assert not torch.equal(ranks, torch.arange(64))
    assert torch.equal(ranks, faith.ranks_of(torch.full((8, 8), 3.0), 8)), "seeded"
    assert not torch.equal(ranks, faith.ranks_of(torch.zeros(8, 8), 8, seed=1))


def test_what_the_map_keeps_of_the_photo():
    question = ask("vgg16", "grad_cam")
    side = question.image.shape[-1]
    grid = torch.full((side, side), -1.0)
    grid[:10, :20] = 4
    kept = faith.kept_by(question, grid)
    assert torch.equal(kept[..., :10, :20], question.image[..., :10, :20])
    assert not kept[..., 10:, :].any()
    assert torch.equal(faith.kept_by(question, 8 * grid), kept), "blind to scale"
    assert not faith.kept_by(question, -grid * 0).any()


# --- likeness ------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(one=GRIDS, other=GRIDS, scale=SCALES, shift=st.integers(-16, 16))
def test_rank_correlation_is_scipys_and_blind_to_scale_and_shift(one, other, scale, shift):
    found = rank_correlation(one, other)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        assert found is None
        return
    assert found == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic, abs=1e-12)
    assert rank_correlation(scale * one + shift, other) == found
    assert rank_correlation(-one, other) == pytest.approx(-found, abs=1e-12)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), scale=SCALES)
def test_structural_similarity_is_scikit_images_and_blind_to_scale(seed, scale):
    random = np.random.default_rng(seed)
    one, other = random.normal(size=(2, 12, 15)).astype(np.float32)
    found = structural_similarity(one, other)
    x, y = (each.astype(np.float64) / np.abs(each).max() for each in (one, other))
    assert found == pytest.approx(their_ssim(x, y, data_range=2.0), abs=1e-9)
    assert structural_similarity(scale * one, other) == pytest.approx(found, abs=1e-9)
    assert structural_similarity(one, one) == pytest.approx(1)


def test_maps_without_an_order_or_a_window_have_no_likeness():
    flat, own = np.zeros((4, 4), np.float32), np.eye(4, dtype=np.float32)
    assert rank_correlation(flat, own) is None
    assert structural_similarity(flat, own) is None
    assert structural_similarity(own[:2, :2], own[:2, :2]) is None
    assert structural_similarity(own, own) == pytest.approx(1), "windows of 3 px"


def test_spread_worked_out_on_paper():
    one, other = np.array([[1.0, 2.0]], np.float32), np.array([[3.0, 2.0]], np.float32)
    found = spread_of([one, other], [0, 1])
    assert found.rank == -1
    assert found.spread == pytest.approx((1 + 0) / 2 / 3)
    assert spread_of([one * 0, one * 0], [0, 1]).rank is None


# --- maps that know nothing ----------------------------------------------------------------------


def test_the_edge_detector_by_hand():
    step = torch.zeros(1, 1, 5, 6)
    step[..., 3:] = 1
    found = sobel(step)[0, 0]
    assert (found[:, 2:4] == 4).all()
    assert not found[:, :2].any()
    assert not found[:, 4:].any()
    from skimage.filters import sobel_h, sobel_v

    picture = np.random.default_rng(0).random((9, 9))
    theirs = 4 * np.hypot(sobel_h(picture), sobel_v(picture))
    ours = sobel(torch.from_numpy(picture)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(ours[1:-1, 1:-1], theirs[1:-1, 1:-1], rtol=1e-6)


def test_edges_are_of_the_photo_and_not_of_its_normalised_form():
    question = ask("vgg16", "grad_cam")
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1)
        for v in (question.preprocessing.mean, question.preprocessing.std)
    )
    grey = (
        (question.image * std + mean) * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    ).sum(1)
    np.testing.assert_allclose(edges(question), sobel(grey[:, None])[0, 0], rtol=1e-5)


def test_the_spot_and_the_random_maps():
    spot = centre(8)
    assert torch.equal(spot, spot.flip(0))
    assert torch.equal(spot, spot.T)
    assert spot[3, 3] == spot.max()
    assert float(spot[4, 6] / spot[4, 4]) == pytest.approx(
        float(np.exp(-(2.5**2 - 0.5**2) / 2 / 2**2))
    )
    first, second = random_maps((3, 4), 2, seed=5)
    assert first.shape == (3, 4)
    assert not torch.equal(first, second)
    assert torch.equal(random_maps((3, 4), 2, seed=5)[1], second)


# --- pointing ------------------------------------------------------------------------------------


def test_pointing_by_hand():
    grid = np.array([[0.0, 1.0], [-2.0, 3.0]], np.float32)
    drawn = np.kron(grid, np.ones((2, 2), np.float32))
    found = pointing(grid, drawn, (0.5, 0.5, 1.0, 1.0))
    assert (found.x, found.y, found.hit) == (0.75, 0.75, True)
    assert found.energy == 12 / 16
    assert found.box_share == 0.25
    missed = pointing(grid, drawn, (0, 0, 0.5, 0.5))
    assert (missed.hit, missed.energy) == (False, 0)
    assert pointing(grid, drawn, (0, 0, 0.5, 0.5), tolerance=0.25).hit
    for scaled in (4 * grid, grid + 2):
        assert pointing(scaled, drawn, (0.5, 0.5, 1.0, 1.0)).hit
    assert pointing(grid, 4 * drawn, (0.5, 0.5, 1.0, 1.0)).energy == found.energy


def test_pointing_without_a_peak_or_evidence():
    flat = np.full((4, 4), -1.0, np.float32)
    found = pointing(flat, flat, (0, 0, 1, 1))
    assert (found.x, found.hit, found.energy) == (None, None, None)
    broken = np.full((4, 4), np.nan, np.float32)
    assert pointing(broken, flat, (0, 0, 1, 1)).hit is None


@pytest.mark.parametrize("box", [(0.5, 0, 0.5, 1), (0, 0.6, 1, 0.2), (-0.1, 0, 1, 1), (0, 0, 1, 2)])
def test_a_box_that_is_none(box):
    with pytest.raises(InputError, match="x0 < x1"):
        check_extent(Small(box=box))
    with pytest.raises(InputError):
        pointing(np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32), box)


@pytest.mark.parametrize(
    "change", [{"points": 1}, {"random_maps": 0}, {"seeds": 1}, {"points": 999}]
)
def test_an_extent_out_of_range(change):
    with pytest.raises(InputError, match="give"):
        check_extent(Small(**change))


# --- random weights ------------------------------------------------------------------------------


def drawn(network, seed):
    """The steps of a cascade without those in between."""
    return (each for each in cascade(network, seed) if each is not None)


def test_large_layers_are_drawn_part_by_part(monkeypatch):
    from vgg_viz.attribution import randomisation

    monkeypatch.setattr(randomisation, "PART", 1000)
    network = tiny_network("vgg16")
    steps = cascade(network, seed=0)
    parts = -(-network.fc8.weight.numel() // 1000)
    assert [next(steps) for _ in range(parts)] == [None] * parts
    assert next(steps)[0] == "fc8"


@pytest.mark.parametrize("name", ["vgg16", "zfnet_b", "vgg11_bn"])
def test_layers_get_random_weights_from_the_top_down_and_the_network_keeps_its_own(name):
    network = tiny_network(name)
    before = snapshot(network)
    own = {key: value.clone() for key, value in network.state_dict().items()}
    layers = weighted_layers(network)
    assert layers[:3] == ("fc8", "fc7", "fc6")
    assert layers[-1] == tiny_config(name).convs[0]
    for count, (layer, twin) in enumerate(drawn(network, seed=3), start=1):
        assert layer == layers[count - 1]
        changed = {
            key.rpartition(".")[0]
            for key, value in twin.state_dict().items()
            if not torch.equal(value, own[key])
        }
        norms = {
            at.replace("conv", "bn") for at in layers[:count] if "conv" in at and "_bn" in name
        }
        assert changed == {*layers[:count], *norms}
        for at in layers[count:]:
            assert twin.get_submodule(at).weight is network.get_submodule(at).weight, "shared"
    assert count == len(layers)
    assert_same(before, snapshot(network))
    weights = torch.cat([twin.get_submodule(at).weight.flatten() for at in layers])
    assert float(weights.abs().max()) <= 2 * STD
    assert float(weights.std()) == pytest.approx(0.88 * STD, rel=0.02)  # of a normal cut at 2
    assert not any(twin.get_submodule(at).bias.any() for at in layers)
    again = [twin for _, twin in drawn(network, seed=3)][-1]
    assert torch.equal(again.fc8.weight, twin.fc8.weight)
    other = next(drawn(network, seed=4))[1]
    assert not torch.equal(other.fc8.weight, twin.fc8.weight)


def test_a_copy_shares_its_tensors_and_none_of_its_modules():
    network = tiny_network("vgg11_bn")
    twin = sharing_copy(network)
    assert twin.conv1_1 is not network.conv1_1
    assert twin.conv1_1.weight is network.conv1_1.weight
    assert twin.bn1_1.running_mean is network.bn1_1.running_mean


def test_which_layers_are_looked_at():
    assert chosen("abcdefgh", 4) == (2, 4, 6, 8)
    assert chosen("abc", 99) == (1, 2, 3)
    assert chosen("abcdefghijklmnop", 1) == (16,)


# --- all of it -----------------------------------------------------------------------------------


def examined(question, method, extent=None):
    found = Examination()
    for _ in examine(question, method, extent or Small(), found):
        assert 0 <= found.share <= 1
    return found


@pytest.mark.parametrize(
    ("name", "method"),
    [("vgg16", "grad_cam"), ("zfnet_b", "lrp"), ("vgg11_bn", "smoothgrad")],
)
def test_everything_is_measured_and_nothing_left_behind(name, method):
    question = ask(name, method, target=2, **({"samples": 2} if method == "smoothgrad" else {}))
    network = question.network
    before, state = snapshot(network), torch.random.get_rng_state()
    found = examined(question, method)
    assert_same(before, snapshot(network))
    assert torch.equal(state, torch.random.get_rng_state())
    expected = answer(method, question).grid
    assert torch.equal(found.partial.grid, expected)
    assert found.share == 1
    assert [each.name for each in found.references] == ["edges", "centre", "random"]
    assert found.references[2].maps == 2
    for each in (found.curves, *found.references):
        assert each.deletion.scores[0] == pytest.approx(found.probability, abs=1e-6)
        assert each.insertion.scores[-1] == pytest.approx(found.probability, abs=1e-6)
        assert 0 < each.deletion.area < 1
    assert found.curves.gain == found.curves.insertion.area - found.curves.deletion.area
    assert (found.seeds is not None) == (method == "smoothgrad")
    assert found.pointing is not None
    layers = weighted_layers(network)
    rows = found.randomised
    assert found.cascade == len(rows)
    assert rows[-1].layer == layers[-1]
    # The last row, made by hand on a copy of everything.
    twin = copy.deepcopy(network)
    *_, (_, random) = drawn(network, question.seed)
    twin.load_state_dict(random.state_dict())
    seen = inspect(twin, question.image, tuple(question.seen.outputs))
    by_hand = answer(method, replace(question, network=twin, seen=seen)).grid.numpy()
    np.testing.assert_allclose(rows[-1].grid, by_hand, rtol=1e-4, atol=1e-12)
    assert rows[-1].rank == pytest.approx(rank_correlation(expected.numpy(), by_hand), abs=1e-3)


def test_an_examination_that_is_given_up_leaves_no_trace():
    question = ask("vgg11_bn", "grad_cam")
    before = snapshot(question.network)
    for stop in (1, 5, 40):
        steps = examine(question, "grad_cam", Small(), Examination())
        for _ in range(stop):
            next(steps, None)
        steps.close()
        assert_same(before, snapshot(question.network))


def test_the_map_of_an_edge_detector_is_no_better_than_itself(monkeypatch):
    question = ask("vgg16", "gradient")

    def detector(asked):
        yield Partial(edges(asked))

    monkeypatch.setitem(COMPUTE, "gradient", detector)
    found = examined(question, "gradient")
    assert found.curves.gain == found.references[0].gain
    from vgg_viz.attribution.verdict import findings, verdict

    sentences = findings(
        curves=found.curves,
        references=found.references,
        checks=(),
        randomised=found.randomised,
        cascade=found.cascade,
        seeds=None,
        pointing=None,
    )
    assert "no better than an edge detector" in sentences[0].text
    # It never looks at a weight, so it is the same map to the end.
    assert [row.rank for row in found.randomised] == [1.0] * found.cascade
    assert sentences[1].level == "bad"
    assert verdict(sentences, complete=False) == "bad"


def test_a_map_of_zeros_is_examined_without_a_number_that_is_none(monkeypatch):
    def silent(asked):
        yield Partial(torch.zeros(4, 4))

    monkeypatch.setitem(COMPUTE, "grad_cam", silent)
    found = examined(ask("vgg16", "grad_cam"), "grad_cam")
    assert found.drop is not None
    assert np.isfinite(found.curves.deletion.scores).all()
    assert found.randomised[-1].rank is None
    assert found.pointing.energy is None


def test_the_box_is_read_as_shares_of_the_picture():
    job = SimpleNamespace(points=2, random_maps=1, seeds=2, box=(0.0, 0.0, 1.0, 1.0))
    found = examined(ask("vgg16", "grad_cam"), "grad_cam", job)
    assert found.pointing.energy in (None, pytest.approx(1))
    assert found.pointing.hit is True
    assert tiny_image("vgg16").shape[-1] == tiny_config("vgg16").input_size
