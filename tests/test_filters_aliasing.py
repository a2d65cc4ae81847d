"""Aliasing: convolution and low-pass written out, and waves whose fate is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import reference_filters as reference
from vgg_viz.filters.aliasing import aliased_maps, correlate, low_pass, zone_plate

ONE_PX = np.ones((1, 1, 1, 1))


def wave(number, length):
    """A cosine that a mirrored row of `length` px holds: number / (2 length) cycles per px."""
    row = np.cos(np.pi * number * (2 * np.arange(length) + 1) / (2 * length))
    return np.broadcast_to(row, (1, length, length)).copy()


@given(seed=st.integers(0, 2**20), side=st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_correlation_is_what_a_layer_computes(seed, side):
    random = np.random.default_rng(seed)
    picture, bank = random.normal(size=(2, 6, 7)), random.normal(size=(3, 2, side, side))
    np.testing.assert_allclose(
        correlate(picture, bank), reference.correlate(picture, bank), atol=1e-10
    )


@given(seed=st.integers(0, 2**20), length=st.integers(3, 17), stride=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_the_low_pass_keeps_the_slow_cosines(seed, length, stride):
    maps = np.random.default_rng(seed).normal(size=(2, length, length))
    found = low_pass(maps, stride)
    wanted = np.apply_along_axis(lambda row: reference.low_pass(row, stride), -1, maps)
    wanted = np.apply_along_axis(lambda row: reference.low_pass(row, stride), -2, wanted)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize(("number", "share"), [(4, 0.0), (15, 0.0), (17, 1.0), (30, 1.0)])
def test_waves_beyond_the_limit_are_aliases_and_others_are_not(number, share):
    """32 px at stride 2 hold 1/4 cycle per px: the 16th cosine. At stride 1 they hold all."""
    found = aliased_maps(wave(number, 32), ONE_PX, 2)
    assert found.shares[0] == pytest.approx(share, abs=1e-9)
    assert np.abs(found.strided).max() > 0.5
    assert aliased_maps(wave(number, 32), ONE_PX, 1).shares[0] == 0


def test_the_share_of_two_waves_by_hand():
    """A slow wave of amplitude 3 and a fast one of 4: 16 / (16 + 9) of the power is alias."""
    picture = 3 * wave(4, 32) + 4 * wave(28, 32) + 7
    found = aliased_maps(picture, ONE_PX, 2)
    assert found.shares[0] == pytest.approx(16 / 25, abs=0.01)
    np.testing.assert_allclose(found.held[0] - 7, 3 * wave(4, 32)[0, ::2, ::2], atol=1e-9)
    np.testing.assert_allclose(found.alias[0], 4 * wave(28, 32)[0, ::2, ::2], atol=1e-9)


def test_a_flat_picture_has_no_aliases():
    found = aliased_maps(np.full((1, 16, 16), 5.0), ONE_PX, 4)
    assert found.shares.tolist() == [0]
    np.testing.assert_allclose(found.held, 5)


def test_maps_are_taken_at_the_stride():
    picture = np.random.default_rng(0).normal(size=(3, 20, 20))
    bank = np.random.default_rng(1).normal(size=(2, 3, 5, 5))
    found = aliased_maps(picture, bank, 4)
    np.testing.assert_array_equal(found.strided, correlate(picture, bank)[:, ::4, ::4])
    assert found.held.shape == found.alias.shape == (2, 4, 4)
    np.testing.assert_allclose(found.alias, found.strided - found.held)


@pytest.mark.parametrize("side", [64, 127])
def test_the_zone_plate_rises_to_half_a_cycle_per_px(side):
    plate = zone_plate(side)
    assert plate.shape == (side, side)
    assert 0 <= plate.min() < 0.01
    assert 0.99 < plate.max() <= 1
    np.testing.assert_allclose(plate, plate.T)
    # Phase pi x^2 / side along the middle row: its slope over 2 pi is the frequency x / side.
    x = np.arange(side) - (side - 1) / 2
    offset = x[side // 2] ** 2
    np.testing.assert_allclose(
        plate[side // 2], 0.5 + 0.5 * np.cos(np.pi * (x**2 + offset) / side), atol=1e-12
    )
    assert np.abs(x / side).max() <= 0.5


def test_the_middle_of_the_zone_plate_is_slow_and_its_edge_is_fast():
    plate = zone_plate(128)
    for part, slow in ((plate[48:80, 48:80], True), (plate[48:80, :32], False)):
        power = np.abs(np.fft.fft(part - part.mean(axis=1, keepdims=True), axis=1)) ** 2
        fast = power[:, np.abs(np.fft.fftfreq(32)) > 0.25].sum() / power.sum()
        assert bool(fast < 0.05) is slow
        assert bool(fast > 0.5) is not slow
