"""Frequency responses against the sum written out; shares and pairs worked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import reference_filters as reference
from vgg_viz.errors import UnknownNameError
from vgg_viz.filters import designs, frequency, redundancy


def kernels(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


@given(
    seed=st.integers(0, 2**20), side=st.integers(1, 7), y=st.integers(0, 15), x=st.integers(0, 15)
)
@settings(max_examples=40, deadline=None)
def test_the_response_is_the_fourier_sum(seed, side, y, x):
    kernel = kernels(seed, side, side)
    axis = frequency.frequencies(16)
    found = frequency.response(kernel, 16)
    assert found[y, x] == pytest.approx(reference.response(kernel, axis[y], axis[x]), abs=1e-9)


def test_zero_is_in_the_middle_and_a_blur_passes_it_best():
    axis = frequency.frequencies()
    assert axis[32] == 0
    assert (axis[0], axis[-1]) == (-0.5, 0.5 - 1 / 64)
    blur = frequency.response(np.full((3, 3), 1 / 9))
    assert blur.argmax() == 32 * 64 + 32
    assert blur[32, 32] == pytest.approx(1)


def test_a_wave_answers_at_its_own_frequency():
    at = np.arange(11)
    wave = np.broadcast_to(np.cos(2 * np.pi * at / 4), (11, 11))
    (peak,) = frequency.peak_frequencies(frequency.response(wave)[None])
    assert peak == pytest.approx(0.25, abs=1 / 64)


def test_grey_and_colour():
    one = kernels(1, 5, 5)
    grey = np.stack([one, one, one])[None]
    opposed = np.stack([one, -one, 0 * one])[None]
    single = frequency.response(one)
    np.testing.assert_allclose(frequency.grey_response(grey)[0], 3 * single)
    np.testing.assert_allclose(frequency.colour_response(grey)[0], np.sqrt(3) * single)
    np.testing.assert_allclose(frequency.grey_response(opposed)[0], 0, atol=1e-12)
    np.testing.assert_allclose(frequency.colour_response(opposed)[0], np.sqrt(2) * single)


@pytest.mark.parametrize(("stride", "share"), [(1, 0.0), (2, 0.75), (4, 0.9375)])
def test_one_px_passes_all_frequencies_alike(stride, share):
    flat = frequency.response(np.ones((1, 1)))
    # Both ends of the square belong to it: 33 of 64 frequencies for stride 2, 17 for stride 4.
    inside = {1: 64, 2: 33, 4: 17}[stride]
    assert frequency.held(64, stride).sum() == inside**2
    assert frequency.beyond_nyquist(flat, stride) == pytest.approx(1 - (inside / 64) ** 2)
    assert frequency.beyond_nyquist(flat, stride) == pytest.approx(share, abs=0.02)


def test_the_nyquist_share_by_hand():
    """[1, -1] along x: |response|^2 = 2 - 2 cos(2 pi f). Over f in 1/4 steps: 0, 2, 4, 2."""
    found = frequency.response(np.array([[1.0, -1.0]]), 4)
    np.testing.assert_allclose(found[0] ** 2, [4, 2, 0, 2], atol=1e-12)
    # Stride 2 holds |f| <= 1/4: f_x in {-1/4, 0, 1/4} has 4 of 8, and f_y the same 3 of 4 rows.
    assert frequency.beyond_nyquist(found, 2) == pytest.approx(1 - (4 / 8) * (3 / 4))


def test_the_share_of_a_silent_kernel_is_0():
    assert frequency.beyond_nyquist(np.zeros((3, 8, 8)), 2).tolist() == [0, 0, 0]


# --- redundancy ----------------------------------------------------------------------------------


def test_dead_kernels_are_far_below_the_median():
    bank = np.ones((5, 3, 2, 2))
    bank[1] *= 0.05
    bank[3] = 0
    assert redundancy.dead(bank).tolist() == [False, True, False, True, False]
    assert redundancy.dead(bank, 0.01).tolist() == [False, False, False, True, False]
    assert redundancy.norms(bank)[0] == pytest.approx(np.sqrt(12))
    assert redundancy.dead(np.zeros((3, 1, 2, 2))).all()


def test_duplicates_are_found_whatever_their_size_and_sign():
    bank = kernels(2, 6, 3, 5, 5)
    bank[4] = -3 * bank[1]
    bank[5] = bank[2] + 0.1 * kernels(3, 3, 5, 5)
    bank[3] = 0
    pairs = redundancy.duplicates(bank)
    assert [(i, j) for i, j, _ in pairs] == [(1, 4), (2, 5)]
    assert pairs[0][2] == pytest.approx(-1)
    flat = bank.reshape(6, -1)
    cosine = flat[2] @ flat[5] / np.linalg.norm(flat[2]) / np.linalg.norm(flat[5])
    assert pairs[1][2] == pytest.approx(cosine)
    assert redundancy.duplicates(bank, 0.9999) == pairs[:1]


def test_unrelated_kernels_are_no_duplicates():
    assert redundancy.duplicates(kernels(4, 40, 3, 7, 7)) == ()


# --- designs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", designs.DESIGNS)
@pytest.mark.parametrize("side", [3, 7, 11])
def test_designs_have_norm_1_and_do_what_their_name_says(name, side):
    kernel = designs.designed(name, side)
    assert kernel.shape == (side, side)
    assert np.linalg.norm(kernel) == pytest.approx(1)
    if name in ("edge", "stripes"):
        assert kernel.sum() == pytest.approx(0, abs=1e-12)
    else:
        assert kernel.sum() > 0.5


def test_unknown_designs_are_named():
    with pytest.raises(UnknownNameError, match="gaussian, edge, stripes, one_px"):
        designs.designed("sobel", 3)
