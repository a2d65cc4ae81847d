"""Decoding of strangers' files, small files and the bundled photos."""

import contextlib
import hashlib
import json
import re
import struct
import threading
import warnings
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vgg_viz import images
from vgg_viz.errors import ImageError, InputError
from vgg_viz.images import (
    MAX_BYTES,
    MAX_PIXELS,
    MAX_SIDE,
    Photo,
    decode,
    encode_jpeg,
    encode_png,
    load_samples,
    thumbnail,
)

SAMPLES = Path(__file__).resolve().parent.parent / "assets" / "images"


def encode(image, kind, **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height, width):
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows % 256, columns % 256, (rows + columns) % 256], -1).astype(np.uint8)


@contextlib.contextmanager
def quietly():
    """Let Pillow warn about damage as it does in production, where warnings are no errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def refused(data):
    with pytest.raises(ImageError) as caught:
        decode(data)
    message = str(caught.value)
    assert message.endswith((".", "!"))
    assert len(message) > 20
    return message


def png(width, height, depth=8, colour=2, rows=b"", before_rows=()):
    """Return a PNG written by hand, for headers that Pillow would not write."""

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(chunk(*extra) for extra in before_rows)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


# --- what comes out of a good file ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_lossless_formats_give_the_very_pixels(kind):
    pixels = np.full((5, 7, 3), (200, 100, 0), dtype=np.uint8)
    photo = decode(encode(Image.fromarray(pixels), kind))
    assert photo.notes == ()
    np.testing.assert_array_equal(photo.pixels, pixels)


def test_lossless_webp_gives_the_very_pixels():
    pixels = noise(9, 11)
    np.testing.assert_array_equal(
        decode(encode(Image.fromarray(pixels), "WEBP", lossless=True)).pixels, pixels
    )


def test_a_photo_is_frozen_contiguous_and_known_by_the_digest_of_its_bytes():
    data = encode_jpeg(smooth(30, 20))
    photo = decode(data)
    assert isinstance(photo, Photo)
    assert photo.digest == hashlib.sha256(data).hexdigest()
    assert photo.pixels.shape == (30, 20, 3)
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous
    assert not photo.pixels.flags.writeable
    assert np.abs(photo.pixels.astype(int) - smooth(30, 20)).mean() < 12
    with pytest.raises(AttributeError):
        photo.pixels = None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 2)])
def test_tiny_and_elongated_pictures_decode(kind, size):
    photo = decode(encode(Image.new("RGB", size, "white"), kind))
    assert photo.pixels.shape == (size[1], size[0], 3)
    assert photo.pixels.min() > 250


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "F"]
)
def test_every_mode_that_tiff_can_hold_becomes_rgb(mode):
    source = Image.fromarray(smooth(8, 8))
    image = Image.new("LA", (8, 8)) if mode == "LA" else source.convert(mode)
    photo = decode(encode(image, "TIFF"))
    assert photo.pixels.shape == (8, 8, 3)
    if mode in ("RGB", "RGBA", "CMYK", "YCbCr", "LAB"):
        assert np.abs(photo.pixels.astype(int) - smooth(8, 8)).max() <= 8


def test_palette_and_greyscale_pictures_become_rgb_without_a_note():
    grey = smooth(6, 6)[..., 0]
    photo = decode(encode(Image.fromarray(grey), "PNG"))
    assert photo.notes == ()
    np.testing.assert_array_equal(photo.pixels, np.repeat(grey[..., None], 3, axis=-1))
    palette = Image.fromarray(smooth(6, 6)).quantize(16)
    np.testing.assert_array_equal(
        decode(encode(palette, "PNG")).pixels, np.asarray(palette.convert("RGB"))
    )


# --- transparency --------------------------------------------------------------------------------


def test_transparent_parts_are_blended_with_white_exactly():
    rgba = noise(16, 16, 4, seed=1)
    rgba[0, 0, 3], rgba[0, 1, 3] = 0, 255
    photo = decode(encode(Image.fromarray(rgba), "PNG"))
    colour, alpha = rgba[..., :3].astype(float), rgba[..., 3:] / 255
    np.testing.assert_array_equal(photo.pixels, np.rint(colour * alpha + 255 * (1 - alpha)))
    assert photo.pixels[0, 0].tolist() == [255, 255, 255]
    assert photo.notes == ("Transparent parts were put on white.",)


def test_an_alpha_channel_that_is_all_opaque_needs_no_note():
    rgba = np.concatenate([noise(4, 4), np.full((4, 4, 1), 255, np.uint8)], axis=-1)
    photo = decode(encode(Image.fromarray(rgba), "PNG"))
    assert photo.notes == ()
    np.testing.assert_array_equal(photo.pixels, rgba[..., :3])


def test_grey_with_alpha_is_put_on_white():
    values = np.array([[[0, 0], [0, 255], [100, 51]]], dtype=np.uint8)
    photo = decode(encode(Image.fromarray(values, "LA"), "PNG"))
    assert photo.pixels[0, :, 0].tolist() == [255, 0, 224]  # 100 * 0.2 + 255 * 0.8 = 224
    assert "Transparent parts were put on white." in photo.notes


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_becomes_white(kind):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    photo = decode(encode(image, kind, transparency=1))
    assert photo.pixels[0].tolist() == [[10, 20, 30], [255, 255, 255]]
    assert photo.notes == ("Transparent parts were put on white.",)


def test_a_transparent_colour_of_an_rgb_png_becomes_white():
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8)
    photo = decode(encode(Image.fromarray(pixels), "PNG", transparency=(4, 5, 6)))
    assert photo.pixels[0].tolist() == [[1, 2, 3], [255, 255, 255]]


# --- depth and colour ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_by_255_over_65535(kind):
    values = np.array([[0, 128, 129, 257, 32_768, 65_535]], dtype=np.uint16)
    photo = decode(encode(Image.fromarray(values), kind))
    assert photo.pixels[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]
    assert photo.notes == ("16-bit greyscale was scaled to 8 bits.",)


def test_sixteen_bit_rgb_png_keeps_the_high_byte():
    values = struct.pack(">6H", 0x0000, 0x80FF, 0xFFFF, 0x1234, 0x0100, 0x00FF)
    photo = decode(png(2, 1, depth=16, rows=b"\0" + values))
    assert photo.pixels[0].tolist() == [[0, 0x80, 0xFF], [0x12, 1, 0]]


def test_thirty_two_bit_and_float_grey_are_scaled_from_their_own_range():
    values = np.array([[-2.0, 0.0, 2.0, np.nan]], dtype=np.float32)
    photo = decode(encode(Image.fromarray(values), "TIFF"))
    assert photo.pixels[0, :, 0].tolist() == [0, 128, 255, 0]
    assert photo.notes == ("32-bit greyscale was scaled to 8 bits from its own range, -2 to 2.",)
    wide = np.array([[0, 100_000, 200_000]], dtype=np.int32)
    assert decode(encode(Image.fromarray(wide), "TIFF")).pixels[0, :, 0].tolist() == [0, 128, 255]


def test_a_constant_or_empty_float_picture_is_black_rather_than_an_error():
    for value in (3.5, np.nan, np.inf):
        data = encode(Image.fromarray(np.full((2, 2), value, np.float32)), "TIFF")
        assert decode(data).pixels.max() == 0


def test_a_cmyk_jpeg_becomes_rgb_with_a_note():
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow make red
    photo = decode(encode(cmyk, "JPEG", quality=95))
    assert photo.notes == ("CMYK was converted to RGB without a colour profile.",)
    red, green, blue = photo.pixels[8, 8].astype(int)
    assert red > 240
    assert green < 15
    assert blue < 15


# --- orientation ---------------------------------------------------------------------------------

# How a picture stored with each tag value is turned upright, written out from the EXIF standard.
UPRIGHT = {
    1: np.asarray,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_all_eight_exif_orientations_are_honoured(orientation, kind):
    stored = noise(4, 6, seed=orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    photo = decode(encode(Image.fromarray(stored), kind, exif=exif, **options))
    np.testing.assert_array_equal(photo.pixels, UPRIGHT[orientation](stored))
    turned = ("Rotated as the camera's EXIF tag asks.",) if orientation > 1 else ()
    assert photo.notes == turned


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_large_rotated_jpeg_is_turned_and_scaled(orientation):
    stored = np.zeros((300, 4100, 3), np.uint8)
    stored[:, :2050] = (250, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = decode(encode(Image.fromarray(stored), "JPEG", exif=exif))
    expected = UPRIGHT[orientation](stored)
    height, width = expected.shape[:2]
    assert photo.pixels.shape[:2] == ((MAX_SIDE, 150) if height > width else (150, MAX_SIDE))
    assert f"Scaled down from {width} x {height} px" in photo.notes[-1]
    ys, xs = np.array([0.1, 0.9]), np.array([0.1, 0.9])
    for y in ys:
        for x in xs:
            want = expected[int(y * height), int(x * width)].astype(int)
            got = photo.pixels[int(y * photo.pixels.shape[0]), int(x * photo.pixels.shape[1])]
            assert np.abs(want - got).max() < 20


@pytest.mark.parametrize("value", [0, 9, 77])
def test_a_senseless_orientation_is_taken_as_upright(value):
    exif = Image.Exif()
    exif[0x0112] = value
    data = encode(Image.fromarray(smooth(4, 6)), "JPEG", exif=exif)
    with quietly():
        photo = decode(data)
    assert photo.pixels.shape == (4, 6, 3)
    assert photo.notes == ()


def test_damaged_exif_is_no_reason_to_refuse_a_photo():
    exif = b"Exif\0\0MM\0*\xff\xff\xff\xff"
    data = encode(Image.fromarray(smooth(4, 6)), "JPEG", exif=exif)
    with quietly():
        assert decode(data).pixels.shape == (4, 6, 3)


# --- animations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})]
)
def test_an_animation_gives_its_first_frame_and_the_number_of_frames(kind, options):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    frames = [Image.new("RGB", (6, 5), colour) for colour in colours]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)
    photo = decode(data)
    assert photo.notes == ("First of 3 frames of an animation.",)
    np.testing.assert_array_equal(photo.pixels, np.full((5, 6, 3), (255, 0, 0)))


def test_an_animation_whose_later_frames_are_damaged_still_gives_its_first():
    frames = [Image.fromarray(noise(40, 40, seed=seed)) for seed in range(3)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    photo = decode(data[: len(data) // 2])
    assert photo.pixels.shape == (40, 40, 3)
    assert photo.notes[0].endswith("of an animation.") or "several frames" in photo.notes[0]


def test_a_gif_of_very_many_empty_frames_is_not_counted():
    data = encode(Image.new("P", (1, 1)), "GIF")
    start = data.index(b",")
    photo = decode(data[:start] + data[start:-1] * 70_000 + b";")
    assert photo.notes == ("First frame of an animation with several frames.",)


def test_a_document_of_several_pages_gives_its_first():
    pages = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    photo = decode(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert photo.notes == ("First page of a file with several pages.",)
    assert photo.pixels[0, 0].tolist() == [255, 0, 0]


# --- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_12000_px_wide_is_scaled_to_the_cap_and_says_so(kind):
    photo = decode(encode(Image.new("RGB", (12_000, 90), (10, 200, 30)), kind))
    assert photo.pixels.shape == (15, MAX_SIDE, 3)
    assert photo.notes == (f"Scaled down from 12000 x 90 px to {MAX_SIDE} x 15 px.",)
    assert np.abs(photo.pixels.astype(int) - (10, 200, 30)).max() < 4


def test_the_cap_itself_is_not_scaled():
    assert decode(encode(Image.new("L", (MAX_SIDE, 2)), "PNG")).notes == ()
    assert decode(encode(Image.new("L", (MAX_SIDE + 1, 2)), "PNG")).pixels.shape == (2, MAX_SIDE, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_scaling_down_keeps_the_picture(kind):
    pixels = np.zeros((1000, 5000, 3), np.uint8)
    pixels[:, 2500:] = (240, 120, 60)
    photo = decode(encode(Image.fromarray(pixels), kind))
    assert photo.pixels.shape == (410, MAX_SIDE, 3)
    assert photo.pixels[200, 1000].max() < 6
    assert np.abs(photo.pixels[200, 1050].astype(int) - (240, 120, 60)).max() < 6


def test_exactly_fifty_megapixels_pass_and_one_row_more_does_not():
    width = 5000
    assert width * 10_000 == MAX_PIXELS
    row = b"\0" + b"\0" * (width // 8)
    assert decode(png(width, 10_000, 1, 0, row * 10_000)).pixels.shape == (MAX_SIDE, 1024, 3)
    assert "50 megapixels" in refused(png(width, 10_001, 1, 0, row * 10_001))


@pytest.mark.parametrize("side", [10_000, 15_000, 60_000, 2**31 - 1])
def test_a_small_file_that_announces_a_huge_picture_is_refused(side):
    # 100 MP lie above Pillow's warning, 225 MP above its error, both above the limit here.
    for action in ("ignore", "error"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            assert "megapixels" in refused(png(side, side, 8, 2, b"\0" * 1000))
    assert Image.MAX_IMAGE_PIXELS == 89_478_485, "Pillow's own limit must stay as it was"


def test_a_gif_and_a_bmp_that_announce_huge_pictures_are_refused():
    for kind, offset, form in (("GIF", 6, "<HH"), ("BMP", 18, "<ii")):
        data = bytearray(encode(Image.new("P", (4, 4)), kind))
        struct.pack_into(form, data, offset, 60_000, 60_000)
        with quietly():
            assert "megapixels" in refused(bytes(data))


def test_a_png_with_a_text_bomb_is_answered_in_time():
    bomb = b"Comment\0\0" + zlib.compress(b"\0" * 100_000_000, 9)
    data = png(1, 1, rows=b"\0\1\2\3", before_rows=[(b"zTXt", bomb)])
    assert len(data) < 200_000
    with contextlib.suppress(ImageError):
        assert decode(data).pixels.shape == (1, 1, 3)


def test_a_jpeg_with_far_too_many_scans_is_refused():
    data = encode(Image.fromarray(smooth(16, 16)), "JPEG", progressive=True)
    start, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    assert "passes" in refused(data[:end] + data[start:end] * 200 + data[end:])


def test_ten_megabytes_pass_and_one_byte_more_does_not():
    data = encode(Image.new("RGB", (3, 3)), "PNG")
    padded = data + bytes(MAX_BYTES - len(data))
    assert decode(padded).pixels.shape == (3, 3, 3)
    assert "limit is 10 MB" in refused(padded + b"\0")


# --- files that are no pictures ------------------------------------------------------------------


def zipped():
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("photo.jpg", encode_jpeg(smooth(4, 4)))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "guess"),
    [
        (b"%PDF-1.7\n1 0 obj", "PDF"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\n<svg width='10'></svg>", "SVG"),
        (b"Just a few words.\n", ""),
        (zipped(), "ZIP"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "video"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0", ""),
        (b"\xff\xd8", ""),
        (b"P6 2 2 255 " + bytes(12), ""),  # Pillow could read PPM, but it is not on the list
    ],
)
def test_a_file_that_is_no_picture_is_refused_with_a_guess_at_what_it_is(data, guess):
    message = refused(data)
    assert guess in message
    assert "JPEG, PNG, WebP, GIF, BMP or TIFF" in message or "damaged" in message


@pytest.mark.parametrize("value", [None, "photo.jpg", 3, bytearray(b"x"), [1], BytesIO(b"x")])
def test_anything_but_bytes_is_refused(value):
    assert type(value).__name__ in refused(value)


def test_an_empty_file_is_refused():
    assert "empty" in refused(b"")


def test_running_out_of_memory_is_told_as_such(monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(images, "_plain", fail)
    assert "memory" in refused(encode(Image.new("RGB", (2, 2)), "PNG"))


# --- damage --------------------------------------------------------------------------------------

VICTIMS = {
    "JPEG": encode(Image.fromarray(noise(40, 50)), "JPEG"),
    "progressive JPEG": encode(Image.fromarray(noise(40, 50)), "JPEG", progressive=True),
    "PNG": encode(Image.fromarray(noise(20, 30, 4), "RGBA"), "PNG"),
    "GIF": encode(
        Image.fromarray(noise(20, 20)),
        "GIF",
        save_all=True,
        append_images=[Image.fromarray(noise(20, 20, seed=5))],
    ),
    "WEBP": encode(Image.fromarray(noise(40, 50)), "WEBP"),
    "BMP": encode(Image.fromarray(noise(20, 30)), "BMP"),
    "TIFF": encode(Image.fromarray(noise(20, 30)), "TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("kind", VICTIMS)
@pytest.mark.parametrize("part", [0.02, 0.2, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_refused(kind, part):
    data = VICTIMS[kind]
    if kind == "GIF":
        data = data[: len(data) // 2]  # the first frame
    refused(data[: max(3, int(len(data) * part))])


@settings(max_examples=500, deadline=None)
@given(
    kind=st.sampled_from(sorted(VICTIMS)),
    end=st.floats(0.0, 1.0),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 7)), max_size=6),
    head_flips=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 7)), max_size=2),
)
def test_a_damaged_file_gives_a_photo_or_an_image_error_and_nothing_else(
    kind, end, flips, head_flips
):
    data = bytearray(VICTIMS[kind])
    for where, bit in [(int(part * len(data)), bit) for part, bit in flips] + head_flips:
        data[where] ^= 1 << bit
    with quietly():
        try:
            photo = decode(bytes(data[: int(end * len(data)) if end < 0.5 else len(data)]))
        except ImageError:
            return
        else:
            assert photo.pixels.dtype == np.uint8
            assert photo.pixels.shape[2] == 3


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from(
        [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0"]
    ),
    rest=st.binary(max_size=300),
)
def test_random_bytes_are_refused_or_decoded_and_nothing_else(start, rest):
    with quietly():
        try:
            decode(start + rest)
        except ImageError:
            return


def test_eight_threads_decode_the_same_pixels_as_one():
    files = [encode(Image.fromarray(noise(60, 50, seed=seed)), "PNG") for seed in range(8)]
    expected = [decode(data).pixels for data in files]
    found = [None] * 8

    def work(index):
        for _ in range(10):
            found[index] = decode(files[index]).pixels

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


# --- small files ---------------------------------------------------------------------------------


def test_png_survives_a_round_trip_and_jpeg_nearly():
    pixels = smooth(40, 60)
    np.testing.assert_array_equal(decode(encode_png(pixels)).pixels, pixels)
    near = decode(encode_jpeg(np.full((16, 16, 3), (90, 120, 30), np.uint8))).pixels
    assert np.abs(near.astype(int) - (90, 120, 30)).max() <= 3
    assert len(encode_jpeg(pixels, quality=30)) < len(encode_jpeg(pixels, quality=95))


def test_png_takes_grey_alpha_and_views():
    assert Image.open(BytesIO(encode_png(noise(4, 4, 4)))).mode == "RGBA"
    assert Image.open(BytesIO(encode_png(noise(4, 4)[..., 0]))).mode == "L"
    flipped = noise(4, 4)[:, ::-1]
    np.testing.assert_array_equal(decode(encode_png(flipped)).pixels, flipped)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((100, 400), (16, 64)), ((400, 100), (64, 16)), ((5, 9), (5, 9)), ((1, 900), (1, 64))],
)
def test_a_thumbnail_keeps_the_proportions_and_never_enlarges(size, expected):
    assert thumbnail(noise(*size), 64).shape == (*expected, 3)


@pytest.mark.parametrize("pixels", [noise(4, 4)[..., 0], noise(4, 4, 4), noise(4, 4) / 255, [[1]]])
def test_a_thumbnail_of_anything_but_rgb_pixels_is_refused(pixels):
    with pytest.raises(ImageError, match="uint8"):
        thumbnail(pixels, 10)


# --- bundled photos ------------------------------------------------------------------------------


def test_the_bundled_photos_are_small_plain_and_attributed():
    samples = load_samples(SAMPLES)
    assert len(samples) >= 8
    assert len({sample.name for sample in samples}) == len(samples)
    sources = (SAMPLES / "SOURCES.md").read_text(encoding="utf-8")
    assert sum(sample.file.stat().st_size for sample in samples) < 1.5e6
    for sample in samples:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", sample.name)
        assert sample.title
        assert sample.author in sources
        assert sample.licence in sources
        assert f"## {sample.file.name}: {sample.title}" in sources
        photo = decode(sample.file.read_bytes())
        assert photo.notes == ()
        assert 300 <= max(photo.pixels.shape) <= 640
    listed = {sample.file.name for sample in samples}
    assert listed == {file.name for file in SAMPLES.iterdir()} - {"samples.json", "SOURCES.md"}


@pytest.mark.parametrize("text", [None, "[", "{}x", '[{"name": "a"}]', "[1]"])
def test_a_missing_or_damaged_list_of_samples_is_told(tmp_path, text):
    if text is not None:
        (tmp_path / "samples.json").write_text(text)
    with pytest.raises(InputError, match="reinstall"):
        load_samples(tmp_path)


def test_a_sample_without_its_file_is_told(tmp_path):
    entry = dict.fromkeys(("name", "title", "author", "licence"), "x") | {
        "file": "x.jpg",
        "classes": [],
    }
    (tmp_path / "samples.json").write_text(json.dumps([entry]))
    with pytest.raises(InputError, match=r"x\.jpg is missing"):
        load_samples(tmp_path)
