"""Two 3x3 kernels for one of 5x5: against a literal convolution, and cases known by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests import reference_filters as reference
from vgg_viz.errors import InputError
from vgg_viz.filters.factorisation import ENOUGH_CHANNELS, fit_stack, full_convolution
from vgg_viz.filters.layer_factorisation import layer_residuals
from vgg_viz.filters.separable import separability

SEEDS = st.integers(0, 2**20)
BINOMIAL = np.outer([1.0, 4, 6, 4, 1], [1.0, 4, 6, 4, 1])


def kernels(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_product_is_a_full_convolution(seed):
    a, b = kernels(seed, 2, 4, 3, 3)
    found = full_convolution(a, b)
    for one, two, made in zip(a, b, found, strict=True):
        np.testing.assert_allclose(made, reference.full_convolution(one, two), atol=1e-12)


def test_two_layers_compute_what_their_product_does():
    """Real convolutions, on a picture: b after a is the layer with kernel a * b."""
    a, b = torch.from_numpy(kernels(1, 2, 1, 1, 3, 3))
    picture = torch.from_numpy(kernels(2, 1, 1, 12, 12))
    # A convolution layer correlates: its kernel is the product of the kernels all the same.
    made = full_convolution(a.numpy(), b.numpy())
    two = F.conv2d(F.conv2d(picture, a), b)
    torch.testing.assert_close(two, F.conv2d(picture, torch.from_numpy(made)))
    assert two.std() > 0.1


@given(seed=SEEDS)
@settings(max_examples=8, deadline=None)
def test_products_of_two_3x3_are_recovered(seed):
    a, b = kernels(seed, 2, 6, 3, 3)
    wanted = full_convolution(a, b)
    found = fit_stack(wanted, starts=96)
    assert found.residuals.max() < 1e-6
    np.testing.assert_allclose(found.products, wanted, atol=1e-5)


@given(seed=SEEDS)
@settings(max_examples=5, deadline=None)
def test_more_channels_are_never_worse_and_four_are_enough(seed):
    wanted = kernels(seed, 3, 5, 5)
    residuals = np.array(
        [fit_stack(wanted, count, starts=8).residuals for count in range(1, ENOUGH_CHANNELS + 1)]
    )
    assert (np.diff(residuals, axis=0) <= 1e-9).all()
    assert residuals[0].min() > 0.05  # a random kernel is no product
    assert residuals[-1].max() < 1e-6


def test_the_residual_is_the_distance_that_is_left():
    wanted = kernels(3, 10, 5, 5) * 100
    for count in (1, 2):
        found = fit_stack(wanted, count)
        rest = np.linalg.norm(wanted - found.products, axis=(1, 2))
        norm = np.linalg.norm(wanted, axis=(1, 2))
        np.testing.assert_allclose(found.residuals, rest / norm, atol=1e-9)


def test_no_other_fit_nearby_is_better():
    wanted = kernels(4, 1, 5, 5)
    found = fit_stack(wanted, starts=64)
    for seed in range(200):
        moved = [part + 0.01 * kernels(seed, *part.shape) for part in (found.first, found.second)]
        rest = wanted - full_convolution(*moved).sum(axis=1)
        assert np.linalg.norm(rest) >= np.linalg.norm(wanted) * found.residuals[0] - 1e-9


def test_a_blur_a_shift_and_a_diagonal_are_made_and_a_corner_is_not():
    shift, corner = np.zeros((5, 5)), np.zeros((5, 5))
    shift[0, 4] = 3
    corner[0], corner[:, 0] = 1, 1
    found = fit_stack(np.stack([BINOMIAL, shift, np.eye(5), corner]), starts=64)
    assert (found.residuals[:3] < 1e-6).all()
    assert found.residuals[3] > 0.05


def test_a_kernel_of_zeros_is_made_exactly():
    found = fit_stack(np.zeros((2, 5, 5)))
    assert not found.residuals.any()
    assert not found.products.any()


def test_the_same_seed_gives_the_same_fit():
    wanted = kernels(5, 4, 5, 5)
    first, again, other = (fit_stack(wanted, starts=4, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.first, again.first)
    assert not np.array_equal(first.first, other.first)


@pytest.mark.parametrize(
    ("wanted", "channels", "said"),
    [
        (np.zeros((1, 3, 3)), 1, "5 x 5"),
        (np.zeros((5, 5)), 1, "5 x 5"),
        (np.full((1, 5, 5), np.nan), 1, "finite"),
        (np.zeros((1, 5, 5)), 0, "choose 1 to 9"),
        (np.zeros((1, 5, 5)), 10, "choose 1 to 9"),
    ],
)
def test_what_is_no_kernel_is_refused(wanted, channels, said):
    with pytest.raises(InputError, match=said):
        fit_stack(wanted, channels)


# --- a whole layer -------------------------------------------------------------------------------


def test_a_layer_of_two_3x3_layers_is_recovered_and_others_are_not():
    a, b = kernels(6, 4, 2, 3, 3), kernels(7, 3, 2, 3, 3)  # (out, M), (in, M)
    made = full_convolution(a[:, None], b[None]).sum(axis=2)  # (out, in, 5, 5)
    too_few = [layer_residuals(made, (1,), seed=seed)[0] for seed in range(4)]
    enough = [layer_residuals(made, (2,), seed=seed)[0] for seed in range(4)]
    assert min(too_few) > 0.3
    assert min(enough) < 0.02  # some beginnings end in a local minimum
    assert (np.diff(layer_residuals(made, (1, 2, 3))) <= 0).all()


def test_four_channels_for_each_input_make_every_layer():
    residuals = layer_residuals(kernels(8, 5, 2, 5, 5), (2, 4, 8))
    assert residuals[0] > residuals[1] > 0.01
    assert residuals[2] < 1e-3


def test_a_layer_of_one_kernel_is_that_kernel():
    wanted = kernels(9, 1, 1, 5, 5)
    best = fit_stack(wanted[0], starts=64).residuals[0]
    assert layer_residuals(wanted, (1,))[0] >= best - 1e-6


@pytest.mark.parametrize("channels", [(), (0, 1), (2, 2), (3, 1)])
def test_channels_have_to_rise(channels):
    with pytest.raises(InputError, match="rise"):
        layer_residuals(np.zeros((2, 2, 5, 5)), channels)
    with pytest.raises(InputError, match="5x5"):
        layer_residuals(np.zeros((2, 2, 3, 3)), (1,))


# --- separable -----------------------------------------------------------------------------------


@given(seed=SEEDS, side=st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_the_best_separable_kernel_is_the_svds(seed, side):
    wanted = kernels(seed, 3, side, side)
    found = separability(wanted)
    for number, kernel in enumerate(wanted):
        s = np.linalg.svd(kernel, compute_uv=False)
        np.testing.assert_allclose(found.values[number], s, atol=1e-10)
        assert found.rank_1_energy[number] == pytest.approx(s[0] ** 2 / (kernel**2).sum())
        rest = np.linalg.norm(kernel - found.separable[number])
        assert rest == pytest.approx(np.sqrt((s[1:] ** 2).sum()), abs=1e-10)
        p = s / s.sum()
        assert found.effective_rank[number] == pytest.approx(np.exp(-(p * np.log(p)).sum()))


def test_separable_kernels_have_rank_1_and_the_identity_has_5():
    found = separability(np.stack([BINOMIAL, np.eye(5), np.zeros((5, 5))]))
    np.testing.assert_allclose(found.rank_1_energy, [1, 0.2, 1])
    np.testing.assert_allclose(found.effective_rank, [1, 5, 1], atol=1e-6)
    np.testing.assert_allclose(found.separable[0], BINOMIAL)
