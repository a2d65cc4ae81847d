"""What a network reads of a photo: equality with torchvision, and the part that is seen."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from vgg_viz.errors import ImageError, InputError
from vgg_viz.images import decode
from vgg_viz.preprocessing import IMAGENET, Preprocessing, crop_box, cropped, prepare

SAMPLES = Path(__file__).resolve().parent.parent / "assets" / "images"
SMALL = Preprocessing(40, 32, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_torchvision(pixels, wanted):
    steps = [
        transforms.Resize(wanted.resize),
        transforms.CenterCrop(wanted.crop),
        transforms.ToTensor(),
        transforms.Normalize(wanted.mean, wanted.std),
    ]
    return transforms.Compose(steps)(Image.fromarray(pixels)).numpy()


@pytest.mark.parametrize(
    "size",
    [(256, 256), (224, 224), (300, 451), (427, 640), (640, 427), (31, 97), (1, 1), (257, 999)],
)
def test_preparing_equals_torchvision_bit_for_bit(size):
    pixels = noise(*size)
    got = prepare(pixels, IMAGENET)
    assert got.shape == (3, 224, 224)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    assert np.ptp(got) > 1 or size == (1, 1)
    np.testing.assert_array_equal(got, by_torchvision(pixels, IMAGENET))


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(1, 130),
    width=st.integers(1, 130),
    resize=st.integers(1, 70),
    cut=st.integers(0, 40),
    seed=st.integers(0, 9),
)
def test_preparing_equals_torchvision_for_odd_sizes(height, width, resize, cut, seed):
    wanted = Preprocessing(resize, max(1, resize - cut), IMAGENET.mean, IMAGENET.std)
    pixels = noise(height, width, seed=seed)
    difference = np.abs(prepare(pixels, wanted) - by_torchvision(pixels, wanted)).max()
    long, short = max(height, width), min(height, width)
    level = 1 / 255 / min(wanted.std)
    assert difference <= (0 if long < 16 * short else level * 1.001)


@pytest.mark.parametrize("size", [(20, 400), (400, 20), (7, 700), (700, 7), (130, 2048), (2, 300)])
def test_very_elongated_photos_equal_torchvision_up_to_one_level(size):
    pixels = noise(*size, seed=3)
    difference = np.abs(prepare(pixels, SMALL) - by_torchvision(pixels, SMALL))
    assert difference.max() <= 1.001 / 255 / min(SMALL.std)
    assert (difference > 0).mean() < 0.05  # halves, rounded the other way


@pytest.mark.parametrize("size", [(1, 2048), (2048, 1), (1, 100_000)])
def test_a_line_of_pixels_is_prepared_without_a_huge_picture_between(size):
    pixels = np.full((*size, 3), 128, np.uint8)
    got = prepare(pixels, IMAGENET)
    for channel in range(3):
        value = (128 / 255 - IMAGENET.mean[channel]) / IMAGENET.std[channel]
        np.testing.assert_allclose(got[channel], value, atol=1e-6)
    assert cropped(pixels, IMAGENET, 64).shape == (64, 64, 3)


def test_the_crop_box_is_the_middle_measured_in_photo_pixels():
    assert crop_box(256, 256, IMAGENET) == (16, 16, 240, 240)
    assert crop_box(1024, 512, IMAGENET) == (288, 32, 736, 480)
    assert crop_box(300, 100, Preprocessing(100, 100, (0, 0, 0), (1, 1, 1))) == (100, 0, 200, 100)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 300), st.integers(0, 100))
def test_the_crop_box_lies_within_the_photo(width, height, resize, cut):
    wanted = Preprocessing(resize, max(1, resize - cut), IMAGENET.mean, IMAGENET.std)
    left, top, right, bottom = crop_box(width, height, wanted)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def test_the_cropped_photo_shows_the_region_that_the_network_reads():
    photo = decode((SAMPLES / "dog.jpg").read_bytes()).pixels
    seen = prepare(photo, IMAGENET) * np.array(IMAGENET.std).reshape(3, 1, 1)
    seen = (seen + np.array(IMAGENET.mean).reshape(3, 1, 1)).transpose(1, 2, 0) * 255
    shown = cropped(photo, IMAGENET, 224).astype(float)
    assert shown.shape == (224, 224, 3)
    shifted = np.abs(shown[:, 2:] - seen[:, :-2]).mean()
    assert np.abs(shown - seen).mean() < 5 < shifted
    assert cropped(photo, IMAGENET, 500).shape == (500, 500, 3)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        [[1]],
    ],
)
def test_preparing_anything_but_rgb_pixels_is_refused(pixels):
    with pytest.raises(ImageError, match="uint8"):
        prepare(pixels, IMAGENET)
    with pytest.raises(ImageError, match="uint8"):
        cropped(pixels, IMAGENET, 10)


@pytest.mark.parametrize(
    "numbers",
    [
        (100, 101, (0, 0, 0), (1, 1, 1)),
        (100, 0, (0, 0, 0), (1, 1, 1)),
        (100, 90, (0, 0, 0), (1, 0, 1)),
        (100, 90, (0, 0), (1, 1, 1)),
    ],
)
def test_preprocessing_that_makes_no_picture_is_refused(numbers):
    with pytest.raises(InputError):
        Preprocessing(*numbers)


def test_preprocessing_is_described_in_words_and_can_be_a_key():
    words = IMAGENET.describe()
    for part in ("256 px", "224 x 224 px", "bilinear", "0.485, 0.456, 0.406", "0.229"):
        assert part in words
    assert hash(IMAGENET) == hash(Preprocessing(256, 224, IMAGENET.mean, IMAGENET.std))
